//! Files that could not be read or written, and JSON that is not what was expected.

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a file, or with what it holds.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be read or written.
    #[error("cannot {verb} {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something is not the JSON that was expected.
    #[error("cannot understand {what}")]
    Json {
        /// What.
        what: &'static str,
        /// What the parser said.
        source: serde_json::Error,
    },
}

impl FileError {
    /// Makes one out of the system's.
    pub fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { verb, path, source }
    }

    /// Makes one about something that is not the JSON expected.
    pub fn json(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Json { what, source }
    }
}
