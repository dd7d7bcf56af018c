//! What can go wrong with the lab.

use std::path::{Path, PathBuf};

use crate::deps::DepsError;
use crate::program::ProgramError;

/// Why the lab did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// This machine lacks something.
    #[error(transparent)]
    Deps(#[from] DepsError),
    /// A program that the lab runs failed.
    #[error("cannot {what}")]
    Program {
        /// What it was run for.
        what: String,
        /// How it failed.
        source: ProgramError,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {what} {}", path.display())]
    File {
        /// What was to be done.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The lab has not been brought up.
    #[error("there is no lab at {}: run `cargo xtask lab up` first", path.display())]
    Absent {
        /// The missing description.
        path: PathBuf,
    },
    /// The process that made the lab's machines did not come to its end.
    #[error("the lab in {} is half made: run `cargo xtask lab up` to make it anew", path.display())]
    Unfinished {
        /// The lab's folder.
        path: PathBuf,
    },
    /// The description of the lab cannot be read.
    #[error("{} does not describe a lab: run `cargo xtask lab up` to write it anew", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The lab's network is in use already.
    #[error(
        "the network {subnet} of the lab overlaps with {other} on this machine: \
         remove that network or give the lab another one (--subnet)"
    )]
    Overlap {
        /// The lab's network.
        subnet: String,
        /// What it overlaps with.
        other: String,
    },
    /// A template names something that the lab does not know.
    #[error("{} names @{name}@, which the lab does not know", path.display())]
    Placeholder {
        /// The template.
        path: PathBuf,
        /// The unknown name.
        name: String,
    },
    /// A machine did not become what it should in time.
    #[error("{machine} is not {expected} after {seconds} s: {found}")]
    Slow {
        /// The container.
        machine: String,
        /// What was waited for.
        expected: &'static str,
        /// The limit.
        seconds: u64,
        /// What was seen last.
        found: String,
    },
}

/// Adds what a program was run for to its error.
pub(super) trait Doing<T> {
    /// `what` continues "cannot …".
    fn doing(self, what: impl Into<String>) -> Result<T, LabError>;
}

impl<T> Doing<T> for Result<T, ProgramError> {
    fn doing(self, what: impl Into<String>) -> Result<T, LabError> {
        self.map_err(|source| LabError::Program {
            what: what.into(),
            source,
        })
    }
}

/// Adds file and intent to an input or output error.
pub(super) trait At<T> {
    /// `what` continues "cannot …" and is followed by the path.
    fn at(self, what: &'static str, path: &Path) -> Result<T, LabError>;
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T, LabError> {
        self.map_err(|source| LabError::File {
            what,
            path: path.to_owned(),
            source,
        })
    }
}
