//! Containers of services, as effects name them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use regmig_core::port::PortError;
use regmig_docker::RestartPolicy;

use super::site::Site;

impl Site {
    /// Starts the containers of services; those that run already are left alone.
    pub(super) async fn start(&self, services: &[String]) -> Result<(), PortError> {
        let names = self.listed().await?;
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
        let names = self.listed().await?;
        let there = services.iter().filter_map(|service| names.get(service));
        try_join_all(there.map(|container| self.docker.stop(&container.name, within)))
            .await
            .map(|_| ())
    }

    /// Sets the restart policies of services that have a container.
    pub(super) async fn restart_policies(
        &self,
        policies: &BTreeMap<String, String>,
    ) -> Result<(), PortError> {
        let names = self.names().await?;
        // One after the other: Docker starts a program for each, and all at once kept clients waiting for 100 ms.
        for (service, policy) in policies {
            let Some(container) = names.get(service) else {
                continue;
            };
            if container.restart == *policy {
                continue;
            }
            let what = || format!("restart policy {policy} on {}", self.machine);
            let policy = policy
                .parse()
                .map_err(|error| PortError::refused(what(), error))?;
            self.docker
                .set_restart_policy(&container.name, policy)
                .await?;
        }
        Ok(())
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
