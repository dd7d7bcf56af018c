//! Looking at containers.

use std::collections::BTreeMap;

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, ContainerSummary,
    ContainerSummaryStateEnum, HealthStatusEnum, MountPoint, NetworkSettings,
};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder};
use futures::{StreamExt, TryStreamExt};
use regmig_core::port::PortError;

use crate::container::{
    Attachment, Compose, Container, Health, Listed, Mounted, PublishedPort, State,
};
use crate::docker::Docker;
use crate::error::status;

/// Containers that are looked at side by side; each may be a process on the machine.
const SIDE_BY_SIDE: usize = 2;

impl Docker {
    /// Every container, running or not, by name.
    ///
    /// # Errors
    ///
    /// `NotSent` when Docker cannot be reached, `Refused` when it will not say.
    pub async fn containers(&self) -> Result<Vec<Container>, PortError> {
        let ids = self.list().await?.into_iter();
        let ids = ids.filter_map(|summary| summary.id);
        let looked_at =
            futures::stream::iter(ids).map(|id| async move { self.container(&id).await });
        let found: Vec<Option<Container>> = looked_at
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect()
            .await?;
        // One that has gone since the listing is no container any more.
        let mut containers: Vec<Container> = found.into_iter().flatten().collect();
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(containers)
    }

    /// Every container, running or not, as far as one question tells: for where each round trip counts.
    ///
    /// # Errors
    ///
    /// As [`containers`](Self::containers).
    pub async fn listed(&self) -> Result<Vec<Listed>, PortError> {
        Ok(self.list().await?.into_iter().map(listed).collect())
    }

    async fn list(&self) -> Result<Vec<ContainerSummary>, PortError> {
        self.ask("list the containers", |client| async move {
            let all = ListContainersOptionsBuilder::new().all(true).build();
            client.list_containers(Some(all)).await
        })
        .await
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
            client
                .inspect_container(name, None::<InspectContainerOptions>)
                .await
        };
        match self.ask(&doing, request).await {
            Ok(found) => Ok(Some(container(found))),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Container {
    /// Reads what Docker says of a container when it is looked at.
    ///
    /// # Errors
    ///
    /// Where it is not the JSON that Docker documents for it.
    pub fn from_json(answer: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(answer).map(container)
    }
}

/// What compose has written about a container into its labels.
fn compose(labels: &BTreeMap<String, String>) -> Option<Compose> {
    let label = |name: &str| labels.get(&format!("com.docker.compose.{name}")).cloned();
    let config_files = label("project.config_files").unwrap_or_default();
    Some(Compose {
        project: label("project")?,
        service: label("service")?,
        working_dir: label("project.working_dir"),
        config_files: config_files
            .split(',')
            .filter(|f| !f.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

fn listed(found: ContainerSummary) -> Listed {
    let names = found.names.unwrap_or_default();
    // A link gives a container further names, such as `/other/alias`.
    let own = names
        .iter()
        .find_map(|name| name.strip_prefix('/').filter(|name| !name.contains('/')));
    let networks = found
        .network_settings
        .and_then(|settings| settings.networks);
    let labels = found.labels.unwrap_or_default().into_iter().collect();
    Listed {
        name: own.unwrap_or_default().to_owned(),
        state: found.state.map_or(State::Created, listed_state),
        compose: compose(&labels),
        networks: networks
            .unwrap_or_default()
            .into_iter()
            .map(|(network, end)| (network, end.ip_address.unwrap_or_default()))
            .collect(),
    }
}

fn container(found: ContainerInspectResponse) -> Container {
    let config = found.config.unwrap_or_default();
    let state = found.state.unwrap_or_default();
    let host = found.host_config.unwrap_or_default();
    let labels: BTreeMap<String, String> = config.labels.unwrap_or_default().into_iter().collect();
    let compose = compose(&labels);
    let settings = found.network_settings.unwrap_or_default();
    let published = published(&settings);
    let attachments = attachments(settings);
    Container {
        id: found.id.unwrap_or_default(),
        name: found
            .name
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned(),
        image: config.image.unwrap_or_default(),
        image_id: found.image.unwrap_or_default(),
        state: doing(&state),
        health: health(&state),
        restart_policy: host.restart_policy.unwrap_or_default().into(),
        restarts: found
            .restart_count
            .and_then(|count| u64::try_from(count).ok())
            .unwrap_or_default(),
        compose,
        labels,
        ports: published.iter().map(ToString::to_string).collect(),
        published,
        networks: attachments
            .iter()
            .map(|end| (end.network.clone(), end.ip.clone()))
            .collect(),
        attachments,
        mounts: found
            .mounts
            .unwrap_or_default()
            .into_iter()
            .map(mount)
            .collect(),
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
        Some(ContainerStateStatusEnum::CREATED | ContainerStateStatusEnum::EMPTY) | None => {
            State::Created
        }
    }
}

fn listed_state(state: ContainerSummaryStateEnum) -> State {
    match state {
        ContainerSummaryStateEnum::RUNNING => State::Running,
        ContainerSummaryStateEnum::PAUSED => State::Paused,
        ContainerSummaryStateEnum::RESTARTING => State::Restarting,
        ContainerSummaryStateEnum::STOPPING => State::Stopping,
        ContainerSummaryStateEnum::REMOVING => State::Removing,
        ContainerSummaryStateEnum::EXITED => State::Exited,
        ContainerSummaryStateEnum::DEAD => State::Dead,
        ContainerSummaryStateEnum::CREATED | ContainerSummaryStateEnum::EMPTY => State::Created,
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

fn published(settings: &NetworkSettings) -> Vec<PublishedPort> {
    let mut ports = Vec::new();
    for (inside, bindings) in settings.ports.iter().flatten() {
        let (port, protocol) = inside.split_once('/').unwrap_or((inside, "tcp"));
        for binding in bindings.iter().flatten() {
            let host_port = binding.host_port.as_deref().unwrap_or_default();
            if let (Ok(container_port), Ok(host_port)) = (port.parse(), host_port.parse()) {
                let host_ip = binding.host_ip.clone().unwrap_or_default();
                ports.push(PublishedPort {
                    container_port,
                    protocol: protocol.to_owned(),
                    host_ip,
                    host_port,
                });
            }
        }
    }
    ports.sort_by(|a, b| {
        (a.container_port, &a.protocol, &a.host_ip).cmp(&(
            b.container_port,
            &b.protocol,
            &b.host_ip,
        ))
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
    fn times_are_milliseconds_and_never_is_nothing() {
        assert_eq!(
            millis("2026-11-22T12:30:00.123456789Z"),
            Some(1_795_350_600_123)
        );
        assert_eq!(millis("0001-01-01T00:00:00Z"), None);
        assert_eq!(millis("yesterday"), None);
    }
}
