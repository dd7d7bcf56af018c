//! One machine with everything that reaches into it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use regmig_core::facts;
use regmig_core::machine::Machine;
use regmig_core::port::PortError;
use regmig_docker::{Compose, Docker, DockerLimits, Listed, State};
use regmig_procedure::spec::{Reach, Spec};
use regmig_redis::Redis;
use regmig_ssh::{Command, Host, HostSpec, Limits, Output, SshSpec, Transport};
use secrecy::SecretString;
use tokio::sync::OnceCell;

use super::poised::Poised;
use super::resync::Watched;

/// One machine.
pub(super) struct Site {
    pub(super) machine: Machine,
    pub(super) spec: Arc<Spec>,
    pub(super) host: Host,
    pub(super) docker: Docker,
    pub(super) redis: Redis,
    /// What thaws containers once it is told to.
    pub(super) thaw: Poised,
    /// What says which site file nginx serves by.
    pub(super) loaded: Poised,
    /// How a full resync of its Redis comes along.
    pub(super) resync: Watched,
    compose: OnceCell<Vec<&'static str>>,
    redis_cli: OnceCell<&'static str>,
}

/// Waits for a script that was sent before. A program that a script leaves running would keep the lock: the timer, which
/// is the only one, closes it first. It takes it again by itself, under the name that is in `lock`.
const ALONE: &str = r#"lock=/run/lock; [ -d "$lock" ] || lock=/run
lock=$lock/regmig-effects
exec 8>"$lock"
flock -w 600 8 || { echo 'a command that was sent before is still at work' >&2; exit 1; }
"#;

impl Site {
    pub(super) fn new(machine: Machine, spec: Arc<Spec>, password: Option<SecretString>) -> Self {
        let limits = Limits {
            connect: Duration::from_secs(spec.limits.connect_s),
            command: Duration::from_secs(spec.limits.command_s),
            ..Limits::default()
        };
        let (transport, sudo) = match &spec.machine(machine).reach {
            Reach::Local { sudo } => (Transport::Local, *sudo),
            Reach::Ssh(ssh) => (
                Transport::Ssh(SshSpec {
                    address: ssh.host.clone(),
                    port: ssh.port,
                    user: ssh.user.clone(),
                    identity: ssh.identity.clone(),
                    use_agent: ssh.agent,
                    known_hosts: ssh.known_hosts.clone(),
                }),
                ssh.user != "root",
            ),
        };
        let host = Host::new(
            HostSpec {
                label: machine.to_string(),
                transport,
                sudo,
            },
            limits,
        );
        let docker = {
            let host = host.clone();
            Docker::new(machine.as_str(), DockerLimits::default(), move || {
                let host = host.clone();
                async move { host.open_docker().await }
            })
        };
        let redis = {
            let (host, docker, spec) = (host.clone(), docker.clone(), Arc::clone(&spec));
            let dial = move || {
                let (host, docker, spec) = (host.clone(), docker.clone(), Arc::clone(&spec));
                async move {
                    let address = redis_address(&docker, &spec, machine).await?;
                    let stream = host.open_tcp(&address, spec.redis.port).await?;
                    Ok(Box::new(stream) as regmig_redis::BoxedStream)
                }
            };
            Redis::connect(
                format!("Redis of {machine}"),
                dial,
                password,
                regmig_redis::Limits::default(),
            )
        };
        Self {
            machine,
            spec,
            host,
            docker,
            redis,
            thaw: Poised::default(),
            loaded: Poised::default(),
            resync: Watched::default(),
            compose: OnceCell::new(),
            redis_cli: OnceCell::new(),
        }
    }

    /// Every container, those of the stack with their service.
    pub(super) async fn containers(&self) -> Result<Vec<facts::Container>, PortError> {
        let all = self.docker.containers().await?;
        Ok(all
            .into_iter()
            .map(|container| container_of(container, &self.spec.machine(self.machine).root))
            .collect())
    }

    /// Names of the stack's containers by service.
    pub(super) async fn names(&self) -> Result<BTreeMap<String, facts::Container>, PortError> {
        let all = self.containers().await?;
        Ok(all
            .into_iter()
            .filter_map(|container| Some((container.service.clone()?, container)))
            .collect())
    }

    /// The same as far as one question to Docker tells it: name and state.
    pub(super) async fn listed(&self) -> Result<BTreeMap<String, Listed>, PortError> {
        let all = self.docker.listed().await?;
        let root = &self.spec.machine(self.machine).root;
        let of_stack = all
            .into_iter()
            .filter_map(|found| Some((service_of(found.compose.as_ref()?, root)?, found)));
        Ok(of_stack.collect())
    }

    /// The name of the container of one service.
    pub(super) async fn name_of(&self, service: &str) -> Result<String, PortError> {
        match self.listed().await?.remove(service) {
            Some(found) => Ok(found.name),
            None => Err(self.without_container(service)),
        }
    }

    fn without_container(&self, service: &str) -> PortError {
        PortError::Refused {
            what: format!("service {service} has no container on {}", self.machine),
            source: None,
        }
    }

    /// The container of one service.
    pub(super) async fn container(&self, service: &str) -> Result<facts::Container, PortError> {
        self.names()
            .await?
            .remove(service)
            .ok_or_else(|| self.without_container(service))
    }

    /// The command-line client in Redis' container: Valkey has its own, beside which not every image has the former name.
    ///
    /// One that was found is not looked for again: each look starts a program, and the last is just before a cutover.
    pub(super) async fn redis_cli(&self) -> Result<Option<&'static str>, PortError> {
        if let Some(&cli) = self.redis_cli.get() {
            return Ok(Some(cli));
        }
        let name = self.name_of(&self.spec.stack.redis).await?;
        for cli in ["redis-cli", "valkey-cli"] {
            if self.docker.exec(&name, [cli, "--version"]).await?.status == 0 {
                return Ok(Some(*self.redis_cli.get_or_init(|| async { cli }).await));
            }
        }
        Ok(None)
    }

    /// The address at which the register's container answers, from the machine itself.
    pub(super) async fn address_of(&self, service: &str) -> Result<String, PortError> {
        let found = self.container(service).await?;
        address(&found.name, &found.state, &found.networks, self.machine)
    }

    /// Runs a shell script with arguments and requires success.
    ///
    /// One at a time on a machine: a script whose connection was lost goes on until its
    /// limit, and what is asked for again after that waits for its end, so that nothing lands late.
    pub(super) async fn script(
        &self,
        what: &str,
        script: &str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Output, PortError> {
        let guarded = format!("{ALONE}{script}");
        let command = Command::shell(&guarded, arguments.iter().copied())
            .time_limit(limit * 2)
            .called(what);
        self.host
            .exec(&command)
            .await?
            .success_or_refused(format!("{what} on {}", self.machine))
    }

    /// The same for a script that changes nothing.
    pub(super) async fn look(
        &self,
        what: &str,
        script: &str,
        arguments: &[&str],
    ) -> Result<String, PortError> {
        let limit = Duration::from_secs(self.spec.limits.bulk_s);
        let command = Command::shell(script, arguments.iter().copied())
            .time_limit(limit)
            .called(what)
            .query();
        let output = self
            .host
            .exec(&command)
            .await?
            .success_or_refused(format!("{what} on {}", self.machine))?;
        Ok(output.stdout_text().into_owned())
    }

    /// Runs compose in the root folder.
    pub(super) async fn compose(&self, arguments: &[&str]) -> Result<Output, PortError> {
        let program = self
            .compose
            .get_or_try_init(|| async {
                let probe =
                    "docker compose version >/dev/null 2>&1 && echo plugin || echo standalone";
                let found = self.look("looking for compose", probe, &[]).await?;
                Ok::<_, PortError>(match found.trim() {
                    "plugin" => vec!["docker", "compose"],
                    _ => vec!["docker-compose"],
                })
            })
            .await?;
        let mut all = vec![self.spec.machine(self.machine).root.as_str()];
        all.extend(program);
        all.extend(["-f", &self.spec.stack.compose_file]);
        all.extend(arguments);
        let what = format!("compose {}", arguments.join(" "));
        let limit = Duration::from_secs(self.spec.limits.healthy_s);
        // The start scripts of 1.6 and later set these two, and their compose file needs them.
        let script = r#"cd "$1" && export PRYV_CONF_ROOT="$1" HOSTNAME="$(hostname)" && shift && exec "$@" </dev/null"#;
        self.script(&what, script, &all, limit).await
    }
}

async fn redis_address(
    docker: &Docker,
    spec: &Spec,
    machine: Machine,
) -> Result<String, PortError> {
    let root = &spec.machine(machine).root;
    let all = docker.listed().await?;
    let redis = all.into_iter().find(|found| {
        let service = found
            .compose
            .as_ref()
            .and_then(|compose| service_of(compose, root));
        service.as_ref() == Some(&spec.stack.redis) && found.state == State::Running
    });
    match redis {
        Some(found) => {
            let state = found.state.word();
            address(&found.name, state, &found.networks, machine)
        }
        None => Err(PortError::Refused {
            what: format!("Redis is not running on {machine}"),
            source: None,
        }),
    }
}

fn address(
    name: &str,
    state: &str,
    networks: &BTreeMap<String, String>,
    machine: Machine,
) -> Result<String, PortError> {
    networks
        .values()
        .find(|address| !address.is_empty())
        .cloned()
        .ok_or_else(|| PortError::Refused {
            what: format!("{name} on {machine} has no address: it is {state}"),
            source: None,
        })
}

/// The service of a container, where the stack beneath `root` is its own.
fn service_of(compose: &Compose, root: &str) -> Option<String> {
    let folder = root.rsplit('/').next().unwrap_or_default();
    let ours = match &compose.working_dir {
        Some(working_dir) => working_dir == root,
        None => compose.project == folder,
    };
    ours.then(|| compose.service.clone())
}

fn container_of(container: regmig_docker::Container, root: &str) -> facts::Container {
    facts::Container {
        service: container
            .compose
            .as_ref()
            .and_then(|compose| service_of(compose, root)),
        name: container.name,
        id: container.id,
        image: container.image,
        state: container.state.to_string(),
        restart: container.restart_policy.to_string(),
        restarts: container.restarts,
        started_ms: container.started_ms,
        networks: container.networks,
        ports: container.ports,
    }
}
