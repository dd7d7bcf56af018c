//! `cargo xtask fuzz`: libFuzzer looks for inputs that break a property of what reads others' words.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use xtask::program::Program;
use xtask::say::{print, say};
use xtask::table::columns;
use xtask::workspace::{cargo, root};

/// The version of `cargo fuzz` that is installed where there is none.
const CARGO_FUZZ: &str = "0.13.1";

/// How long the installation of `cargo fuzz`, and the first build of the targets, may take.
const BUILD_LIMIT: Duration = Duration::from_secs(3600);

/// More than any file that is fuzzed has; longer inputs find nothing new, and slowly.
const LONGEST_INPUT: u32 = 16_384;

/// Arguments of `cargo xtask fuzz`.
#[derive(Debug, Args)]
pub(crate) struct FuzzArgs {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// One target; all of them without
    #[arg(value_name = "TARGET")]
    target: Option<String>,
}

/// Runs `cargo xtask fuzz`.
pub(crate) fn run(args: &FuzzArgs) -> Result<ExitCode, Box<dyn Error>> {
    let folder = root().join("tests/fuzz/libfuzzer");
    let targets = targets(&fs::read_to_string(folder.join("Cargo.toml"))?);
    let chosen: Vec<&String> = targets
        .iter()
        .filter(|name| args.target.as_ref().is_none_or(|wanted| wanted == *name))
        .collect();
    if chosen.is_empty() {
        say(format_args!(
            "error: there is no target {}; there are {}",
            args.target.as_deref().unwrap_or_default(),
            targets.join(", ")
        ));
        return Ok(ExitCode::from(2));
    }
    let cargo_fuzz = cargo_fuzz()?;
    let work = root().join("target/fuzz");
    say("Writing what the targets begin with.");
    cargo("run")
        .args([
            "--quiet",
            "--package",
            "regmig-fuzz",
            "--example",
            "seeds",
            "--",
        ])
        .args([work.join("seeds")])
        .limit(BUILD_LIMIT)
        .done()?;
    say(
        "Building the targets; the first time every crate is compiled anew, some ten minutes on 2 cores.",
    );
    let words = |verb: &'static str| {
        Program::new(&cargo_fuzz)
            .args(["fuzz", verb, "--sanitizer", "none", "--fuzz-dir"])
            .args([&folder])
            .args(["--target-dir"])
            .args([&work])
    };
    words("build").limit(BUILD_LIMIT).done()?;
    let mut rows =
        vec![["target", "seconds", "executions", "corpus", "finding"].map(str::to_owned)];
    let mut found = false;
    for name in chosen {
        say(format_args!("{name}, {} s", args.seconds));
        let (log, corpus) = (
            work.join(format!("{name}.log")),
            work.join("corpus").join(name),
        );
        let artifacts = work.join("artifacts").join(name);
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&artifacts)?;
        let output = words("run")
            .args([name])
            .args([&corpus, &work.join("seeds").join(name)])
            .args([
                "--".to_owned(),
                format!("-max_total_time={}", args.seconds),
                format!("-max_len={LONGEST_INPUT}"),
                format!("-artifact_prefix={}/", artifacts.display()),
                "-print_final_stats=1".to_owned(),
            ])
            .limit(Duration::from_secs(args.seconds) + BUILD_LIMIT)
            .run()?;
        fs::write(&log, &output.stderr)?;
        let finding = (!output.status.success())
            .then(|| finding(&output.stderr).unwrap_or_else(|| log.display().to_string()));
        found |= finding.is_some();
        rows.push([
            name.clone(),
            args.seconds.to_string(),
            executions(&output.stderr),
            fs::read_dir(&corpus)?.count().to_string(),
            finding.unwrap_or_else(|| "none".to_owned()),
        ]);
    }
    print(columns(&rows).trim_end());
    Ok(if found {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The names of the targets, from their manifest.
fn targets(manifest: &str) -> Vec<String> {
    manifest
        .split("[[bin]]")
        .skip(1)
        .filter_map(|bin| Some(bin.split_once("name = \"")?.1.split_once('"')?.0.to_owned()))
        .collect()
}

/// `cargo fuzz`, installed below `target` if this machine has none.
fn cargo_fuzz() -> Result<PathBuf, Box<dyn Error>> {
    let on_path = PathBuf::from("cargo-fuzz");
    if Program::new(&on_path).args(["--version"]).succeeds() {
        return Ok(on_path);
    }
    let tools = root().join("target/tools");
    let own = tools.join("bin/cargo-fuzz");
    if !own.exists() {
        say(format_args!(
            "Installing cargo-fuzz {CARGO_FUZZ} in {}, since there is none on this machine.",
            tools.display()
        ));
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Program::new(cargo)
            .args([
                "install",
                "cargo-fuzz",
                "--locked",
                "--version",
                CARGO_FUZZ,
                "--root",
            ])
            .args([&tools])
            .limit(BUILD_LIMIT)
            .done()?;
    }
    Ok(own)
}

/// How often the property was held against an input, as libFuzzer counted.
fn executions(said: &str) -> String {
    said.lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .map_or_else(|| "-".to_owned(), |count| count.trim().to_owned())
}

/// Where libFuzzer put the input that broke the property.
fn finding(said: &str) -> Option<String> {
    let line = said
        .lines()
        .find(|line| line.contains("Test unit written to "))?;
    line.split_whitespace().last().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{executions, finding, targets};

    #[test]
    fn the_words_of_the_fuzzer_are_understood() {
        let said = "#1 INITED\nartifact_prefix='a/'; Test unit written to a/crash-0f\nstat::number_of_executed_units: 4211\n";
        assert_eq!(executions(said), "4211");
        assert_eq!(executions(""), "-");
        assert_eq!(finding(said).as_deref(), Some("a/crash-0f"));
        assert_eq!(finding("Done 4211 runs in 60 second(s)"), None);
    }

    #[test]
    fn every_target_of_the_manifest_is_known() {
        let manifest = "[package]\nname = \"x\"\n\n[[bin]]\nname = \"a\"\npath = \"b.rs\"\n[[bin]]\nname = \"c\"\n";
        assert_eq!(targets(manifest), ["a", "c"]);
    }
}
