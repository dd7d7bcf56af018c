//! Containers of services, as effects name them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use regmig_core::port::PortError;
use regmig_docker::RestartPolicy;

use super::site::Site;

impl Site {
    /// Starts the containers of services; those that run already are left alone.
    pub(super) async fn start(&self, services: &[String]) -> Result<(), PortError> {
        let names = self.names().await?;
        let names = &names;
        try_join_all(services.iter().map(|service| async move {
            let Some(container) = names.get(service) else {
                return Err(PortError::Refused {
                    what: format!(
                        "starting {service} on {}: it has no container",
                        self.machine
                    ),
                    source: None,
                });
            };
            self.docker.start(&container.name).await
        }))
        .await
        .map(|_| ())
    }

    /// Stops the containers of services; those without one are stopped already.
    pub(super) async fn stop(
        &self,
        services: &[String],
        within: Duration,
    ) -> Result<(), PortError> {
        let names = self.names().await?;
        let there = services.iter().filter_map(|service| names.get(service));
        try_join_all(there.map(|container| self.docker.stop(&container.name, within)))
            .await
            .map(|_| ())
    }

    /// Freezes the containers of services, all at the same time.
    pub(super) async fn hold(&self, services: &[String]) -> Result<(), PortError> {
        let names = self.names().await?;
        let names = &names;
        // All of them end before the first error is told: none may be frozen later unnoticed.
        let held = join_all(services.iter().map(|service| async move {
            let Some(container) = names.get(service) else {
                return Err(PortError::Refused {
                    what: format!(
                        "freezing {service} on {}: it has no container",
                        self.machine
                    ),
                    source: None,
                });
            };
            self.docker.pause(&container.name).await
        }));
        held.await.into_iter().collect()
    }

    /// Has the containers of services run on, all at the same time; those that are not frozen are left alone.
    pub(super) async fn release(&self, services: &[String]) -> Result<(), PortError> {
        let names = self.names().await?;
        let frozen = (services.iter().filter_map(|service| names.get(service)))
            .filter(|container| container.state == "paused");
        let released = join_all(frozen.map(|container| self.docker.unpause(&container.name)));
        released.await.into_iter().collect()
    }

    /// Sets the restart policies of services that have a container.
    pub(super) async fn restart_policies(
        &self,
        policies: &BTreeMap<String, String>,
    ) -> Result<(), PortError> {
        let names = self.names().await?;
        let there = policies
            .iter()
            .filter_map(|(service, policy)| Some((names.get(service)?, policy)));
        try_join_all(
            there
                .filter(|(container, policy)| container.restart != **policy)
                .map(|(container, policy)| async move {
                    let policy = policy.parse().map_err(|error| {
                        PortError::refused(
                            format!("restart policy {policy} on {}", self.machine),
                            error,
                        )
                    })?;
                    self.docker
                        .set_restart_policy(&container.name, policy)
                        .await
                }),
        )
        .await
        .map(|_| ())
    }

    /// Stops and removes a container that regmig made.
    pub(super) async fn remove_container(&self, name: &str) -> Result<(), PortError> {
        if self.docker.container(name).await?.is_some() {
            self.docker
                .set_restart_policy(name, RestartPolicy::No)
                .await?;
            self.docker.stop(name, Duration::from_secs(2)).await?;
            self.docker.remove(name).await?;
        }
        Ok(())
    }
}
