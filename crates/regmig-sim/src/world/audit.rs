//! What must hold at every instant, whatever happens next.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use regmig_core::machine::Machine;

use super::state::State;

/// How long it takes after regmig has fallen silent until a timer has acted, and a while, seconds.
const SILENT_S: u32 = 15;

impl State {
    /// Machines whose data take clients' writes now.
    pub(crate) fn writers(&self) -> BTreeSet<Machine> {
        Machine::BOTH
            .into_iter()
            .filter_map(|machine| self.accepts(machine))
            .collect()
    }

    /// What must hold at every instant.
    pub(super) fn watch(&mut self) {
        if self.writers().len() > 1 {
            self.violation("two machines accept writes".to_owned());
        }
    }

    pub(crate) fn violation(&mut self, what: String) {
        if self.violations.len() < 8 && !self.violations.contains(&what) {
            self.violations.push(what);
        }
    }

    /// Keys of acknowledged users that a machine's data does not hold: what its Redis has, or would load.
    fn missing_on(&self, machine: Machine) -> Vec<Arc<str>> {
        let host = self.host(machine);
        let at_rest;
        let data = match &host.redis {
            Some(redis) => &redis.data,
            None => {
                at_rest = host.at_rest();
                &at_rest
            }
        };
        let acknowledged = self.clients.acknowledged.iter();
        acknowledged
            .filter(|key| !data.contains_key(&***key))
            .cloned()
            .collect()
    }

    /// Whoever accepts writes holds every acknowledged one; where nobody does, at least one machine holds them all.
    pub(crate) fn lost(&self) -> Option<String> {
        let writers = self.writers();
        let told = |machine: Machine, missing: &[Arc<str>]| {
            format!(
                "{machine} misses {} acknowledged writes, {} among them",
                missing.len(),
                missing.first().map_or("", |key| key)
            )
        };
        if writers.is_empty() {
            let [source, dest] = Machine::BOTH.map(|machine| self.missing_on(machine));
            if !source.is_empty() && !dest.is_empty() {
                return Some(format!(
                    "no machine holds every acknowledged write: {}; {}",
                    told(Machine::Source, &source),
                    told(Machine::Dest, &dest)
                ));
            }
        }
        writers.into_iter().find_map(|machine| {
            let missing = self.missing_on(machine);
            (!missing.is_empty())
                .then(|| format!("{machine} accepts writes and {}", told(machine, &missing)))
        })
    }

    /// What must hold after each effect, now and if a machine, or both, rebooted now.
    pub(crate) fn audit(&mut self) {
        if let Some(lost) = self.lost() {
            self.violation(lost);
        }
        let shape = self.shape();
        if shape == self.audited {
            return;
        }
        self.audited = shape;
        for machines in [&[Machine::Source][..], &[Machine::Dest], &Machine::BOTH] {
            let mut after = self.clone();
            after.clients.active = false;
            after.late.clear();
            for machine in machines {
                after.reboot(*machine);
            }
            after.pass(4000);
            let names: Vec<&str> = machines.iter().map(|machine| machine.as_str()).collect();
            let names = names.join(" and ");
            if let Some(found) = after
                .violations
                .iter()
                .find(|words| !self.violations.contains(*words))
            {
                let found = found.clone();
                self.violation(format!("were {names} rebooted now: {found}"));
            }
            if let Some(lost) = after.lost() {
                self.violation(format!("were {names} rebooted now: {lost}"));
            }
        }
    }

    /// What decides about a reboot, as a number that changes with it.
    fn shape(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for host in [&self.source, &self.dest] {
            for container in host.containers.values() {
                (
                    &container.name,
                    container.status,
                    &container.restart,
                    container.stopped,
                )
                    .hash(&mut hasher);
            }
            for path in [&self.spec.proxy.nginx_site, &self.spec.redis.conf] {
                host.disk.text(&host.path(path)).hash(&mut hasher);
            }
            match &host.redis {
                Some(redis) => {
                    (&redis.primary, redis.read_only, redis.history, &redis.log).hash(&mut hasher);
                    redis.ping_s.hash(&mut hasher);
                    (redis.paused_until > self.now).hash(&mut hasher);
                }
                None => {
                    let data = host.data();
                    for (path, file) in host.disk.beneath(&data) {
                        (path, file.content.size()).hash(&mut hasher);
                    }
                }
            }
        }
        self.epoch_says().hash(&mut hasher);
        for timer in &self.timers {
            (timer.machine, &timer.epoch).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Were regmig silent from now on, and both machines up: what keeps clients from writing on one of them.
    pub(crate) fn unserved(&self) -> Option<String> {
        let mut after = self.clone();
        after.meter = None;
        for _ in 0..SILENT_S {
            after.pass(1000);
        }
        let writers = after.writers();
        let found = after.violations.into_iter();
        let mut found = found.filter(|words| !self.violations.contains(words));
        if let Some(words) = found.next() {
            return Some(words);
        }
        (writers.len() != 1).then(|| format!("{} machines accept writes", writers.len()))
    }
}
