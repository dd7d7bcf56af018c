//! Effects that a live cutover is made of.

use regmig_core::machine::Machine;
use regmig_core::position::Position;
use regmig_procedure::steps::live;

use super::refused;
use crate::world::container::Status;
use crate::world::files::File;
use crate::world::state::{State, Stop};

/// Between two looks while something is waited for, milliseconds.
const LOOK_MS: i64 = 5;

impl State {
    pub(super) fn hold(&mut self, machine: Machine, services: &[String]) -> Result<(), Stop> {
        for service in services {
            self.beat()?;
            let host = self.host_mut(machine);
            let name = host.name_of(service).unwrap_or_default();
            match host.containers.get_mut(&name) {
                Some(container) if container.is_there() => container.status = Status::Paused,
                _ => return refused(format!("{service} on {machine} does not run")),
            }
        }
        Ok(())
    }

    pub(super) fn release(&mut self, machine: Machine, services: &[String]) -> Result<(), Stop> {
        for service in services {
            self.beat()?;
            self.host_mut(machine).release(service);
        }
        Ok(())
    }

    pub(super) fn reload_nginx(
        &mut self,
        machine: Machine,
        drain_ms: Option<u64>,
    ) -> Result<(), Stop> {
        self.beat()?;
        self.has_room(machine)?;
        if !self.host(machine).serves(&self.spec.stack.nginx) {
            return refused("nginx does not run");
        }
        let timer = live::timer(&self.spec, machine);
        if drain_ms.is_some() && !self.host(machine).disk.files.contains_key(timer.as_str()) {
            return refused("the way out of this cutover has been taken");
        }
        let now = self.now;
        let path = live::nginx_loaded(&self.spec, machine);
        self.put(machine, &path, File::text("reloading\n", now));
        self.beat()?;
        let Some(site) = self.host(machine).site() else {
            return refused("nginx: [emerg] host not found in upstream, or no certificate");
        };
        self.host_mut(machine).nginx = Some(site);
        let reloaded_ms = self.now;
        let end = reloaded_ms + i64::try_from(drain_ms.unwrap_or_default()).unwrap_or(i64::MAX);
        while drain_ms.is_some() && self.serves_since_before(machine, reloaded_ms) {
            if self.now >= end {
                return refused("former workers of nginx still serve requests");
            }
            self.pass(LOOK_MS);
        }
        self.beat()?;
        self.has_room(machine)?;
        self.load_site(machine);
        Ok(())
    }

    /// One part, after which a machine's Redis may be written to by its own client.
    pub(in crate::world) fn local_write(&mut self, machine: Machine) -> Result<(), Stop> {
        self.has_room(machine)?;
        let redis = self.redis_of(machine)?;
        let (read_only, paused_until) = (
            redis.primary.is_some() && redis.read_only,
            redis.paused_until,
        );
        if paused_until > self.now {
            return Err(Stop::Unknown("no answer in time".to_owned()));
        }
        if read_only {
            return refused("READONLY You can't write against a read only replica");
        }
        Ok(())
    }

    pub(super) fn promote(
        &mut self,
        epoch: &str,
        upto: &Position,
        within_ms: u64,
    ) -> Result<(), Stop> {
        self.local_write(Machine::Dest)?;
        let end = self.now + i64::try_from(within_ms).unwrap_or(i64::MAX);
        loop {
            let says = self.epoch_says().unwrap_or_default();
            let Some(redis) = &self.dest.redis else {
                return refused("Redis is not running on dest");
            };
            let follows = redis.primary.is_some();
            if says == live::promoted(epoch) && !follows {
                return Ok(());
            }
            if says != live::armed(epoch) {
                return refused(format!("the epoch is not armed: `{says}`"));
            }
            if !follows {
                return refused("Redis on dest is no replica");
            }
            let Some(lack) = redis.position().lacks(upto) else {
                break;
            };
            if self.now >= end {
                return refused(format!("Redis on dest is {lack}"));
            }
            self.pass(LOOK_MS);
        }
        self.say_epoch(live::promoted(epoch));
        let history = self.dest.new_history();
        if let Some(redis) = &mut self.dest.redis {
            redis.follow(None, history);
        }
        Ok(())
    }

    pub(super) fn withdraw(&mut self, epoch: &str) -> Result<(), Stop> {
        self.redis_of(Machine::Dest)?;
        if self.epoch_says() == Some(live::armed(epoch)) {
            self.local_write(Machine::Dest)?;
            // It may have been promoted in between.
            if self.epoch_says() == Some(live::armed(epoch)) {
                self.say_epoch(live::withdrawn(epoch));
            }
        }
        Ok(())
    }
}
