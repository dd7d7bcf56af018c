//! The crash matrix, as `cargo xtask matrix` runs it.
//!
//! Arguments: `quick` or `full`, `copy` or `live`, the file for the report, and words of which the names of wanted runs contain one.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use regmig_tests::matrix::{Report, Selection, run};
use regmig_tests::support::{Tried, Trouble};

fn main() -> ExitCode {
    match matrix() {
        Ok(report) if report.failures() == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(trouble) => {
            // A reader that has gone away is no reason to end differently.
            let _ = writeln!(std::io::stderr().lock(), "error: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn matrix() -> Tried<Report> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next();
    let (Some(how), Some(strategy), Some(report)) = (next(), next(), next()) else {
        return Err(Trouble::new(
            "expected: quick|full copy|live REPORT [PATTERN…]",
        ));
    };
    if std::env::var_os("REGMIG_LAB").is_none() {
        return Err(Trouble::new(
            "REGMIG_LAB is not set: the lab is made anew, so it has to be named",
        ));
    }
    let selection = Selection {
        quick: how == "quick",
        only: arguments.collect(),
        live: strategy == "live",
    };
    run(&selection, Some(PathBuf::from(report)), &[])
}
