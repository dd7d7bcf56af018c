//! Queries: what the simulated world answers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use regmig_core::effect::{Answer, Query};
use regmig_core::facts::{
    Access, Compared, Container, DataDigest, Delegation, DnsState, FolderState, HostState,
    HttpState, Loaded, LoadedKeys, RedisState, Resync, Served,
};
use regmig_core::machine::Machine;
use regmig_core::port::PortError;
use regmig_procedure::spec::NameServer;
use regmig_procedure::steps::live;

use super::files::Content;
use super::redis::{Link, PING_PERIOD, Redis};
use super::state::State;

/// How long a question takes, milliseconds.
const QUERY_MS: i64 = 2;
/// How long a rehearsal of the cutover takes, milliseconds.
const REHEARSAL_MS: i64 = 100;
/// How long an answer of a busy source takes, milliseconds.
const BUSY_MS: i64 = 400;
/// The format of every version in this world.
const RDB_VERSION: u64 = 10;
const HOUR_MS: i64 = 3_600_000;

fn refused<T>(what: impl Into<String>) -> Result<T, PortError> {
    Err(PortError::Refused {
        what: what.into(),
        source: None,
    })
}

fn not_sent<T>(what: impl Into<String>) -> Result<T, PortError> {
    Err(PortError::NotSent {
        what: what.into(),
        source: None,
    })
}

impl State {
    /// Answers a question.
    pub(crate) fn answer(&mut self, query: &Query) -> Result<Answer, PortError> {
        match query {
            Query::Now => return Ok(Answer::Millis(self.now)),
            Query::Sleep { ms } => {
                self.pass(i64::try_from(*ms).unwrap_or(i64::MAX));
                return Ok(Answer::Nothing);
            }
            Query::Outage => return Ok(Answer::Outage(self.outage.clone())),
            Query::Trust => return Ok(Answer::Text(Some("CERTIFICATE\n".to_owned()))),
            Query::Rehearsal => self.pass(REHEARSAL_MS),
            Query::Https {
                machine: Machine::Source,
                ..
            } if self.busy_until > self.now => self.pass(BUSY_MS),
            _ => self.pass(QUERY_MS),
        }
        if self.cut_until > self.now {
            // The executor dials again for a while before it gives up.
            self.pass(1000);
            if self.cut_until > self.now {
                return not_sent("no connection");
            }
        }
        // Answers that differ are asked for again: a replica is a moment behind.
        if matches!(query, Query::CompareAnswers { .. })
            && let Ok(first) = self.compared()
            && first.different > 0
        {
            self.clients.active = false;
            self.pass(200);
            self.clients.active = true;
        }
        if let Query::Settled { machine, .. } = query {
            self.settle(*machine);
        }
        self.look(query)
    }

    /// Waits for scripts and programs that were started before and are still at work, and a moment for what goes to
    /// Docker and Redis.
    fn settle(&mut self, machine: Machine) {
        let at_work = |late: &&super::state::Late| {
            let touched = super::touched(&late.effect);
            !late.overtaken && (touched.contains(&machine) || touched.is_empty())
        };
        let end = self
            .late
            .iter()
            .filter(at_work)
            .map(|late| late.due_ms)
            .max();
        let wait = end.map_or(0, |end| (end - self.now).max(0));
        self.pass(wait + 1000);
    }

    fn look(&self, query: &Query) -> Result<Answer, PortError> {
        Ok(match query {
            Query::Now
            | Query::Sleep { .. }
            | Query::Trust
            | Query::Outage
            | Query::Settled { .. } => Answer::Nothing,
            Query::Host { machine } => Answer::Host(Box::new(self.facts(*machine))),
            Query::Home { .. } => Answer::Text(Some("/root".to_owned())),
            Query::File { machine, path } => {
                let file = self.host(*machine).disk.files.get(path.as_str());
                match file.map(|file| file.state()) {
                    Some(None) => return refused(format!("{path} is no text")),
                    Some(found) => Answer::File(found),
                    None => Answer::File(None),
                }
            }
            Query::Folder { machine, path } => {
                let disk = &self.host(*machine).disk;
                Answer::Folder(disk.folders.contains_key(path.as_str()).then(|| {
                    let mut folder = FolderState::default();
                    for (_, file) in disk.beneath(path) {
                        folder.files += 1;
                        folder.bytes += file.content.size();
                    }
                    folder
                }))
            }
            Query::Sums { machine, path } => {
                let files = self.host(*machine).disk.beneath(path);
                Answer::Sums(
                    files
                        .map(|(name, file)| (format!("./{name}"), file.content.sum()))
                        .collect(),
                )
            }
            Query::UsersAtRest { machine, path } => {
                let mut users = 0;
                for (_, file) in self.host(*machine).disk.beneath(path) {
                    if let Content::Log(log) = &file.content {
                        let data = log.load();
                        users += data.keys().filter(|key| self.is_user(key)).count() as u64;
                    }
                }
                Answer::Count(users)
            }
            Query::ComposeConfig { .. } => Answer::Text(None),
            Query::Containers { machine } => Answer::Containers(self.containers(*machine)),
            Query::Logs { .. } => Answer::Lines(vec!["started".to_owned()]),
            Query::Redis { machine } => Answer::Redis(Box::new(self.redis_state(*machine)?)),
            Query::RedisAccess { machine } => {
                self.loaded(*machine)?;
                Answer::Access(Access {
                    open: true,
                    ..Access::default()
                })
            }
            Query::RedisCli { .. } => Answer::Text(Some("redis-cli".to_owned())),
            Query::RdbVersion { machine } => {
                self.loaded(*machine)?;
                Answer::Number(Some(RDB_VERSION))
            }
            Query::WritesPaused { machine } => {
                Answer::Yes(self.loaded(*machine)?.paused_until > self.now)
            }
            Query::RedisSetting { machine, name } => {
                let redis = self.loaded(*machine)?;
                Answer::Text((name == PING_PERIOD).then(|| redis.ping_s.to_string()))
            }
            Query::RedisListings { machine } => {
                Answer::Number(Some(self.loaded(*machine)?.listings))
            }
            Query::Rehearsal => Answer::Millis(REHEARSAL_MS),
            Query::NginxLoaded { machine } => {
                let path = live::nginx_loaded(&self.spec, *machine);
                let file = self.host(*machine).disk.text(&path);
                Answer::Text(file.map(str::to_owned))
            }
            Query::RedisGet { machine, key } => {
                let value = self.loaded(*machine)?.data.get(key.as_str());
                Answer::Text(value.map(ToString::to_string))
            }
            Query::Users { machine, limit } => {
                let data = &self.loaded(*machine)?.data;
                let users = data.keys().filter(|key| self.is_user(key));
                let names = users.filter_map(|key| key.strip_suffix(":users"));
                let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
                Answer::Lines(names.take(limit).map(str::to_owned).collect())
            }
            Query::Digest { machine } => {
                let mut own = self.spec.redis.startup_keys.clone();
                own.push(live::EPOCH_KEY.to_owned());
                let (keys, excluded, sum) = self.loaded(*machine)?.digest(&own);
                Answer::Digest(DataDigest {
                    keys,
                    excluded,
                    sum,
                })
            }
            Query::DataFolder { machine } => {
                Answer::DataFolder(self.host(*machine).data_folder.clone())
            }
            Query::Loaded { machine } => {
                let keys = self.loaded(*machine)?.data.len() as u64;
                Answer::Loaded(Loaded {
                    version: format!("Redis {}", self.host(*machine).redis_version),
                    settings: BTreeMap::from([("appendonly".to_owned(), "yes".to_owned())]),
                    databases: BTreeMap::from([(0, LoadedKeys { keys, expires: 0 })]),
                })
            }
            Query::Https { machine, path } => {
                if self.host(*machine).nginx.is_none() {
                    return not_sent(format!("nobody listens at {machine}:443"));
                }
                Answer::Http(match (self.served_by(*machine), self.reaches(*machine)) {
                    (Some(by), _) => self.register(by, path)?,
                    (None, Some(by)) => {
                        return not_sent(format!("the register on {by} does not answer"));
                    }
                    (None, None) => http(502),
                })
            }
            Query::Register { machine, path } => {
                if !self.host(*machine).serves(&self.spec.stack.register) {
                    return not_sent(format!("the register on {machine} does not answer"));
                }
                Answer::Http(self.register(*machine, path)?)
            }
            Query::Dns {
                machine,
                name,
                kind,
            } => Answer::Dns(self.dns(*machine, name, kind)?),
            Query::Delegation { parent } => {
                let index = self
                    .spec
                    .nameservers
                    .parents
                    .iter()
                    .position(|known| known == parent);
                let to_dest = index.and_then(|index| self.delegated.get(index)).copied();
                let names = &self.spec.nameservers;
                Answer::Delegation(match to_dest {
                    Some(true) => delegation(&names.after),
                    Some(false) => delegation(&names.before),
                    None => return not_sent("no such parent"),
                })
            }
            Query::CompareAnswers { .. } => Answer::Compared(Box::new(self.compared()?)),
            Query::HostKey { machine } => Answer::Text(Some(format!("ssh-ed25519 HOST{machine}"))),
            Query::SshInRedisImage => Answer::Text(Some("OpenSSH_9.2".to_owned())),
            Query::LinkPull => {
                let gate = format!("{}/pull-gate", self.spec.work(Machine::Source));
                let gate = self.source.disk.files.contains_key(gate.as_str());
                if !gate || !self.pulls() {
                    return refused("dest reading source's data folder");
                }
                Answer::Nothing
            }
            Query::Served { since_ms, .. } => {
                let seen = self
                    .clients
                    .source_served
                    .iter()
                    .filter(|at| **at >= *since_ms);
                let last_ms = self.clients.source_served_ms.filter(|at| at >= since_ms);
                Answer::Served(Box::new(Served {
                    last_ms,
                    last: last_ms.map(|at| format!("POST /users at {at}")),
                    last_hour: seen.clone().filter(|at| **at > self.now - HOUR_MS).count() as u64,
                    total: seen.count() as u64,
                }))
            }
        })
    }

    fn is_user(&self, key: &str) -> bool {
        key.ends_with(":users") && !self.spec.redis.startup_keys.iter().any(|own| own == key)
    }

    fn facts(&self, machine: Machine) -> HostState {
        let full = self.host(machine).full_until > self.now;
        HostState {
            docker: "20.10.24".to_owned(),
            compose: "1.29.2".to_owned(),
            rsync: "3.2.7".to_owned(),
            ssh: "OpenSSH_9.2".to_owned(),
            free_bytes: if full { 0 } else { 10 << 30 },
            root_exists: true,
            images: ["nginx", "register", "dns", "redis", "mail"]
                .map(|name| format!("pryv/{name}:lab"))
                .to_vec(),
            ..HostState::default()
        }
    }

    fn containers(&self, machine: Machine) -> Vec<Container> {
        let all = self.host(machine).containers.values();
        all.map(|container| Container {
            name: container.name.clone(),
            id: format!("{machine}-{}", container.name),
            service: container.service.clone(),
            image: "pryv/redis:lab".to_owned(),
            state: container.status.word().to_owned(),
            restart: container.restart.clone(),
            restarts: container.restarts,
            started_ms: container.started_ms,
            networks: BTreeMap::from([(
                "pryv_backend".to_owned(),
                self.address(machine, container).unwrap_or_default(),
            )]),
            ports: if container.published && container.runs() {
                vec![format!("{}->6379/tcp", self.spec.redis.published)]
            } else {
                Vec::new()
            },
        })
        .collect()
    }

    fn running(&self, machine: Machine) -> Result<&Redis, PortError> {
        match &self.host(machine).redis {
            Some(redis) => Ok(redis),
            None => refused(format!("Redis is not running on {machine}")),
        }
    }

    fn loaded(&self, machine: Machine) -> Result<&Redis, PortError> {
        let redis = self.running(machine)?;
        if redis.loading_until > self.now {
            return refused("LOADING Redis is loading the dataset in memory");
        }
        Ok(redis)
    }

    fn redis_state(&self, machine: Machine) -> Result<RedisState, PortError> {
        let redis = self.running(machine)?;
        let replicas = [&self.source, &self.dest]
            .into_iter()
            .filter(|host| host.machine != machine)
            .filter_map(|host| host.redis.as_ref())
            .filter(|other| other.link == Link::Up && other.primary.is_some());
        Ok(RedisState {
            version: self.host(machine).redis_version.to_owned(),
            role: if redis.primary.is_some() {
                "slave"
            } else {
                "master"
            }
            .to_owned(),
            keys: redis.data.len() as u64,
            loading: redis.loading_until > self.now,
            primary: redis
                .primary
                .as_ref()
                .map(|(host, port)| format!("{host}:{port}")),
            link_up: redis.primary.is_some() && redis.link == Link::Up,
            resync: match redis.link {
                Link::Syncing(until) => Some(Resync {
                    left: u64::try_from(until - self.now).ok(),
                    ..Resync::default()
                }),
                Link::Down | Link::Up => None,
            },
            link_idle_s: redis.primary.is_some().then_some(0),
            position: redis.position(),
            replicas: replicas.count() as u64,
            appendonly: true,
            replica_read_only: redis.read_only,
        })
    }

    fn register(&self, machine: Machine, path: &str) -> Result<HttpState, PortError> {
        let Ok(redis) = self.loaded(machine) else {
            return Ok(http(500));
        };
        let user = path
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        Ok(match redis.data.get(format!("{user}:server").as_str()) {
            Some(core) => HttpState {
                status: 302,
                location: Some(format!("https://{core}/?username={user}")),
            },
            None => http(404),
        })
    }

    fn dns(&self, machine: Machine, name: &str, kind: &str) -> Result<DnsState, PortError> {
        if !self.host(machine).serves(&self.spec.stack.dns) {
            return not_sent(format!("nobody answers at {machine}:53"));
        }
        let answers = match (kind, name.strip_suffix(&format!(".{}", self.spec.domain))) {
            ("CNAME", Some(user)) => {
                let Ok(redis) = self.loaded(machine) else {
                    return not_sent("DNS waits for its Redis");
                };
                let core = redis.data.get(format!("{user}:server").as_str());
                core.map(|core| format!("{name} {core}"))
                    .into_iter()
                    .collect()
            }
            ("SOA", _) => vec![format!("{name} dns1.{name}")],
            _ => Vec::new(),
        };
        Ok(DnsState {
            rcode: "NOERROR".to_owned(),
            answers,
        })
    }

    fn compared(&self) -> Result<Compared, PortError> {
        for machine in Machine::BOTH {
            self.dns(machine, &self.spec.domain, "SOA")?;
        }
        let (source, dest) = (self.loaded(Machine::Source)?, self.loaded(Machine::Dest)?);
        let users: Vec<&str> = source
            .data
            .keys()
            .filter(|key| self.is_user(key))
            .filter_map(|key| key.strip_suffix(":users"))
            .collect();
        let core =
            |redis: &Redis, user: &str| redis.data.get(format!("{user}:server").as_str()).cloned();
        let different = users
            .iter()
            .filter(|user| core(source, user) != core(dest, user))
            .count();
        Ok(Compared {
            users: users.len() as u64,
            questions: users.len() as u64 * 2,
            different: different as u64,
            samples: Vec::new(),
            from_ms: self.now,
            to_ms: self.now,
        })
    }
}

fn http(status: u16) -> HttpState {
    HttpState {
        status,
        location: None,
    }
}

fn delegation(servers: &[NameServer]) -> Delegation {
    servers
        .iter()
        .map(|server| {
            let addresses: Vec<IpAddr> = server.addresses.clone();
            (server.name.clone(), addresses)
        })
        .collect()
}
