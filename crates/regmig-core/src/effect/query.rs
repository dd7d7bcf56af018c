//! What is asked of machines.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// A question; answering it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Query {
    /// The time, milliseconds since the epoch. Answer: `Millis`.
    Now,
    /// Let time pass. Answer: `Nothing`.
    Sleep {
        /// How long.
        ms: u64,
    },
    /// Tools, clock, disk and ports of a machine. Answer: `Host`.
    Host {
        /// Where.
        machine: Machine,
    },
    /// Whether nothing can take place any more that a process which has ended had sent; waits until then.
    /// Answer: `Nothing`.
    Settled {
        /// Where.
        machine: Machine,
        /// When that process sent its last effect, milliseconds since the epoch.
        since_ms: i64,
    },
    /// The home folder of the user who logs in. Answer: `Text`.
    Home {
        /// Where.
        machine: Machine,
    },
    /// A text file. Answer: `File`.
    File {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
    },
    /// Size of a folder. Answer: `Folder`.
    Folder {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
    },
    /// SHA-256 of every file beneath a folder, by relative path. Answer: `Sums`.
    Sums {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
    },
    /// Users in the Redis files at rest in a folder, without starting Redis. Answer: `Count`.
    UsersAtRest {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
    },
    /// What compose itself has against the compose file; nothing if it accepts it. Answer: `Text`.
    ComposeConfig {
        /// Where.
        machine: Machine,
    },
    /// Every container. Answer: `Containers`.
    Containers {
        /// Where.
        machine: Machine,
    },
    /// The last lines of a service's log. Answer: `Lines`.
    Logs {
        /// Where.
        machine: Machine,
        /// Which compose service.
        service: String,
        /// How many lines.
        lines: u32,
    },
    /// What Redis says of itself. Answer: `Redis`.
    Redis {
        /// Where.
        machine: Machine,
    },
    /// What a client meets at Redis that speaks plain Redis; of version 6.2 or later. Answer: `Access`.
    RedisAccess {
        /// Where.
        machine: Machine,
    },
    /// The command-line client in the container of Redis: `redis-cli`, `valkey-cli`, or none. Answer: `Text`.
    RedisCli {
        /// Where.
        machine: Machine,
    },
    /// The version of the format in which Redis writes its data down and sends them to a replica, where that can be told.
    /// Answer: `Number`.
    RdbVersion {
        /// Where.
        machine: Machine,
    },
    /// Whether Redis holds clients' writes back, found by one that would change nothing. Answer: `Yes`.
    WritesPaused {
        /// Where.
        machine: Machine,
    },
    /// A setting of the running Redis, as `CONFIG GET` says it. Answer: `Text`.
    RedisSetting {
        /// Where.
        machine: Machine,
        /// Its name.
        name: String,
    },
    /// How often the running Redis has listed all its keys for somebody (`KEYS`), during which it answers nobody else. Answer:
    /// `Number`.
    RedisListings {
        /// Where.
        machine: Machine,
    },
    /// Which site file nginx serves by since regmig had it reloaded: its SHA-256 in hex and a line end. Answer: `Text`.
    NginxLoaded {
        /// Where.
        machine: Machine,
    },
    /// How long a cutover would take that asks everything and changes nothing; what it needs is connected
    /// afterwards. Answer: `Millis`.
    Rehearsal,
    /// A string key. Answer: `Text`.
    RedisGet {
        /// Where.
        machine: Machine,
        /// Which key.
        key: String,
    },
    /// Keys that stand for one user each, at most so many. Answer: `Lines`.
    Users {
        /// Where.
        machine: Machine,
        /// How many at most.
        limit: u64,
    },
    /// Digest of the data set, computed on the server. Answer: `Digest`.
    Digest {
        /// Where.
        machine: Machine,
    },
    /// What Redis has loaded from its files. Answer: `Loaded`.
    Loaded {
        /// Where.
        machine: Machine,
    },
    /// Whether Redis has its files in the folder that is configured. Answer: `DataFolder`.
    DataFolder {
        /// Where.
        machine: Machine,
    },
    /// A GET through the machine's public HTTPS port. Answer: `Http`.
    Https {
        /// Where.
        machine: Machine,
        /// Path, from `/`.
        path: String,
    },
    /// A GET to the register behind nginx. Answer: `Http`.
    Register {
        /// Where.
        machine: Machine,
        /// Path, from `/`.
        path: String,
    },
    /// A question to the machine's own DNS server. Answer: `Dns`.
    Dns {
        /// Where.
        machine: Machine,
        /// Full name without the final dot.
        name: String,
        /// `A`, `CNAME`, `NS` or `SOA`.
        kind: String,
    },
    /// The delegation as one parent server has it. Answer: `Delegation`.
    Delegation {
        /// The parent server.
        parent: SocketAddr,
    },
    /// The answers of both DNS servers for every user, or a sample. Answer: `Compared`.
    CompareAnswers {
        /// How many users; nothing means all.
        sample: Option<u64>,
    },
    /// The SSH host key that regmig has verified. Answer: `Text`.
    HostKey {
        /// Where.
        machine: Machine,
    },
    /// The certificates that the operator trusts dest by, PEM. Answer: `Text`.
    Trust,
    /// Version of the SSH client in the container of source's Redis. Answer: `Text`.
    SshInRedisImage,
    /// Whether dest reaches source with the migration's key. Answer: `Nothing`, or an error.
    LinkPull,
    /// What was measured of source from outside, once that has ended. Answer: `Outage`.
    Outage,
    /// Requests that source has served since a time, own probes left out. Answer: `Served`.
    Served {
        /// Milliseconds since the epoch.
        since_ms: i64,
        /// Spans in which regmig itself asked every user.
        own: Vec<(i64, i64)>,
    },
}
