//! Containers as they are.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, HealthStatusEnum, MountPoint, NetworkSettings,
    RestartPolicyNameEnum,
};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder};
use futures::{StreamExt, TryStreamExt};
use regmig_core::port::PortError;
use serde::{Deserialize, Serialize};

use crate::docker::Docker;
use crate::error::status;

/// Containers that are looked at side by side; each may be a process on the machine.
const SIDE_BY_SIDE: usize = 2;

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Made and never started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Ended, and about to be started again.
    Restarting,
    /// Being stopped.
    Stopping,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// Could not be removed.
    Dead,
}

impl State {
    /// The word that Docker uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Stopping => "stopping",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }

    /// Whether it has processes, or will have some without being asked.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting | Self::Stopping)
    }
}

/// What a container's health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not known yet.
    Starting,
    /// As it should be.
    Healthy,
    /// Not as it should be.
    Unhealthy,
}

/// When Docker starts a container without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    No,
    /// Whenever it ended, and at every start of Docker Engine, even after a stop.
    Always,
    /// As `Always`, but not after a stop.
    UnlessStopped,
    /// When it failed, so many times; 0 is without limit.
    OnFailure(u32),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for RestartPolicy {
    /// As compose files spell it: `on-failure:3` with a number, `on-failure` without limit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::Always => f.write_str("always"),
            Self::UnlessStopped => f.write_str("unless-stopped"),
            Self::OnFailure(0) => f.write_str("on-failure"),
            Self::OnFailure(times) => write!(f, "on-failure:{times}"),
        }
    }
}

/// A word that is no restart policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no restart policy; expected no, always, unless-stopped or on-failure[:TIMES]")]
pub struct UnknownPolicy(String);

impl FromStr for RestartPolicy {
    type Err = UnknownPolicy;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownPolicy(word.to_owned());
        match word {
            "no" => Ok(Self::No),
            "always" => Ok(Self::Always),
            "unless-stopped" => Ok(Self::UnlessStopped),
            "on-failure" => Ok(Self::OnFailure(0)),
            _ => {
                let times = word.strip_prefix("on-failure:").ok_or_else(unknown)?;
                times.parse().map(Self::OnFailure).map_err(|_| unknown())
            }
        }
    }
}

/// What compose has written about a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compose {
    /// Project.
    pub project: String,
    /// Service.
    pub service: String,
    /// Folder from which compose was run; written since compose 1.25.
    pub working_dir: Option<String>,
    /// Compose files; written since compose 1.25.
    pub config_files: Vec<String>,
}

/// A port of a container that the machine offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    /// In the container.
    pub container_port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// Address on the machine; empty or `0.0.0.0` for all.
    pub host_ip: String,
    /// On the machine.
    pub host_port: u16,
}

/// A network that a container is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Name of the network.
    pub network: String,
    /// Address there; empty while the container does not run.
    pub ip: String,
    /// Names by which others on that network find it.
    pub aliases: Vec<String>,
}

impl fmt::Display for PublishedPort {
    /// Such as `127.0.0.1:6379->6379/tcp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ip = if self.host_ip.is_empty() { "0.0.0.0" } else { &self.host_ip };
        let ip = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
        write!(f, "{ip}:{}->{}/{}", self.host_port, self.container_port, self.protocol)
    }
}

/// A folder, file or volume that a container sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mounted {
    /// `bind`, `volume` or `tmpfs`.
    pub kind: String,
    /// Path on the machine.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Whether the container may write.
    pub writable: bool,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The full identifier.
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    /// The image as it was named.
    pub image: String,
    /// The image as it is identified.
    pub image_id: String,
    /// What it is doing.
    pub state: State,
    /// What its health check says, where it has one.
    pub health: Option<Health>,
    /// When Docker starts it without being asked.
    pub restart_policy: RestartPolicy,
    /// How often Docker has started it again.
    pub restarts: u64,
    /// What compose has written about it, where compose made it.
    pub compose: Option<Compose>,
    /// Every label.
    pub labels: BTreeMap<String, String>,
    /// Ports that the machine offers, as `127.0.0.1:6379->6379/tcp`.
    pub ports: Vec<String>,
    /// The same in parts.
    pub published: Vec<PublishedPort>,
    /// Its networks and its address in each; the address is empty while it does not run.
    pub networks: BTreeMap<String, String>,
    /// The same with the names by which it is found there.
    pub attachments: Vec<Attachment>,
    /// What it sees of the machine.
    pub mounts: Vec<Mounted>,
    /// When it was started last, milliseconds since the epoch; 0 for never.
    pub started_ms: i64,
    /// When it ended last, milliseconds since the epoch; 0 for never.
    pub finished_ms: i64,
    /// With which status it ended last; 0 while it runs.
    pub exit_code: i64,
    /// Its first process on the machine; 0 where it has none.
    pub pid: i64,
    /// What Docker says went wrong at its last start.
    pub error: String,
}

impl Docker {
    /// Every container, running or not, by name.
    ///
    /// # Errors
    ///
    /// `NotSent` when Docker cannot be reached, `Refused` when it will not say.
    pub async fn containers(&self) -> Result<Vec<Container>, PortError> {
        let listed = self
            .ask("list the containers", |client| async move {
                client.list_containers(Some(ListContainersOptionsBuilder::new().all(true).build())).await
            })
            .await?;
        let ids = listed.into_iter().filter_map(|summary| summary.id);
        let looked_at = futures::stream::iter(ids).map(|id| async move { self.container(&id).await });
        let found: Vec<Option<Container>> = looked_at.buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
        // One that has gone since the listing is no container any more.
        let mut containers: Vec<Container> = found.into_iter().flatten().collect();
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(containers)
    }

    /// One container, by name or identifier.
    ///
    /// # Errors
    ///
    /// As [`containers`](Self::containers).
    pub async fn container(&self, name: &str) -> Result<Option<Container>, PortError> {
        let doing = format!("look at the container {name}");
        self.named(&doing, name)?;
        let request = |client: bollard::Docker| async move {
            client.inspect_container(name, None::<InspectContainerOptions>).await
        };
        match self.ask(&doing, request).await {
            Ok(found) => Ok(Some(container(found))),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn container(found: ContainerInspectResponse) -> Container {
    let config = found.config.unwrap_or_default();
    let state = found.state.unwrap_or_default();
    let host = found.host_config.unwrap_or_default();
    let labels: BTreeMap<String, String> = config.labels.unwrap_or_default().into_iter().collect();
    let label = |name: &str| labels.get(&format!("com.docker.compose.{name}")).cloned();
    let config_files = label("project.config_files").unwrap_or_default();
    let compose = label("project").zip(label("service")).map(|(project, service)| Compose {
        project,
        service,
        working_dir: label("project.working_dir"),
        config_files: config_files.split(',').filter(|f| !f.is_empty()).map(str::to_owned).collect(),
    });
    let settings = found.network_settings.unwrap_or_default();
    let published = published(&settings);
    let attachments = attachments(settings);
    Container {
        id: found.id.unwrap_or_default(),
        name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        image: config.image.unwrap_or_default(),
        image_id: found.image.unwrap_or_default(),
        state: doing(&state),
        health: health(&state),
        restart_policy: policy(host.restart_policy.unwrap_or_default()),
        restarts: found.restart_count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default(),
        compose,
        labels,
        ports: published.iter().map(ToString::to_string).collect(),
        published,
        networks: attachments.iter().map(|end| (end.network.clone(), end.ip.clone())).collect(),
        attachments,
        mounts: found.mounts.unwrap_or_default().into_iter().map(mount).collect(),
        started_ms: millis(state.started_at.as_deref().unwrap_or_default()).unwrap_or_default(),
        finished_ms: millis(state.finished_at.as_deref().unwrap_or_default()).unwrap_or_default(),
        exit_code: state.exit_code.unwrap_or_default(),
        pid: state.pid.unwrap_or_default(),
        error: state.error.unwrap_or_default(),
    }
}

/// Docker's spelling of a time as milliseconds since the epoch; nothing for its spelling of never.
pub(crate) fn millis(time: &str) -> Option<i64> {
    let found: jiff::Timestamp = time.parse().ok()?;
    Some(found.as_millisecond()).filter(|&millis| millis > 0)
}

fn doing(state: &ContainerState) -> State {
    match state.status {
        Some(ContainerStateStatusEnum::RUNNING) => State::Running,
        Some(ContainerStateStatusEnum::PAUSED) => State::Paused,
        Some(ContainerStateStatusEnum::RESTARTING) => State::Restarting,
        Some(ContainerStateStatusEnum::STOPPING) => State::Stopping,
        Some(ContainerStateStatusEnum::REMOVING) => State::Removing,
        Some(ContainerStateStatusEnum::EXITED) => State::Exited,
        Some(ContainerStateStatusEnum::DEAD) => State::Dead,
        Some(ContainerStateStatusEnum::CREATED | ContainerStateStatusEnum::EMPTY) | None => State::Created,
    }
}

fn health(state: &ContainerState) -> Option<Health> {
    match state.health.as_ref()?.status? {
        HealthStatusEnum::STARTING => Some(Health::Starting),
        HealthStatusEnum::HEALTHY => Some(Health::Healthy),
        HealthStatusEnum::UNHEALTHY => Some(Health::Unhealthy),
        HealthStatusEnum::NONE | HealthStatusEnum::EMPTY => None,
    }
}

fn policy(found: bollard::models::RestartPolicy) -> RestartPolicy {
    match found.name {
        Some(RestartPolicyNameEnum::ALWAYS) => RestartPolicy::Always,
        Some(RestartPolicyNameEnum::UNLESS_STOPPED) => RestartPolicy::UnlessStopped,
        Some(RestartPolicyNameEnum::ON_FAILURE) => {
            let times = found.maximum_retry_count.unwrap_or_default();
            RestartPolicy::OnFailure(u32::try_from(times).unwrap_or_default())
        }
        Some(RestartPolicyNameEnum::NO | RestartPolicyNameEnum::EMPTY) | None => RestartPolicy::No,
    }
}

impl From<RestartPolicy> for bollard::models::RestartPolicy {
    fn from(policy: RestartPolicy) -> Self {
        let (name, times) = match policy {
            RestartPolicy::No => (RestartPolicyNameEnum::NO, None),
            RestartPolicy::Always => (RestartPolicyNameEnum::ALWAYS, None),
            RestartPolicy::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
            RestartPolicy::OnFailure(times) => (RestartPolicyNameEnum::ON_FAILURE, Some(i64::from(times))),
        };
        Self { name: Some(name), maximum_retry_count: times }
    }
}

fn published(settings: &NetworkSettings) -> Vec<PublishedPort> {
    let mut ports = Vec::new();
    for (inside, bindings) in settings.ports.iter().flatten() {
        let (port, protocol) = inside.split_once('/').unwrap_or((inside, "tcp"));
        for binding in bindings.iter().flatten() {
            let host_port = binding.host_port.as_deref().unwrap_or_default();
            if let (Ok(container_port), Ok(host_port)) = (port.parse(), host_port.parse()) {
                let host_ip = binding.host_ip.clone().unwrap_or_default();
                ports.push(PublishedPort { container_port, protocol: protocol.to_owned(), host_ip, host_port });
            }
        }
    }
    ports.sort_by(|a, b| {
        (a.container_port, &a.protocol, &a.host_ip).cmp(&(b.container_port, &b.protocol, &b.host_ip))
    });
    ports
}

fn attachments(settings: NetworkSettings) -> Vec<Attachment> {
    let mut networks: Vec<Attachment> = settings
        .networks
        .unwrap_or_default()
        .into_iter()
        .map(|(network, end)| Attachment {
            network,
            ip: end.ip_address.unwrap_or_default(),
            aliases: end.aliases.unwrap_or_default(),
        })
        .collect();
    networks.sort_by(|a, b| a.network.cmp(&b.network));
    networks
}

fn mount(found: MountPoint) -> Mounted {
    Mounted {
        kind: found.typ.map(|kind| kind.to_string()).unwrap_or_default(),
        source: found.source.unwrap_or_default(),
        target: found.destination.unwrap_or_default(),
        writable: found.rw.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_spelled_as_compose_does() {
        for word in ["no", "always", "unless-stopped", "on-failure", "on-failure:3"] {
            assert_eq!(word.parse::<RestartPolicy>().unwrap().to_string(), word);
        }
        assert!("sometimes".parse::<RestartPolicy>().unwrap_err().to_string().contains("sometimes"));
        assert!("on-failure:often".parse::<RestartPolicy>().is_err());
    }

    #[test]
    fn times_are_milliseconds_and_never_is_nothing() {
        assert_eq!(millis("2026-11-22T12:30:00.123456789Z"), Some(1_795_350_600_123));
        assert_eq!(millis("0001-01-01T00:00:00Z"), None);
        assert_eq!(millis("yesterday"), None);
    }

    #[test]
    fn ports_are_spelled_with_both_ends() {
        let port = |ip: &str| {
            PublishedPort { container_port: 6379, protocol: "tcp".into(), host_ip: ip.into(), host_port: 7000 }.to_string()
        };
        assert_eq!(port("127.0.0.1"), "127.0.0.1:7000->6379/tcp");
        assert_eq!(port(""), "0.0.0.0:7000->6379/tcp");
        assert_eq!(port("::"), "[::]:7000->6379/tcp");
    }
}
