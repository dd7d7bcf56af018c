//! What machines answer: plain values, without behaviour.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::position::Position;

/// A text file with everything needed to put it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// Its content, UTF-8.
    pub content: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of the last change, nanoseconds since the epoch.
    pub mtime_ns: i64,
}

/// A folder, summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderState {
    /// Bytes in regular files beneath it.
    pub bytes: u64,
    /// Regular files beneath it.
    pub files: u64,
}

/// What preflight wants to know about a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostState {
    /// Version of Docker Engine, empty where it does not answer.
    pub docker: String,
    /// Why Docker Engine does not answer.
    pub docker_error: Option<String>,
    /// Version of compose, empty where there is none.
    pub compose: String,
    /// Version of rsync, empty where there is none.
    pub rsync: String,
    /// Version of the SSH client, empty where there is none.
    pub ssh: String,
    /// Milliseconds by which the machine's clock is ahead of regmig's.
    pub clock_ahead_ms: i64,
    /// How far that figure may be off: half of the round trip in which it was taken.
    pub clock_error_ms: i64,
    /// Free bytes in the root folder's file system.
    pub free_bytes: u64,
    /// Whether the root folder exists.
    pub root_exists: bool,
    /// Local addresses and ports on which something listens, as `tcp 0.0.0.0:443`.
    pub listening: Vec<String>,
    /// Tags of the images present.
    pub images: Vec<String>,
}

/// A container as Docker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its name, without a leading slash.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The compose service, if it belongs to the configured stack.
    pub service: Option<String>,
    /// The image it was made from.
    pub image: String,
    /// `running`, `exited`, `created`, `restarting`, `paused` or `dead`.
    pub state: String,
    /// `no`, `always`, `unless-stopped` or `on-failure`.
    pub restart: String,
    /// How often Docker has restarted it.
    pub restarts: u64,
    /// When it was last started, milliseconds since the epoch.
    pub started_ms: i64,
    /// Its networks and its address in each.
    pub networks: BTreeMap<String, String>,
    /// Published ports, as `127.0.0.1:6379->6379/tcp`.
    pub ports: Vec<String>,
}

impl Container {
    /// Whether it runs and is not about to be restarted.
    pub fn runs(&self) -> bool {
        self.state == "running"
    }
}

/// How far a replica's full resync has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    /// Bytes that have come.
    pub came: u64,
    /// Bytes that are still to come, where the primary has told how many there are: one that sends its data without
    /// writing them to its disk first does not.
    pub left: Option<u64>,
    /// Bytes that come in a second, where whoever asks has been watching for a while.
    pub rate: Option<u64>,
}

impl fmt::Display for Resync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        match self.left {
            Some(left) => write!(
                f,
                "{:.1} MB of the full resync are still to come",
                megabytes(left)
            )?,
            None => write!(
                f,
                "{:.1} MB of the full resync have come",
                megabytes(self.came)
            )?,
        }
        let Some(rate) = self.rate else {
            return Ok(());
        };
        write!(f, ", at {:.1} MB/s", megabytes(rate))?;
        match self.left {
            Some(left) if rate > 0 => write!(f, ": about {} s", left.div_ceil(rate)),
            _ => Ok(()),
        }
    }
}

/// What Redis says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedisState {
    /// Its version.
    pub version: String,
    /// `master` or `slave`, in Redis's own words.
    pub role: String,
    /// Keys in all databases.
    pub keys: u64,
    /// Whether it still loads its files.
    pub loading: bool,
    /// The primary it follows, as `host:port`.
    pub primary: Option<String>,
    /// Whether the link to that primary is up.
    pub link_up: bool,
    /// The full resync that is under way.
    #[serde(default)]
    pub resync: Option<Resync>,
    /// Seconds since it last heard from that primary.
    pub link_idle_s: Option<i64>,
    /// How far it has come: its own writes as a primary, those carried out as a replica.
    #[serde(flatten)]
    pub position: Position,
    /// Replicas that follow it.
    pub replicas: u64,
    /// Whether it appends to an AOF.
    pub appendonly: bool,
    /// Whether it would refuse clients' writes as a replica.
    pub replica_read_only: bool,
}

/// What clients of source would have seen of a cutover, measured from the operator's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// When measuring began, milliseconds since the epoch.
    pub from_ms: i64,
    /// When it ended.
    pub to_ms: i64,
    /// How long nobody measured in between since no regmig ran, milliseconds. It counts as outage.
    pub unmeasured_ms: i64,
    /// Registrations of a canary user through source's public HTTPS.
    pub writes: Availability,
    /// A look for a user there.
    pub reads: Availability,
    /// A question to source's DNS.
    pub dns: Availability,
}

/// How one thing was served while it was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// How often it was tried.
    pub probes: u64,
    /// How often it failed.
    pub failed: u64,
    /// The longest time from one success to the next, milliseconds.
    pub longest_gap_ms: i64,
    /// All such times of more than half a second together, milliseconds: what a loaded machine takes without any
    /// migration stays below.
    pub outage_ms: i64,
}

/// An order-independent digest of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataDigest {
    /// Keys that went into it.
    pub keys: u64,
    /// Keys left out because services write them by themselves at their start.
    pub excluded: u64,
    /// Hex sum over every key, type, value and expiry.
    pub sum: String,
}

/// What a client meets at a running Redis that speaks plain Redis: without TLS, as nobody, with commands by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Whether `default`, the user of whoever logs in as nobody, needs no password and may do everything.
    pub open: bool,
    /// Users besides `default`.
    pub users: Vec<String>,
    /// Commands that it does not know by their names, in capitals.
    pub unknown: Vec<String>,
    /// Settings by which others find it behind TLS, or by which it logs in to a primary, where they are not as they are by
    /// default.
    pub settings: Vec<String>,
}

/// Where a Redis has its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataFolder {
    /// In the folder of the machine that is configured.
    Configured,
    /// In the folder to which the one that is configured is a link.
    Linked(String),
    /// In another folder of the machine.
    Other(String),
    /// In this folder of its container, which is none of the machine's.
    InContainer(String),
    /// It does not tell.
    Untold,
}

/// What a Redis has loaded, as far as it can be told without reading a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Its version, and whose it is.
    pub version: String,
    /// The settings that decide which files it loads and what it keeps of them. One that it does not know is missing.
    pub settings: BTreeMap<String, String>,
    /// Each database that has any keys.
    pub databases: BTreeMap<u32, LoadedKeys>,
}

/// How many keys a database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedKeys {
    /// All keys.
    pub keys: u64,
    /// Those that expire.
    pub expires: u64,
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpState {
    /// Status code.
    pub status: u16,
    /// The `Location` header.
    pub location: Option<String>,
}

/// A DNS answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsState {
    /// Response code, for example `NOERROR`.
    pub rcode: String,
    /// Records of the answer section as text without TTL, sorted.
    pub answers: Vec<String>,
}

/// A delegation as one parent server publishes it: name to sorted glue addresses.
pub type Delegation = BTreeMap<String, Vec<std::net::IpAddr>>;

/// The outcome of comparing both DNS servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Users asked for.
    pub users: u64,
    /// Questions asked of each server.
    pub questions: u64,
    /// How many answers differ.
    pub different: u64,
    /// The first few differences, in words.
    pub samples: Vec<String>,
    /// When the first question was asked, milliseconds since the epoch.
    pub from_ms: i64,
    /// When the last answer came, milliseconds since the epoch.
    pub to_ms: i64,
}

/// Who has been served by source lately, own probes left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// When the last request was served, milliseconds since the epoch.
    pub last_ms: Option<i64>,
    /// What that request was.
    pub last: Option<String>,
    /// Requests within the last hour.
    pub last_hour: u64,
    /// Requests since the time asked about.
    pub total: u64,
}

/// One pass of rsync.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Bytes of file data that were sent.
    pub bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// How long it took.
    pub ms: u64,
}
