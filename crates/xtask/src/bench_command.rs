//! `cargo xtask bench`: its arguments and what they do.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use xtask::bench::{self, Bench, Counted};
use xtask::say::{print, say};
use xtask::workspace;

use crate::which_lab::WhichLab;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Data sets, from small to large: d5 has 12,000 users, d200 330,000, d1g 1,600,000; d5:20 has 20 runs of each procedure
    #[arg(long, value_name = "SIZES", value_delimiter = ',', default_value = "d5", value_parser = size)]
    sizes: Vec<Counted>,
    /// Runs of each procedure at each size that does not say
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Procedures: idle is none at all, literal the published one, copy and live are regmig's strategies; literal:3 has no more
    /// than 3 runs at a size
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "idle,literal,copy,live", value_parser = procedure)]
    procedures: Vec<Counted>,
    /// Have runs of copy and of live compared by `regmig verify` at the end at these sizes alone: it takes most of a run of much
    /// data; d200:1 has no more than one run of each so, and none are named for no run at all
    #[arg(long, value_name = "SIZES", num_args = 0.., value_delimiter = ',', value_parser = size)]
    verified: Option<Vec<Counted>>,
    /// Round trips between the machines, and between regmig and each, take so many milliseconds more
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=2000))]
    round_trip_ms: Option<u32>,
    /// File for what came of it, as JSON [default: bench.json in the lab's folder]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Measure nothing: make docs/benchmarks.md, its plots and its report, docs/benchmarks.json, out of these reports
    #[arg(long, value_name = "FILES", value_delimiter = ',', conflicts_with_all = ["sizes", "runs", "procedures", "verified", "round_trip_ms", "report"])]
    page: Vec<PathBuf>,
    #[command(flatten)]
    on: WhichLab,
}

fn size(text: &str) -> Result<Counted, String> {
    Counted::parse(text, &bench::SIZES.map(|(name, _)| name))
}

fn procedure(text: &str) -> Result<Counted, String> {
    Counted::parse(text, &bench::PROCEDURES)
}

/// Runs `cargo xtask bench`.
pub(crate) fn run(args: BenchArgs) -> Result<ExitCode, Box<dyn Error>> {
    if !args.page.is_empty() {
        for path in bench::page::write(&args.page, &workspace::root().join("docs"))? {
            print(path.display());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let lab = args.on.config();
    let report = args.report.unwrap_or_else(|| lab.folder.join("bench.json"));
    let bench = Bench {
        sizes: args.sizes,
        runs: args.runs,
        procedures: args.procedures,
        verified: args.verified,
        round_trip_ms: args.round_trip_ms,
        report,
        lab,
    };
    let found = bench.run()?;
    print(bench::table(&found).trim_end());
    say(format_args!(
        "\nAll figures are in {}.",
        bench.report.display()
    ));
    Ok(ExitCode::SUCCESS)
}
