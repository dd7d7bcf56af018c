//! Effects: what each does to the simulated world, part by part.

mod containers;
mod copies;
mod files;
mod live;
mod redis;

use regmig_core::effect::{Answer, Effect};
use regmig_core::facts::Outage;
use regmig_core::machine::Machine;
use regmig_procedure::steps::{linked, warm};

use super::clients::Meter;
use super::files::{Content, File, Op};
use super::redis::PING_PERIOD;
use super::state::{State, Stop};

pub(crate) use self::redis::canary;

pub(crate) use self::containers::{from_compose, service_part};

fn refused<T>(words: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Refused(words.into()))
}

impl State {
    /// Carries an effect out, part by part; time passes and clients try to write in between.
    pub(crate) fn carry_out(&mut self, effect: &Effect) -> Result<Answer, Stop> {
        match effect {
            Effect::Together(effects) => {
                let mut answers = Vec::new();
                let mut failed = None;
                for effect in effects {
                    // All of them end before the first error is told.
                    match self.carry_out(effect) {
                        Ok(answer) => answers.push(answer),
                        Err(Stop::Cut) => return Err(Stop::Cut),
                        Err(stop) => failed = failed.or(Some(stop)),
                    }
                }
                return failed.map_or(Ok(Answer::Each(answers)), Err);
            }
            Effect::WriteFile {
                machine,
                path,
                content,
                mode,
                expect,
            } => {
                self.beat()?;
                self.has_room(*machine)?;
                self.write(*machine, path, content, *mode, expect)?;
            }
            Effect::RestoreFile {
                machine,
                path,
                state,
                expect,
            } => {
                self.beat()?;
                self.has_room(*machine)?;
                self.restore(*machine, path, state, expect)?;
            }
            Effect::RemoveFile { machine, path } => {
                self.beat()?;
                self.host_mut(*machine).disk.files.remove(path.as_str());
            }
            Effect::MakeFolder {
                machine,
                path,
                mode,
            } => {
                self.beat()?;
                self.has_room(*machine)?;
                self.make_folder(*machine, path, Some(*mode))?;
            }
            Effect::RemoveFolder { machine, path } => {
                self.beat()?;
                let host = self.host_mut(*machine);
                host.unlinked(path);
                host.disk.remove_tree(path);
            }
            Effect::SetAside {
                machine,
                path,
                aside,
            } => self.set_aside(*machine, path, aside)?,
            Effect::PutBack {
                machine,
                path,
                aside,
            } => self.put_back(*machine, path, aside)?,
            Effect::EmptyFolder { machine, path } => {
                self.beat()?;
                let host = self.host_mut(*machine);
                host.unlinked(path);
                host.disk.empty(path);
            }
            Effect::StartStack { machine } => {
                let all = self.spec.stack.all();
                self.compose_up(*machine, &all, true)?;
            }
            Effect::Recreate {
                machine,
                services,
                start,
            } => {
                self.compose_up(*machine, services, *start)?;
            }
            Effect::RemoveStack { machine } => {
                let names: Vec<String> = self.stack_names(*machine);
                for name in names {
                    self.beat()?;
                    let now = self.now;
                    let host = self.host_mut(*machine);
                    host.stop(&name, now);
                    host.containers.remove(&name);
                }
            }
            Effect::Start { machine, services } => {
                for service in services {
                    self.beat()?;
                    let now = self.now;
                    let host = self.host_mut(*machine);
                    let Some(name) = host.name_of(service) else {
                        return refused(format!("{service} has no container on {machine}"));
                    };
                    host.start(&name, now);
                }
            }
            Effect::Stop {
                machine, services, ..
            } => {
                for service in services {
                    self.beat()?;
                    let now = self.now;
                    let host = self.host_mut(*machine);
                    if let Some(name) = host.name_of(service) {
                        host.stop(&name, now);
                    }
                }
            }
            Effect::Hold { machine, services } => self.hold(*machine, services)?,
            Effect::Release { machine, services } => self.release(*machine, services)?,
            Effect::ReloadNginx { machine, drain_ms } => self.reload_nginx(*machine, *drain_ms)?,
            Effect::Promote {
                epoch,
                upto,
                within_ms,
            } => self.promote(epoch, upto, *within_ms)?,
            Effect::Withdraw { epoch } => self.withdraw(epoch)?,
            Effect::Arm {
                machine,
                epoch,
                within_ms,
            } => self.arm(*machine, epoch, *within_ms)?,
            Effect::Disarm { machine } => self.disarm(*machine)?,
            Effect::RestartPolicy { machine, policies } => self.set_policies(*machine, policies)?,
            Effect::TestNginx { machine, main } => self.test_nginx(*machine, main)?,
            Effect::PauseWrites { machine, ms } => {
                let until = self.now + i64::try_from(*ms).unwrap_or(i64::MAX);
                self.redis_of(*machine)?.paused_until = until;
            }
            Effect::Unpause { machine } => self.redis_of(*machine)?.paused_until = 0,
            Effect::ShutdownSave { machine } => {
                self.beat()?;
                self.has_room(*machine)?;
                let now = self.now;
                let redis = self.spec.stack.redis.clone();
                let host = self.host_mut(*machine);
                let Some(name) = host.name_of(&redis) else {
                    return refused("Redis has no container");
                };
                host.stop(&name, now);
            }
            Effect::Snapshot { machine } => {
                self.has_room(*machine)?;
                let data = self.redis_of(*machine)?.data.clone();
                let now = self.now;
                let path = format!("{}/redis_dump.rdb", self.spec.data(*machine));
                self.put(
                    *machine,
                    &path,
                    File {
                        content: Content::Dump(data),
                        ..File::text("", now)
                    },
                );
            }
            Effect::Backup { machine, data, to } => self.back_up(*machine, data, to)?,
            Effect::ReplicaOf { machine, primary } => {
                let history = self.host_mut(*machine).new_history();
                self.redis_of(*machine)?.follow(primary.clone(), history);
            }
            Effect::RedisSet {
                machine,
                name,
                value,
            } => {
                let redis = self.redis_of(*machine)?;
                match (name.as_str(), value.parse()) {
                    ("replica-read-only", _) => redis.read_only = value == "yes",
                    (PING_PERIOD, Ok(seconds)) => redis.ping_s = seconds,
                    _ => return refused(format!("Redis knows no setting {name} of {value}")),
                }
            }
            Effect::RedisPrimaryPassword { machine } => {
                self.redis_of(*machine)?;
            }
            Effect::RedisDelete { machine, keys } => {
                let ops: Vec<Op> = keys
                    .iter()
                    .map(|key| Op {
                        key: key.as_str().into(),
                        value: None,
                    })
                    .collect();
                self.redis_write(*machine, &ops)?;
            }
            Effect::RedisCanary {
                machine,
                user,
                core,
            } => {
                self.redis_write(*machine, &canary(user, core))?;
            }
            Effect::RegisterCanary {
                machine,
                user,
                core,
            } => {
                self.beat()?;
                let Some(by) = self.accepts(*machine) else {
                    return refused("status 502");
                };
                self.redis_write(by, &canary(user, core))?;
            }
            Effect::Measure {
                user,
                core,
                goes_on,
                ..
            } => {
                self.beat()?;
                if !goes_on {
                    self.outage = None;
                }
                self.meter = Some(Meter {
                    user: user.clone(),
                    core: core.clone(),
                });
            }
            Effect::MeasureEnd { .. } => {
                self.beat()?;
                self.meter = None;
                self.outage = Some(Outage::default());
            }
            Effect::MeasureForget => {
                self.beat()?;
                self.outage = None;
            }
            Effect::MakeKey {
                machine,
                path,
                kind,
                comment,
            } => {
                self.make_key(*machine, path, kind, comment)?;
            }
            Effect::WarmUp { passes, .. } => {
                for _ in 0..(*passes).min(2) {
                    self.rsync(Machine::Dest, false)?;
                }
                self.beat()?;
                let now = self.now;
                let path = warm::passes_marker(&self.spec);
                self.put(Machine::Dest, &path, File::text("[]", now));
            }
            Effect::LastPass { checksum } => self.rsync(Machine::Dest, *checksum)?,
            Effect::HomePass => {
                let open = format!("{}/homeward", self.spec.work(Machine::Source));
                if !self.source.disk.files.contains_key(open.as_str()) {
                    self.beat()?;
                    return refused("regmig: refused to write");
                }
                self.rsync(Machine::Source, true)?;
            }
            Effect::StartTunnel { machine } => {
                let name = self.spec.tunnel.name.clone();
                let Some(to) = self.redis_at(machine.peer()) else {
                    self.beat()?;
                    return refused(format!("Redis on {} has no address", machine.peer()));
                };
                self.run_container(*machine, &name, "always", &to)?;
            }
            Effect::ProveTunnel { machine } => {
                let name = linked::proof_container(&self.spec);
                self.run_container(*machine, &name, "no", "")?;
                self.beat()?;
                self.host_mut(*machine).containers.remove(&name);
                if !self.tunnel_opens(*machine) {
                    return refused("status 255: Permission denied (publickey)");
                }
            }
            Effect::RemoveContainer { machine, name } => {
                if self.host(*machine).containers.contains_key(name) {
                    self.beat()?;
                    if let Some(container) = self.host_mut(*machine).containers.get_mut(name) {
                        container.restart = "no".to_owned();
                    }
                    self.beat()?;
                    let now = self.now;
                    self.host_mut(*machine).stop(name, now);
                    self.beat()?;
                    self.host_mut(*machine).containers.remove(name);
                }
            }
            Effect::Run { command } => {
                self.beat()?;
                self.delegate(command.iter().any(|word| word == "after"));
            }
        }
        Ok(Answer::Nothing)
    }

    pub(super) fn has_room(&self, machine: Machine) -> Result<(), Stop> {
        if self.host(machine).full_until > self.now {
            return refused(format!("no space left on {machine}"));
        }
        Ok(())
    }
}
