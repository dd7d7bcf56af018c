//! `cargo xtask demo`: its arguments and what they do.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use xtask::demo::{Demo, Report};
use xtask::lab::LabConfig;
use xtask::say::{print, say};

use crate::which_lab::WhichLab;

/// Arguments of `cargo xtask demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// File for what was shown, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Users that source has at the start
    #[arg(long, value_name = "N", default_value_t = LabConfig::DEFAULT_USERS)]
    users: u32,
    /// Writes per second
    #[arg(long, value_name = "R", default_value_t = 20.0)]
    rate: f64,
    /// How data travels
    #[arg(long, value_name = "NAME", default_value = "live", value_parser = ["copy", "live"])]
    strategy: String,
    /// Leave the machines as they are at the end, to look around
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    on: WhichLab,
}

/// Runs `cargo xtask demo`.
pub(crate) fn run(args: DemoArgs) -> Result<ExitCode, Box<dyn Error>> {
    let mut lab = args.on.config();
    lab.seed_users = Some(args.users);
    let demo = Demo {
        lab,
        rate: args.rate,
        strategy: args.strategy,
        keep: args.keep,
    };
    let report = demo.run()?;
    if let Some(path) = args.report {
        report.write(&path)?;
    }
    print(report.tables().trim_end());
    say(format_args!(
        "\nWhat it left is in {}.",
        demo.folder().display()
    ));
    if report.reached != Report::END {
        say(format_args!(
            "The machines stay as they are. To look at them: cargo run --package regmig -- --config {} status",
            demo.folder().join("regmig.toml").display()
        ));
    }
    report.verdict()?;
    print(format_args!(
        "\nThe register moved from source to dest: {} writes were acknowledged, none is lost.",
        report.acknowledged
    ));
    Ok(ExitCode::SUCCESS)
}
