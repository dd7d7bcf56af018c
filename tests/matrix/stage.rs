//! A lab in its starting state with clients at work, on which one run follows the other.

use std::time::Duration;

use xtask::lab::Machine;

use super::report::Verdict;
use crate::support::{Rig, Sampler, Scope, Snapshot, Traffic, Tried, Trouble, two_writers};

/// Writes per second: one is under way at most instants, and an hour of them does not fill Redis.
const RATE: u32 = 10;

/// Acknowledged writes after which a lab is made anew: services read every user when they start.
const FULL: usize = 12_000;

/// How long a machine's services may take to serve again after a run.
const SERVES: Duration = Duration::from_secs(60);

/// Whatever of regmig is on a machine outside of what a [`Snapshot`] looks at, but for the kept backups.
///
/// The file `regmig-effects` beneath `/run` stays on purpose, until the machine is rebooted: a command whose answer was
/// lost may still be waiting for the lock on it, and would not see one on another file of the same name.
const TRACES: &str = r#"
: this look itself
find / /run /dev/shm -xdev \( -path /proc -o -path '/var/pryv/regmig-backup-*' -o -path /var/lib/regmig-lab -o -path /var/lib/docker -o -path /run/regmig-effects \) -prune \
  -o -name '*regmig*' -printf 'path %p\n' 2> /dev/null | sort -u
find /tmp -mindepth 1 -printf 'path %p\n' | sort
ps -eo args= | grep -E 'regmig|^rsync|^ssh ' | grep -vE 'this look itself|grep -' | sed 's/^/process /' || true
"#;

/// A fault of the matrix' own making, for the tests that it sees faults at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// An acknowledged write is deleted.
    Loss,
    /// A file is left behind.
    Leftover,
    /// A second stack seems to serve.
    Writer,
    /// The timers of a cutover are disarmed.
    Silence,
}

/// The lab, its clients, and what it was like at the beginning.
#[derive(Debug)]
pub struct Stage<'r> {
    /// The lab and the operator's folder.
    pub rig: &'r Rig,
    /// Clients that write all the time.
    pub traffic: Traffic<'r>,
    sampler: Sampler,
    start: Looks,
    plants: Vec<Plant>,
    /// Looks at both machines that were judged.
    pub looks: usize,
}

/// Both machines at one time.
#[derive(Debug, Clone)]
pub struct Looks {
    machines: [Snapshot; 2],
    traces: [Vec<String>; 2],
}

impl Looks {
    /// Looks at both machines. Source's data and, where clients write to it, dest's are not compared but audited.
    fn of(rig: &Rig, dest: Scope) -> Tried<Self> {
        let one = |machine, scope| -> Tried<(Snapshot, Vec<String>)> {
            let traces = rig.on(machine, TRACES)?;
            let snapshot = Snapshot::of(rig, machine, scope)?;
            Ok((snapshot, traces.lines().map(str::to_owned).collect()))
        };
        let (source, dest) = std::thread::scope(|scope| {
            let other = scope.spawn(|| one(Machine::Dest, dest));
            let source = one(Machine::Source, Scope::WithoutData);
            let gone = || Err(Trouble::new("the thread that looked at dest has panicked"));
            (source, other.join().unwrap_or_else(|_| gone()))
        });
        let ((source, on_source), (dest, on_dest)) = (source?, dest?);
        Ok(Self {
            machines: [source, dest],
            traces: [on_source, on_dest],
        })
    }

    /// Every difference to a later look, in words.
    fn differences(&self, later: &Self, with_times: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for (index, machine) in ["source", "dest"].into_iter().enumerate() {
            let both = self.machines.get(index).zip(later.machines.get(index));
            if let Some((was, is)) = both {
                let (was, is) = if with_times {
                    (was.clone(), is.clone())
                } else {
                    (was.clone().without_times(), is.clone().without_times())
                };
                lines.extend(
                    was.differences(&is)
                        .into_iter()
                        .map(|line| format!("{machine}: {line}")),
                );
            }
            let both = self.traces.get(index).zip(later.traces.get(index));
            if let Some((was, is)) = both {
                let new = is.iter().filter(|trace| !was.contains(trace));
                lines.extend(new.map(|trace| format!("{machine}: {trace} was not there")));
            }
        }
        lines
    }
}

impl<'r> Stage<'r> {
    /// Starts clients on a lab in its starting state.
    ///
    /// # Errors
    ///
    /// When they cannot be started or a machine cannot be looked at.
    pub fn begin(rig: &'r Rig, plants: &[Plant]) -> Tried<Self> {
        let start = Looks::of(rig, Scope::All)?;
        Ok(Self {
            rig,
            traffic: Traffic::start_at(rig, RATE)?,
            sampler: Sampler::start(rig)?,
            start,
            plants: plants.to_owned(),
            looks: 0,
        })
    }

    /// Whether the lab holds so many users that a fresh one is quicker.
    pub fn is_full(&self) -> bool {
        self.traffic.acknowledged() > FULL
    }

    /// Takes what the machines are like now for the beginning.
    ///
    /// # Errors
    ///
    /// When one cannot be looked at.
    pub fn look_anew(&mut self) -> Tried<()> {
        self.start = Looks::of(self.rig, Scope::All)?;
        Ok(())
    }

    /// Both machines in a state in which clients write to dest.
    ///
    /// # Errors
    ///
    /// When one cannot be looked at.
    pub fn look(&self) -> Tried<Looks> {
        Looks::of(self.rig, Scope::WithoutData)
    }

    /// The audit after a rollback to `start`.
    ///
    /// `untouched` where source's containers may not even have been restarted.
    pub fn judge_start(&mut self, untouched: bool) -> Verdict {
        let verdict = self
            .judge("start", Machine::Source)
            .and_then(|mut verdict| {
                let now = Looks::of(self.rig, Scope::All)?;
                verdict.leftovers = self.start.differences(&now, untouched);
                if verdict.leftovers.is_empty() {
                    // Since when containers run is compared with the last run, not with the first.
                    self.start = now;
                }
                Ok(verdict)
            });
        verdict.unwrap_or_else(Verdict::from)
    }

    /// The audit after a rollback to a state in which dest serves.
    pub fn judge_back(&mut self, state: &str, was: &Looks) -> Verdict {
        let verdict = self.judge(state, Machine::Dest).and_then(|mut verdict| {
            verdict.leftovers = was.differences(&self.look()?, true);
            Ok(verdict)
        });
        verdict.unwrap_or_else(Verdict::from)
    }

    /// The state, who accepted writes, whether clients are served, and every acknowledged write.
    fn judge(&mut self, state: &str, machine: Machine) -> Tried<Verdict> {
        let mut verdict = Verdict::default();
        let found = self.rig.state()?;
        if found != state {
            verdict
                .trouble
                .push(format!("the migration is at {found}, expected {state}"));
        }
        self.plant()?;
        self.rig.lab.wait_healthy(Machine::Source, SERVES)?;
        self.traffic.wait_for_acknowledgements(3)?;
        verdict.two_writers = self.two_writers()?;
        verdict.lost = self.traffic.missing(machine)?;
        Ok(verdict)
    }

    /// When, since the last time, both machines accepted writes.
    ///
    /// # Errors
    ///
    /// When nobody looks any more.
    pub fn two_writers(&mut self) -> Tried<Vec<i64>> {
        let samples = self.sampler.take()?;
        self.looks = self.looks.saturating_add(samples.len());
        let trials = self.rig.journal().trials()?;
        Ok(two_writers(&samples, &trials)
            .into_iter()
            .map(|sample| sample.from_ms)
            .collect())
    }

    /// Ends the clients and asks a machine over HTTPS for every acknowledged user.
    ///
    /// Returns how many there were, and what was found.
    pub fn end(&mut self, machine: Machine) -> (u64, Verdict) {
        let audit = self
            .traffic
            .stop()
            .and_then(|()| self.traffic.audit(machine));
        match audit {
            Err(trouble) => (0, Verdict::from(trouble)),
            Ok(audit) => {
                let mut verdict = Verdict::default();
                verdict
                    .lost
                    .extend((0..audit.lost).map(|_| "a user".to_owned()));
                if audit.unknown > 0 {
                    verdict
                        .trouble
                        .push(format!("{} users could not be asked for", audit.unknown));
                }
                (audit.acknowledged, verdict)
            }
        }
    }

    /// Disarms the timers, where the tests of the matrix itself ask for it.
    ///
    /// # Errors
    ///
    /// When a machine cannot be told.
    pub fn plant_silence(&self) -> Tried<()> {
        if self.plants.contains(&Plant::Silence) {
            for machine in [Machine::Source, Machine::Dest] {
                self.rig.on(machine, "rm /var/pryv/.regmig/timer")?;
            }
        }
        Ok(())
    }

    /// Does what the tests of the matrix itself ask for, where a run has ended.
    fn plant(&self) -> Tried<()> {
        for plant in &self.plants {
            let (machine, script) = match plant {
                Plant::Loss => {
                    let user = self.traffic.last_user()?;
                    let delete = format!("docker exec pryv_redis_1 redis-cli del {user}:server");
                    (Machine::Source, delete)
                }
                Plant::Silence => continue,
                Plant::Leftover => (Machine::Dest, "touch /var/pryv/planted".to_owned()),
                Plant::Writer => (
                    Machine::Dest,
                    "plant() { name=$1; shift; docker run --detach --rm --name planted-$name \
                     --label com.docker.compose.service=$name --entrypoint $1 pryv/redis:lab ${2:+\"${@:2}\"}; }; \
                     plant register sleep 60; plant reverse_proxy sleep 60; plant redis redis-server --protected-mode no; \
                     sleep 2; docker rm --force planted-register planted-reverse_proxy planted-redis"
                        .to_owned(),
                ),
            };
            self.rig
                .on(machine, &format!("{{ {script}; }} > /dev/null"))?;
        }
        Ok(())
    }

    /// Insists that a command of regmig ends with one of some exit codes.
    ///
    /// # Errors
    ///
    /// When it does not; says everything that it wrote.
    pub fn expect(&self, words: &[&str], codes: &[i32]) -> Tried<i32> {
        let ended = self.rig.regmig(words).end()?;
        match ended.code {
            Some(code) if codes.contains(&code) => Ok(code),
            _ => Err(Trouble::new(format!(
                "{} ended with {:?}, expected {codes:?}; it said:\n{}",
                ended.name,
                ended.code,
                ended.said()
            ))),
        }
    }
}
