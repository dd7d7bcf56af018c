//! `cargo xtask matrix`: its arguments and what they do.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use xtask::matrix::Matrix;
use xtask::say::{print, say};

use crate::which_lab::WhichLab;

/// Arguments of `cargo xtask matrix`.
#[derive(Debug, Args)]
pub(crate) struct MatrixArgs {
    /// A spread of points and faults, in some minutes
    #[arg(long)]
    quick: bool,
    /// Only runs whose names contain this; may be given again
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// How data travels
    #[arg(long, value_name = "NAME", default_value = "copy", value_parser = ["copy", "live"])]
    strategy: String,
    /// File for what came of it, as JSON [default: matrix.json in the lab's folder]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    on: WhichLab,
}

/// Runs `cargo xtask matrix`.
pub(crate) fn run(args: MatrixArgs) -> Result<ExitCode, Box<dyn Error>> {
    let lab = args.on.config();
    let report = match &args.report {
        Some(path) => std::path::absolute(path)?,
        None => lab.folder.join("matrix.json"),
    };
    say("Building regmig, regmig with failpoints, and the matrix.");
    let matrix = Matrix {
        quick: args.quick,
        only: args.only,
        strategy: args.strategy,
        report,
        lab,
    };
    matrix.run()?;
    print(format_args!("{}", matrix.report.display()));
    Ok(ExitCode::SUCCESS)
}
