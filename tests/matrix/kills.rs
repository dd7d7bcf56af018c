//! Kills: at every point forward and back, then `resume` or `rollback --to start`, then the audit.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use xtask::lab::Machine;

use super::chain::{Deadly, chain};
use super::point::{Point, spread};
use super::report::Verdict;
use super::stage::Stage;
use super::{Matrix, Selection};
use crate::support::{Tried, Unfinished, steps};

/// In a quick matrix: every how many points a chain is killed.
const QUICK_STRIDE: u32 = 9;

/// In a quick matrix: how many points are rolled back from.
const QUICK_ROLLBACKS: usize = 5;

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
    let mut listed = Vec::new();
    let exact = selection.point("resume:");
    let mut left: Option<Vec<Point>> = exact.map(|point| vec![point]);
    for pass in 1.. {
        let mut deadly = match &left {
            Some(points) => Deadly::Each(points.clone()),
            None if selection.is_spread() => Deadly::every(QUICK_STRIDE),
            None => Deadly::Nowhere,
        };
        let listing = matches!(deadly, Deadly::Nowhere);
        let name = if listing {
            "resume: without a kill".to_owned()
        } else {
            format!("resume: all of pass {pass}")
        };
        let chained = matrix.on_stage(&mut |stage, matrix| {
            let began = Instant::now();
            let unfinished = Unfinished::of(stage.rig)?;
            let chained = chain(
                stage.rig,
                &["run", "--yes"],
                &["resume", "--yes"],
                &[0],
                &mut deadly,
            );
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
        let deaths = chained.deaths.len();
        left = match (&left, listing) {
            (None, true) => Some(selection.filter("resume:", chained.passed)),
            (None, false) => None,
            (Some(_), _) => Some(match deadly {
                Deadly::Each(points) => points,
                _ => Vec::new(),
            }),
        };
        match &left {
            None => break,
            Some(points) if points.is_empty() => break,
            Some(points) if !listing && deaths == 0 => {
                // A pass that strikes nothing will strike nothing the next time.
                let never = Verdict::trouble("no run came past this point");
                for point in points {
                    matrix.add_here(&format!("resume:{point}"), &never, Duration::ZERO)?;
                }
                break;
            }
            Some(_) => {}
        }
    }
    Ok(listed)
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

/// From every point of a migration, back to `start`.
pub(super) fn rolled_back(
    matrix: &mut Matrix,
    selection: &Selection,
    mut listed: Vec<Point>,
) -> Tried<()> {
    listed.extend(selection.point("rollback:"));
    if listed.is_empty() {
        matrix.on_stage(&mut |stage, _| {
            let run = ["run", "--yes"];
            listed = chain(stage.rig, &run, &run, &[0], &mut Deadly::Nowhere).passed;
            Ok(())
        })?;
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
                let verdict = one_rolled_back(stage, &point);
                matrix.strike(&point);
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

/// One migration that dies at a point and is rolled back.
fn one_rolled_back(stage: &mut Stage<'_>, point: &Point) -> Verdict {
    let mut deadly = Deadly::Each(vec![point.clone()]);
    let run = ["run", "--yes"];
    let back = ["rollback", "--to", "start", "--yes"];
    let chained = chain(stage.rig, &run, &back, &[0], &mut deadly);
    let trouble = chained.trouble.or_else(|| match chained.deaths.first() {
        None => Some("no run came past this point".to_owned()),
        Some(death) => death.trouble.clone(),
    });
    match trouble {
        Some(what) => Verdict::trouble(what),
        None => stage.judge_start(is_before_cold(point.step())),
    }
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
    struck: &mut BTreeSet<Point>,
) -> Tried<bool> {
    let kind = format!("back:{from}>{to}:");
    let home = to == "start";
    let mut was = None;
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
        struck.extend(chained.deaths.iter().map(|death| death.point.clone()));
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
        deadly = match deadly {
            Deadly::Nowhere => {
                let points = selection.filter(&kind, chained.passed);
                Deadly::Each(
                    points
                        .into_iter()
                        .filter(|point| !struck.contains(point))
                        .collect(),
                )
            }
            Deadly::Each(points) if chained.deaths.is_empty() => {
                let never = Verdict::trouble("no rollback came past this point");
                for point in &points {
                    matrix.add(&format!("{kind}{point}"), &never, Duration::ZERO, stage)?;
                }
                return Ok(true);
            }
            Deadly::Each(points) => Deadly::Each(points),
            Deadly::Every { .. } => return Ok(true),
        };
        if matches!(&deadly, Deadly::Each(points) if points.is_empty()) {
            return Ok(true);
        }
        if !good || stage.is_full() {
            // A fresh lab helps where this one got some points done.
            return Ok(chained.deaths.is_empty() && !good);
        }
    }
}
