//! Kills: at every point forward and back, then `resume` or `rollback --to start`, then the audit.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use xtask::lab::Machine;

use super::chain::{Deadly, chain};
use super::point::{Passed, Point, spread};
use super::report::Verdict;
use super::stage::Stage;
use super::{Matrix, Selection};
use crate::support::{Tried, Unfinished, steps};

/// In a quick matrix: every how many points a chain is killed.
const QUICK_STRIDE: u32 = 9;

/// In a quick matrix: how many points are rolled back from.
const QUICK_ROLLBACKS: usize = 3;

/// The edges whose undoing is killed: from a state, to a state.
///
/// The points of an edge that were struck on one before it are not struck again: those that take little time come first.
const EDGES: [(&str, &str); 8] = [
    ("warm", "start"),
    ("synced", "start"),
    ("cold", "start"),
    ("proxy", "start"),
    ("replica", "start"),
    ("drained", "start"),
    ("replica", "proxy"),
    ("drained", "replica"),
];

/// In a quick matrix: the edge on which nearly all of them lie.
const QUICK_EDGE: [(&str, &str); 1] = [("replica", "start")];

/// Migrations that are killed again and again, and resumed to `finalized`.
///
/// Returns the points of a migration, in order.
pub(super) fn resumed(matrix: &mut Matrix, selection: &Selection) -> Tried<Vec<Point>> {
    let mut listed: Vec<Passed> = Vec::new();
    let mut struck = BTreeSet::new();
    let mut deadly = match selection.point("resume:") {
        Some(point) => Deadly::Each(vec![point]),
        None if selection.is_spread() => Deadly::every(QUICK_STRIDE),
        None => Deadly::Nowhere,
    };
    for pass in 1.. {
        let name = match deadly {
            Deadly::Nowhere => "resume: without a kill".to_owned(),
            _ => format!("resume: all of pass {pass}"),
        };
        let chained = matrix.on_stage(&mut |stage, matrix| {
            let began = Instant::now();
            let unfinished = Unfinished::of(stage.rig)?;
            let (run, resume) = (["run", "--yes"], ["resume", "--yes"]);
            let chained = chain(stage.rig, &run, &resume, &[0], &mut deadly);
            matrix.add_deaths("resume:", &chained, stage)?;
            let verdict = match &chained.trouble {
                Some(what) => Verdict::trouble(what),
                None => finalized(stage, &unfinished),
            };
            matrix.add(&name, &verdict, began.elapsed(), stage)?;
            Ok(chained)
        })?;
        if listed.is_empty() {
            listed.clone_from(&chained.passed);
        }
        struck.extend(chained.deaths.iter().map(|death| death.at.key()));
        match left(selection, "resume:", deadly, &listed, &struck) {
            None => break,
            // A pass that strikes nothing will strike nothing the next time.
            Some(points) if pass > 1 && chained.deaths.is_empty() => {
                for point in points {
                    matrix.add_here(&format!("resume:{point}"), &never(), Duration::ZERO)?;
                }
                break;
            }
            Some(points) => deadly = Deadly::Each(points),
        }
    }
    Ok(points(&listed))
}

/// A point that was listed and that no run has come past since.
fn never() -> Verdict {
    Verdict::trouble("no run came past this point")
}

/// The points that are still to be struck after a pass; nothing where it was the last.
fn left(
    selection: &Selection,
    kind: &str,
    deadly: Deadly,
    listed: &[Passed],
    struck: &BTreeSet<String>,
) -> Option<Vec<Point>> {
    let unstruck = unstruck(listed, struck);
    let points = match deadly {
        Deadly::Every { .. } => return None,
        Deadly::Nowhere => selection.filter(kind, unstruck),
        Deadly::Each(mut points) => {
            points.retain(|point| unstruck.contains(point) || !has(listed, point));
            points
        }
    };
    (!points.is_empty()).then_some(points)
}

fn has(listed: &[Passed], point: &Point) -> bool {
    listed.iter().any(|one| one.point == *point)
}

/// The points of those effects at which nothing has died yet.
fn unstruck(passed: &[Passed], struck: &BTreeSet<String>) -> Vec<Point> {
    let left = passed.iter().filter(|one| !struck.contains(&one.key()));
    left.map(|one| one.point.clone()).collect()
}

fn points(passed: &[Passed]) -> Vec<Point> {
    passed.iter().map(|one| one.point.clone()).collect()
}

/// The audit of a finalized migration: what it left, who accepted writes. Its writes are audited at the end of the stage.
fn finalized(stage: &mut Stage<'_>, before: &Unfinished) -> Verdict {
    let judge = |stage: &mut Stage<'_>| -> Tried<Verdict> {
        let mut verdict = Verdict::default();
        stage.traffic.wait_for_acknowledgements(5)?;
        before.expect_finalized(stage.rig)?;
        verdict.two_writers = stage.two_writers()?;
        verdict.lost = stage.traffic.missing(Machine::Dest)?;
        Ok(verdict)
    };
    judge(stage).unwrap_or_else(Verdict::from)
}

/// Every point of a migration, in order, from one that is killed nowhere.
pub(super) fn of_a_migration(matrix: &mut Matrix) -> Tried<Vec<Point>> {
    matrix.on_stage(&mut |stage, _| {
        let run = ["run", "--yes"];
        let chained = chain(stage.rig, &run, &run, &[0], &mut Deadly::Nowhere);
        Ok(points(&chained.passed))
    })
}

/// From every point of a migration, back to `start`.
pub(super) fn rolled_back(
    matrix: &mut Matrix,
    selection: &Selection,
    mut listed: Vec<Point>,
) -> Tried<()> {
    listed.extend(selection.point("rollback:"));
    if listed.is_empty() {
        listed = of_a_migration(matrix)?;
    }
    // What `finalized` has begun cannot be taken back, and says so.
    listed.retain(|point| !point.step().starts_with("finalized/"));
    let mut points = selection.filter("rollback:", listed);
    if selection.is_spread() {
        points = spread(&points, QUICK_ROLLBACKS);
    }
    let mut queue = VecDeque::from(points);
    while !queue.is_empty() {
        matrix.on_stage(&mut |stage, matrix| {
            while let Some(point) = queue.pop_front() {
                let began = Instant::now();
                let (at, verdict) = one_rolled_back(stage, &point);
                if let Some(at) = at {
                    matrix.strike(&at);
                }
                let good = matrix.add(
                    &format!("rollback:{point}"),
                    &verdict,
                    began.elapsed(),
                    stage,
                )?;
                if !good || stage.is_full() {
                    break;
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// One migration that dies at a point and is rolled back: where it died, and what was found.
fn one_rolled_back(stage: &mut Stage<'_>, point: &Point) -> (Option<Passed>, Verdict) {
    let mut deadly = Deadly::Each(vec![point.clone()]);
    let run = ["run", "--yes"];
    let back = ["rollback", "--to", "start", "--yes"];
    let mut chained = chain(stage.rig, &run, &back, &[0], &mut deadly);
    let Some(death) = chained.deaths.pop() else {
        let verdict = chained.trouble.map_or_else(never, Verdict::trouble);
        return (None, verdict);
    };
    let verdict = match chained.trouble.or(death.trouble) {
        Some(what) => Verdict::trouble(what),
        None => stage.judge_start(is_before_cold(point.step())),
    };
    (Some(death.at), verdict)
}

/// Whether source's containers have not been touched when a step begins.
fn is_before_cold(step: &str) -> bool {
    steps()
        .into_iter()
        .take_while(|id| *id != "cold/fence")
        .any(|id| id == step)
}

/// Rollbacks that are killed again and again, and resumed to their end.
pub(super) fn back(matrix: &mut Matrix, selection: &Selection) -> Tried<()> {
    let mut struck = BTreeSet::new();
    let edges = if selection.is_spread() {
        &QUICK_EDGE[..]
    } else {
        &EDGES[..]
    };
    for (from, to) in edges {
        if !matrix.rests(from.parse()?) {
            continue;
        }
        let kind = format!("back:{from}>{to}:");
        if selection.wants_some_of(&kind) {
            // A stage that something was left on is not used again.
            let mut again = true;
            while again {
                let done = matrix.on_stage(&mut |stage, matrix| {
                    edge(matrix, stage, selection, (from, to), &mut struck)
                });
                match done {
                    Ok(done) => again = !done,
                    Err(trouble) => {
                        again = false;
                        matrix.add_here(
                            &format!("{kind} to its end"),
                            &trouble.into(),
                            Duration::ZERO,
                        )?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Every point of one edge; `false` where the lab has to be made anew for those that are left.
fn edge(
    matrix: &mut Matrix,
    stage: &mut Stage<'_>,
    selection: &Selection,
    (from, to): (&str, &str),
    struck: &mut BTreeSet<String>,
) -> Tried<bool> {
    let kind = format!("back:{from}>{to}:");
    let home = to == "start";
    let mut was = None;
    let mut listed = Vec::new();
    if !home {
        stage.expect(&["run", "--until", to, "--yes"], &[0])?;
        was = Some(stage.look()?);
    }
    let mut deadly = match selection.point(&kind) {
        Some(point) => Deadly::Each(vec![point]),
        None if selection.is_spread() => Deadly::every(QUICK_STRIDE),
        None => Deadly::Nowhere,
    };
    loop {
        let began = Instant::now();
        stage.expect(&["run", "--until", from, "--yes"], &[0])?;
        let words = ["rollback", "--to", to, "--yes"];
        let listing = matches!(deadly, Deadly::Nowhere);
        let chained = chain(
            stage.rig,
            &words,
            &["resume", "--yes"],
            &[0, 8],
            &mut deadly,
        );
        struck.extend(chained.deaths.iter().map(|death| death.at.key()));
        matrix.add_deaths(&kind, &chained, stage)?;
        let verdict = match (&chained.trouble, &was) {
            (Some(what), _) => Verdict::trouble(what),
            (None, None) => stage.judge_start(false),
            (None, Some(was)) => stage.judge_back(to, was),
        };
        let name = if listing {
            "without a kill"
        } else {
            "all of a pass"
        };
        let good = matrix.add(&format!("{kind} {name}"), &verdict, began.elapsed(), stage)?;
        if listed.is_empty() {
            listed.clone_from(&chained.passed);
        }
        match left(selection, &kind, deadly, &listed, struck) {
            None => return Ok(true),
            Some(points) if !listing && chained.deaths.is_empty() => {
                for point in points {
                    matrix.add(&format!("{kind}{point}"), &never(), Duration::ZERO, stage)?;
                }
                return Ok(true);
            }
            Some(points) => deadly = Deadly::Each(points),
        }
        if !good || stage.is_full() {
            // A fresh lab helps where this one got some points done.
            return Ok(chained.deaths.is_empty() && !good);
        }
    }
}
