//! Containers as they are.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::policy::RestartPolicy;

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
        matches!(
            self,
            Self::Running | Self::Paused | Self::Restarting | Self::Stopping
        )
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

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
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
        let ip = if self.host_ip.is_empty() {
            "0.0.0.0"
        } else {
            &self.host_ip
        };
        let ip = if ip.contains(':') {
            format!("[{ip}]")
        } else {
            ip.to_owned()
        };
        write!(
            f,
            "{ip}:{}->{}/{}",
            self.host_port, self.container_port, self.protocol
        )
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

/// A container as a listing tells of it: all of them in one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Without the leading slash.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// What compose has written about it, where compose made it.
    pub compose: Option<Compose>,
    /// Its networks and its address in each; the address is empty while it does not run.
    pub networks: BTreeMap<String, String>,
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

impl Container {
    /// Where on the machine a path is that the container sees; `None` for one that is in the container alone.
    ///
    /// Links are not followed.
    #[must_use]
    pub fn outside(&self, inside: &Path) -> Option<PathBuf> {
        let seen_through = |mounted: &Mounted| {
            let rest = inside.strip_prefix(&mounted.target).ok()?;
            let depth = Path::new(&mounted.target).components().count();
            // Joining nothing would leave a slash at the end.
            let source = PathBuf::from(&mounted.source);
            let outside = if rest.as_os_str().is_empty() {
                source
            } else {
                source.join(rest)
            };
            Some((depth, outside))
        };
        let found = self.mounts.iter().filter_map(seen_through);
        // What is mounted further down hides what is above.
        let (_, outside) = found.max_by_key(|(depth, _)| *depth)?;
        Some(outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_inside_is_seen_through_the_nearest_mount() {
        let mounted = |source: &str, target: &str| Mounted {
            kind: "bind".into(),
            source: source.into(),
            target: target.into(),
            writable: true,
        };
        let mut container = Container::from_json(b"{}").unwrap();
        container.mounts = vec![
            mounted("/var/pryv/redis/data", "/data"),
            mounted("/mnt/b", "/data/b"),
            mounted("/var/pryv/redis/conf", "/data-of-others"),
        ];
        let outside = |inside: &str| container.outside(Path::new(inside));
        let is = |path: &str| Some(PathBuf::from(path));
        assert_eq!(outside("/data"), is("/var/pryv/redis/data"));
        assert_eq!(outside("/data/"), is("/var/pryv/redis/data"));
        assert_eq!(outside("/data/a"), is("/var/pryv/redis/data/a"));
        assert_eq!(outside("/data/b/c"), is("/mnt/b/c"));
        assert_eq!(outside("/dat"), None);
    }

    #[test]
    fn ports_are_spelled_with_both_ends() {
        let port = |ip: &str| {
            PublishedPort {
                container_port: 6379,
                protocol: "tcp".into(),
                host_ip: ip.into(),
                host_port: 7000,
            }
            .to_string()
        };
        assert_eq!(port("127.0.0.1"), "127.0.0.1:7000->6379/tcp");
        assert_eq!(port(""), "0.0.0.0:7000->6379/tcp");
        assert_eq!(port("::"), "[::]:7000->6379/tcp");
    }
}
