//! The procedures that are compared.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use regmig_core::journal::{Event, Record};

use super::BenchError;
use super::figures::{Did, Spread};
use super::own::Own;
use crate::clients::Clients;
use crate::clock::{millis, now_ms};
use crate::file_error::FileError;
use crate::lab::{Endpoint, Lab};
use crate::operator::{self, Wishes};
use crate::program::Program;
use crate::timing;
use crate::workspace;

/// The published procedure, stage by stage.
const LITERAL: &str = include_str!("literal.sh");

/// The stages of the published procedure; after those marked, clients are waited for.
const STAGES: [(&str, bool); 4] = [
    ("warm", false),
    ("cutover", true),
    ("publish", true),
    ("replica", true),
];

/// How long a stage, or regmig, may take: a gigabyte is copied, and dest's services read a million users.
const LIMIT: Duration = Duration::from_secs(1800);

/// How long clients may have to wait until they are served again.
const SERVED_LIMIT: Duration = Duration::from_secs(600);

/// How long clients are served between two stages: a person reads what the next one is.
const PAUSE: Duration = Duration::from_secs(5);

/// How long source must be quiet before it is retired, which no run here waits for.
const QUIET: Duration = Duration::from_secs(10);

/// For how long nothing is done where nothing is migrated, before a migration has shown how long that takes.
const IDLE: Duration = Duration::from_secs(30);

/// How often one asks for the status while regmig is at work.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What counts of the processors for dest while it is prepared, where source has [`ALIKE`]: what another computer does takes
/// nothing from source.
const YIELDING: u32 = 16;

/// What counts of the processors for each machine otherwise: Docker's own default.
const ALIKE: u32 = 1024;

/// One of the procedures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Procedure {
    /// None: what clients see of a lab that nobody touches.
    Idle,
    /// The published one, by a script.
    Literal,
    /// regmig's strategy `copy`.
    Copy,
    /// regmig's strategy `live`.
    Live,
}

impl fmt::Display for Procedure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => super::IDLE,
            Self::Literal => "literal",
            Self::Copy => "copy",
            Self::Live => "live",
        })
    }
}

impl Procedure {
    /// In the order of a round.
    pub(super) const ALL: [Self; 4] = [Self::Literal, Self::Copy, Self::Live, Self::Idle];

    /// Carries it out until source's Redis follows dest's; where nothing is migrated, that lasts as long as a migration did.
    pub(super) fn carry_out(
        self,
        migration: Option<Duration>,
        lab: &Lab,
        folder: &Path,
        clients: &mut Clients,
    ) -> Result<Did, BenchError> {
        let before = network_bytes(lab)?;
        share(&lab.dest, YIELDING)?;
        let begun = Instant::now();
        let mut did = match self {
            Self::Idle => {
                clients.calm(migration.unwrap_or(IDLE))?;
                Did::default()
            }
            Self::Literal => literal(lab, folder, clients)?,
            Self::Copy => regmig(lab, folder, &Wishes::copy(QUIET), clients)?,
            Self::Live => regmig(lab, folder, &Wishes::live(QUIET), clients)?,
        };
        did.took_ms = millis(begun.elapsed());
        did.moved_bytes = network_bytes(lab)?.saturating_sub(before);
        Ok(did)
    }
}

/// Lets a machine have so much of the processors, where others want them too.
fn share(machine: &Endpoint, shares: u32) -> Result<(), BenchError> {
    let program = Program::new("docker").args(["update", "--cpu-shares"]);
    let shares = shares.to_string();
    Ok(program.args([&shares, &machine.container]).done()?)
}

/// What dest has received and sent over the lab's network since it is there.
fn network_bytes(lab: &Lab) -> Result<u64, BenchError> {
    let text = Program::new("docker")
        .args(["exec", &lab.dest.container, "sh", "-c"])
        .args([
            "cat /sys/class/net/eth0/statistics/rx_bytes /sys/class/net/eth0/statistics/tx_bytes",
        ])
        .text()?;
    let numbers: Option<Vec<u64>> = text.lines().map(|line| line.parse().ok()).collect();
    numbers
        .map(|numbers| numbers.iter().sum())
        .ok_or(BenchError::Bytes(text))
}

fn literal(lab: &Lab, folder: &Path, clients: &mut Clients) -> Result<Did, BenchError> {
    let script = folder.join("literal.sh");
    fs::write(&script, LITERAL).map_err(FileError::io("write", &script))?;
    let mut steps = Vec::new();
    for (stage, serves) in STAGES {
        if serves {
            share(&lab.dest, ALIKE)?;
        }
        let before = clients.acknowledged()?;
        let said = Program::new("bash")
            .args([script.as_os_str()])
            .args([stage, &lab.source.container, &lab.dest.container])
            .args([lab.source.address, lab.dest.address].map(|address| address.to_string()))
            .limit(LIMIT)
            .text()?;
        for line in said.lines() {
            steps.push(step(line)?);
        }
        if serves {
            wait_until_served(clients, stage, before)?;
            std::thread::sleep(PAUSE);
        }
    }
    Ok(Did {
        steps,
        ..Did::default()
    })
}

/// Waits until a write is acknowledged that was not before; those of the stage itself count, for who was served then is.
fn wait_until_served(
    clients: &mut Clients,
    stage: &'static str,
    before: usize,
) -> Result<(), BenchError> {
    let begun = Instant::now();
    while clients.acknowledged()? <= before {
        if begun.elapsed() > SERVED_LIMIT {
            return Err(BenchError::NotServed {
                seconds: SERVED_LIMIT.as_secs(),
                stage,
            });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Reads `step NAME FROM_MS TO_MS`.
fn step(line: &str) -> Result<(String, u64), BenchError> {
    let words: Vec<&str> = line.split(' ').collect();
    if let ["step", name, from, to] = words.as_slice()
        && let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>())
    {
        return Ok(((*name).to_owned(), to.saturating_sub(from)));
    }
    Err(BenchError::Step(line.to_owned()))
}

/// A command of regmig for the migration that is laid out in a folder.
pub(super) fn regmig_of(folder: &Path, words: &[&str]) -> Result<Program, BenchError> {
    let path = workspace::optimised_program("regmig").map_err(BenchError::Here)?;
    Ok(Program::new("env")
        .args([OsString::from("REGMIG_LOG=regmig::figures=info")])
        .args([path.into_os_string()])
        .args(["--config".into(), operator::config(folder).into_os_string()])
        .args(words)
        .limit(LIMIT))
}

/// Runs regmig up to `warm`, which users do not notice, and resumes it from there.
fn regmig(
    lab: &Lab,
    folder: &Path,
    wishes: &Wishes,
    clients: &mut Clients,
) -> Result<Did, BenchError> {
    operator::lay_out(lab, folder, wishes)?;
    let regmig = |words: &[&str]| regmig_of(folder, words);
    let records = || -> Result<Vec<Record>, BenchError> {
        let journal = regmig(&["journal", "--json"])?.text()?;
        Ok(timing::records(&journal)?)
    };
    let mut own = Own::default();
    let mut take = |words: &[&str]| {
        let said = regmig(words)?.output()?.stderr;
        if own.add(&said) {
            return Ok(());
        }
        Err(BenchError::Figures(said))
    };
    take(&["run", "--yes", "--until", "warm"])?;
    share(&lab.dest, ALIKE)?;
    let before = records()?.len();
    let resumed = now_ms();
    let status = regmig(&["status", "--offline"])?;
    let (done, looks) = std::thread::scope(|scope| {
        let run = scope.spawn(|| take(&["resume", "--yes", "--until", "replica"]));
        let mut looks = Vec::new();
        while !run.is_finished() {
            std::thread::sleep(BETWEEN_LOOKS);
            let begun = Instant::now();
            if status.succeeds() {
                looks.push(millis(begun.elapsed()));
            }
        }
        (run.join(), looks)
    });
    done.map_err(|_| BenchError::Figures("regmig's thread panicked".to_owned()))??;
    let records = records()?;
    let mut since = records.iter().skip(before);
    let first = since.find(|record| matches!(record.event, Event::Acting { .. }));
    let at = |wanted: fn(&Event) -> bool| {
        let found = records.iter().find(|record| wanted(&record.event));
        found.map_or(0, |record| record.at_ms)
    };
    let switching =
        at(|event| matches!(event, Event::Started { step, .. } if step == "cold/switch"));
    let released =
        at(|event| matches!(event, Event::Reached { step, .. } if step == "proxy/release"));
    own.cutover_gap_ms = clients.longest_gap_ms(switching, released)?;
    let looks = Spread::of(looks);
    own.status_ms = looks.map_or(0, |looks| looks.median);
    own.status_worst_ms = looks.map_or(0, |looks| looks.max);
    own.resumed_ms = first.map_or(0, |record| {
        u64::try_from(record.at_ms.saturating_sub(resumed)).unwrap_or_default()
    });
    let times = timing::steps(&records, &[resumed]).into_iter();
    Ok(Did {
        steps: times.map(|step| (step.id, step.ms)).collect(),
        regmig: Some(own),
        ..Did::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_says_is_read() {
        let read = step("step last-rsync 1700000000100 1700000001350").unwrap();
        assert_eq!(read, ("last-rsync".to_owned(), 1250));
        assert!(step("sending incremental file list").is_err());
    }

    #[test]
    fn every_procedure_can_be_named() {
        let named = super::super::PROCEDURES.map(|name| {
            let mut all = Procedure::ALL.into_iter();
            all.any(|procedure| procedure.to_string() == name)
        });
        assert_eq!(named, Procedure::ALL.map(|_| true));
    }

    #[test]
    fn the_script_knows_every_stage() {
        for (stage, _) in STAGES {
            assert!(LITERAL.contains(&format!("\n  {stage})")), "{stage}");
        }
    }
}
