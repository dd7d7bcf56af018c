//! The replication part of `INFO`.

use regmig_core::position::Position;
use serde::{Deserialize, Serialize};

/// Who a server is in replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It takes writes; `role:master`.
    Primary,
    /// It follows a primary; `role:slave`.
    Replica,
}

/// Replication as one server sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replication {
    /// `None` when the server did not say.
    pub role: Option<Role>,
    /// Identifies the history of writes; a partial resync needs it to be known on both sides.
    pub replid: Option<String>,
    /// Bytes of that history this server has produced or received (`master_repl_offset`).
    pub offset: Option<u64>,
    /// The number of connected replicas.
    pub connected_replicas: Option<u64>,
    /// Those replicas.
    pub replicas: Vec<Replica>,
    /// The link to the primary; only a replica has one.
    pub link: Option<ReplicaLink>,
}

/// One replica, as its primary sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Its address, as it announces itself.
    pub ip: String,
    /// Its port, as it announces itself.
    pub port: u16,
    /// `wait_bgsave`, `send_bulk` or `online`.
    pub state: String,
    /// The offset that it last acknowledged, bytes.
    pub offset: u64,
    /// Seconds since that acknowledgement.
    pub lag: Option<u64>,
}

/// Whether a replica is connected to its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkStatus {
    /// Connected, and past the first synchronisation.
    Up,
    /// Not connected, or still synchronising.
    Down,
}

/// The link of a replica to its primary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaLink {
    /// The primary's host, as configured.
    pub host: String,
    /// The primary's port.
    pub port: u16,
    /// Whether the link is up.
    pub status: LinkStatus,
    /// Seconds since the primary was last heard; `None` while the link is down (the server says -1).
    pub last_io_seconds: Option<u64>,
    /// Whether a full synchronisation is in progress.
    pub sync_in_progress: bool,
    /// Bytes of it that have come; from Redis 6.2 on.
    pub sync_read_bytes: Option<u64>,
    /// Bytes of it left; `None` when the primary streams them without telling a total.
    pub sync_left_bytes: Option<u64>,
    /// Seconds that the link has been down.
    pub down_seconds: Option<u64>,
    /// The offset up to which this replica has carried out its primary's writes, bytes.
    pub offset: Option<u64>,
    /// Whether it refuses writes of its own clients.
    pub read_only: Option<bool>,
}

impl Replication {
    /// How far this server has come: its own writes as a primary, those carried out as a replica.
    #[must_use]
    pub fn position(&self) -> Position {
        let link = (self.link.as_ref()).filter(|_| self.role == Some(Role::Replica));
        let offset = link.and_then(|link| link.offset).or(self.offset);
        Position {
            history: self.replid.clone().unwrap_or_default(),
            offset: offset
                .and_then(|offset| i64::try_from(offset).ok())
                .unwrap_or_default(),
        }
    }

    /// Whether this is a replica whose link is up and whose synchronisation is over.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.role == Some(Role::Replica)
            && self
                .link
                .as_ref()
                .is_some_and(|link| link.status == LinkStatus::Up && !link.sync_in_progress)
    }
}
