//! Timers that take the way out of a live cutover where regmig falls silent.

use regmig_core::machine::Machine;
use regmig_procedure::steps::live;

use super::container::Status;
use super::files::{File, Op};
use super::state::{State, Stop};

/// Between two tries of a timer that could not decide, milliseconds.
const RETRY_MS: i64 = 500;

/// A process on a machine that waits for its time. Its file says for which epoch; without that it does nothing.
#[derive(Debug, Clone)]
pub(crate) struct Timer {
    pub(crate) machine: Machine,
    pub(crate) epoch: String,
    due_ms: i64,
}

/// Who has won an epoch.
enum Won {
    WayOut,
    Promotion,
}

impl State {
    /// What the epoch's key says in dest's Redis, as far as that answers.
    pub(super) fn epoch_says(&self) -> Option<String> {
        let redis = self.dest.redis.as_ref();
        let redis = redis.filter(|redis| redis.loading_until <= self.now)?;
        Some(redis.data.get(live::EPOCH_KEY)?.to_string())
    }

    /// Sets the epoch's key in dest's Redis.
    pub(super) fn say_epoch(&mut self, words: String) {
        let now = self.now;
        let op = Op {
            key: live::EPOCH_KEY.into(),
            value: Some(words.into()),
        };
        self.dest.write(&op, now);
    }

    pub(super) fn arm(
        &mut self,
        machine: Machine,
        epoch: &str,
        within_ms: u64,
    ) -> Result<(), Stop> {
        match machine {
            Machine::Dest => {
                self.local_write(machine)?;
                let says = self.epoch_says();
                let spent = [live::withdrawn(epoch), live::promoted(epoch)];
                if says.as_ref().is_some_and(|says| spent.contains(says)) {
                    return Err(Stop::Refused(format!("epoch {epoch} is spent")));
                }
                self.say_epoch(live::armed(epoch));
            }
            Machine::Source => {
                self.beat()?;
                self.has_room(machine)?;
                let host = &mut self.source;
                let site = host.path(&self.spec.proxy.nginx_site);
                let Some(file) = host.disk.files.get(site.as_str()).cloned() else {
                    return Err(Stop::Refused(format!("no {site}")));
                };
                let before = live::site_before(&self.spec);
                // One that is armed already has kept it, and the file may be another by now.
                let timer = live::timer(&self.spec, machine);
                let armed = host.disk.text(&timer).map(str::trim) == Some(epoch);
                if !armed || !host.disk.files.contains_key(before.as_str()) {
                    host.disk.files.insert(before.into(), file);
                }
            }
        }
        self.beat()?;
        self.has_room(machine)?;
        let now = self.now;
        let file = File::text(&format!("{epoch}\n"), now);
        self.put(machine, &live::timer(&self.spec, machine), file);
        // One that was started before ends.
        self.timers.retain(|timer| timer.machine != machine);
        self.timers.push(Timer {
            machine,
            epoch: epoch.to_owned(),
            due_ms: now + i64::try_from(within_ms).unwrap_or(i64::MAX),
        });
        Ok(())
    }

    pub(super) fn disarm(&mut self, machine: Machine) -> Result<(), Stop> {
        for path in [
            live::timer(&self.spec, machine),
            live::site_before(&self.spec),
        ] {
            self.beat()?;
            self.host_mut(machine).disk.files.remove(path.as_str());
        }
        Ok(())
    }

    /// Timers whose time has come act, as far as they can.
    pub(super) fn timers_act(&mut self) {
        let now = self.now;
        for timer in std::mem::take(&mut self.timers) {
            let path = live::timer(&self.spec, timer.machine);
            let named = self.host(timer.machine).disk.text(&path).map(str::trim);
            if named != Some(timer.epoch.as_str()) {
                continue;
            }
            if timer.due_ms > now {
                self.timers.push(timer);
                continue;
            }
            let decided = match timer.machine {
                Machine::Source => self.source_way_out(&timer.epoch),
                Machine::Dest => self.dest_way_out(&timer.epoch),
            };
            if decided {
                let disk = &mut self.host_mut(timer.machine).disk;
                disk.files.remove(path.as_str());
            } else {
                let due_ms = now + RETRY_MS;
                self.timers.push(Timer { due_ms, ..timer });
            }
        }
    }

    /// Spends an epoch, unless it is; who has won it, where dest's Redis says.
    fn contest(&mut self, epoch: &str) -> Option<Won> {
        let now = self.now;
        let redis = self.dest.redis.as_ref();
        let redis = redis.filter(|redis| redis.loading_until <= now)?;
        let takes_writes = redis.takes_writes(now);
        let mut says = self.epoch_says();
        // A full resync takes the key along, or a restart, with whatever came after it.
        if says.is_none() || says == Some(live::armed(epoch)) {
            if !takes_writes || self.dest.full_until > now {
                return None;
            }
            says = Some(live::withdrawn(epoch));
            self.say_epoch(live::withdrawn(epoch));
        }
        match says {
            Some(says) if says == live::withdrawn(epoch) => Some(Won::WayOut),
            Some(says) if says == live::promoted(epoch) => Some(Won::Promotion),
            _ => None,
        }
    }

    fn dest_way_out(&mut self, epoch: &str) -> bool {
        let Some(won) = self.contest(epoch) else {
            return false;
        };
        let mut stays_shut = true;
        if let (Won::WayOut, Some(redis)) = (&won, &mut self.dest.redis) {
            redis.read_only = true;
            stays_shut = redis.primary.is_some();
        }
        let now = self.now;
        for service in self.spec.stack.writers() {
            match self.dest.name_of(&service) {
                // It would be answered by a Redis that is nobody's replica.
                Some(name) if !stays_shut => self.dest.stop(&name, now),
                _ => self.dest.release(&service),
            }
        }
        true
    }

    fn source_way_out(&mut self, epoch: &str) -> bool {
        if !self.tunnel_carries(Machine::Source) || self.source.full_until > self.now {
            return false;
        }
        match self.contest(epoch) {
            None => return false,
            Some(Won::Promotion) => return true,
            Some(Won::WayOut) => {}
        }
        let host = &mut self.source;
        let site = host.path(&self.spec.proxy.nginx_site);
        let before = live::site_before(&self.spec);
        if let Some(file) = host.disk.files.get(before.as_str()).cloned() {
            host.disk.files.insert(site.into(), file);
        }
        if self.source.nginx.is_some() {
            self.load_site(Machine::Source);
        }
        if let Some(redis) = &mut self.source.redis {
            redis.paused_until = 0;
        }
        true
    }

    /// nginx loads its file, and regmig's says which; not if nginx would not take it.
    pub(super) fn load_site(&mut self, machine: Machine) -> bool {
        let now = self.now;
        let path = live::nginx_loaded(&self.spec, machine);
        let host = self.host_mut(machine);
        let site = host.path(&host.spec.proxy.nginx_site);
        let (Some(loaded), Some(content)) = (host.site(), host.disk.text(&site)) else {
            return false;
        };
        let sum = live::sum(content);
        host.nginx = Some(loaded);
        self.put(machine, &path, File::text(&sum, now));
        true
    }
}

impl super::machine::Host {
    /// A frozen service goes on.
    pub(super) fn release(&mut self, service: &str) {
        let container = (self.containers.values_mut())
            .find(|container| container.service.as_deref() == Some(service));
        if let Some(container) = container.filter(|it| it.status == Status::Paused) {
            container.status = Status::Running;
        }
    }
}
