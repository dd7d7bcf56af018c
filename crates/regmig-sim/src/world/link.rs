//! Who gets in where: keys, tunnels, and whether a Redis hears its primary.

use regmig_core::machine::Machine;
use regmig_procedure::spec::Spec;
use regmig_procedure::steps::linked;

use super::container::Container;
use super::state::State;

/// The private key of a machine's tunnel.
pub(crate) fn tunnel_key(spec: &Spec, machine: Machine) -> String {
    match machine {
        Machine::Source => linked::tunnel_key(spec),
        Machine::Dest => linked::follow_key(spec),
    }
}

impl State {
    /// Whether a machine's Redis is a replica that reaches its primary: one that follows nobody itself.
    pub(crate) fn hears(&self, machine: Machine) -> bool {
        let primary = |at: Machine| self.host(at).redis.as_ref()?.primary.as_ref();
        let tunnel = &self.spec.tunnel;
        primary(machine).is_some_and(|(host, port)| *host == tunnel.name && *port == tunnel.port)
            && primary(machine.peer()).is_none()
            && self.tunnel_carries(machine)
    }

    /// Whether a machine's tunnel leads to its peer's Redis.
    pub(crate) fn tunnel_carries(&self, machine: Machine) -> bool {
        let tunnel = self.host(machine).containers.get(&self.spec.tunnel.name);
        let redis = self.host(machine.peer()).service(&self.spec.stack.redis);
        let opened = || {
            let at = self.redis_at(machine.peer())?;
            let line = self.tunnel_line(machine)?;
            let allowed = line.contains(&format!("permitopen=\"{at}\""));
            Some(allowed && tunnel.is_some_and(|tunnel| tunnel.leads_to == at))
        };
        self.tunnel_down_until <= self.now
            && tunnel.is_some_and(Container::runs)
            && redis
                .is_some_and(|redis| redis.runs() && (machine == Machine::Dest || redis.published))
            && opened() == Some(true)
    }

    /// Where a tunnel from the peer finds a machine's Redis: source's at its container, dest's where it is published.
    pub(super) fn redis_at(&self, machine: Machine) -> Option<String> {
        let redis = self.host(machine).service(&self.spec.stack.redis)?;
        match machine {
            Machine::Source => {
                let address = self.address(machine, redis)?;
                Some(format!("{address}:{}", self.spec.redis.port))
            }
            Machine::Dest => Some(self.spec.redis.published.to_string()),
        }
    }

    /// A container's address, while there is a process in it. After a reboot it is another.
    pub(crate) fn address(&self, machine: Machine, container: &Container) -> Option<String> {
        let mut names = self.host(machine).containers.keys();
        let index = names.position(|name| *name == container.name)?;
        let reboots = self.host(machine).reboots;
        (container.is_there()).then(|| format!("172.18.{reboots}.{}", index + 2))
    }

    /// Whether a machine's tunnel gets in on its peer.
    pub(crate) fn tunnel_opens(&self, machine: Machine) -> bool {
        self.tunnel_line(machine).is_some()
    }

    /// Whether dest may pull source's data.
    pub(crate) fn pulls(&self) -> bool {
        let spec = &self.spec;
        let pinned = linked::known_hosts(spec, Machine::Dest);
        self.line(Machine::Dest, &linked::pull_key(spec), &pinned)
            .is_some()
    }

    fn tunnel_line(&self, machine: Machine) -> Option<&str> {
        let pinned = linked::tunnel_known_hosts(&self.spec, machine);
        self.line(machine, &tunnel_key(&self.spec, machine), &pinned)
    }

    /// What the peer's `authorized_keys` says of a key on a machine that has the peer's host key pinned.
    fn line(&self, machine: Machine, key: &str, pinned: &str) -> Option<&str> {
        let disk = &self.host(machine).disk;
        let public = disk.text(&format!("{key}.pub"))?;
        let there = |path: &str| disk.files.contains_key(path);
        let body = public.split_whitespace().nth(1).unwrap_or_default();
        let keys = self.host(machine.peer()).disk.text(AUTHORIZED)?;
        let mut lines = keys.lines();
        lines.find(|line| there(key) && there(pinned) && line.contains(body))
    }
}

const AUTHORIZED: &str = "/root/.ssh/authorized_keys";
