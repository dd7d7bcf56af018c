//! Why a benchmark could not be carried through.

use std::io;

use crate::clients::ClientsError;
use crate::file_error::FileError;
use crate::lab::LabError;
use crate::lab::delay::DelayError;
use crate::operator::OperatorError;
use crate::program::ProgramError;

/// Why a benchmark could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The lab is not there.
    #[error("the lab cannot be had")]
    Lab(#[from] LabError),
    /// The operator's files could not be written.
    #[error("the operator's files cannot be made")]
    Operator(#[from] OperatorError),
    /// regmig and regmig-traffic could not be built.
    #[error("regmig and regmig-traffic cannot be built")]
    Build(#[source] ProgramError),
    /// A procedure could not be carried out.
    #[error("a program of the benchmark failed")]
    Program(#[from] ProgramError),
    /// The clients could not do what they are there for.
    #[error(transparent)]
    Clients(#[from] ClientsError),
    /// The system does not tell where this program is.
    #[error("cannot find the programs that were built")]
    Here(#[source] io::Error),
    /// A file could not be read or written, or is not what was expected.
    #[error(transparent)]
    File(#[from] FileError),
    /// The network could not be slowed down.
    #[error("the network cannot be slowed down")]
    Delay(#[from] DelayError),
    /// A plot could not be drawn.
    #[error("a plot cannot be drawn: {0}")]
    Plot(String),
    /// There is no such data set.
    #[error("found size {0:?}; expected d5, d200 or d1g")]
    Size(String),
    /// Clients are not served again.
    #[error("no write was acknowledged within {seconds} s after {stage}")]
    NotServed {
        /// How long was waited.
        seconds: u64,
        /// What had been done.
        stage: &'static str,
    },
    /// regmig did not say what it took.
    #[error("regmig said nothing of what it took; it said: {0}")]
    Figures(String),
    /// dest's network interface does not count.
    #[error("found {0:?}; expected how many bytes dest's network interface has received and sent")]
    Bytes(String),
    /// The script of the published procedure said something else than expected.
    #[error("found {0:?} among what the script says; expected `step NAME FROM TO`")]
    Step(String),
}
