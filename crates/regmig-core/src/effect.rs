//! The vocabulary of what is asked of machines ([`Query`]) and done to them ([`Effect`]).
//!
//! Both are plain values: they can be printed, journaled, refused, simulated
//! or carried out. Every effect says what shall be true, so that repeating it is harmless.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::facts::{
    Compared, Container, DataDigest, Delegation, DnsState, FileState, FolderState, HostState,
    HttpState, Pass, RedisState, Served,
};
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
    /// Requests that source has served since a time, own probes left out. Answer: `Served`.
    Served {
        /// Milliseconds since the epoch.
        since_ms: i64,
        /// Spans in which regmig itself asked every user.
        own: Vec<(i64, i64)>,
    },
}

/// What a file must be before it is written or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// Anything.
    Any,
    /// It must have this content, or already the one to be written.
    Content(String),
    /// It must not exist, or already have the content to be written.
    Absent,
}

/// A change on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Effects that do not depend on each other, carried out at the same time.
    Together(Vec<Effect>),
    /// A file shall have this content. One that exists keeps its mode and owner; a new one belongs to
    /// whom its folder belongs.
    WriteFile {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
        /// The content.
        content: String,
        /// Permission bits of a new file.
        mode: u32,
        /// What must be there before.
        expect: Expect,
    },
    /// A file shall be exactly this: content, mode, owner and time.
    RestoreFile {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
        /// What it was.
        state: FileState,
        /// What must be there before.
        expect: Expect,
    },
    /// A file shall not exist.
    RemoveFile {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
    },
    /// A folder shall exist. If it is made, it belongs to whom the folder around it belongs.
    MakeFolder {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
        /// Permission bits of a new folder.
        mode: u32,
    },
    /// A folder of regmig's own shall not exist.
    RemoveFolder {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
    },
    /// A folder shall be moved aside and an empty one with the same owner and mode be in its place.
    SetAside {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
        /// Where it goes.
        aside: String,
    },
    /// What `SetAside` moved shall be back in its place.
    PutBack {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
        /// Where it went.
        aside: String,
    },
    /// A folder shall be empty.
    EmptyFolder {
        /// Where.
        machine: Machine,
        /// Absolute path.
        path: String,
    },
    /// The configured start command shall have been run in the root folder.
    StartStack {
        /// Where.
        machine: Machine,
    },
    /// The containers of services shall be made anew from the compose file, and run.
    Recreate {
        /// Where.
        machine: Machine,
        /// Which services.
        services: Vec<String>,
        /// Whether they shall run afterwards.
        start: bool,
    },
    /// The stack's containers and networks shall not exist.
    RemoveStack {
        /// Where.
        machine: Machine,
    },
    /// Services shall run.
    Start {
        /// Where.
        machine: Machine,
        /// Which services.
        services: Vec<String>,
    },
    /// Services shall be stopped.
    Stop {
        /// Where.
        machine: Machine,
        /// Which services.
        services: Vec<String>,
        /// After so long they are killed, seconds.
        within_s: u64,
    },
    /// Docker shall restart services by this policy.
    RestartPolicy {
        /// Where.
        machine: Machine,
        /// Policy by service.
        policies: BTreeMap<String, String>,
    },
    /// nginx shall accept a configuration file; nothing is reloaded.
    TestNginx {
        /// Where.
        machine: Machine,
        /// The main file, as seen inside the container.
        main: String,
    },
    /// Writes shall be held in Redis for at most so long.
    PauseWrites {
        /// Where.
        machine: Machine,
        /// How long.
        ms: u64,
    },
    /// Writes shall no longer be held in Redis.
    Unpause {
        /// Where.
        machine: Machine,
    },
    /// Redis shall have saved everything and ended.
    ShutdownSave {
        /// Where.
        machine: Machine,
    },
    /// Redis shall have saved a snapshot, begun after this effect was.
    Snapshot {
        /// Where.
        machine: Machine,
    },
    /// A verified copy of the data folder shall exist beside a manifest of SHA-256.
    Backup {
        /// Where.
        machine: Machine,
        /// The folder to copy.
        data: String,
        /// Where the copy goes.
        to: String,
    },
    /// Redis shall follow a primary, or none.
    ReplicaOf {
        /// Where.
        machine: Machine,
        /// Host and port of the primary.
        primary: Option<(String, u16)>,
    },
    /// A setting of the running Redis shall have this value.
    RedisSet {
        /// Where.
        machine: Machine,
        /// Name of the setting.
        name: String,
        /// Its value.
        value: String,
    },
    /// The running Redis shall log in on its primary with the configured password.
    RedisPrimaryPassword {
        /// Where.
        machine: Machine,
    },
    /// Keys shall not exist.
    RedisDelete {
        /// Where.
        machine: Machine,
        /// Which keys.
        keys: Vec<String>,
    },
    /// A canary user shall be known on this machine's Redis, written there directly.
    RedisCanary {
        /// Where.
        machine: Machine,
        /// The user's name.
        user: String,
        /// The core it is said to live on.
        core: String,
    },
    /// A canary user shall have been registered through the machine's public HTTPS port.
    RegisterCanary {
        /// Where.
        machine: Machine,
        /// The user's name.
        user: String,
        /// The core it is said to live on.
        core: String,
    },
    /// A key pair shall exist; made there, so that the private half never travels.
    MakeKey {
        /// Where.
        machine: Machine,
        /// Absolute path of the private half.
        path: String,
        /// `ed25519` or `rsa4096`.
        kind: String,
        /// Comment of the public half.
        comment: String,
    },
    /// A command on dest that pulls source's data folder until little is left, and says so in a file.
    WarmUp {
        /// Stop after a pass of fewer bytes.
        below_bytes: u64,
        /// Passes at most.
        passes: u32,
    },
    /// dest's data folder shall equal source's; both are stopped.
    LastPass {
        /// Compare contents instead of size and time.
        checksum: bool,
    },
    /// The tunnel's container shall run on source.
    StartTunnel,
    /// The tunnel shall prove, in a container of its own, that it can log in on dest.
    ProveTunnel,
    /// A container that regmig made shall not exist.
    RemoveContainer {
        /// Where.
        machine: Machine,
        /// Its name.
        name: String,
    },
    /// A program shall have been run on the operator's machine.
    Run {
        /// Program and arguments.
        command: Vec<String>,
    },
}

/// What came of a query or an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Done, and nothing to tell.
    Nothing,
    /// A time or a span.
    Millis(i64),
    /// A number.
    Count(u64),
    /// A text, or that there is none.
    Text(Option<String>),
    /// Texts.
    Lines(Vec<String>),
    /// A machine.
    Host(Box<HostState>),
    /// A file, or that there is none.
    File(Option<FileState>),
    /// A folder, or that there is none.
    Folder(Option<FolderState>),
    /// Checksums by relative path.
    Sums(BTreeMap<String, String>),
    /// Containers.
    Containers(Vec<Container>),
    /// Redis.
    Redis(Box<RedisState>),
    /// A digest.
    Digest(DataDigest),
    /// An HTTP answer.
    Http(HttpState),
    /// A DNS answer.
    Dns(DnsState),
    /// A delegation.
    Delegation(Delegation),
    /// A comparison.
    Compared(Box<Compared>),
    /// Requests served.
    Served(Box<Served>),
    /// Passes of rsync.
    Passes(Vec<Pass>),
    /// Answers of effects that were carried out together.
    Each(Vec<Answer>),
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Together(effects) => {
                for (index, effect) in effects.iter().enumerate() {
                    if index > 0 {
                        f.write_str("; at the same time ")?;
                    }
                    effect.fmt(f)?;
                }
                Ok(())
            }
            Self::WriteFile { machine, path, .. } => write!(f, "on {machine}: write {path}"),
            Self::RestoreFile { machine, path, .. } => {
                write!(f, "on {machine}: put {path} back as it was")
            }
            Self::RemoveFile { machine, path } => write!(f, "on {machine}: remove {path}"),
            Self::MakeFolder { machine, path, .. } => write!(f, "on {machine}: make folder {path}"),
            Self::RemoveFolder { machine, path } => write!(f, "on {machine}: remove folder {path}"),
            Self::SetAside {
                machine,
                path,
                aside,
            } => {
                write!(
                    f,
                    "on {machine}: move {path} to {aside}, leave an empty folder"
                )
            }
            Self::PutBack {
                machine,
                path,
                aside,
            } => write!(f, "on {machine}: move {aside} back to {path}"),
            Self::EmptyFolder { machine, path } => write!(f, "on {machine}: empty {path}"),
            Self::StartStack { machine } => write!(f, "on {machine}: run the start command"),
            Self::Recreate {
                machine,
                services,
                start,
            } => {
                let then = if *start { "run" } else { "leave stopped" };
                write!(
                    f,
                    "on {machine}: make {} anew from the compose file, {then}",
                    services.join(", ")
                )
            }
            Self::RemoveStack { machine } => write!(
                f,
                "on {machine}: remove the stack's containers and networks"
            ),
            Self::Start { machine, services } => {
                write!(f, "on {machine}: start {}", services.join(", "))
            }
            Self::Stop {
                machine,
                services,
                within_s,
            } => {
                write!(
                    f,
                    "on {machine}: stop {} (killed after {within_s} s)",
                    services.join(", ")
                )
            }
            Self::RestartPolicy { machine, policies } => {
                let each: Vec<String> = policies
                    .iter()
                    .map(|(service, policy)| format!("{service}={policy}"))
                    .collect();
                write!(f, "on {machine}: set restart policies {}", each.join(" "))
            }
            Self::TestNginx { machine, main } => write!(f, "on {machine}: nginx -t -c {main}"),
            Self::PauseWrites { machine, ms } => {
                write!(f, "on {machine}: Redis CLIENT PAUSE {ms} WRITE")
            }
            Self::Unpause { machine } => write!(f, "on {machine}: Redis CLIENT UNPAUSE"),
            Self::ShutdownSave { machine } => write!(f, "on {machine}: Redis SHUTDOWN SAVE"),
            Self::Snapshot { machine } => {
                write!(f, "on {machine}: Redis BGSAVE, and wait for its end")
            }
            Self::Backup { machine, data, to } => {
                write!(
                    f,
                    "on {machine}: copy {data} to {to} with a SHA-256 manifest, and check the copy"
                )
            }
            Self::ReplicaOf {
                machine,
                primary: Some((host, port)),
            } => {
                write!(f, "on {machine}: Redis REPLICAOF {host} {port}")
            }
            Self::ReplicaOf {
                machine,
                primary: None,
            } => write!(f, "on {machine}: Redis REPLICAOF NO ONE"),
            Self::RedisSet {
                machine,
                name,
                value,
            } => write!(f, "on {machine}: Redis CONFIG SET {name} {value}"),
            Self::RedisPrimaryPassword { machine } => {
                write!(
                    f,
                    "on {machine}: Redis CONFIG SET masterauth, the configured password"
                )
            }
            Self::RedisDelete { machine, keys } => {
                write!(f, "on {machine}: Redis DEL {}", keys.join(" "))
            }
            Self::RedisCanary {
                machine,
                user,
                core,
            } => {
                write!(
                    f,
                    "on {machine}: write canary {user} (core {core}) into Redis"
                )
            }
            Self::RegisterCanary {
                machine,
                user,
                core,
            } => {
                write!(
                    f,
                    "through {machine}'s public HTTPS: register canary {user} (core {core})"
                )
            }
            Self::MakeKey {
                machine,
                path,
                kind,
                ..
            } => write!(f, "on {machine}: make {kind} key pair {path}"),
            Self::WarmUp {
                below_bytes,
                passes,
            } => write!(
                f,
                "on dest: rsync source's data, again until a pass moves under {below_bytes} bytes, {passes} passes at most"
            ),
            Self::LastPass { checksum: false } => {
                f.write_str("on dest: last rsync of source's data")
            }
            Self::LastPass { checksum: true } => {
                f.write_str("on dest: last rsync of source's data, by checksum")
            }
            Self::StartTunnel => f.write_str("on source: run the tunnel's container"),
            Self::ProveTunnel => {
                f.write_str("on source: prove the tunnel's login in a container of its own")
            }
            Self::RemoveContainer { machine, name } => {
                write!(f, "on {machine}: remove the container {name}")
            }
            Self::Run { command } => write!(f, "on this machine: run {}", command.join(" ")),
        }
    }
}
