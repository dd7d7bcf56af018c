//! Proof that two data sets are equal: a digest of every key, its value and its expiry.
//!
//! # What is compared
//!
//! Each key gives one *item*, computed on the server by a script that only reads: a mark of
//! the key's name, and a hash over its database, name, type, value and the moment it expires.
//! The hash of a value does not depend on how the server stores it or in which order a hash or
//! a set was filled: elements are hashed one by one and their hashes added. Elements of a list count with their
//! position, members of a sorted set with their score, fields of a hash with their own expiry where the
//! server knows that, streams with their groups. Types that a module brings are compared by their `DUMP`
//! without its trailer, which two versions of a module may write differently.
//! Functions (`FUNCTION LOAD`), scripts and users of the server are not data and are not compared.
//!
//! The moment of expiry is exact, in milliseconds. Redis 7 tells it; an older one tells how long a key
//! still lives, and the script adds its clock read in the same millisecond, so that a clock that is
//! wrong does not matter. Redis before 7 sends `EXPIRE` to its replicas as a duration: there the moments on
//! primary and replica differ by the time that the command was under way, and [`Expiry::Ignored`] compares the rest.
//!
//! # How it is read
//!
//! `SCAN` may give a key twice. The items of one *slice* of all marks are therefore held, sorted and
//! freed of duplicates before they count; a data set larger than
//! [`DigestOptions::keys_in_memory`] is walked once a slice. The digest is the SHA-256 of all items in order. It is exact on a
//! data set that nobody writes to, and says nothing definite about one that changes meanwhile.
//! Large collections and strings are read in pieces. One call takes the server about 3 ms ([`Pace::Alone`] apart); only a
//! single element (or a value of a module) of more than a megabyte takes longer, since Redis cannot read a part of it.
//! Nothing is left behind but the script in the server's cache, until it stops.

mod collect;
mod diff;
mod glob;
mod item;
mod kept;
mod pieces;
mod script;

use std::collections::BTreeMap;

use regmig_core::port::PortError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use diff::{Difference, Differences, KeyDifference, diff, diff_again};
pub use kept::Kept;

use crate::client::Redis;
use crate::digest::collect::Collector;
use crate::digest::item::Kind;
use crate::digest::kept::Part;

/// What to compare and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestOptions {
    /// Globs of keys that are counted and not compared, such as what a service writes at its start.
    pub excluded: Vec<String>,
    /// Whether the moments of expiry are compared.
    pub expiry: Expiry,
    /// How many items are held at a time, at 16 bytes each.
    pub keys_in_memory: u32,
    /// How much of the server's time is taken.
    pub pace: Pace,
}

impl Default for DigestOptions {
    /// Everything, exactly, in at most 64 MB and 3 ms steps without a pause.
    fn default() -> Self {
        Self {
            excluded: Vec::new(),
            expiry: Expiry::Exact,
            keys_in_memory: 4_000_000,
            pace: Pace::Steady,
        }
    }
}

/// How much of a server's time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Calls of about 3 ms, after each of which the server is left alone for as long as the answer took more than 3 ms longer than
    /// the quickest so far, and 20 ms at most: its clients come first, and where there is nobody else it goes on at once.
    Gentle,
    /// Calls of about 3 ms without a pause.
    Steady,
    /// Calls of about 30 ms without a pause: no client waits for this server, but for what is asked here.
    Alone,
}

impl Pace {
    /// How many keys the server looks at in one call.
    fn keys(self) -> u32 {
        match self {
            Self::Gentle | Self::Steady => 250,
            Self::Alone => 2500,
        }
    }

    /// The work of one call, in the script's units (about nanoseconds).
    fn work(self) -> u32 {
        match self {
            Self::Gentle | Self::Steady => 3_000_000,
            Self::Alone => 30_000_000,
        }
    }
}

/// Whether the moments at which keys expire are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// To the millisecond.
    Exact,
    /// Only whether the keys are there.
    Ignored,
}

/// How far a digest has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestProgress {
    /// Keys looked at, in all passes so far.
    pub done: u64,
    /// Keys to look at in all passes, as far as the server can tell.
    pub total: u64,
}

/// A digest of a data set; two that are equal prove equal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Keys that were compared.
    pub keys: u64,
    /// Keys that match [`DigestOptions::excluded`].
    pub excluded: u64,
    /// Compared keys that expire.
    pub expiring: u64,
    /// Compared keys of each type, as `TYPE` names it; `other` for those of modules.
    pub by_type: BTreeMap<String, u64>,
    /// The digest, 64 hexadecimal digits.
    pub sum: String,
}

impl Digest {
    /// Whether the compared keys of both are the same; excluded ones may differ in number.
    #[must_use]
    pub fn same_data(&self, other: &Self) -> bool {
        self.sum == other.sum && self.keys == other.keys
    }
}

impl Redis {
    /// Computes the digest of the whole data set, in all databases.
    ///
    /// Works on a primary, on a read-only replica, and (from Redis 7 on) while writes are paused.
    ///
    /// # Errors
    ///
    /// As every question, never with an unknown outcome. Refused when the server was restarted, or a
    /// large key changed, while it was being read.
    pub async fn digest(
        &self,
        options: &DigestOptions,
        progress: &mut (dyn FnMut(DigestProgress) + Send),
    ) -> Result<Digest, PortError> {
        let mut collector = Collector::start(self, options).await?;
        let slices = collector.slices(u64::from(options.keys_in_memory));
        let mut digest = Digest {
            keys: 0,
            excluded: 0,
            expiring: 0,
            by_type: BTreeMap::new(),
            sum: String::new(),
        };
        let mut hasher = Sha256::new();
        for slice in slices {
            for item in collector.items(&slice, &Part::default(), progress).await? {
                if item.kind() == Kind::Excluded {
                    digest.excluded += 1;
                    continue;
                }
                digest.keys += 1;
                digest.expiring += u64::from(item.expires());
                *digest
                    .by_type
                    .entry(item.kind().name().to_owned())
                    .or_default() += 1;
                hasher.update(item.bytes());
            }
        }
        digest.sum = hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(digest)
    }
}
