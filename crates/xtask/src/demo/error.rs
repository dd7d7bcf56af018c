//! Why a demo could not be carried through.

use std::io;

use crate::clients::ClientsError;
use crate::file_error::FileError;
use crate::lab::LabError;
use crate::operator::OperatorError;
use crate::program::ProgramError;

/// Why a demo could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The lab is not there.
    #[error("the lab cannot be had")]
    Lab(#[from] LabError),
    /// The operator's files could not be written.
    #[error("the operator's files cannot be made")]
    Operator(#[from] OperatorError),
    /// regmig and regmig-traffic could not be built.
    #[error("regmig and regmig-traffic cannot be built")]
    Build(#[source] ProgramError),
    /// A program did not do what it was started for.
    #[error("a program of the demo failed")]
    Program(#[from] ProgramError),
    /// The system does not tell where this program is.
    #[error("cannot find the programs that were built")]
    Here(#[source] io::Error),
    /// A file could not be read or written, or is not what was expected.
    #[error(transparent)]
    File(#[from] FileError),
    /// The clients could not do what they are there for.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// What was shown is not what should have been.
    #[error("found {found}; expected {expected}")]
    Verdict {
        /// What was found.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
}
