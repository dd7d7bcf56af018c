//! Containers as they shall be made.

use std::collections::BTreeMap;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, MountType, NetworkingConfig,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::policy::RestartPolicy;

/// Tells from which specification a container was made, so that a repeated making finds its own.
pub(crate) const DIGEST_LABEL: &str = "regmig.spec";

/// A folder or file of the machine that the container sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    source: String,
    target: String,
    read_only: bool,
}

impl Mount {
    /// A path of the machine, which has to exist, under a path of the container that can only be read.
    pub fn read_only(source: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            target: target.into(),
            read_only: true,
        }
    }

    /// The same where the container may write.
    pub fn writable(source: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            target: target.into(),
            read_only: false,
        }
    }
}

/// A container as it shall be made.
///
/// Whoever may ask Docker can read all of it: secrets go into files that are mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSpec {
    name: String,
    image: String,
    entrypoint: Option<Vec<String>>,
    command: Option<Vec<String>>,
    env: BTreeMap<String, String>,
    mounts: Vec<Mount>,
    network: Option<String>,
    aliases: Vec<String>,
    restart: RestartPolicy,
    labels: BTreeMap<String, String>,
    user: Option<String>,
    working_dir: Option<String>,
    open_stdin: bool,
}

impl ContainerSpec {
    /// A container that does what its image says and is never restarted.
    ///
    /// The image has to be present; none is ever pulled.
    pub fn new(image: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            image: image.into(),
            entrypoint: None,
            command: None,
            env: BTreeMap::new(),
            mounts: Vec::new(),
            network: None,
            aliases: Vec::new(),
            restart: RestartPolicy::No,
            labels: BTreeMap::new(),
            user: None,
            working_dir: None,
            open_stdin: false,
        }
    }

    /// Its name on that machine.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The image that it is made from.
    pub fn image(&self) -> &str {
        &self.image
    }

    /// Takes the place of the image's entry point.
    #[must_use]
    pub fn entrypoint<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.entrypoint = Some(words.into_iter().map(Into::into).collect());
        self
    }

    /// Takes the place of the image's command.
    #[must_use]
    pub fn command<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.command = Some(words.into_iter().map(Into::into).collect());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Shows it a path of the machine.
    #[must_use]
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Puts it on a network, where others find it by these names; Docker's own bridge where nothing is said.
    #[must_use]
    pub fn network<W: Into<String>>(
        mut self,
        name: impl Into<String>,
        aliases: impl IntoIterator<Item = W>,
    ) -> Self {
        self.network = Some(name.into());
        self.aliases = aliases.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves it without a network.
    #[must_use]
    pub fn no_network(mut self) -> Self {
        self.network = Some("none".to_owned());
        self.aliases.clear();
        self
    }

    /// Says when Docker starts it without being asked.
    #[must_use]
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Chooses user and group in the container, such as `999:999`.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Chooses the folder in which it starts.
    #[must_use]
    pub fn working_dir(mut self, folder: impl Into<String>) -> Self {
        self.working_dir = Some(folder.into());
        self
    }

    /// Keeps its standard input open for as long as it runs; nothing ever comes.
    #[must_use]
    pub fn open_stdin(mut self) -> Self {
        self.open_stdin = true;
        self
    }

    /// SHA-256 over everything that is said above.
    pub fn digest(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(&text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    pub(crate) fn body(&self) -> ContainerCreateBody {
        let mounts = self.mounts.iter().map(|mount| bollard::models::Mount {
            source: Some(mount.source.clone()),
            target: Some(mount.target.clone()),
            typ: Some(MountType::BIND),
            read_only: Some(mount.read_only),
            ..bollard::models::Mount::default()
        });
        let labels = self
            .labels
            .clone()
            .into_iter()
            .chain([(DIGEST_LABEL.to_owned(), self.digest())]);
        let ends = self
            .network
            .iter()
            .filter(|_| !self.aliases.is_empty())
            .map(|network| {
                (
                    network.clone(),
                    EndpointSettings {
                        aliases: Some(self.aliases.clone()),
                        ..EndpointSettings::default()
                    },
                )
            });
        ContainerCreateBody {
            image: Some(self.image.clone()),
            entrypoint: self.entrypoint.clone(),
            cmd: self.command.clone(),
            env: Some(
                self.env
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect(),
            ),
            user: self.user.clone(),
            working_dir: self.working_dir.clone(),
            open_stdin: Some(self.open_stdin),
            labels: Some(labels.collect()),
            host_config: Some(HostConfig {
                mounts: Some(mounts.collect()),
                network_mode: self.network.clone(),
                restart_policy: Some(self.restart.into()),
                ..HostConfig::default()
            }),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some(ends.collect()),
            }),
            ..ContainerCreateBody::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_tells_specifications_apart() {
        let one = ContainerSpec::new("redis:7", "tunnel");
        assert_eq!(one.digest(), one.clone().digest());
        assert_ne!(one.digest(), one.clone().env("A", "b").digest());
        assert_ne!(
            one.digest(),
            one.clone().mount(Mount::read_only("/a", "/b")).digest()
        );
        assert_ne!(
            one.clone().mount(Mount::writable("/a", "/b")).digest(),
            one.clone().mount(Mount::read_only("/a", "/b")).digest()
        );
        assert_ne!(one.digest(), one.clone().open_stdin().digest());
        assert_eq!(one.digest().len(), 64);
    }
}
