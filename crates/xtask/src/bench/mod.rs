//! What a cutover costs a platform's clients: the published procedure, regmig, and no migration at all, on the same
//! lab under the same load, in turn.

mod error;
mod figures;
mod own;
pub mod page;
mod plots;
mod procedures;
mod verifying;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::clients::{self, Clients, Pace};
use crate::file_error::FileError;
use crate::lab::delay::Delay;
use crate::lab::{self, LabConfig};
use crate::program::Program;
use crate::say::say;
use crate::table::columns;
use crate::workspace;

pub use error::BenchError;
pub use figures::{Did, Report, Run, Size, Spread, Summary};
pub use own::{Own, OwnSummary, Verified, VerifiedSummary};
use procedures::Procedure;

/// Data sets by name: users. Those of the measurements that set regmig's goals: 9.5 MB, 211 MB and 1 GB of Redis data.
pub const SIZES: [(&str, u32); 3] = [("d5", 12_000), ("d200", 330_000), ("d1g", 1_600_000)];

/// Every procedure by name.
pub const PROCEDURES: [&str; 4] = [IDLE, "literal", "copy", "live"];

/// The name of runs without any migration.
const IDLE: &str = "idle";

/// Clients that write: each waits for its answer.
const WRITERS: u16 = 6;

/// How long clients are there before a procedure and after it.
const CALM: Duration = Duration::from_secs(5);

/// A name, and how many runs it shall have, if it says so: `d5` or `d5:20`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The name.
    pub name: String,
    /// How many runs.
    pub runs: Option<u32>,
}

impl Counted {
    /// Reads `NAME` or `NAME:RUNS`, where the name is one of those known.
    ///
    /// # Errors
    ///
    /// When it is neither, in words for whoever typed it.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, String> {
        let (name, runs) = match text.split_once(':') {
            None => (text, None),
            Some((name, runs)) => match runs.parse() {
                Ok(runs @ 1..=100) => (name, Some(runs)),
                _ => {
                    return Err(format!(
                        "found {runs:?} runs, expected a number from 1 to 100"
                    ));
                }
            },
        };
        if !known.contains(&name) {
            return Err(format!(
                "found {name:?}, expected one of {}",
                known.join(", ")
            ));
        }
        let name = name.to_owned();
        Ok(Self { name, runs })
    }

    /// Whether a run, counted from one, of what has this name is asked for.
    fn ask_for(asked: &[Self], name: &str, number: u32) -> bool {
        let found = asked.iter().find(|it| it.name == name);
        found.is_some_and(|it| it.runs.is_none_or(|runs| number <= runs))
    }
}

/// What to measure, and where.
#[derive(Debug, Clone)]
pub struct Bench {
    /// Names out of [`SIZES`], in order.
    pub sizes: Vec<Counted>,
    /// Runs of each procedure at each size that names no number.
    pub runs: u32,
    /// Names out of [`PROCEDURES`]; one that names a number has no more runs than that at a size.
    pub procedures: Vec<Counted>,
    /// At which of the sizes runs of regmig's strategies are followed by `regmig verify`, and how many of each; all where it is none.
    pub verified: Option<Vec<Counted>>,
    /// Milliseconds that round trips between the machines and to each take more; none for a network as it is.
    pub round_trip_ms: Option<u32>,
    /// The file for what came of it.
    pub report: PathBuf,
    /// The lab.
    pub lab: LabConfig,
}

impl Bench {
    /// Runs everything in turn, writes the report after each turn, and returns it.
    ///
    /// # Errors
    ///
    /// When something could not be measured. What was measured until then is in the report.
    pub fn run(&self) -> Result<Report, BenchError> {
        say("Building regmig and regmig-traffic with optimisations.");
        workspace::build_optimised().map_err(BenchError::Build)?;
        let mut report = Report::new();
        for size in &self.sizes {
            let name = &size.name;
            let users = SIZES.iter().find(|(known, _)| known == name);
            let (_, users) = users.ok_or_else(|| BenchError::Size(name.clone()))?;
            let mut runs: BTreeMap<String, Vec<Run>> = BTreeMap::new();
            for number in 1..=size.runs.unwrap_or(self.runs) {
                let wanted = |procedure: &Procedure| {
                    Counted::ask_for(&self.procedures, &procedure.to_string(), number)
                };
                let verified = self.verified.as_ref();
                let verify = verified.is_none_or(|sizes| Counted::ask_for(sizes, name, number));
                let mut migration = None;
                for procedure in Procedure::ALL.into_iter().filter(wanted) {
                    let begun = Instant::now();
                    let run = self.measure(procedure, *users, migration, verify)?;
                    if run.did.regmig.is_some() {
                        migration = Some(Duration::from_millis(run.did.took_ms));
                    }
                    say(format_args!(
                        "{name} {procedure} {number}: longest gap {} ms, {} failed, {} lost, {:.0} s in all",
                        run.longest_gap_ms,
                        run.failed.values().sum::<u64>(),
                        run.lost,
                        begun.elapsed().as_secs_f64()
                    ));
                    runs.entry(procedure.to_string()).or_default().push(run);
                }
                let slow = self.round_trip_ms;
                let slow = slow.map(|ms| format!(" with {ms} ms round trips"));
                let key = format!("{name}{}", slow.unwrap_or_default());
                report.insert(key, Size::of(*users, &runs));
                write(&report, &self.report)?;
            }
        }
        Ok(report)
    }

    /// One run of one procedure, on machines as new; how long a migration takes is for the one that has none.
    fn measure(
        &self,
        procedure: Procedure,
        users: u32,
        migration: Option<Duration>,
        verify: bool,
    ) -> Result<Run, BenchError> {
        let mut config = self.lab.clone();
        config.seed_users = Some(users);
        let lab = lab::reset(&config)?;
        // Gigabytes may still be to be written from making these machines and removing the former ones. No procedure is to
        // share the disk with that.
        Program::new("sync").done()?;
        let folder = config.folder.join("bench");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(FileError::io("empty", &folder))?;
        }
        fs::create_dir_all(&folder).map_err(FileError::io("make", &folder))?;
        let _delay = (self.round_trip_ms)
            .map(|ms| Delay::start(&lab, ms))
            .transpose()?;
        let program = workspace::optimised_program("regmig-traffic").map_err(BenchError::Here)?;
        let mut clients = Clients::start(&program, &lab, &folder, Pace::Writers(WRITERS))?;
        clients.calm(CALM)?;
        let did = procedure.carry_out(migration, &lab, &folder, &mut clients);
        let calm = clients.calm(CALM);
        clients.stop()?;
        let mut did = did?;
        calm?;
        let (name, machine) = match procedure {
            Procedure::Idle => ("source", &lab.source),
            Procedure::Literal | Procedure::Copy | Procedure::Live => ("dest", &lab.dest),
        };
        let seen = clients::judge(&program, &lab, &folder, name, machine)?;
        if let Some(own) = did.regmig.as_mut().filter(|_| verify) {
            own.verified = Some(verifying::verify(&lab, &folder, &program)?);
        }
        Ok(Run::new(seen, did)?)
    }
}

fn write(report: &Report, path: &Path) -> Result<(), FileError> {
    fs::write(path, text(report)?).map_err(FileError::io("write", path))
}

/// A report as it is kept.
fn text(report: &Report) -> Result<String, FileError> {
    let mut text = serde_json::to_string_pretty(report).map_err(FileError::json("the report"))?;
    text.push('\n');
    Ok(text)
}

/// A report as a table.
pub fn table(report: &Report) -> String {
    let mut rows = vec![
        [
            "size",
            "procedure",
            "longest gap, ms",
            "sum of outages, ms",
            "failed",
            "lost",
        ]
        .map(str::to_owned),
    ];
    let spread = |of: &Spread| format!("{} ({} to {})", of.median, of.min, of.max);
    for (name, size) in report {
        for (procedure, summary) in &size.procedures {
            rows.push([
                name.clone(),
                procedure.clone(),
                spread(&summary.longest_gap_ms),
                spread(&summary.outage_sum_ms),
                summary.failed.to_string(),
                summary.lost.to_string(),
            ]);
        }
    }
    columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::{Counted, PROCEDURES};

    #[test]
    fn a_name_may_say_how_many_runs_it_has() {
        let read = |text: &str| Counted::parse(text, &PROCEDURES);
        assert_eq!(read("live").unwrap().runs, None);
        let counted = read("literal:3").unwrap();
        assert_eq!((counted.name.as_str(), counted.runs), ("literal", Some(3)));
        let asked = [read("idle").unwrap(), counted];
        let literal = |number| Counted::ask_for(&asked, "literal", number);
        assert_eq!([literal(3), literal(4)], [true, false]);
        assert!(Counted::ask_for(&asked, "idle", 4) && !Counted::ask_for(&asked, "live", 1));
        assert!(read("literal:0").unwrap_err().contains("from 1 to 100"));
        assert!(
            read("lively")
                .unwrap_err()
                .contains("idle, literal, copy, live")
        );
    }
}
