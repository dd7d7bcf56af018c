//! What a Redis server tells about itself (`INFO`), read into types.

mod parse;
mod persistence;
mod replication;
mod version;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use parse::{parse_calls, parse_info};
pub use persistence::Persistence;
pub use replication::{LinkStatus, Replica, ReplicaLink, Replication, Role};
pub use version::{Flavour, Version};

/// What a server told about itself at one moment.
///
/// A field that this server does not report is `None`, never a guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// The version of the protocol and data format (`redis_version`); Valkey 8 reports 7.2.4 here.
    pub version: Version,
    /// Redis or Valkey, and Valkey's own version.
    pub flavour: Flavour,
    /// Another one each time the server starts.
    pub run_id: String,
    /// Seconds since the server started.
    pub uptime_seconds: Option<u64>,
    /// The port that it listens on.
    pub tcp_port: Option<u16>,
    /// Whether it is part of a cluster, which regmig does not move.
    pub cluster_enabled: bool,
    /// Replication, as primary or replica.
    pub replication: Replication,
    /// Loading, saving and the append-only file.
    pub persistence: Persistence,
    /// Bytes of memory that the data set uses.
    pub used_memory: Option<u64>,
    /// The limit of that, bytes; 0 is none.
    pub maxmemory: Option<u64>,
    /// What happens at the limit, such as `noeviction`.
    pub maxmemory_policy: Option<String>,
    /// Keys evicted at that limit since the start.
    pub evicted_keys: Option<u64>,
    /// Keys in each database that has any.
    pub keyspace: BTreeMap<u32, Keyspace>,
}

impl Info {
    /// The number of keys in all databases.
    ///
    /// Keys whose time is over count until the server removes them.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.keyspace
            .values()
            .fold(0, |sum, database| sum.saturating_add(database.keys))
    }
}

/// How many keys one database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyspace {
    /// All keys.
    pub keys: u64,
    /// Those that expire.
    pub expires: u64,
}
