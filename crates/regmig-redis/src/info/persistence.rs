//! The persistence part of `INFO`.

use serde::{Deserialize, Serialize};

/// Loading, saving and the append-only file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persistence {
    /// Whether the server is still reading its data from disk.
    pub loading: bool,
    /// Writes since the last save.
    pub changes_since_last_save: Option<u64>,
    /// Whether a background save is in progress.
    pub bgsave_in_progress: bool,
    /// `ok` or `err`.
    pub last_bgsave_status: Option<String>,
    /// When the last save succeeded, Unix time in seconds; the server's start counts as one.
    pub last_save_time: Option<u64>,
    /// Whether the append-only file is on.
    pub aof_enabled: bool,
    /// Whether it is being rewritten.
    pub aof_rewrite_in_progress: bool,
    /// Whether a rewrite waits for its turn.
    pub aof_rewrite_scheduled: bool,
    /// `ok` or `err`, of the last rewrite.
    pub aof_last_rewrite_status: Option<String>,
    /// `ok` or `err`, of the last write to it.
    pub aof_last_write_status: Option<String>,
    /// Bytes that still have to be written to it.
    pub aof_buffered_bytes: Option<u64>,
}

impl Persistence {
    /// Whether the append-only file has everything that this server has accepted. It is what a server with one loads.
    #[must_use]
    pub fn all_is_logged(&self) -> bool {
        let ok = |status: &Option<String>| status.as_deref() == Some("ok");
        self.aof_enabled
            && !self.aof_rewrite_in_progress
            && !self.aof_rewrite_scheduled
            && ok(&self.aof_last_rewrite_status)
            && ok(&self.aof_last_write_status)
            && self.aof_buffered_bytes == Some(0)
    }
}
