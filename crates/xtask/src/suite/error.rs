//! Why not all tests passed.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::demo::DemoError;
use crate::deps::DepsError;
use crate::lab::LabError;
use crate::matrix::MatrixError;
use crate::program::ProgramError;

/// Why not all tests passed.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A command did not end with success.
    #[error("`{command}` ended with {status}; what it said is above")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A part was named that there is not.
    #[error("found `{found}` as a part of the tests on the lab, expected one of {expected}")]
    NoSuchPart {
        /// The name.
        found: String,
        /// Those that there are.
        expected: String,
    },
    /// A command could not be run at all.
    #[error("a command of the tests cannot be run")]
    Program(#[from] ProgramError),
    /// Something that tests need is not on this machine.
    #[error("the tests cannot run here")]
    Deps(#[from] DepsError),
    /// The lab's folder cannot be made.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The lab failed.
    #[error("the lab failed")]
    Lab(#[from] LabError),
    /// The demo failed, or showed what it should not.
    #[error("`cargo xtask demo` failed")]
    Demo(#[from] DemoError),
    /// The matrix could not be run, or a promise was not kept.
    #[error("`cargo xtask matrix --quick` failed")]
    Matrix(#[from] MatrixError),
    /// The description of the workspace is not what cargo writes.
    #[error("cannot understand what `cargo metadata` says of package {package}")]
    Metadata {
        /// The package that was looked for.
        package: &'static str,
        /// What the parser said, where it did not understand the JSON at all.
        source: Option<serde_json::Error>,
    },
}
