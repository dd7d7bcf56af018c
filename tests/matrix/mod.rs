//! The crash matrix: regmig is killed at every point of every way, machines fail in every state, and each time the
//! promises are audited. `cargo xtask matrix` runs it.
//!
//! No list of points is kept by hand: `regmig-failpoints` lists those that a run passes.

mod alone;
mod chain;
mod faults;
mod kills;
mod point;
mod report;
mod stage;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use regmig_core::machine::Machine as Side;
use regmig_core::state::State;
use regmig_procedure::procedure;
use regmig_procedure::spec::Strategy;
use serde_json::json;
use xtask::lab::Machine;

use self::chain::Chained;
use self::report::say;
use crate::support::{Rig, Tried};

pub use self::point::{Passed, Point, spread};
pub use self::report::{Report, Verdict};
pub use self::stage::{Looks, Plant, Stage};

/// What shall be run.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only a spread of everything.
    pub quick: bool,
    /// Only runs whose names begin with one of these, where it begins with a kind, or contain it; none for all.
    pub only: Vec<String>,
    /// Whether strategy `live` is meant, and not `copy`.
    pub live: bool,
}

impl Selection {
    /// Whether a run of this name is wanted.
    fn wants(&self, name: &str) -> bool {
        let matches = |only: &String| {
            if has_kind(only) {
                name.starts_with(only)
            } else {
                name.contains(only)
            }
        };
        self.only.is_empty() || self.only.iter().any(matches)
    }

    /// Whether some run whose name begins so may be wanted.
    fn wants_some_of(&self, beginning: &str) -> bool {
        let may = |only: &String| {
            !has_kind(only) || only.starts_with(beginning) || beginning.starts_with(only)
        };
        self.only.is_empty() || self.only.iter().any(may)
    }

    /// The one point of this kind that is wanted, where a whole name is given: then no list is needed.
    fn point(&self, kind: &str) -> Option<Point> {
        match self.only.as_slice() {
            [only] => Point::parse(only.strip_prefix(kind)?).ok(),
            _ => None,
        }
    }

    /// Whether a spread is enough: not where runs are named.
    fn is_spread(&self) -> bool {
        self.quick && self.only.is_empty()
    }

    /// Those of some points that are wanted as runs of a kind.
    fn filter(&self, kind: &str, points: Vec<Point>) -> Vec<Point> {
        let wanted = points
            .into_iter()
            .filter(|point| self.wants(&format!("{kind}{point}")));
        wanted.collect()
    }
}

/// The kinds of runs: every name begins with one.
const KINDS: [&str; 5] = ["resume:", "rollback:", "alone:", "back:", "fault:"];

/// Whether a pattern says which kind it means.
fn has_kind(pattern: &str) -> bool {
    KINDS.iter().any(|kind| pattern.starts_with(kind))
}

/// A matrix that is being run.
#[derive(Debug)]
pub struct Matrix {
    report: Report,
    plants: Vec<Plant>,
    live: bool,
    stages: u32,
    folder: PathBuf,
}

/// Runs what is selected.
///
/// # Errors
///
/// When the lab cannot be brought to its start or the report cannot be written; a failed run is no error.
pub fn run(selection: &Selection, path: Option<PathBuf>, plants: &[Plant]) -> Tried<Report> {
    let strategy = if selection.live { "live" } else { "copy" };
    let asked = json!({ "quick": selection.quick, "only": selection.only, "strategy": strategy });
    let mut matrix = Matrix {
        report: Report::new(path.as_deref(), asked),
        plants: plants.to_owned(),
        live: selection.live,
        stages: 0,
        folder: PathBuf::new(),
    };
    let mut listed = Vec::new();
    if selection.wants_some_of("resume:") {
        listed = matrix.guarded("resume: to its end", |matrix| {
            kills::resumed(matrix, selection)
        })?;
    }
    if selection.wants_some_of("rollback:") {
        matrix.guarded("rollback: to its end", |matrix| {
            kills::rolled_back(matrix, selection, listed.clone())
        })?;
    }
    // Each waits for the timers; a quick matrix leaves that to the tests of strategy `live`.
    if selection.wants_some_of("alone:") && !selection.is_spread() {
        matrix.guarded("alone: to its end", |matrix| {
            alone::alone(matrix, selection, listed)
        })?;
    }
    if selection.wants_some_of("back:") {
        kills::back(&mut matrix, selection)?;
    }
    if selection.wants_some_of("fault:") {
        faults::all(&mut matrix, selection)?;
    }
    matrix.report.finish()?;
    Ok(matrix.report)
}

impl Matrix {
    /// Whether a migration can rest in a state.
    fn rests(&self, state: State) -> bool {
        let strategy = if self.live {
            Strategy::Live
        } else {
            Strategy::Copy
        };
        procedure::rests(strategy, state)
    }

    /// The next state in which a migration can rest.
    fn next_rest(&self, state: State) -> State {
        let mut later = State::ALL.into_iter().filter(|later| *later > state);
        later.find(|later| self.rests(*later)).unwrap_or(state)
    }

    /// Has a part of the matrix that cannot go on count as a failure, and nothing more.
    fn guarded<T: Default>(
        &mut self,
        name: &str,
        part: impl FnOnce(&mut Self) -> Tried<T>,
    ) -> Tried<T> {
        match part(self) {
            Ok(value) => Ok(value),
            Err(trouble) => {
                self.add_here(name, &trouble.into(), Duration::ZERO)?;
                Ok(T::default())
            }
        }
    }

    /// Runs something on a lab in its starting state, and at its end asks over HTTPS for every acknowledged write.
    fn on_stage<T>(
        &mut self,
        what: &mut dyn FnMut(&mut Stage<'_>, &mut Self) -> Tried<T>,
    ) -> Tried<T> {
        self.stages += 1;
        let name = format!("matrix-{}", self.stages);
        let rig = if self.live {
            Rig::live(&name)?
        } else {
            Rig::new(&name)?
        };
        self.folder.clone_from(&rig.folder);
        let mut stage = Stage::begin(&rig, &self.plants)?;
        let failures = self.report.failures();
        let value = what(&mut stage, self)?;
        self.report.looks += stage.looks;
        // Where a run has failed, the machines are not where an audit could look.
        if self.report.failures() == failures {
            let began = Instant::now();
            let (acknowledged, verdict) = stage.end(machine(&rig)?);
            self.report.acknowledged += acknowledged;
            let name = format!("audit: {acknowledged} writes of lab {}", self.stages);
            self.report
                .add(&name, &verdict, began.elapsed(), &rig.folder)?;
        }
        Ok(value)
    }

    fn add(
        &mut self,
        name: &str,
        verdict: &Verdict,
        took: Duration,
        stage: &Stage<'_>,
    ) -> Tried<bool> {
        self.report.add(name, verdict, took, &stage.rig.folder)
    }

    /// Adds a run to the lab that was used last.
    fn add_here(&mut self, name: &str, verdict: &Verdict, took: Duration) -> Tried<bool> {
        let folder = self.folder.clone();
        self.report.add(name, verdict, took, &folder)
    }

    fn add_deaths(&mut self, kind: &str, chained: &Chained, stage: &Stage<'_>) -> Tried<()> {
        for death in &chained.deaths {
            self.strike(&death.at);
            let verdict = match &death.trouble {
                None => Verdict::default(),
                Some(what) => Verdict::trouble(what),
            };
            self.add(
                &format!("{kind}{}", death.at.point),
                &verdict,
                death.took,
                stage,
            )?;
        }
        Ok(())
    }

    fn strike(&mut self, at: &Passed) {
        self.report.struck.insert(at.key());
    }
}

/// The machine that holds every acknowledged write now.
fn machine(rig: &Rig) -> Tried<Machine> {
    let state: State = rig.state()?.parse()?;
    let machine = match state.writes() {
        Some(Side::Dest) => Machine::Dest,
        _ => Machine::Source,
    };
    say(&format!("       the migration rests at {state}"));
    Ok(machine)
}

#[cfg(test)]
mod tests {
    use super::{Point, Selection};

    fn only(pattern: &str) -> Selection {
        Selection {
            quick: false,
            only: pattern.split(',').map(str::to_owned).collect(),
            live: false,
        }
    }

    #[test]
    fn a_pattern_selects_by_name() {
        assert!(Selection::default().wants("resume:cold/fence#0:after"));
        assert!(only("fence").wants("resume:cold/fence#0:after"));
        assert!(!only("rollback:").wants("resume:cold/fence#0:after"));
        assert!(only("rollback:,fence").wants("resume:cold/fence#0:after"));
        let points = vec![
            Point::parse("cold/fence#0:after").unwrap(),
            Point::parse("cold/stop#0:after").unwrap(),
        ];
        assert_eq!(only("fence").filter("resume:", points.clone()), points[..1]);
        assert_eq!(only("back:").filter("resume:", points), []);
    }

    #[test]
    fn a_kind_is_left_out_where_another_is_named() {
        assert!(only("rollback:cold").wants_some_of("rollback:"));
        assert!(!only("rollback:cold").wants_some_of("resume:"));
        assert!(only("cold/fence").wants_some_of("resume:"));
        assert!(only("back:").wants_some_of("back:synced>start:"));
        assert!(only("back:synced>start:undo").wants_some_of("back:synced>start:"));
        assert!(!only("back:warm>start:undo").wants_some_of("back:synced>start:"));
        assert!(only("back:warm>start:undo").wants_some_of("back:"));
        assert!(!only("rollback:cold").wants_some_of("back:"));
        assert!(!only("back:").wants_some_of("rollback:"));
        assert!(!only("back:").wants("rollback:cold/fence#0:after"));
    }

    #[test]
    fn a_whole_name_needs_no_list() {
        let point = Point::parse("undo:cold/fence#0:after").unwrap();
        assert_eq!(
            only("back:synced>start:undo:cold/fence#0:after").point("back:synced>start:"),
            Some(point)
        );
        assert_eq!(
            only("back:synced>start:undo").point("back:synced>start:"),
            None
        );
        assert_eq!(Selection::default().point("resume:"), None);
    }
}
