//! Why a store cannot be used, and what to do about it.

use std::path::{Path, PathBuf};

use regmig_core::journal::FORMAT;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process writes to it.
    #[error(
        "another regmig process is using {path}; wait for it, or end it and type the command again"
    )]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// The journal is damaged.
    #[error("{path}, line {line} (byte {offset}): {reason}; the lines before it are sound")]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Where that line begins.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no journal, and there was one.
    #[error("{path} is missing, and {index} beside it shows that there was one")]
    Missing {
        /// The journal.
        path: PathBuf,
        /// The sled folder.
        index: PathBuf,
    },
    /// The journal ends before records that had been acknowledged.
    #[error(
        "{path} ends after {found} records, and its index in {index} knows of {known}: what had been acknowledged is missing"
    )]
    Lost {
        /// The journal.
        path: PathBuf,
        /// The sled folder.
        index: PathBuf,
        /// How many whole records the journal holds.
        found: u64,
        /// How many have been acknowledged at least.
        known: u64,
    },
    /// The journal holds another record than the one that had been acknowledged.
    #[error(
        "{path} is not the journal that its index in {index} was made from: record {seq} is another one"
    )]
    Exchanged {
        /// The journal.
        path: PathBuf,
        /// The sled folder.
        index: PathBuf,
        /// The number of that record.
        seq: u64,
    },
    /// The journal was removed, or another file was put in its place, while it was being written.
    #[error("{path} was removed or replaced by another file while regmig was at work")]
    Replaced {
        /// The journal.
        path: PathBuf,
    },
    /// The journal was written by a regmig to come.
    #[error(
        "{path} is a journal of format {found}; this regmig reads formats up to {FORMAT}: use the one that wrote it, or a newer one"
    )]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The file system said no.
    #[error("{what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// sled said no, even to a folder made anew.
    #[error("the checkpoint index in {path} cannot be made")]
    Checkpoints {
        /// The sled folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: sled::Error,
    },
}

impl StoreError {
    /// What the operator can do, where the message does not say so itself.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { .. } => Some(
                "nothing was done; keep this file, it is the evidence, and put a copy in its place that is whole"
                    .to_owned(),
            ),
            Self::Missing { index, .. } => Some(format!(
                "nothing was done; put the journal back. Only if nothing of a migration is on the machines, remove {}",
                index.display()
            )),
            Self::Lost { index, .. } | Self::Exchanged { index, .. } => Some(format!(
                "nothing was done; put a copy of the journal back that is whole. Where there is none, look at both \
                 machines yourself, then remove {}: regmig goes on from what is left, and knows nothing of the rest",
                index.display()
            )),
            Self::Replaced { .. } => Some(
                "put the file back that was there; `regmig status` says whether it is whole"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { what, path, source }
}
