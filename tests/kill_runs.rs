//! Migrations of their own, each killed once at a random instant and resumed; `cargo xtask kills` runs this.
//!
//! Arguments: how many runs, the seed of the first, the file for what came of each.

use std::io::Write as _;
use std::process::ExitCode;

use regmig_tests::support::{
    Chance, Instant, Rig, Sampler, Traffic, Tried, Trouble, Unfinished, expect_one_writer, steps,
};
use serde_json::{Value, json};
use xtask::lab::Machine;

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(trouble) => {
            say(&format!("error: {trouble}"));
            ExitCode::FAILURE
        }
    }
}

/// Makes the runs and returns how many failed.
fn run() -> Tried<usize> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, seed, report] = arguments.as_slice() else {
        return Err(Trouble::new("expected: RUNS SEED REPORT"));
    };
    let (runs, first): (u64, u64) = (runs.parse()?, seed.parse()?);
    let mut results = Vec::new();
    let mut failed = 0;
    for seed in first..first.saturating_add(runs) {
        let result = one_run(seed).unwrap_or_else(|trouble| {
            failed += 1;
            json!({ "seed": seed, "failure": trouble.to_string() })
        });
        say(&result.to_string());
        results.push(result);
        let report_text = json!({ "runs": results, "failed": failed });
        std::fs::write(report, format!("{report_text:#}\n"))?;
    }
    Ok(failed)
}

/// One migration with one kill at a random instant of the whole run, and what came of it.
fn one_run(seed: u64) -> Tried<Value> {
    let mut chance = Chance::new(seed);
    let some = chance.some_of(&steps(), 1);
    let step = some
        .first()
        .ok_or_else(|| Trouble::new("there are no steps"))?;
    let instant = Instant::in_step(step, &mut chance);
    let rig = Rig::new("kill-run")?;
    let before = Unfinished::of(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    let sampler = Sampler::start(&rig)?;
    let regmig = rig.regmig(["run", "--yes"]).start()?;
    let died = instant.strike(&rig, regmig, 0)?;
    rig.regmig(["resume", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(10)?;
    traffic.stop()?;
    before.expect_finalized(&rig)?;
    let looks = expect_one_writer(&rig, sampler)?;
    let audit = traffic.expect_nothing_lost(Machine::Dest)?;
    Ok(json!({
        "seed": seed,
        "step": step,
        "after_ms": u64::try_from(instant.after.as_millis()).unwrap_or(u64::MAX),
        "died": died,
        "reached": rig.state()?,
        "looks": looks,
        "acknowledged": audit.acknowledged,
        "lost": audit.lost,
        "unknown": audit.unknown,
    }))
}

/// Writes a line; a reader that has gone away is no reason to end.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
