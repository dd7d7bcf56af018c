//! Everything that is true in the simulated world at one instant.

use std::collections::BTreeSet;
use std::sync::Arc;

use regmig_core::effect::Effect;
use regmig_core::facts::Outage;
use regmig_core::machine::Machine;
use regmig_procedure::spec::Spec;

use super::effect::canary;
use super::files::Op;
use super::machine::Host;
use super::redis::load;

/// How long an effect's smallest part takes, milliseconds.
const BEAT_MS: i64 = 10;
/// The longest slice in which time passes at once, milliseconds.
const SLICE_MS: i64 = 250;
/// Between two tries of the clients, milliseconds.
const CLIENT_MS: i64 = 60;
/// How long resolvers keep an answer after the delegation has changed, milliseconds.
const TTL_MS: i64 = 10_000;
/// A machine is back up after a reboot in so long, milliseconds.
pub(crate) const REBOOT_MS: i64 = 15_000;

/// The core on which users of the clients live.
pub(crate) const CORE: &str = "co1.pryv.example";
/// A user whom the platform has known all along. Clients look for it first.
pub(crate) const KNOWN: &str = "alice";

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

/// Those who register users, and what they were told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clients {
    /// Users whose registration was acknowledged.
    pub(crate) acknowledged: Vec<Arc<str>>,
    next: u32,
    last_ms: i64,
    /// When source last served one of them.
    pub(crate) source_served_ms: Option<i64>,
    pub(crate) source_served: Vec<i64>,
    /// Whether they are at work.
    pub(crate) active: bool,
}

/// What regmig's process measures, as far as it leaves traces: a canary that is registered again and again.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    pub(crate) user: String,
    pub(crate) core: String,
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
    delegated_ms: Option<i64>,
    pub(crate) clients: Clients,
    pub(crate) meter: Option<Meter>,
    /// What was measured, once that has ended.
    pub(crate) outage: Option<Outage>,
    pub(crate) late: Vec<Late>,
    /// Until when regmig reaches nobody.
    pub(crate) cut_until: i64,
    /// Until when the tunnel carries nothing.
    pub(crate) tunnel_down_until: i64,
    /// How many parts of the effect under way are still carried out; all if nothing.
    pub(crate) budget: Option<u32>,
    /// Parts carried out so far.
    pub(crate) beats: u32,
    pub(crate) violations: Vec<String>,
    audited: u64,
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
            clients: Clients {
                active: true,
                ..Clients::default()
            },
            meter: None,
            outage: None,
            late: Vec::new(),
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
            if self.clients.active && self.clients.last_ms + CLIENT_MS <= self.now {
                self.clients.last_ms = self.now;
                for machine in Machine::BOTH {
                    self.client_writes(machine);
                }
                self.meter_writes();
            }
            self.watch();
        }
    }

    fn tick(&mut self) {
        let now = self.now;
        self.source.tick(now);
        self.dest.tick(now);
        let through = self.tunnel_carries();
        let primary = if through {
            self.dest.redis.as_ref()
        } else {
            None
        };
        self.source.replicate(primary, now);
        self.dest.replicate(None, now);
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

    /// Whether source's Redis reaches dest's.
    pub(crate) fn tunnel_carries(&self) -> bool {
        let published = || {
            let redis = self.dest.service(&self.spec.stack.redis);
            redis.is_some_and(|redis| redis.runs() && redis.published)
        };
        let tunnel = self.source.containers.get(&self.spec.tunnel.name);
        self.tunnel_down_until <= self.now
            && tunnel.is_some_and(super::container::Container::runs)
            && self.opens(Machine::Dest)
            && published()
    }

    /// Whether the peer's key opens a machine.
    pub(crate) fn opens(&self, machine: Machine) -> bool {
        use regmig_procedure::steps::linked;
        let peer = self.host(machine.peer());
        let key = match machine {
            Machine::Source => linked::pull_key(&self.spec),
            Machine::Dest => linked::tunnel_key(&self.spec),
        };
        let pinned = linked::known_hosts(&self.spec, machine.peer());
        let public = format!("{key}.pub");
        let (Some(public), true, true) = (
            peer.disk.text(&public),
            peer.disk.files.contains_key(key.as_str()),
            peer.disk.files.contains_key(pinned.as_str()),
        ) else {
            return false;
        };
        let body = public.split_whitespace().nth(1).unwrap_or_default();
        let keys = self.host(machine).disk.text("/root/.ssh/authorized_keys");
        keys.is_some_and(|keys| keys.contains(body))
    }

    /// The machine whose register answers a request to this machine's public port.
    pub(crate) fn served_by(&self, machine: Machine) -> Option<Machine> {
        let host = self.host(machine);
        let site = host.nginx.as_ref()?;
        let upstream = site.hosts.first()?;
        if *upstream == self.spec.dest.address.to_string() {
            if machine == Machine::Dest {
                return None;
            }
            return self.served_by(Machine::Dest);
        }
        host.serves(&self.spec.stack.register).then_some(machine)
    }

    /// The machine whose data would take a client's write to this machine's public port now.
    ///
    /// A client of the platform looks for a user first: a register that does not know the
    /// platform's users is not the platform, and nobody writes there.
    pub(crate) fn accepts(&self, machine: Machine) -> Option<Machine> {
        let by = self.served_by(machine)?;
        let host = self.host(by);
        let redis = host.redis.as_ref()?;
        let known = redis.data.contains_key(format!("{KNOWN}:server").as_str());
        (known && redis.takes_writes(self.now) && host.full_until <= self.now).then_some(by)
    }

    fn client_writes(&mut self, machine: Machine) {
        let moved = self.delegated_ms.is_some_and(|at| at + TTL_MS <= self.now);
        if machine == Machine::Source && moved {
            return;
        }
        if machine == Machine::Source && self.served_by(machine).is_some() {
            self.clients.source_served_ms = Some(self.now);
            self.clients.source_served.push(self.now);
        }
        let Some(by) = self.accepts(machine) else {
            return;
        };
        let user: Arc<str> = format!("user{:05}", self.clients.next).into();
        self.clients.next += 1;
        let now = self.now;
        for op in registration(&user, CORE) {
            self.host_mut(by).write(&op, now);
        }
        self.clients.acknowledged.push(user);
    }

    fn meter_writes(&mut self) {
        if self.cut_until > self.now {
            return;
        }
        let (Some(meter), Some(by)) = (self.meter.clone(), self.accepts(Machine::Source)) else {
            return;
        };
        let now = self.now;
        let key = format!("{}:server", meter.user);
        let redis = self.host(by).redis.as_ref();
        if redis.is_some_and(|redis| redis.data.contains_key(key.as_str())) {
            // Registered once more it would be the same user.
            return;
        }
        for op in canary(&meter.user, &meter.core) {
            self.host_mut(by).write(&op, now);
        }
    }

    /// A canary that is left in a machine's data.
    pub(crate) fn canary_left(&self, machine: Machine) -> Option<Arc<str>> {
        let redis = self.host(machine).redis.as_ref()?;
        let mut keys = redis.data.keys();
        keys.find(|key| key.starts_with("regmigcanary")).cloned()
    }

    pub(crate) fn delegate(&mut self, to_dest: bool) {
        for parent in &mut self.delegated {
            *parent = to_dest;
        }
        self.delegated_ms = to_dest.then_some(self.now);
    }

    /// Machines whose data take clients' writes now.
    pub(crate) fn writers(&self) -> BTreeSet<Machine> {
        Machine::BOTH
            .into_iter()
            .filter_map(|machine| self.accepts(machine))
            .collect()
    }

    /// What must hold at every instant.
    fn watch(&mut self) {
        if self.writers().len() > 1 {
            self.violation("two machines accept writes".to_owned());
        }
    }

    pub(crate) fn violation(&mut self, what: String) {
        if self.violations.len() < 8 && !self.violations.contains(&what) {
            self.violations.push(what);
        }
    }

    /// Acknowledged users that a machine's data does not hold: what its Redis has, or would load.
    fn missing_on(&self, machine: Machine) -> Vec<Arc<str>> {
        let host = self.host(machine);
        let at_rest;
        let data = match &host.redis {
            Some(redis) => &*redis.data,
            None => {
                at_rest = load(
                    host.disk
                        .files
                        .get(host.log_path().as_str())
                        .map(|file| &file.content),
                );
                &at_rest
            }
        };
        let mut key = String::new();
        let gone = |user: &&Arc<str>| {
            key.clear();
            key.push_str(user);
            key.push_str(":server");
            !data.contains_key(key.as_str())
        };
        self.clients
            .acknowledged
            .iter()
            .filter(gone)
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
                missing.first().map_or("", |user| user)
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

    /// A machine goes down and comes back.
    pub(crate) fn reboot(&mut self, machine: Machine) {
        let now = self.now;
        self.host_mut(machine).reboot(now);
    }

    /// What decides about a reboot, as a number that changes with it.
    fn shape(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
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
                }
                None => {
                    let data = host.data();
                    for (path, file) in host.disk.beneath(&data) {
                        (path, file.content.size()).hash(&mut hasher);
                    }
                }
            }
        }
        hasher.finish()
    }
}

/// What one registration writes.
pub(crate) fn registration(user: &str, core: &str) -> [Op; 3] {
    let op = |key: String, value: &str| Op {
        key: key.into(),
        value: Some(value.into()),
    };
    let email = format!("{user}@clients.example");
    [
        op(format!("{user}:users"), &email),
        op(format!("{user}:server"), core),
        op(format!("{email}:email"), user),
    ]
}
