//! Kills in the cutover of strategy `live` after which nobody resumes: the timers alone see to it that one machine serves.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use regmig_procedure::procedure;
use regmig_procedure::spec::Strategy;
use xtask::lab::Machine;

use super::kills;
use super::point::{Passed, Point};
use super::report::Verdict;
use super::stage::Stage;
use super::{Matrix, Selection};
use crate::support::{Tried, Trouble};

/// The steps whose points are struck: from the first that changes what serves to the one that disarms the timers.
const FIRST: &str = "cold/hold";
const LAST: &str = "proxy/disarm";

/// The timers act after 10 s, and a loaded machine takes some more.
const SERVED_AGAIN: Duration = Duration::from_secs(15);

/// By then they have, and a machine whose clients never had to wait has been through its timer as well.
const TIMERS_DONE: Duration = Duration::from_secs(12);

/// Whether a step is one of those; strategy `copy` has none of them.
fn is_in_section(step: &str) -> bool {
    let all: Vec<&str> = procedure::order(Strategy::Live).map(|(id, _)| id).collect();
    let at = |id: &str| all.iter().position(|known| *known == id);
    match (at(FIRST), at(LAST), at(step)) {
        (Some(first), Some(last), Some(at)) => (first..=last).contains(&at),
        _ => false,
    }
}

/// Every point of the cutover, each followed by silence, and by a way back to `start`.
pub(super) fn alone(
    matrix: &mut Matrix,
    selection: &Selection,
    mut listed: Vec<Point>,
) -> Tried<()> {
    listed.extend(selection.point("alone:"));
    if listed.is_empty() {
        listed = kills::of_a_migration(matrix)?;
    }
    listed.retain(|point| is_in_section(point.step()));
    let points = selection.filter("alone:", listed);
    let mut queue = VecDeque::from(points);
    while !queue.is_empty() {
        matrix.on_stage(&mut |stage, matrix| {
            while let Some(point) = queue.pop_front() {
                let began = Instant::now();
                let verdict = one_alone(stage, matrix, &point).unwrap_or_else(Verdict::from);
                let name = format!("alone:{point}");
                if !matrix.add(&name, &verdict, began.elapsed(), stage)? || stage.is_full() {
                    break;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn one_alone(stage: &mut Stage<'_>, matrix: &mut Matrix, point: &Point) -> Tried<Verdict> {
    let log = stage.rig.log("points");
    let run = stage
        .rig
        .regmig(["run", "--yes", "--until", "replica"])
        .dying_at(&point.to_string(), &log)
        .end()?;
    if run.code.is_some() {
        return Err(Trouble::new(format!(
            "{} ended with {:?}, expected it to die; it said:\n{}",
            run.name,
            run.code,
            run.said()
        )));
    }
    let silent = Instant::now();
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    if let Some(at) = Passed::of_log(&text)?.last() {
        matrix.strike(at);
    }
    stage.plant_silence()?;
    if !stage.traffic.acknowledges(5, SERVED_AGAIN)? {
        return Ok(Verdict::trouble(format!(
            "clients were not served again within {SERVED_AGAIN:?}"
        )));
    }
    let mut verdict = Verdict::default();
    std::thread::sleep(TIMERS_DONE.saturating_sub(silent.elapsed()));
    stage.traffic.wait_for_acknowledgements(3)?;
    let role = "docker exec pryv_redis_1 redis-cli info replication | grep ^role: || true";
    let serves = match stage.rig.on(Machine::Dest, role)?.trim() {
        "role:master" => Machine::Dest,
        _ => Machine::Source,
    };
    verdict.lost = stage.traffic.missing(serves)?;
    verdict.two_writers = stage.two_writers()?;
    stage.expect(&["rollback", "--to", "start", "--yes"], &[0])?;
    let home = stage.judge_start(false);
    verdict.lost.extend(home.lost);
    verdict.two_writers.extend(home.two_writers);
    verdict.leftovers.extend(home.leftovers);
    verdict.trouble.extend(home.trouble);
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::is_in_section;

    #[test]
    fn only_the_cutover_of_live_is_struck() {
        assert!(is_in_section("cold/hold") && is_in_section("proxy/promote"));
        assert!(is_in_section("proxy/disarm"));
        for step in ["cold/policy", "proxy/outage", "cold/fence", "synced/start"] {
            assert!(!is_in_section(step), "{step}");
        }
    }
}
