//! Containers of services, as effects name them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use regmig_core::port::PortError;
use regmig_docker::RestartPolicy;
use regmig_procedure::spec::Strategy;

use super::site::Site;

impl Site {
    /// How many containers of a machine are started or stopped at the same time. Clients of a `live` migration are served
    /// meanwhile: where both machines shared two cores, five that stopped at once kept a client waiting for 50 ms (93 at most), one
    /// after the other for 40 (55), and 28 without. Those of `copy` wait for these containers.
    fn side_by_side(&self) -> Option<usize> {
        match self.spec.strategy {
            Strategy::Copy => None,
            Strategy::Live => Some(1),
        }
    }

    /// Starts the containers of services; those that run already are left alone.
    pub(super) async fn start(&self, services: &[String]) -> Result<(), PortError> {
        let names = self.listed().await?;
        let names = &names;
        each(self.side_by_side(), services, |service| async move {
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
        })
        .await
    }

    /// Stops the containers of services; those without one are stopped already.
    pub(super) async fn stop(
        &self,
        services: &[String],
        within: Duration,
    ) -> Result<(), PortError> {
        let names = self.listed().await?;
        let there: Vec<_> = (services.iter())
            .filter_map(|service| names.get(service))
            .collect();
        each(self.side_by_side(), there, |container| async move {
            self.docker.stop(&container.name, within).await
        })
        .await
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

/// Does something with each, so many at the same time, or all.
async fn each<T, F: Future<Output = Result<(), PortError>>>(
    at_once: Option<usize>,
    all: impl IntoIterator<Item = T>,
    act: impl FnMut(T) -> F,
) -> Result<(), PortError> {
    stream::iter(all)
        .map(Ok)
        .try_for_each_concurrent(at_once, act)
        .await
}
