//! One machine: its disk, its containers, and the processes in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use regmig_core::facts::DataFolder;
use regmig_core::machine::Machine;
use regmig_procedure::spec::Spec;

use super::container::{Container, Status};
use super::files::{Content, Data, Disk, File, Op};
use super::nginx::Site;
use super::redis::{Redis, Replicated, load, rewritten};

/// How long Redis reads its files, milliseconds.
const LOAD_MS: i64 = 60;
/// How long a service takes until it asks its Redis for something, milliseconds.
const BOOT_MS: i64 = 120;
/// How long Docker waits before it starts a container again, milliseconds.
const RETRY_MS: i64 = 1000;

/// One machine.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) machine: Machine,
    pub(crate) spec: Arc<Spec>,
    pub(crate) disk: Disk,
    /// The version of the Redis that it has.
    pub(super) redis_version: &'static str,
    /// Where that says that it has its files.
    pub(super) data_folder: DataFolder,
    /// By name.
    pub(crate) containers: BTreeMap<String, Container>,
    /// The Redis process, while its container runs.
    pub(crate) redis: Option<Redis>,
    /// The file that nginx has loaded, while its container runs.
    pub(crate) nginx: Option<Site>,
    /// Until when nothing can be written to its disk.
    pub(crate) full_until: i64,
    /// How many keys are more than its DNS gets over when it starts.
    pub(crate) dns_bears: usize,
    histories: u64,
    /// How often it was rebooted.
    pub(super) reboots: u32,
}

impl Host {
    pub(crate) fn new(machine: Machine, spec: Arc<Spec>) -> Self {
        Self {
            histories: match machine {
                Machine::Source => 1,
                Machine::Dest => 1_000_001,
            },
            machine,
            data_folder: DataFolder::Configured,
            spec,
            disk: Disk::default(),
            redis_version: "7.0.15",
            containers: BTreeMap::new(),
            redis: None,
            nginx: None,
            full_until: 0,
            dns_bears: usize::MAX,
            reboots: 0,
        }
    }

    pub(crate) fn path(&self, relative: &str) -> String {
        self.spec.path(self.machine, relative)
    }

    pub(crate) fn data(&self) -> String {
        self.spec.data(self.machine)
    }

    pub(crate) fn log_path(&self) -> String {
        format!("{}/appendonly.aof", self.data())
    }

    pub(crate) fn service(&self, service: &str) -> Option<&Container> {
        self.containers
            .values()
            .find(|container| container.service.as_deref() == Some(service))
    }

    pub(crate) fn name_of(&self, service: &str) -> Option<String> {
        self.service(service)
            .map(|container| container.name.clone())
    }

    pub(crate) fn serves(&self, service: &str) -> bool {
        self.service(service).is_some_and(Container::serves)
    }

    pub(crate) fn new_history(&mut self) -> u64 {
        self.histories += 1;
        self.histories
    }

    /// Starts a container's process; what runs already is left alone.
    pub(crate) fn start(&mut self, name: &str, now: i64) {
        let Some(container) = self.containers.get_mut(name) else {
            return;
        };
        if container.is_there() {
            return;
        }
        container.status = Status::Running;
        container.started_ms = now;
        container.stopped = false;
        container.boots_ms = None;
        let stack = &self.spec.stack;
        let service = container.service.clone().unwrap_or_default();
        if service == stack.redis {
            self.start_redis(now);
        } else if service == stack.nginx {
            match self.site() {
                Some(site) => self.nginx = Some(site),
                None => self.ends(name, now),
            }
        } else if service == stack.register || service == stack.dns {
            container.boots_ms = Some(now + BOOT_MS);
        } else if name == self.spec.tunnel.name {
            let key = super::link::tunnel_key(&self.spec, self.machine);
            if !self.disk.files.contains_key(key.as_str()) {
                self.ends(name, now);
            }
        }
    }

    /// The data that a Redis would load there.
    pub(crate) fn at_rest(&self) -> Arc<Data> {
        let log = self.disk.files.get(self.log_path().as_str());
        load(log.map(|file| &file.content))
    }

    fn start_redis(&mut self, now: i64) {
        let path: Arc<str> = self.log_path().into();
        let data = self.at_rest();
        if !self.disk.files.contains_key(&path) {
            let empty = Content::Log(Arc::default());
            self.put_data(&path, empty, now);
        }
        let history = self.new_history();
        let mut redis = Redis::new(data, path, now + LOAD_MS, history);
        let conf = self.path(&self.spec.redis.conf);
        for line in self.disk.text(&conf).unwrap_or_default().lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("replicaof"), Some(host), Some(port)) => {
                    redis.primary = Some((host.to_owned(), port.parse().unwrap_or_default()));
                    redis.history = 0;
                }
                (Some("replica-read-only"), Some(value), _) => redis.read_only = value == "yes",
                _ => {}
            }
        }
        self.redis = Some(redis);
    }

    /// Writes a file of Redis's own, which keeps its mode and owner.
    fn put_data(&mut self, path: &str, content: Content, now: i64) {
        let owner = self.disk.around(path).map_or(0, |folder| folder.uid);
        let file = self.disk.files.entry(path.into()).or_insert_with(|| File {
            uid: owner,
            gid: owner,
            ..File::text("", now)
        });
        file.content = content;
        file.mtime_ns = now * 1_000_000;
    }

    /// The nginx file, if nginx would start with it: every host is found, and what it names is there.
    pub(crate) fn site(&self) -> Option<Site> {
        let site = Site::read(self.disk.text(&self.path(&self.spec.proxy.nginx_site))?);
        self.loads(&site).then_some(site)
    }

    pub(crate) fn loads(&self, site: &Site) -> bool {
        let inside = &self.spec.proxy.nginx_conf_inside;
        let conf = self.path(&self.spec.proxy.nginx_site);
        let conf = conf.rsplit_once('/').map_or("", |(folder, _)| folder);
        let there = |path: &String| {
            let outside = path.replacen(inside.as_str(), conf, 1);
            self.disk.files.contains_key(outside.as_str())
        };
        site.trusts.iter().all(there)
            && site.hosts.iter().all(|host| {
                host.parse::<std::net::IpAddr>().is_ok()
                    || self.service(host).is_some_and(Container::is_there)
            })
    }

    /// A container's process has ended by itself.
    fn ends(&mut self, name: &str, now: i64) {
        if let Some(container) = self.containers.get_mut(name) {
            container.boots_ms = None;
            if container.restart == "no" {
                container.status = Status::Exited;
            } else {
                container.status = Status::Restarting;
                container.restarts += 1;
                container.retry_ms = now + RETRY_MS;
            }
        }
    }

    /// Stops a container's process. Redis saves when it is told to end.
    pub(crate) fn stop(&mut self, name: &str, now: i64) {
        let Some(container) = self.containers.get_mut(name) else {
            return;
        };
        container.stopped = true;
        if matches!(container.status, Status::Exited | Status::Created) {
            return;
        }
        container.status = Status::Exited;
        container.boots_ms = None;
        let service = container.service.clone().unwrap_or_default();
        if service == self.spec.stack.redis {
            self.end_redis(now);
        } else if service == self.spec.stack.nginx {
            self.nginx = None;
        }
    }

    fn end_redis(&mut self, now: i64) {
        if let Some(redis) = self.redis.take()
            && redis.log.is_some()
        {
            let path = format!("{}/redis_dump.rdb", self.data());
            self.put_data(&path, Content::Dump(redis.data), now);
        }
    }

    /// Applies a command to Redis: memory first, then its append-only file.
    pub(crate) fn write(&mut self, op: &Op, now: i64) {
        if let Some(redis) = &mut self.redis {
            redis.apply(op, now);
            self.append(std::slice::from_ref(op), now);
        }
    }

    fn append(&mut self, ops: &[Op], now: i64) {
        let Some(path) = self.redis.as_ref().and_then(|redis| redis.log.clone()) else {
            return;
        };
        if let Some(file) = self.disk.files.get_mut(&path)
            && let Content::Log(log) = &mut file.content
        {
            Arc::make_mut(log).append(ops);
            file.mtime_ns = now * 1_000_000;
        }
    }

    /// Follows the primary as far as that can be reached.
    pub(crate) fn replicate(&mut self, primary: Option<&Redis>, now: i64) {
        let Some(redis) = &mut self.redis else { return };
        if redis.primary.is_none() || redis.loading_until > now {
            return;
        }
        match redis.replicate(primary, self.full_until <= now, now) {
            Replicated::Nothing => {}
            Replicated::Some(ops) => self.append(&ops, now),
            Replicated::Everything => {
                let whole = rewritten(&redis.data);
                if let Some(path) = redis.log.clone() {
                    self.put_data(&path, whole, now);
                }
            }
        }
    }

    /// What happens by itself as time passes: services boot, Docker restarts what ended.
    pub(crate) fn tick(&mut self, now: i64) {
        let booting: Vec<(String, String)> = self
            .containers
            .values()
            .filter(|container| container.runs() && container.boots_ms.is_some_and(|at| at <= now))
            .map(|container| {
                (
                    container.name.clone(),
                    container.service.clone().unwrap_or_default(),
                )
            })
            .collect();
        for (name, service) in booting {
            self.boot(&name, &service, now);
        }
        let restarting: Vec<String> = self
            .containers
            .values()
            .filter(|container| container.status == Status::Restarting && container.retry_ms <= now)
            .map(|container| container.name.clone())
            .collect();
        for name in restarting {
            self.start(&name, now);
        }
    }

    /// The register and DNS write their fixtures when they start, and list all users, and end themselves where they cannot.
    fn boot(&mut self, name: &str, service: &str, now: i64) {
        if let Some(redis) = &self.redis {
            // A connection that is not answered yet is waited for.
            if redis.loading_until > now || redis.paused_until > now {
                return;
            }
            if service == self.spec.stack.dns && redis.data.len() > self.dns_bears {
                return;
            }
            if redis.takes_writes(now) && self.full_until <= now {
                let fixture = |key: &str, value: &str| Op {
                    key: key.into(),
                    value: Some(value.into()),
                };
                let mut ops = vec![
                    fixture("wactiv:users", "fixture"),
                    fixture("wactiv:server", "fixture"),
                ];
                if service == self.spec.stack.register {
                    ops.push(fixture("dbversion", "1"));
                }
                for op in &ops {
                    self.write(op, now);
                }
                let clients_come = self.nginx.is_some();
                if let Some(redis) = &mut self.redis {
                    redis.listings += 1;
                    redis.listings_amid_clients += u64::from(clients_come);
                }
                if let Some(container) = self.containers.get_mut(name) {
                    container.boots_ms = None;
                }
                return;
            }
        }
        self.ends(name, now);
    }

    /// The machine goes down in order and comes back.
    pub(crate) fn reboot(&mut self, now: i64) {
        self.reboots += 1;
        let names: Vec<String> = self.containers.keys().cloned().collect();
        for name in &names {
            let stopped = self
                .containers
                .get(name)
                .is_some_and(|container| container.stopped);
            self.stop(name, now);
            if let Some(container) = self.containers.get_mut(name) {
                container.stopped = stopped;
            }
        }
        for name in &names {
            if self.containers.get(name).is_some_and(Container::comes_back) {
                self.start(name, now);
            }
        }
    }

    /// A folder was renamed: a running Redis goes on writing to its file there.
    pub(crate) fn renamed(&mut self, from: &str, to: &str) {
        self.disk.rename_tree(from, to);
        if let Some(path) = self.redis.as_mut().and_then(|redis| redis.log.as_mut())
            && let Some(rest) = path.strip_prefix(from).filter(|rest| rest.starts_with('/'))
        {
            *path = format!("{to}{rest}").into();
        }
    }

    /// Files were removed or replaced: a running Redis goes on writing to one that nobody sees.
    pub(crate) fn unlinked(&mut self, path: &str) {
        if let Some(redis) = &mut self.redis
            && redis
                .log
                .as_ref()
                .is_some_and(|log| **log == *path || log.starts_with(&format!("{path}/")))
        {
            redis.log = None;
        }
    }
}
