//! Queries.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::try_join;
use regmig_core::effect::{Answer, Query};
use regmig_core::facts::{DataDigest, DataFolder, RedisState, Resync};
use regmig_core::port::{Fut, Observe, PortError};
use regmig_docker::LogRange;
use regmig_redis::info::{LinkStatus, Role};

use super::World;
use super::host::now_ms;
use super::site::Site;

/// Prints whether `$2` is the folder that `$1` is, and where that is if `$2` is a link.
const SAME_FOLDER: &str = r#"[ "$1" -ef "$2" ] || exit 0
if [ -L "$2" ]; then echo "linked $(readlink -f -- "$2")"; else echo same; fi"#;

impl Observe for World {
    fn observe<'a>(&'a self, query: &'a Query) -> Fut<'a, Result<Answer, PortError>> {
        Box::pin(async move {
            let _waiting = self.figures.question(query);
            self.answer(query).await
        })
    }
}

impl World {
    async fn answer(&self, query: &Query) -> Result<Answer, PortError> {
        Ok(match query {
            Query::Now => Answer::Millis(now_ms()),
            Query::Sleep { ms } => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                Answer::Nothing
            }
            Query::Host { machine } => Answer::Host(Box::new(self.site(*machine).facts().await?)),
            Query::Home { machine } => Answer::Text(Some(self.site(*machine).home().await?)),
            Query::File { machine, path } => Answer::File(self.site(*machine).file(path).await?),
            Query::Folder { machine, path } => {
                Answer::Folder(self.site(*machine).folder(path).await?)
            }
            Query::Sums { machine, path } => Answer::Sums(self.site(*machine).sums(path).await?),
            Query::UsersAtRest { machine, path } => {
                Answer::Count(self.site(*machine).users_at_rest(path).await?)
            }
            Query::ComposeConfig { machine } => Answer::Text(
                self.site(*machine)
                    .compose(&["config", "-q"])
                    .await
                    .err()
                    // Compose's own words are the last of the chain.
                    .and_then(|error| error.chain().pop()),
            ),
            Query::Containers { machine } => {
                Answer::Containers(self.site(*machine).containers().await?)
            }
            Query::Logs {
                machine,
                service,
                lines,
            } => {
                let site = self.site(*machine);
                let name = site.name_of(service).await?;
                let range = LogRange {
                    since_ms: None,
                    tail: Some(u64::from(*lines)),
                    limit_bytes: 64 << 10,
                };
                Answer::Lines(
                    site.docker
                        .logs(&name, &range)
                        .await?
                        .lines
                        .into_iter()
                        .map(|line| line.text)
                        .collect(),
                )
            }
            Query::Redis { machine } => {
                Answer::Redis(Box::new(self.site(*machine).redis_state().await?))
            }
            Query::RedisAccess { machine } => {
                Answer::Access(self.site(*machine).redis.access().await?)
            }
            Query::RedisCli { machine } => {
                let cli = self.site(*machine).redis_cli().await?;
                Answer::Text(cli.map(str::to_owned))
            }
            Query::RdbVersion { machine } => {
                Answer::Number(self.site(*machine).redis.rdb_version().await?)
            }
            Query::WritesPaused { machine } => {
                Answer::Yes(self.site(*machine).redis.writes_paused().await?)
            }
            Query::RedisSetting { machine, name } => {
                Answer::Text(self.site(*machine).redis.config_get(name).await?)
            }
            Query::RedisListings { machine } => {
                Answer::Number(Some(self.site(*machine).redis.listings().await?))
            }
            Query::Rehearsal => Answer::Millis(self.rehearsal().await?),
            Query::NginxLoaded { machine } => {
                Answer::Text(self.site(*machine).nginx_loaded().await?)
            }
            Query::RedisGet { machine, key } => {
                let value = self.site(*machine).redis.get(key).await?;
                Answer::Text(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
            }
            Query::Users { machine, limit } => Answer::Lines(self.users(*machine, *limit).await?),
            Query::Digest { machine } => {
                let meter = self.progress.begin(&format!("digest of {machine}'s data"));
                let mut seen = |progress: regmig_redis::DigestProgress| {
                    meter.keys(progress.done, progress.total)
                };
                // It is asked for where nobody accepts writes: clients wait for it to end, and nothing else for this Redis
                // but source's DNS.
                let options = regmig_redis::DigestOptions {
                    pace: regmig_redis::Pace::Alone,
                    ..self.digest_options()
                };
                let redis = &self.site(*machine).redis;
                let digest = redis.digest(&options, &mut seen).await?;
                Answer::Digest(DataDigest {
                    keys: digest.keys,
                    excluded: digest.excluded,
                    sum: digest.sum,
                })
            }
            Query::DataFolder { machine } => {
                Answer::DataFolder(self.site(*machine).data_folder().await?)
            }
            Query::Loaded { machine } => Answer::Loaded(self.site(*machine).redis.loaded().await?),
            Query::Https { machine, path } => Answer::Http(self.https(*machine, path).await?),
            Query::Register { machine, path } => Answer::Http(self.register(*machine, path).await?),
            Query::Dns {
                machine,
                name,
                kind,
            } => Answer::Dns(self.dns(*machine, name, kind).await?),
            Query::Delegation { parent } => Answer::Delegation(self.delegation(*parent).await?),
            Query::CompareAnswers { sample } => {
                Answer::Compared(Box::new(self.compare_answers(*sample).await?))
            }
            Query::HostKey { machine } => {
                Answer::Text(Some(self.site(*machine).host.host_key().await?))
            }
            Query::Trust => Answer::Text(Some(self.trust_pem.clone())),
            Query::SshInRedisImage => Answer::Text(self.ssh_in_redis().await?),
            Query::Settled { machine, since_ms } => {
                self.programs_ended().await?;
                self.site(*machine).settled(*since_ms).await?;
                Answer::Nothing
            }
            Query::LinkPull => {
                self.prove_pull().await?;
                Answer::Nothing
            }
            Query::Outage => Answer::Outage(self.meter.outage()),
            Query::Served { since_ms, own } => {
                Answer::Served(Box::new(self.served(*since_ms, own).await?))
            }
        })
    }

    /// Users by name, without those that services make for themselves.
    async fn users(
        &self,
        machine: regmig_core::machine::Machine,
        limit: u64,
    ) -> Result<Vec<String>, PortError> {
        use futures::TryStreamExt as _;

        let redis = &self.spec.redis;
        let suffix = redis.user_keys.trim_start_matches('*');
        let mut found = Vec::new();
        let mut batches = Box::pin(self.site(machine).redis.keys(&redis.user_keys));
        while let Some(batch) = batches.try_next().await? {
            let users = batch.iter().filter(|key| !redis.startup_keys.contains(key));
            found.extend(users.map(|key| key.strip_suffix(suffix).unwrap_or(key).to_owned()));
            if found.len() as u64 >= limit {
                break;
            }
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }
}

impl Site {
    pub(super) async fn redis_state(&self) -> Result<RedisState, PortError> {
        // One after the other they would cost a cutover two round trips.
        let (info, read_only) = try_join(
            self.redis.info(),
            self.redis.config_get("replica-read-only"),
        )
        .await?;
        let replication = &info.replication;
        let replica = replication.role == Some(Role::Replica);
        let link = replication.link.as_ref().filter(|_| replica);
        let syncing = link.filter(|link| link.sync_in_progress);
        let came = syncing.map(|link| link.sync_read_bytes.unwrap_or_default());
        let rate = self.resync.rate(came, Instant::now());
        Ok(RedisState {
            version: info.version.to_string(),
            role: if replica { "slave" } else { "master" }.to_owned(),
            keys: info.keys(),
            loading: info.persistence.loading,
            primary: link.map(|link| format!("{}:{}", link.host, link.port)),
            link_up: link
                .is_some_and(|link| link.status == LinkStatus::Up && !link.sync_in_progress),
            resync: syncing.map(|link| Resync {
                came: came.unwrap_or_default(),
                left: link.sync_left_bytes,
                rate,
            }),
            link_idle_s: link
                .and_then(|link| link.last_io_seconds)
                .and_then(|idle| i64::try_from(idle).ok()),
            position: replication.position(),
            replicas: replication.replicas.len() as u64,
            appendonly: info.persistence.aof_enabled,
            // Redis' own default, for a server that does not tell.
            replica_read_only: read_only.as_deref() != Some("no"),
        })
    }

    /// Where Redis has its files.
    async fn data_folder(&self) -> Result<DataFolder, PortError> {
        let service = &self.spec.stack.redis;
        let found = try_join(self.redis.config_get("dir"), async {
            self.docker.container(&self.name_of(service).await?).await
        });
        let (Some(dir), Some(container)) = found.await? else {
            return Ok(DataFolder::Untold);
        };
        let Some(outside) = container.outside(Path::new(&dir)) else {
            return Ok(DataFolder::InContainer(dir));
        };
        let outside = outside.to_string_lossy().into_owned();
        let configured = self.spec.data(self.machine);
        let same = self
            .look("comparing folders", SAME_FOLDER, &[&outside, &configured])
            .await?;
        let same = same.trim_end();
        Ok(match same.strip_prefix("linked ") {
            Some(folder) => DataFolder::Linked(folder.to_owned()),
            None if same.is_empty() => DataFolder::Other(outside),
            None => DataFolder::Configured,
        })
    }
}
