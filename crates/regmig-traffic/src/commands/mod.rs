//! The three commands: from arguments to the library and back to text.

mod audit;
mod files;
mod report;
mod run;
mod stop;

use std::time::Duration;

use regmig_http::{Limits, TlsTrust};
use regmig_traffic::error::TrafficError;
use regmig_traffic::register::Register;

use crate::args::RegisterArgs;
pub(crate) use audit::audit;
use files::read;
pub(crate) use report::report;
pub(crate) use run::run;

/// Exit code: done, and for an audit nothing is lost.
const DONE: u8 = 0;
/// Exit code: no verdict could be made.
const FAILED: u8 = 1;
/// Exit code: the arguments make no sense; the argument parser uses the same.
const USAGE: u8 = 2;
/// Exit code: at least one acknowledged write is lost.
const LOST: u8 = 3;
/// Exit code: none is known to be lost, and at least one could not be asked for.
const UNKNOWN: u8 = 4;

/// The exit code for an error.
pub(crate) fn code_of(error: &TrafficError) -> u8 {
    match error {
        TrafficError::Usage(_) | TrafficError::BadPrefix { .. } | TrafficError::NoCore => USAGE,
        _ => FAILED,
    }
}

/// The register that the arguments name.
fn register(args: &RegisterArgs) -> Result<Register, TrafficError> {
    let trust = match (&args.ca, args.pin) {
        (Some(path), _) => TlsTrust::from_ca_pem(&read("the CA file", path)?)?,
        (None, Some(pin)) => TlsTrust::pinned(pin)?,
        (None, None) => {
            return Err(TrafficError::Usage("give --ca or --pin".to_owned()));
        }
    };
    let total = Duration::from_millis(args.timeout_ms);
    let limits = Limits {
        connect: total,
        total,
        ..Limits::default()
    };
    Ok(Register {
        host: args.host.clone(),
        trust,
        limits,
    })
}
