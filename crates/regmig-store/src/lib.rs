//! Where a migration is remembered: an append-only journal file, and sled as its index.
//!
//! The file is the truth. Every record is one line, chained by hash to the
//! line before, and on disk (fsync) before [`Journal::append`] returns. sled
//! holds the position and the completion of every step for fast reads; its
//! `flush` does not survive a loss of power, so a sled folder that is missing,
//! damaged or behind is made anew from the file.
//!
//! One process writes, kept alone by a lock on a file of its own; any number
//! may read the journal meanwhile with [`read`].

mod checkpoints;
mod file;
mod line;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use regmig_core::journal::{FORMAT, Journal, JournalError, Record};

pub use crate::checkpoints::Checkpoint;
pub use crate::file::Contents;

/// Name of the journal in a store's folder.
pub const JOURNAL: &str = "journal.jsonl";
const LOCK: &str = "lock";
const CHECKPOINTS: &str = "checkpoints.sled";

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
    /// The journal is damaged before its end.
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

pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { what, path, source }
}

/// A store that is open for writing.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    file: file::JournalFile,
    checkpoints: checkpoints::Checkpoints,
    // Held for as long as the store is open; the kernel lets go of it with the process.
    _lock: File,
}

impl Store {
    /// Opens the store in a folder, which is made if need be, and returns what its journal holds.
    ///
    /// A torn last line is cut off; [`Contents::torn`] says so.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] while another process has it open, [`StoreError::Damaged`] where a
    /// line before the last is not as it was written, and what the file system says.
    pub fn open(folder: &Path) -> Result<(Self, Contents), StoreError> {
        // Pre-images of configuration files may hold passwords: the folder is its owner's alone.
        let mut maker = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker
            .recursive(true)
            .create(folder)
            .map_err(io("cannot make", folder))?;
        let lock_path = folder.join(LOCK);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(io("cannot open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    path: folder.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io("cannot lock", &lock_path)(source)),
        }
        let (file, contents) = file::JournalFile::open(&folder.join(JOURNAL))?;
        let checkpoints = checkpoints::Checkpoints::open(&folder.join(CHECKPOINTS), &contents)?;
        Ok((
            Self {
                folder: folder.to_owned(),
                file,
                checkpoints,
                _lock: lock,
            },
            contents,
        ))
    }

    /// Puts the journal aside under the name of its migration, and begins an empty one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] where the file cannot be renamed.
    pub fn set_aside(&mut self, id: &str) -> Result<(), StoreError> {
        let journal = self.folder.join(JOURNAL);
        std::fs::rename(&journal, self.folder.join(format!("journal-{id}.jsonl")))
            .map_err(io("cannot rename", &journal))?;
        let (file, contents) = file::JournalFile::open(&journal)?;
        self.checkpoints.make_anew(&contents)?;
        self.file = file;
        Ok(())
    }

    /// What the index knows of a step.
    pub fn checkpoint(&self, step: &str) -> Option<Checkpoint> {
        self.checkpoints.get(step)
    }
}

impl Journal for Store {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let head = self
            .file
            .append(record)
            .map_err(|error| JournalError(Box::new(error)))?;
        // The index can be made anew from the file; a failure of sled must not stop a migration.
        if let Err(error) = self.checkpoints.put(record, &head) {
            tracing::warn!(%error, "the checkpoint index fell behind; it will be rebuilt");
        }
        Ok(())
    }
}

/// Whether a process has the store open for writing right now.
pub fn in_use(folder: &Path) -> bool {
    let Ok(lock) = File::options().write(true).open(folder.join(LOCK)) else {
        return false;
    };
    matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
}

/// Reads the journal in a folder without taking part in it; nothing if there is none.
///
/// # Errors
///
/// As [`Store::open`], but for the lock. A torn last line may be one that is being written.
pub fn read(folder: &Path) -> Result<Option<Contents>, StoreError> {
    file::read(&folder.join(JOURNAL))
}
