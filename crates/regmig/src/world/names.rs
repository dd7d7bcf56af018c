//! Containers of services, as effects name them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use regmig_core::port::PortError;

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
}
