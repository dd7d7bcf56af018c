//! `cargo xtask kills`: many migrations, each killed once at a random instant.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use xtask::lab;
use xtask::program::Program;
use xtask::say::{print, say};
use xtask::table::columns;
use xtask::workspace::{build_programs, cargo};

use crate::which_lab::WhichLab;

/// Arguments of `cargo xtask kills`.
#[derive(Debug, Args)]
pub(crate) struct KillsArgs {
    /// How many migrations, about 40 s each
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The seed of the first; each further one has the next number
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// File for what came of each, as JSON [default: kills.json in the lab's folder]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    on: WhichLab,
}

/// Runs `cargo xtask kills`.
pub(crate) fn run(args: &KillsArgs) -> Result<ExitCode, Box<dyn Error>> {
    let config = args.on.config();
    say("Building regmig and regmig-traffic.");
    build_programs()?;
    lab::up(&config)?;
    let report = match &args.report {
        Some(path) => std::path::absolute(path)?,
        None => config.folder.join("kills.json"),
    };
    if report.exists() {
        fs::remove_file(&report)?;
    }
    let [a, b, c] = config.subnet;
    let status = Program::new("env")
        .args([
            format!("REGMIG_LAB={}", config.name),
            format!("REGMIG_LAB_SUBNET={a}.{b}.{c}"),
        ])
        .args(cargo("run").words())
        .args(["--quiet", "--package", "regmig-tests", "--features", "lab"])
        .args(["--example", "kill_runs", "--"])
        .args([args.runs.to_string(), args.seed.to_string()])
        .args([&report])
        .interactive()?;
    if report.exists() {
        print(table(&report)?.trim_end());
        print(format_args!("{}", report.display()));
    }
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One line for each run.
fn table(report: &Path) -> Result<String, Box<dyn Error>> {
    let report: Value = serde_json::from_slice(&fs::read(report)?)?;
    let runs = report.get("runs").and_then(Value::as_array);
    let figure = |run: &Value, name: &str| match run.get(name) {
        Some(Value::String(text)) => text.lines().next().unwrap_or_default().to_owned(),
        Some(other) => other.to_string(),
        None => "-".to_owned(),
    };
    let heads = [
        "seed",
        "step",
        "after_ms",
        "reached",
        "acknowledged",
        "lost",
        "failure",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    for run in runs.into_iter().flatten() {
        rows.push(heads.map(|name| figure(run, name)));
    }
    Ok(columns(&rows))
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn every_run_has_a_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let report = r#"{ "runs": [
            { "seed": 1, "step": "cold/fence", "after_ms": 12, "reached": "finalized", "acknowledged": 300, "lost": 0 },
            { "seed": 2, "failure": "it broke\nbadly" } ], "failed": 1 }"#;
        std::fs::write(file.path(), report).unwrap();
        let shown = table(file.path()).unwrap();
        assert_eq!(shown.lines().count(), 3, "{shown}");
        assert!(shown.contains("cold/fence"), "{shown}");
        assert!(
            shown.contains("it broke") && !shown.contains("badly"),
            "{shown}"
        );
    }
}
