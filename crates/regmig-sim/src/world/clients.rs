//! Those who register users through the public ports, and what they are told.

use std::sync::Arc;

use regmig_core::machine::Machine;

use super::effect::canary;
use super::files::Op;
use super::state::State;

/// Between two tries of the clients, milliseconds.
const CLIENT_MS: i64 = 60;
/// How long a register takes from a request to what it writes, milliseconds.
const REQUEST_MS: i64 = 40;
/// Requests through one machine's nginx at a time.
const AT_A_TIME: usize = 4;
/// How long resolvers keep an answer after the delegation has changed, milliseconds.
const TTL_MS: i64 = 10_000;

/// The core on which users of the clients live.
pub(crate) const CORE: &str = "co1.pryv.example";
/// A user whom the platform has known all along. Clients look for it first.
pub(crate) const KNOWN: &str = "alice";

/// A registration under way.
#[derive(Debug, Clone)]
struct Request {
    user: Arc<str>,
    /// Whose nginx took it.
    through: Machine,
    /// Whose register has it.
    by: Machine,
    taken_ms: i64,
    due_ms: i64,
}

/// Those who register users, and what they were told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clients {
    /// The keys under which users are found whose registration was acknowledged.
    pub(crate) acknowledged: Vec<Arc<str>>,
    requests: Vec<Request>,
    next: u32,
    last_ms: i64,
    /// When source last served one of them.
    pub(crate) source_served_ms: Option<i64>,
    pub(crate) source_served: Vec<i64>,
    /// Whether they are at work.
    pub(crate) active: bool,
}

impl Clients {
    pub(crate) fn at_work() -> Self {
        Self {
            active: true,
            ..Self::default()
        }
    }

    /// A machine went down: what it had been asked is never answered.
    pub(crate) fn lose(&mut self, machine: Machine) {
        self.requests
            .retain(|it| it.through != machine && it.by != machine);
    }
}

/// What regmig's process measures, as far as it leaves traces: a canary that is registered again and again.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    pub(crate) user: String,
    pub(crate) core: String,
}

impl State {
    /// The machine to whose register a machine's nginx sends a request.
    fn leads_to(&self, machine: Machine) -> Option<Machine> {
        let site = self.host(machine).nginx.as_ref()?;
        let upstream = site.hosts.first()?;
        if *upstream != self.spec.dest.address.to_string() {
            return Some(machine);
        }
        match machine {
            Machine::Source => self.leads_to(Machine::Dest),
            Machine::Dest => None,
        }
    }

    /// The machine at whose register a request to this machine's public port arrives; a frozen one answers nobody.
    pub(crate) fn reaches(&self, machine: Machine) -> Option<Machine> {
        let by = self.leads_to(machine)?;
        let register = self.host(by).service(&self.spec.stack.register)?;
        (register.is_there() && register.boots_ms.is_none()).then_some(by)
    }

    /// The machine whose register answers a request to this machine's public port.
    pub(crate) fn served_by(&self, machine: Machine) -> Option<Machine> {
        let by = self.reaches(machine)?;
        self.host(by)
            .serves(&self.spec.stack.register)
            .then_some(by)
    }

    /// Whether a machine's data hold the platform's users: clients look for one first, and nobody writes elsewhere.
    fn is_platform(&self, machine: Machine) -> bool {
        let redis = self.host(machine).redis.as_ref();
        redis.is_some_and(|redis| redis.data.contains_key(format!("{KNOWN}:server").as_str()))
    }

    /// The machine whose data would take a client's write to this machine's public port now.
    pub(crate) fn accepts(&self, machine: Machine) -> Option<Machine> {
        let by = self.served_by(machine)?;
        (self.is_platform(by) && self.takes_writes(by)).then_some(by)
    }

    fn takes_writes(&self, machine: Machine) -> bool {
        let host = self.host(machine);
        let redis = host.redis.as_ref();
        redis.is_some_and(|redis| redis.takes_writes(self.now)) && host.full_until <= self.now
    }

    /// Clients and regmig's own measuring ask once more, when it is time.
    pub(super) fn clients_ask(&mut self) {
        if !self.clients.active || self.clients.last_ms + CLIENT_MS > self.now {
            return;
        }
        self.clients.last_ms = self.now;
        for machine in Machine::BOTH {
            self.client_asks(machine);
        }
        self.meter_writes();
    }

    fn client_asks(&mut self, machine: Machine) {
        let moved = self.delegated_ms.is_some_and(|at| at + TTL_MS <= self.now);
        if machine == Machine::Source && moved {
            return;
        }
        if machine == Machine::Source && self.served_by(machine).is_some() {
            self.clients.source_served_ms = Some(self.now);
            self.clients.source_served.push(self.now);
        }
        let requests = &self.clients.requests;
        let busy = requests.iter().filter(|it| it.through == machine).count() >= AT_A_TIME;
        let Some(by) = self.reaches(machine).filter(|by| self.is_platform(*by)) else {
            return;
        };
        if busy {
            return;
        }
        let user: Arc<str> = format!("user{:05}", self.clients.next).into();
        self.clients.next += 1;
        self.clients.requests.push(Request {
            user,
            through: machine,
            by,
            taken_ms: self.now,
            due_ms: self.now + REQUEST_MS,
        });
    }

    /// Registers do what they were asked to; one that is frozen, or waits for its Redis, does it later.
    pub(super) fn registers_work(&mut self) {
        let (due, mut waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.clients.requests)
            .into_iter()
            .partition(|request| request.due_ms <= self.now);
        for request in due {
            let host = self.host(request.by);
            let register = host.service(&self.spec.stack.register);
            let there = register.is_some_and(|it| it.is_there() && it.boots_ms.is_none());
            let Some(redis) = host.redis.as_ref().filter(|_| there) else {
                continue;
            };
            let is_held = redis.loading_until > self.now || redis.paused_until > self.now;
            if is_held || !host.serves(&self.spec.stack.register) {
                waiting.push(request);
            } else if self.takes_writes(request.by) {
                let now = self.now;
                let ops = registration(&request.user, CORE);
                for op in &ops {
                    self.host_mut(request.by).write(op, now);
                }
                if [request.through, request.by].map(|at| self.host(at).nginx.is_some())
                    == [true; 2]
                {
                    let [_, server, _] = ops;
                    self.clients.acknowledged.push(server.key);
                }
            }
        }
        self.clients.requests = waiting;
    }

    /// Whether a machine's nginx still serves requests that it had taken until it was reloaded at some time. Nobody asks anew
    /// at that very instant: clients do when time passes.
    pub(super) fn serves_since_before(&self, machine: Machine, reloaded_ms: i64) -> bool {
        let mut requests = self.clients.requests.iter();
        requests.any(|request| request.through == machine && request.taken_ms <= reloaded_ms)
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

    /// A key of regmig's own that is left in a machine's data.
    pub(crate) fn own_key_left(&self, machine: Machine) -> Option<Arc<str>> {
        let redis = self.host(machine).redis.as_ref()?;
        let mut keys = redis.data.keys();
        keys.find(|key| key.starts_with("regmig")).cloned()
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
