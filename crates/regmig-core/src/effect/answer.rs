//! What came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::{
    Access, Compared, Container, DataDigest, DataFolder, Delegation, DnsState, FileState,
    FolderState, HostState, HttpState, Loaded, Outage, Pass, RedisState, Served,
};

/// What came of a query or an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Done, and nothing to tell.
    Nothing,
    /// A time or a span.
    Millis(i64),
    /// Yes or no.
    Yes(bool),
    /// A number.
    Count(u64),
    /// A number, or that it cannot be told.
    Number(Option<u64>),
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
    /// How Redis lets clients in.
    Access(Access),
    /// A digest.
    Digest(DataDigest),
    /// Where Redis has its files.
    DataFolder(DataFolder),
    /// What Redis has loaded.
    Loaded(Loaded),
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
    /// An outage as it was measured, or that it is not measured to its end.
    Outage(Option<Outage>),
    /// Passes of rsync.
    Passes(Vec<Pass>),
    /// Answers of effects that were carried out together.
    Each(Vec<Answer>),
}
