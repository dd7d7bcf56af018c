//! Networks between containers.

use std::collections::{BTreeMap, HashMap};

use bollard::query_parameters::ListNetworksOptionsBuilder;
use regmig_core::port::PortError;
use serde::{Deserialize, Serialize};

use crate::docker::Docker;

/// A network between containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The full identifier.
    pub id: String,
    /// Its name, as containers are attached to it.
    pub name: String,
    /// The name that the compose file gives it.
    pub compose_name: Option<String>,
    /// Such as `bridge`.
    pub driver: String,
    /// Address ranges, as `ADDRESS/BITS`.
    pub subnets: Vec<String>,
    /// The machine's own addresses there.
    pub gateways: Vec<String>,
    /// Whether it leads nowhere else.
    pub internal: bool,
    /// Every label.
    pub labels: BTreeMap<String, String>,
}

impl Docker {
    /// The networks of a compose project, by name.
    ///
    /// # Errors
    ///
    /// `NotSent` when Docker cannot be reached, `Refused` when it will not say.
    pub async fn networks(&self, project: &str) -> Result<Vec<Network>, PortError> {
        let wanted = HashMap::from([(
            "label".to_owned(),
            vec![format!("com.docker.compose.project={project}")],
        )]);
        let wanted = &wanted;
        let listed = self
            .ask(
                &format!("list the networks of {project}"),
                |client| async move {
                    client
                        .list_networks(Some(
                            ListNetworksOptionsBuilder::new().filters(wanted).build(),
                        ))
                        .await
                },
            )
            .await?;
        let mut networks: Vec<Network> = listed.into_iter().map(network).collect();
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(networks)
    }
}

fn network(found: bollard::models::Network) -> Network {
    let ranges = found.ipam.unwrap_or_default().config.unwrap_or_default();
    let labels: BTreeMap<String, String> = found.labels.unwrap_or_default().into_iter().collect();
    Network {
        id: found.id.unwrap_or_default(),
        name: found.name.unwrap_or_default(),
        compose_name: labels.get("com.docker.compose.network").cloned(),
        driver: found.driver.unwrap_or_default(),
        subnets: ranges
            .iter()
            .filter_map(|range| range.subnet.clone())
            .collect(),
        gateways: ranges
            .iter()
            .filter_map(|range| range.gateway.clone())
            .collect(),
        internal: found.internal.unwrap_or_default(),
        labels,
    }
}
