//! The main job, to be watched: a register moves from one machine to another while clients use it.
//!
//! Everything that the demo leaves is in the folder `demo` of its lab: regmig's
//! configuration and journal, what the clients wrote down, and the report.

mod error;
mod report;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regmig_core::journal::Record;
use serde_json::Value;

use crate::clients::{self, Clients, Pace};
use crate::clock::{millis, now_ms};
use crate::file_error::FileError;
use crate::lab::{self, Lab, LabConfig};
use crate::operator::{self, Wishes};
use crate::program::Program;
use crate::say::say;
use crate::timing;
use crate::workspace;

pub use error::DemoError;
pub use report::{Report, Stage};

/// How long source must have served nobody before it is retired; a day in earnest.
const QUIET: Duration = Duration::from_secs(10);

/// How long clients are there before the migration begins, and after it.
const CALM: Duration = Duration::from_secs(5);

/// What a demo is made of.
#[derive(Debug, Clone)]
pub struct Demo {
    /// The lab that it runs on.
    pub lab: LabConfig,
    /// Writes per second.
    pub rate: f64,
    /// How data travels: `copy` or `live`.
    pub strategy: String,
    /// Whether the machines stay as the demo leaves them.
    pub keep: bool,
}

impl Demo {
    fn wishes(&self) -> Wishes {
        Wishes {
            quiet: QUIET,
            strategy: self.strategy.clone(),
            verify_sample: None,
        }
    }

    /// Runs it and shows it, and returns what it showed; [`Report::verdict`] judges that.
    ///
    /// A migration that halts is no error here: what was acknowledged until then is
    /// asked for all the same, and the machines stay as they are.
    ///
    /// # Errors
    ///
    /// When the lab, the clients or a program beside regmig fails.
    pub fn run(&self) -> Result<Report, DemoError> {
        let mut stages = Vec::new();
        let lab = self.prepare(&mut stages)?;
        let folder = self.folder();
        fresh(&folder).map_err(FileError::io("empty", &folder))?;
        let config = operator::lay_out(&lab, &folder, &self.wishes())?;
        let migration = Migration { config };

        let program = workspace::program("regmig-traffic").map_err(DemoError::Here)?;
        let mut traffic = Clients::start(&program, &lab, &folder, Pace::Rate(self.rate))?;
        title(format_args!(
            "Clients register {} users a second at {}, and ask for them by HTTPS and DNS",
            self.rate, lab.source.address
        ));
        let moved = self.under_traffic(&migration, &mut traffic, &mut stages);
        let stopped = traffic.stop();
        let runs = moved?;
        stopped?;

        // Until the end, source's public port leads to whoever serves; after it, source is retired.
        let reached = migration.state()?;
        let (name, asked) = match reached.as_str() {
            Report::END => ("dest", &lab.dest),
            _ => ("source", &lab.source),
        };
        title(format_args!(
            "Asking {name}, {}, for every acknowledged user",
            asked.address
        ));
        let begun = Instant::now();
        let figures = clients::judge(&program, &lab, &folder, name, asked)?;
        stages.push(stage("audit of every acknowledged write", begun));
        if !self.keep && reached == Report::END {
            let begun = Instant::now();
            lab::down(&self.lab)?;
            stages.push(stage("removal of the machines", begun));
        }
        let records = migration.journal()?;
        let started: Vec<i64> = runs.iter().map(|run| run.began_ms).collect();
        Report::new(
            reached,
            runs.into_iter().find_map(|run| run.failed),
            timing::steps(&records, &started),
            timing::cold_window_ms(&records),
            stages,
            figures,
        )
    }

    /// Where everything that the demo leaves is.
    pub fn folder(&self) -> PathBuf {
        self.lab.folder.join("demo")
    }

    /// Builds the programs and, beside that, makes the machines anew.
    fn prepare(&self, stages: &mut Vec<Stage>) -> Result<Lab, DemoError> {
        title("Building regmig, and making the machines of the lab");
        let begun = Instant::now();
        let (lab, built) = std::thread::scope(|scope| {
            let build = scope.spawn(|| {
                let begun = Instant::now();
                let built = workspace::build_programs();
                say(format_args!(
                    "regmig was built in {:.1} s.",
                    begun.elapsed().as_secs_f64()
                ));
                built
            });
            let lab = lab::reset(&self.lab);
            let built = build
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (lab, built)
        });
        built.map_err(DemoError::Build)?;
        stages.push(stage("build and machines, side by side", begun));
        Ok(lab?)
    }

    /// Some calm, then the migration; clients are there all the time.
    fn under_traffic(
        &self,
        migration: &Migration,
        traffic: &mut Clients,
        stages: &mut Vec<Stage>,
    ) -> Result<Vec<Run>, DemoError> {
        let begun = Instant::now();
        traffic.calm(CALM)?;
        stages.push(stage("clients before the migration", begun));
        let mut runs = Vec::new();
        for (verb, until) in [("run", "verified"), ("resume", Report::END)] {
            say(format_args!(
                "{} writes have been acknowledged so far.",
                traffic.acknowledged()?
            ));
            let run = migration.forward(verb, until, stages)?;
            let failed = run.failed.is_some();
            runs.push(run);
            if failed {
                return Ok(runs);
            }
        }
        let begun = Instant::now();
        std::thread::sleep(CALM);
        traffic.acknowledged()?;
        stages.push(stage("clients after the migration", begun));
        Ok(runs)
    }
}

/// The migration, as an operator runs it.
struct Migration {
    config: PathBuf,
}

/// One run of regmig.
struct Run {
    /// When it began, in ms since the epoch.
    began_ms: i64,
    /// How it ended, where that was not with success.
    failed: Option<String>,
}

impl Migration {
    /// Runs or resumes it on this terminal.
    fn forward(&self, verb: &str, until: &str, stages: &mut Vec<Stage>) -> Result<Run, DemoError> {
        let words = [verb, "--yes", "--until", until];
        title(format_args!("regmig {}", words.join(" ")));
        let regmig = self.regmig(&words)?;
        let (began_ms, begun) = (now_ms(), Instant::now());
        let status = regmig.interactive()?;
        stages.push(stage(&format!("regmig {verb} to {until}"), begun));
        let failed = (!status.success()).then(|| format!("regmig {verb} ended with {status}"));
        Ok(Run { began_ms, failed })
    }

    /// The state in which it rests.
    fn state(&self) -> Result<String, DemoError> {
        let text = self.regmig(&["status", "--json", "--offline"])?.text()?;
        let status: Value =
            serde_json::from_str(&text).map_err(FileError::json("the status of the migration"))?;
        let state = status.get("state").and_then(Value::as_str);
        Ok(state.unwrap_or("unknown").to_owned())
    }

    fn journal(&self) -> Result<Vec<Record>, DemoError> {
        let text = self.regmig(&["journal", "--json"])?.text()?;
        Ok(timing::records(&text)?)
    }

    fn regmig(&self, words: &[&str]) -> Result<Program, DemoError> {
        let path = workspace::program("regmig").map_err(DemoError::Here)?;
        Ok(Program::new(path)
            .args(["--config".into(), self.config.clone().into_os_string()])
            .args(words))
    }
}

fn stage(name: &str, begun: Instant) -> Stage {
    Stage {
        name: name.to_owned(),
        ms: millis(begun.elapsed()),
    }
}

/// Sets off what follows.
fn title(text: impl std::fmt::Display) {
    say(format_args!("\n--- {text}"));
}

/// Leaves an empty folder, whatever an earlier demo left there.
fn fresh(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}
