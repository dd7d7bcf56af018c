//! Effects: what each does to the simulated world, part by part.

use std::collections::BTreeMap;

use regmig_core::effect::{Answer, Effect, Expect};
use regmig_core::facts::FileState;
use regmig_core::machine::Machine;
use regmig_procedure::steps::{backup, linked, warm};

use super::container::{Container, Status};
use super::files::{Content, File, Op};
use super::nginx::Site;
use super::state::{State, Stop, registration};

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
                if name == "replica-read-only" {
                    redis.read_only = value == "yes";
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
            Effect::StartTunnel => {
                let name = self.spec.tunnel.name.clone();
                self.run_container(&name, "always")?;
            }
            Effect::ProveTunnel => {
                let name = linked::proof_container(&self.spec);
                self.run_container(&name, "no")?;
                self.beat()?;
                self.host_mut(Machine::Source).containers.remove(&name);
                if !self.opens(Machine::Dest) {
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

    fn has_room(&self, machine: Machine) -> Result<(), Stop> {
        if self.host(machine).full_until > self.now {
            return refused(format!("no space left on {machine}"));
        }
        Ok(())
    }

    /// The running Redis of a machine, after one part.
    fn redis_of(&mut self, machine: Machine) -> Result<&mut super::redis::Redis, Stop> {
        self.beat()?;
        let now = self.now;
        match &mut self.host_mut(machine).redis {
            Some(redis) if redis.loading_until <= now => Ok(redis),
            Some(_) => refused("LOADING Redis is loading the dataset in memory"),
            None => refused(format!("Redis is not running on {machine}")),
        }
    }

    fn redis_write(&mut self, machine: Machine, ops: &[Op]) -> Result<(), Stop> {
        self.has_room(machine)?;
        let now = self.now;
        let redis = self.redis_of(machine)?;
        if redis.paused_until > now {
            return Err(Stop::Unknown("no answer in time".to_owned()));
        }
        if !redis.takes_writes(now) {
            return refused("READONLY You can't write against a read only replica");
        }
        let now = self.now;
        for op in ops {
            self.host_mut(machine).write(op, now);
        }
        Ok(())
    }

    fn put(&mut self, machine: Machine, path: &str, file: File) {
        let host = self.host_mut(machine);
        let owner = host.disk.around(path).map_or(0, |folder| folder.uid);
        host.disk.files.insert(
            path.into(),
            File {
                uid: owner,
                gid: owner,
                ..file
            },
        );
    }

    fn write(
        &mut self,
        machine: Machine,
        path: &str,
        content: &str,
        mode: u32,
        expect: &Expect,
    ) -> Result<(), Stop> {
        let now = self.now;
        let disk = &self.host(machine).disk;
        if disk.around(path).is_none() {
            return refused(format!("no folder around {path}"));
        }
        let found = disk.text(path);
        if found == Some(content) {
            return Ok(());
        }
        expected(found, expect)?;
        let was = disk.files.get(path).cloned();
        match was {
            Some(was) => {
                let content = Content::Text(content.into());
                let file = File {
                    content,
                    mtime_ns: now * 1_000_000,
                    ..was
                };
                self.host_mut(machine).disk.files.insert(path.into(), file);
            }
            None => self.put(
                machine,
                path,
                File {
                    mode,
                    ..File::text(content, now)
                },
            ),
        }
        Ok(())
    }

    fn restore(
        &mut self,
        machine: Machine,
        path: &str,
        state: &FileState,
        expect: &Expect,
    ) -> Result<(), Stop> {
        let disk = &mut self.host_mut(machine).disk;
        let found = disk.text(path);
        if found != Some(state.content.as_str()) {
            expected(found, expect)?;
        }
        let file = File {
            content: Content::Text(state.content.as_str().into()),
            mode: state.mode,
            uid: state.uid,
            gid: state.gid,
            mtime_ns: state.mtime_ns,
        };
        disk.files.insert(path.into(), file);
        Ok(())
    }

    fn make_folder(&mut self, machine: Machine, path: &str, mode: Option<u32>) -> Result<(), Stop> {
        let disk = &mut self.host_mut(machine).disk;
        if disk.folders.contains_key(path) {
            return Ok(());
        }
        let Some(around) = disk.around(path) else {
            return refused(format!("no folder around {path}"));
        };
        let mode = mode.unwrap_or(around.mode);
        disk.folders
            .insert(path.into(), super::files::Folder { mode, ..around });
        Ok(())
    }

    fn set_aside(&mut self, machine: Machine, path: &str, aside: &str) -> Result<(), Stop> {
        self.beat()?;
        self.has_room(machine)?;
        let disk = &self.host(machine).disk;
        let was = disk.folders.get(aside).or(disk.folders.get(path)).copied();
        if !disk.folders.contains_key(aside) {
            if !disk.folders.contains_key(path) {
                return refused(format!("no folder {path}"));
            }
            self.host_mut(machine).renamed(path, aside);
        }
        if !self.host(machine).disk.folders.contains_key(path) {
            self.beat()?;
            if let Some(was) = was {
                self.host_mut(machine).disk.folders.insert(path.into(), was);
            }
        }
        Ok(())
    }

    fn put_back(&mut self, machine: Machine, path: &str, aside: &str) -> Result<(), Stop> {
        let gone = format!("{path}.regmig-gone");
        let host = self.host_mut(machine);
        host.unlinked(&gone);
        host.disk.remove_tree(&gone);
        if !self.host(machine).disk.folders.contains_key(aside) {
            return Ok(());
        }
        if self.host(machine).disk.folders.contains_key(path) {
            self.beat()?;
            self.host_mut(machine).renamed(path, &gone);
        }
        self.beat()?;
        self.host_mut(machine).renamed(aside, path);
        self.beat()?;
        let host = self.host_mut(machine);
        host.unlinked(&gone);
        host.disk.remove_tree(&gone);
        Ok(())
    }

    fn stack_names(&self, machine: Machine) -> Vec<String> {
        let containers = self.host(machine).containers.values();
        containers
            .filter(|container| container.service.is_some())
            .map(|container| container.name.clone())
            .collect()
    }

    /// `docker-compose up` for some services: made where there is no container, made anew where the file has changed.
    fn compose_up(
        &mut self,
        machine: Machine,
        services: &[String],
        start: bool,
    ) -> Result<(), Stop> {
        let path = self.host(machine).path(&self.spec.stack.compose_file);
        let Some(text) = self.host(machine).disk.text(&path).map(str::to_owned) else {
            return refused(format!("no {path}"));
        };
        for service in services {
            self.beat()?;
            self.has_room(machine)?;
            let now = self.now;
            let name = format!("pryv_{service}_1");
            let made_from = service_part(&text, service);
            let host = self.host_mut(machine);
            if host
                .containers
                .get(&name)
                .is_none_or(|there| there.made_from != made_from)
            {
                host.stop(&name, now);
                let container = from_compose(&name, service, made_from);
                host.containers.insert(name.clone(), container);
            }
            if start {
                host.start(&name, now);
            }
        }
        Ok(())
    }

    fn set_policies(
        &mut self,
        machine: Machine,
        policies: &BTreeMap<String, String>,
    ) -> Result<(), Stop> {
        for (service, policy) in policies {
            let Some(name) = self.host(machine).name_of(service) else {
                continue;
            };
            self.beat()?;
            if let Some(container) = self.host_mut(machine).containers.get_mut(&name) {
                container.restart.clone_from(policy);
            }
        }
        Ok(())
    }

    fn test_nginx(&mut self, machine: Machine, main: &str) -> Result<(), Stop> {
        self.beat()?;
        let host = self.host(machine);
        if !host.serves(&self.spec.stack.nginx) {
            return refused("nginx does not run");
        }
        let inside = &self.spec.proxy.nginx_conf_inside;
        let site = host.path(&self.spec.proxy.nginx_site);
        let conf = site.rsplit_once('/').map_or("", |(folder, _)| folder);
        let text = |path: &str| host.disk.text(&path.replacen(inside.as_str(), conf, 1));
        let include = text(main)
            .and_then(|main| {
                main.split("include ")
                    .find(|part| part.starts_with(inside.as_str()))
            })
            .and_then(|part| part.split(';').next());
        let Some(site) = include.and_then(text) else {
            return refused(format!("{main}: no such file, or nothing included"));
        };
        if host.loads(&Site::read(site)) {
            Ok(())
        } else {
            refused("nginx: [emerg] host not found in upstream, or no certificate")
        }
    }

    fn back_up(&mut self, machine: Machine, data: &str, to: &str) -> Result<(), Stop> {
        let part = format!("{to}.part");
        let inside = format!("{part}/data");
        self.beat()?;
        self.has_room(machine)?;
        let disk = &mut self.host_mut(machine).disk;
        disk.remove_tree(&part);
        disk.make_all(&inside, 0);
        let files: Vec<(String, File)> = disk
            .beneath(data)
            .map(|(name, file)| (format!("{inside}/{name}"), file.clone()))
            .collect();
        let mut manifest = String::new();
        for (path, file) in files {
            self.beat()?;
            self.has_room(machine)?;
            manifest.push_str(&format!("{} *{path}\n", file.content.sum()));
            self.host_mut(machine).disk.files.insert(path.into(), file);
        }
        self.run_container(backup::CHECK_CONTAINER, "no")?;
        self.beat()?;
        let now = self.now;
        let host = self.host_mut(machine);
        host.containers.remove(backup::CHECK_CONTAINER);
        let path = format!("{part}/{}", backup::MANIFEST);
        host.disk
            .files
            .insert(path.into(), File::text(&manifest, now));
        self.beat()?;
        self.host_mut(machine).disk.rename_tree(&part, to);
        Ok(())
    }

    fn make_key(
        &mut self,
        machine: Machine,
        path: &str,
        kind: &str,
        comment: &str,
    ) -> Result<(), Stop> {
        let public = format!("{path}.pub");
        self.beat()?;
        self.has_room(machine)?;
        if self.host(machine).disk.files.contains_key(public.as_str()) {
            return Ok(());
        }
        if self.host(machine).disk.around(path).is_none() {
            return refused(format!("no folder around {path}"));
        }
        let now = self.now;
        let secret = File {
            mode: 0o600,
            ..File::text("PRIVATE KEY", now)
        };
        self.put(machine, path, secret);
        self.beat()?;
        let line = format!("ssh-{kind} AAAA{machine}{now} {comment}\n");
        self.put(machine, &public, File::text(&line, now));
        Ok(())
    }

    /// One pass of rsync, which runs on dest: a machine gets its peer's data folder, as it is on disk.
    fn rsync(&mut self, to: Machine, checksum: bool) -> Result<(), Stop> {
        let from = to.peer();
        self.beat()?;
        if !self.opens(Machine::Source) {
            return refused("Permission denied (publickey)");
        }
        let gate = format!("{}/pull-gate", self.spec.work(Machine::Source));
        if !self
            .host(Machine::Source)
            .disk
            .files
            .contains_key(gate.as_str())
        {
            return refused("no gate");
        }
        let (theirs, ours) = (self.spec.data(from), self.spec.data(to));
        if !self.host(to).disk.folders.contains_key(ours.as_str()) {
            return refused(format!("no folder {ours}"));
        }
        let list: Vec<String> = self
            .host(from)
            .disk
            .beneath(&theirs)
            .map(|(name, _)| name.to_owned())
            .collect();
        // What is there and not on the sender goes first.
        let extra: Vec<String> = self
            .host(to)
            .disk
            .beneath(&ours)
            .filter(|(name, _)| !list.iter().any(|there| there == name))
            .map(|(name, _)| format!("{ours}/{name}"))
            .collect();
        for path in extra {
            self.beat()?;
            let host = self.host_mut(to);
            host.unlinked(&path);
            host.disk.files.remove(path.as_str());
        }
        for name in list {
            let path = format!("{ours}/{name}");
            let Some(file) = self
                .host(from)
                .disk
                .files
                .get(format!("{theirs}/{name}").as_str())
                .cloned()
            else {
                continue;
            };
            let here = self.host(to).disk.files.get(path.as_str());
            let same = here.is_some_and(|here| {
                if checksum {
                    here.content == file.content
                } else {
                    // The quick check: size, and time in whole seconds.
                    here.content.size() == file.content.size()
                        && here.mtime_ns / 1_000_000_000 == file.mtime_ns / 1_000_000_000
                }
            });
            if same {
                if let Some(here) = self.host_mut(to).disk.files.get_mut(path.as_str()) {
                    here.mtime_ns = file.mtime_ns;
                }
                continue;
            }
            self.beat()?;
            self.has_room(to)?;
            let host = self.host_mut(to);
            host.unlinked(&path);
            host.disk.files.insert(path.into(), file);
        }
        Ok(())
    }

    /// A container that regmig makes on source and starts.
    fn run_container(&mut self, name: &str, restart: &str) -> Result<(), Stop> {
        let redis = self.spec.stack.redis.clone();
        let host = self.host(Machine::Source);
        if host.service(&redis).is_none() {
            return refused("Redis has no container on source");
        }
        if !host.containers.contains_key(name) {
            self.beat()?;
            let container = Container {
                name: name.to_owned(),
                service: None,
                status: Status::Created,
                restart: restart.to_owned(),
                restarts: 0,
                started_ms: 0,
                stopped: false,
                retry_ms: 0,
                boots_ms: None,
                published: false,
                made_from: String::new(),
            };
            self.host_mut(Machine::Source)
                .containers
                .insert(name.to_owned(), container);
        }
        self.beat()?;
        let now = self.now;
        self.host_mut(Machine::Source).start(name, now);
        Ok(())
    }
}

/// A container as compose makes it.
pub(crate) fn from_compose(name: &str, service: &str, made_from: String) -> Container {
    Container {
        name: name.to_owned(),
        service: Some(service.to_owned()),
        status: Status::Created,
        restart: "always".to_owned(),
        restarts: 0,
        started_ms: 0,
        stopped: false,
        retry_ms: 0,
        boots_ms: None,
        published: made_from.contains("127.0.0.1:6379"),
        made_from,
    }
}

/// What a compose file says of one service: from its name to the next one's.
pub(crate) fn service_part(text: &str, service: &str) -> String {
    let head = format!("  {service}:");
    let mut inside = false;
    let mut part = String::new();
    for line in text.lines() {
        let name = line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
        if name || !line.starts_with(' ') {
            inside = line == head;
        }
        if inside {
            part.push_str(line);
            part.push('\n');
        }
    }
    part
}

fn expected(found: Option<&str>, expect: &Expect) -> Result<(), Stop> {
    let ok = match expect {
        Expect::Any => true,
        Expect::Absent => found.is_none(),
        Expect::Content(content) => found == Some(content.as_str()),
    };
    if ok {
        Ok(())
    } else {
        refused("the file is not as expected")
    }
}

fn canary(user: &str, core: &str) -> [Op; 3] {
    let [mut users, mut server, mut email] = registration(user, core);
    let address = format!("{user}@canary.regmig.invalid");
    users.key = format!("{user}:users").into();
    server.key = format!("{user}:server").into();
    email.key = format!("{address}:email").into();
    users.value = Some(address.into());
    [users, server, email]
}
