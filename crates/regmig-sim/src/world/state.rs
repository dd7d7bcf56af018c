//! Everything that is true in the simulated world at one instant.

use std::sync::Arc;

use regmig_core::effect::Effect;
use regmig_core::facts::Outage;
use regmig_core::machine::Machine;
use regmig_procedure::spec::Spec;

use super::clients::{Clients, Meter};
use super::machine::Host;
use super::redis::Link;
use super::timer::Timer;

/// How long an effect's smallest part takes, milliseconds.
const BEAT_MS: i64 = 10;
/// The longest slice in which time passes at once, milliseconds.
const SLICE_MS: i64 = 250;
/// A machine is back up after a reboot in so long, milliseconds.
pub(crate) const REBOOT_MS: i64 = 15_000;

/// Why an effect stopped before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The fault under way cuts it here.
    Cut,
    /// The machine says no.
    Refused(String),
    /// It is not known whether it happened.
    Unknown(String),
}

/// An effect that takes place later than its caller knows.
#[derive(Debug, Clone)]
pub(crate) struct Late {
    pub(crate) due_ms: i64,
    pub(crate) effect: Effect,
    /// Whether what is sent to the same machine later may take place earlier.
    pub(crate) overtaken: bool,
}

/// The world.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) now: i64,
    pub(crate) spec: Arc<Spec>,
    pub(crate) source: Host,
    pub(crate) dest: Host,
    /// Whether each parent server delegates to dest.
    pub(crate) delegated: Vec<bool>,
    /// When the last of them began to.
    pub(super) delegated_ms: Option<i64>,
    pub(crate) clients: Clients,
    pub(crate) meter: Option<Meter>,
    /// What was measured, once that has ended.
    pub(crate) outage: Option<Outage>,
    pub(crate) late: Vec<Late>,
    /// Timers that are armed.
    pub(crate) timers: Vec<Timer>,
    /// Until when nothing that a primary sends arrives.
    pub(crate) clogged_until: i64,
    /// Until when source takes its time to answer.
    pub(crate) busy_until: i64,
    /// Until when regmig reaches nobody.
    pub(crate) cut_until: i64,
    /// Until when the tunnel carries nothing.
    pub(crate) tunnel_down_until: i64,
    /// How many parts of the effect under way are still carried out; all if nothing.
    pub(crate) budget: Option<u32>,
    /// Parts carried out so far.
    pub(crate) beats: u32,
    pub(crate) violations: Vec<String>,
    pub(super) audited: u64,
}

impl State {
    pub(crate) fn new(spec: Arc<Spec>, now: i64, source: Host, dest: Host) -> Self {
        Self {
            now,
            delegated: vec![false; spec.nameservers.parents.len()],
            spec,
            source,
            dest,
            delegated_ms: None,
            clients: Clients::at_work(),
            meter: None,
            outage: None,
            late: Vec::new(),
            timers: Vec::new(),
            clogged_until: 0,
            busy_until: 0,
            cut_until: 0,
            tunnel_down_until: 0,
            budget: None,
            beats: 0,
            violations: Vec::new(),
            audited: 0,
        }
    }

    pub(crate) fn host(&self, machine: Machine) -> &Host {
        match machine {
            Machine::Source => &self.source,
            Machine::Dest => &self.dest,
        }
    }

    pub(crate) fn host_mut(&mut self, machine: Machine) -> &mut Host {
        match machine {
            Machine::Source => &mut self.source,
            Machine::Dest => &mut self.dest,
        }
    }

    /// When everything has ended that keeps effects from taking place, or has them take place later.
    pub(crate) fn trouble_until(&self) -> i64 {
        let late = self.late.iter().map(|late| late.due_ms);
        let others = [
            self.cut_until,
            self.tunnel_down_until,
            self.source.full_until,
            self.dest.full_until,
        ];
        late.chain(others).max().unwrap_or_default()
    }

    /// One part of an effect begins, unless a fault cuts the effect here. Time passes.
    pub(crate) fn beat(&mut self) -> Result<(), Stop> {
        if let Some(left) = &mut self.budget {
            *left = left.checked_sub(1).ok_or(Stop::Cut)?;
        }
        self.beats += 1;
        self.pass(BEAT_MS);
        Ok(())
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, ms: i64) {
        let end = self.now + ms;
        while self.now < end {
            let slice = SLICE_MS.max(ms / 8);
            self.now = (self.now + slice).min(end);
            self.tick();
            self.clients_ask();
            self.watch();
        }
    }

    fn tick(&mut self) {
        let now = self.now;
        self.source.tick(now);
        self.dest.tick(now);
        for machine in Machine::BOTH {
            let peer = self.host(machine.peer()).redis.as_ref();
            let follows = peer.is_some_and(|it| it.primary.is_some() && it.link == Link::Up);
            if let Some(redis) = self.host_mut(machine).redis.as_mut().filter(|_| follows) {
                redis.ping(now);
            }
        }
        if self.clogged_until <= now {
            let [to_source, to_dest] = Machine::BOTH.map(|machine| self.hears(machine));
            let primary = self.dest.redis.as_ref().filter(|_| to_source);
            self.source.replicate(primary, now);
            let primary = self.source.redis.as_ref().filter(|_| to_dest);
            self.dest.replicate(primary, now);
        }
        self.timers_act();
        self.registers_work();
        self.land(|late| late.due_ms <= now);
    }

    /// Lets late effects take place.
    pub(crate) fn land(&mut self, due: impl Fn(&Late) -> bool) {
        while let Some(index) = self.late.iter().position(&due) {
            let late = self.late.remove(index);
            let budget = self.budget.take();
            // Its caller has gone; nobody hears how it ends.
            let _ = self.carry_out(&late.effect);
            self.budget = budget;
        }
    }

    pub(crate) fn delegate(&mut self, to_dest: bool) {
        for parent in &mut self.delegated {
            *parent = to_dest;
        }
        self.delegated_ms = to_dest.then_some(self.now);
    }

    /// A machine goes down and comes back.
    pub(crate) fn reboot(&mut self, machine: Machine) {
        let now = self.now;
        self.host_mut(machine).reboot(now);
        self.timers.retain(|timer| timer.machine != machine);
        self.clients.lose(machine);
    }
}
