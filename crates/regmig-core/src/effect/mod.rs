//! The vocabulary of what is asked of machines ([`Query`]) and done to them ([`Effect`]).
//!
//! Both are plain values: they can be printed, journaled, refused, simulated
//! or carried out. Every effect says what shall be true, so that repeating it is harmless.

mod answer;
mod query;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::FileState;
use crate::machine::Machine;
use crate::position::Position;

pub use answer::Answer;
pub use query::Query;

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
    /// Services shall be frozen: who connects to them is not refused, and waits.
    Hold {
        /// Where.
        machine: Machine,
        /// Which services.
        services: Vec<String>,
    },
    /// Services shall not be frozen.
    Release {
        /// Where.
        machine: Machine,
        /// Which services.
        services: Vec<String>,
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
    /// nginx shall serve by its site file as that stands now, and say so in a file of regmig's beside it.
    ReloadNginx {
        /// Where.
        machine: Machine,
        /// So long is waited until the workers that served by another file have answered what they were asked, and
        /// ended, milliseconds; nothing if they are not waited for.
        drain_ms: Option<u64>,
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
    /// Redis shall have ended with everything on its disk.
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
    /// What clients see of source shall be measured from now on, from the operator's machine, with a canary user who is
    /// registered again and again. Ends with the process.
    Measure {
        /// The canary's name.
        user: String,
        /// The core it is said to live on.
        core: String,
        /// A user whom the platform knows, to look for.
        known: String,
        /// Whether an earlier process was measuring the same.
        goes_on: bool,
    },
    /// That shall have ended, with no probe under way, and its result be kept.
    MeasureEnd {
        /// How long to wait until everything that is measured is served again, milliseconds.
        within_ms: u64,
    },
    /// No result of measuring shall be kept.
    MeasureForget,
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
    /// source's data folder shall equal dest's, compared by content; both are stopped.
    HomePass,
    /// dest's Redis shall be its own primary, unless the epoch is spent: that is set and looked at in one transaction
    /// with the promotion.
    Promote {
        /// The epoch of this cutover.
        epoch: String,
        /// What it must have replicated.
        upto: Position,
        /// How long to wait for that, milliseconds.
        within_ms: u64,
    },
    /// The epoch shall be spent if dest's Redis has not been promoted by it: it never will be.
    Withdraw {
        /// The epoch of a cutover.
        epoch: String,
    },
    /// A timer on the machine shall take the way out of the cutover, unless it is disarmed in time: the epoch is spent,
    /// and whichever machine has Redis's writes serves.
    Arm {
        /// Where.
        machine: Machine,
        /// The epoch of this cutover.
        epoch: String,
        /// When the timer acts, milliseconds from now.
        within_ms: u64,
    },
    /// No such timer shall run, nor its files be there.
    Disarm {
        /// Where.
        machine: Machine,
    },
    /// The tunnel's container shall run.
    StartTunnel {
        /// On which machine; it leads to the other's Redis.
        machine: Machine,
    },
    /// The tunnel shall prove, in a container of its own, that it can log in on the other machine.
    ProveTunnel {
        /// On which machine.
        machine: Machine,
    },
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
