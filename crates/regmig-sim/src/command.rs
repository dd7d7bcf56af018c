//! The command line.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Parser, Subcommand};
use regmig_core::state::State;
use regmig_procedure::spec::Strategy;

use crate::driver;
use crate::explore::{Found, Scope, explore};
use crate::planted;
use crate::schedule::Schedule;
use crate::world::scene::Scene;

/// Violations that are printed with their trace.
const SHOWN: usize = 60;

/// Runs the real engine and steps in a simulated world, with everything that can go wrong.
#[derive(Debug, Parser)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Walk schedules: every single fault, pairs, then random ones
    Explore {
        /// 1: single faults; 2: pairs at neighbouring effects and random schedules too; 0: random schedules alone, half of
        /// them for each strategy
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=2))]
        depth: u32,
        /// Seed of the random schedules
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Distinct schedules at least, with depth 2; so many, with depth 0
        #[arg(long, default_value_t = 100_000)]
        schedules: usize,
        /// Stop after so many schedules with violations
        #[arg(long, default_value_t = 200)]
        enough: usize,
        /// Only migrations whose text contains this, for example `former/to:proxy`
        #[arg(long, default_value = "")]
        only: String,
        /// Write figures here
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Run one schedule again and print its trace
    Replay {
        /// As `explore` printed it
        schedule: String,
        /// Run it so often, to measure
        #[arg(long, default_value_t = 1)]
        times: u32,
    },
}

/// Does what the command line says; the status is 1 where a violation was found.
///
/// # Errors
///
/// Where the output cannot be written, or the schedule cannot be read.
pub fn run(cli: &Cli, out: &mut dyn Write) -> std::io::Result<u8> {
    match &cli.command {
        Command::Replay { schedule, times } => {
            let schedule: Schedule = match schedule.parse() {
                Ok(schedule) => schedule,
                Err(words) => {
                    writeln!(out, "error: {words}")?;
                    return Ok(2);
                }
            };
            let made = planted::true_one(schedule.scene.strategy());
            for _ in 1..*times {
                driver::run(&made, &schedule, false);
            }
            let run = driver::run(&made, &schedule, true);
            for line in &run.trace {
                writeln!(out, "{line}")?;
            }
            for violation in &run.violations {
                writeln!(out, "VIOLATION {violation}")?;
            }
            Ok(u8::from(!run.violations.is_empty()))
        }
        Command::Explore {
            depth,
            seed,
            schedules,
            enough,
            only,
            json,
        } => {
            let begun = Instant::now();
            let mut found = Found::default();
            for (name, strategy) in [("copy", Strategy::Copy), ("live", Strategy::Live)] {
                let scenes = Scene::ALL.into_iter();
                let scope = Scope {
                    scenes: scenes
                        .filter(|scene| scene.strategy() == strategy)
                        .collect(),
                    until: State::Finalized,
                    singles: *depth > 0,
                    pairs: *depth > 1,
                    rollbacks: true,
                    at_least: if *depth > 1 {
                        schedules.saturating_sub(found.schedules)
                    } else {
                        0
                    },
                    random: match depth {
                        0 => schedules / 2,
                        1 => 0,
                        _ => 10_000,
                    },
                    seed: *seed,
                    enough: *enough,
                    only: only.clone(),
                    first: 0,
                    beside: None,
                };
                let of_it = explore(&planted::true_one(strategy), &scope);
                // It takes minutes: whoever waits sees how far it is.
                writeln!(
                    out,
                    "strategy {name}: {} schedules, {} violations, after {:.0} s",
                    of_it.schedules,
                    of_it.violations.len(),
                    begun.elapsed().as_secs_f64()
                )?;
                out.flush()?;
                found.add(of_it);
            }
            tell(out, &found)?;
            let mut caught = 0;
            for bug in planted::all() {
                match bug.caught() {
                    Some((schedule, words)) => {
                        caught += 1;
                        writeln!(out, "caught: {}\n  {words}\n  {schedule}", bug.name)?;
                    }
                    None => writeln!(out, "NOT CAUGHT: {}", bug.name)?,
                }
            }
            let seconds = begun.elapsed().as_secs_f64();
            let figures = serde_json::json!({
                "schedules": found.schedules,
                "single": found.single,
                "pairs": found.pairs,
                "random": found.random,
                "violations": found.violations.len(),
                "planted": planted::all().count(),
                "caught": caught,
                "seed": seed,
                "seconds": seconds,
            });
            writeln!(out, "{figures}")?;
            if let Some(path) = json {
                std::fs::write(path, format!("{figures}\n"))?;
            }
            let good = found.violations.is_empty() && caught == planted::all().count();
            Ok(u8::from(!good))
        }
    }
}

/// Violations by kind, each with one schedule that replays it.
fn tell(out: &mut dyn Write, found: &Found) -> std::io::Result<()> {
    let mut kinds: BTreeMap<String, (usize, &Schedule, &str)> = BTreeMap::new();
    for (schedule, violation) in &found.violations {
        let kind: String = violation
            .chars()
            .filter(|letter| !letter.is_ascii_digit())
            .collect();
        let entry = kinds.entry(kind).or_insert((0, schedule, violation));
        entry.0 += 1;
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    for (count, schedule, violation) in kinds.iter().take(SHOWN) {
        writeln!(
            out,
            "VIOLATION ({count} schedules) {violation}\n  replay '{schedule}'"
        )?;
    }
    if kinds.len() > SHOWN {
        writeln!(out, "and {} more kinds", kinds.len() - SHOWN)?;
    }
    Ok(())
}
