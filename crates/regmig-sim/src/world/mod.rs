//! The simulated world behind the engine's two traits, and the faults that strike it.

mod audit;
mod clients;
mod container;
mod effect;
mod files;
mod left;
mod link;
mod machine;
mod nginx;
mod query;
mod redis;
pub(crate) mod scene;
pub(crate) mod state;
mod timer;

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use regmig_core::effect::{Answer, Effect, Query};
use regmig_core::machine::Machine;
use regmig_core::port::{Act, Fut, Observe, PortError};

pub(crate) use self::left::Left;
use self::state::{Late, REBOOT_MS, State, Stop};
use crate::fault::{Cut, Fault, Point};

/// How long a disk stays full and a tunnel carries nothing, milliseconds.
const TROUBLE_MS: i64 = 20_000;

/// What one effect of a run was, for whoever wants to disturb it.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    /// Parts it was carried out in.
    pub(crate) beats: u32,
}

/// The world, and what will go wrong in it.
pub(crate) struct Inner {
    pub(crate) state: State,
    faults: Vec<(Point, Fault)>,
    pub(crate) done: Vec<Done>,
    pub(crate) appends: u32,
    /// regmig has been killed.
    pub(crate) killed: bool,
    pub(crate) trace: Option<Vec<String>>,
}

/// The simulated world.
pub(crate) struct World(Mutex<Inner>);

impl World {
    pub(crate) fn new(state: State, faults: Vec<(Point, Fault)>, traced: bool) -> Self {
        Self(Mutex::new(Inner {
            state,
            faults,
            done: Vec::new(),
            appends: 0,
            killed: false,
            trace: traced.then(Vec::new),
        }))
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, words: impl FnOnce() -> String) {
        self.inner().tell(words);
    }
}

impl Inner {
    fn tell(&mut self, words: impl FnOnce() -> String) {
        let now = self.state.now;
        if let Some(trace) = &mut self.trace {
            let at = now.rem_euclid(86_400_000);
            trace.push(format!("{:>9.3} s  {}", at as f64 / 1000.0, words()));
        }
    }

    fn fault_at(&self, point: Point) -> Option<Fault> {
        self.faults
            .iter()
            .find(|(at, _)| *at == point)
            .map(|(_, fault)| *fault)
    }

    /// What happens to the record that is about to be kept.
    pub(crate) fn append_fault(&mut self) -> Option<Fault> {
        let index = self.appends;
        self.appends += 1;
        let fault = self.fault_at(Point::Append(index))?;
        self.tell(|| format!("fault at record J{index}: {fault}"));
        if matches!(fault, Fault::KilledBefore | Fault::KilledAfter) {
            self.killed = true;
        }
        Some(fault)
    }

    /// Carries one effect out, with what goes wrong. Nothing if regmig was killed meanwhile.
    fn act(&mut self, effect: &Effect) -> Option<Result<Answer, PortError>> {
        let index = u32::try_from(self.done.len()).unwrap_or(u32::MAX);
        let fault = self.fault_at(Point::Effect(index));
        let beats = self.state.beats;
        self.tell(|| match fault {
            Some(fault) => format!("E{index} {effect}   <- {fault}"),
            None => format!("E{index} {effect}"),
        });
        let answer = self.struck(effect, fault);
        self.state.audit();
        self.done.push(Done {
            beats: self.state.beats - beats,
        });
        if let Some(Err(error)) = &answer {
            let words = error.one_line();
            self.tell(|| format!("    {words}"));
        }
        if self.killed {
            self.tell(|| "    regmig is killed".to_owned());
            return None;
        }
        answer
    }

    fn struck(
        &mut self,
        effect: &Effect,
        fault: Option<Fault>,
    ) -> Option<Result<Answer, PortError>> {
        let Some(fault) = fault else {
            return Some(self.carried_out(effect));
        };
        match fault {
            Fault::Refused => Some(Err(refused("refused"))),
            Fault::NotSent => {
                self.state.pass(100);
                Some(Err(not_sent()))
            }
            Fault::Lost => {
                let _ = self.carried_out(effect);
                Some(Err(unknown("the reply was lost")))
            }
            Fault::Vain => Some(Err(unknown("the reply was lost"))),
            Fault::Twice => {
                let _ = self.carried_out(effect);
                Some(self.carried_out(effect))
            }
            Fault::Half(parts, cut) => {
                self.state.budget = Some(parts);
                let _ = self.carried_out(effect);
                self.state.budget = None;
                match cut {
                    Cut::Lost => Some(Err(unknown("the reply was lost"))),
                    Cut::Refused => Some(Err(refused("it failed half way"))),
                    Cut::Killed => {
                        self.killed = true;
                        None
                    }
                    Cut::Rebooted => {
                        for machine in touched(effect) {
                            self.reboot(machine);
                        }
                        Some(Err(unknown("the machine went down")))
                    }
                }
            }
            Fault::KilledBefore => {
                self.killed = true;
                None
            }
            Fault::KilledAfter => {
                let _ = self.carried_out(effect);
                self.killed = true;
                None
            }
            Fault::Unwritten => Some(self.carried_out(effect)),
            Fault::RebootBefore(machine) => {
                self.reboot(machine);
                Some(self.carried_out(effect))
            }
            Fault::RebootAfter(machine) => {
                let answer = self.carried_out(effect);
                self.reboot(machine);
                Some(if touched(effect).contains(&machine) {
                    Err(unknown("the machine went down"))
                } else {
                    answer
                })
            }
            Fault::Unreachable(ms) => {
                self.state.cut_until = self.state.now + i64::from(ms);
                Some(self.carried_out(effect))
            }
            Fault::TunnelLost => {
                self.state.tunnel_down_until = self.state.now + TROUBLE_MS;
                Some(self.carried_out(effect))
            }
            Fault::Clogged(ms) => {
                self.state.clogged_until = self.state.now + i64::from(ms);
                Some(self.carried_out(effect))
            }
            Fault::Busy(ms) => {
                self.state.busy_until = self.state.now + i64::from(ms);
                Some(self.carried_out(effect))
            }
            Fault::DiskFull(machine) => {
                let until = self.state.now + TROUBLE_MS;
                self.state.host_mut(machine).full_until = until;
                Some(self.carried_out(effect))
            }
            Fault::Late(ms) | Fault::Overtaken(ms) | Fault::LateKilled(ms) => {
                // What regmig does within its own process ends with it, and not later than it says.
                if !is_in_process(effect) {
                    self.state.late.push(Late {
                        due_ms: self.state.now + i64::from(ms),
                        effect: effect.clone(),
                        overtaken: matches!(fault, Fault::Overtaken(_)),
                    });
                }
                self.killed |= matches!(fault, Fault::LateKilled(_));
                Some(Err(unknown("the reply was lost")))
            }
        }
    }

    fn reboot(&mut self, machine: Machine) {
        self.state.reboot(machine);
        self.state.pass(REBOOT_MS);
    }

    fn carried_out(&mut self, effect: &Effect) -> Result<Answer, PortError> {
        if self.state.cut_until > self.state.now {
            self.state.pass(1000);
            if self.state.cut_until > self.state.now {
                return Err(not_sent());
            }
        }
        // What was sent to a machine before ends before anything else begins there.
        let machines = touched(effect);
        self.state
            .land(|late| !late.overtaken && !touched(&late.effect).is_disjoint(&machines));
        match self.state.carry_out(effect) {
            Ok(answer) => Ok(answer),
            Err(Stop::Refused(words)) => Err(refused(&words)),
            Err(Stop::Unknown(words)) => Err(unknown(&words)),
            Err(Stop::Cut) => Err(unknown("cut off")),
        }
    }
}

fn is_in_process(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Measure { .. } | Effect::MeasureEnd { .. } | Effect::MeasureForget
    )
}

fn refused(words: &str) -> PortError {
    PortError::refused("the effect", words.to_owned())
}

fn unknown(words: &str) -> PortError {
    PortError::unknown("the effect", words.to_owned())
}

fn not_sent() -> PortError {
    PortError::not_sent("the effect", "no connection".to_owned())
}

/// The machines on which an effect is carried out.
pub(crate) fn touched(effect: &Effect) -> BTreeSet<Machine> {
    let machine = match effect {
        Effect::Together(effects) => return effects.iter().flat_map(touched).collect(),
        Effect::WriteFile { machine, .. }
        | Effect::RestoreFile { machine, .. }
        | Effect::RemoveFile { machine, .. }
        | Effect::MakeFolder { machine, .. }
        | Effect::RemoveFolder { machine, .. }
        | Effect::SetAside { machine, .. }
        | Effect::PutBack { machine, .. }
        | Effect::EmptyFolder { machine, .. }
        | Effect::StartStack { machine }
        | Effect::Recreate { machine, .. }
        | Effect::RemoveStack { machine }
        | Effect::Start { machine, .. }
        | Effect::Stop { machine, .. }
        | Effect::Hold { machine, .. }
        | Effect::Release { machine, .. }
        | Effect::ReloadNginx { machine, .. }
        | Effect::Arm { machine, .. }
        | Effect::Disarm { machine }
        | Effect::StartTunnel { machine }
        | Effect::ProveTunnel { machine }
        | Effect::RestartPolicy { machine, .. }
        | Effect::TestNginx { machine, .. }
        | Effect::PauseWrites { machine, .. }
        | Effect::Unpause { machine }
        | Effect::ShutdownSave { machine }
        | Effect::Snapshot { machine }
        | Effect::Backup { machine, .. }
        | Effect::ReplicaOf { machine, .. }
        | Effect::RedisSet { machine, .. }
        | Effect::RedisPrimaryPassword { machine }
        | Effect::RedisDelete { machine, .. }
        | Effect::RedisCanary { machine, .. }
        | Effect::RegisterCanary { machine, .. }
        | Effect::MakeKey { machine, .. }
        | Effect::RemoveContainer { machine, .. } => *machine,
        Effect::WarmUp { .. }
        | Effect::LastPass { .. }
        | Effect::Promote { .. }
        | Effect::Withdraw { .. } => Machine::Dest,
        Effect::HomePass => return BTreeSet::from(Machine::BOTH),
        Effect::Measure { .. }
        | Effect::MeasureEnd { .. }
        | Effect::MeasureForget
        | Effect::Run { .. } => return BTreeSet::new(),
    };
    BTreeSet::from([machine])
}

impl Observe for World {
    fn observe<'a>(&'a self, query: &'a Query) -> Fut<'a, Result<Answer, PortError>> {
        let answer = self.inner().state.answer(query);
        Box::pin(std::future::ready(answer))
    }
}

impl Act for World {
    fn act<'a>(&'a self, effect: &'a Effect) -> Fut<'a, Result<Answer, PortError>> {
        match self.inner().act(effect) {
            Some(answer) => Box::pin(std::future::ready(answer)),
            // Whoever is killed hears nothing more.
            None => Box::pin(std::future::pending()),
        }
    }
}
