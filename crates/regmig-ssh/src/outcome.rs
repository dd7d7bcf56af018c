//! What became of a command that did not simply succeed.

use std::fmt;
use std::time::Duration;

use crate::output::{Output, Status};

/// Most of a command's last words that an error repeats, in bytes.
const WORDS: usize = 2000;

/// How an answer was lost after the request had left.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The connection went away.
    #[error(
        "the connection was lost after the request was sent: {reason}; it may still take effect for {landing:?}"
    )]
    Connection {
        /// How it went.
        reason: String,
        /// How long to wait before looking.
        landing: Duration,
    },
    /// The command was ended at its time limit.
    #[error("it was not done after {limit:?} and was ended there: {words}")]
    Ended {
        /// Its time limit.
        limit: Duration,
        /// What it said last.
        words: Words,
    },
    /// Not even the end was reported in time.
    #[error("no end was reported within {waited:?}")]
    Silent {
        /// How long was waited.
        waited: Duration,
    },
    /// The output was longer than what is kept.
    #[error("it succeeded, but said more than the {kept} bytes that are kept")]
    OutputCut {
        /// What was kept.
        kept: usize,
    },
    /// A process of this machine could not be followed.
    #[error("it was started on this machine but could not be followed")]
    Local(#[source] std::io::Error),
}

/// A command that ended with anything but status 0.
#[derive(Debug, thiserror::Error)]
#[error("it ended with {status}: {words}")]
pub struct CommandFailed {
    /// How it ended.
    pub status: Status,
    /// What it said last.
    pub words: Words,
}

impl CommandFailed {
    /// From what a command left behind.
    pub fn of(output: &Output) -> Self {
        Self {
            status: output.status.clone(),
            words: Words::of(output),
        }
    }
}

/// The end of what a command said: of its errors, or else of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// From what a command left behind.
    pub fn of(output: &Output) -> Self {
        let spoken = if output.stderr.trim_ascii().is_empty() {
            &output.stdout
        } else {
            &output.stderr
        };
        let spoken = spoken.trim_ascii();
        let from = spoken.len().saturating_sub(WORDS);
        Self(String::from_utf8_lossy(spoken.get(from..).unwrap_or_default()).into_owned())
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "it said nothing"
        } else {
            &self.0
        })
    }
}

/// The account may not do this as root.
#[derive(Debug, thiserror::Error)]
#[error(
    "{user} may not run commands as root without a password ({words}); allow it with a line in /etc/sudoers.d: \
     {user} ALL=(ALL) NOPASSWD: ALL"
)]
pub struct NoSudo {
    /// Who asked.
    pub user: String,
    /// What sudo said.
    pub words: Words,
}
