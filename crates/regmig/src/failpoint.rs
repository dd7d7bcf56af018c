//! Points at which regmig kills itself, for the crash matrix; compiled in by the feature `failpoints` only.
//!
//! A point is named `STEP#EFFECT:MOMENT`, with `undo:` before it on the way back: the effect counts from 0 within
//! its step, and the moment is one of
//!
//! - `before`: the intent is on record, nothing has been done;
//! - `after`: the effect has taken place, and no record says so;
//! - `recorded`: the step's last record is on disk. The record after any other effect is the intent of the next one,
//!   so that this instant is the next effect's `before`, and is not named twice.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use regmig_core::effect::{Answer, Effect, Query};
use regmig_core::journal::{Event, Journal, JournalError, Record};
use regmig_core::port::{Act, Fut, Observe, PortError};
use regmig_store::Store;

use crate::exit_code::Code;
use crate::problem::Problem;
use crate::world::World;

/// Points at which to die, separated by commas: at the first one that is passed. `+N` is the Nth of this run, whichever that is.
const POINTS: &str = "REGMIG_FAILPOINT";

/// A file to which every point passed is added: the point, a tab, the effect.
const LOG: &str = "REGMIG_FAILPOINTS_LOG";

/// The journal, and the points that its records pass.
pub(crate) type Keeper = Watched<Store>;

/// The machines, and the points that effects pass.
pub(crate) type Hands = Watched<Arc<World>>;

/// Both, for one run.
pub(crate) fn over(world: Arc<World>, store: Store) -> Result<(Hands, Keeper), Problem> {
    let points = Points::from_environment().map_err(|error| Problem {
        text: format!("error: the file in {LOG} cannot be opened: {error}"),
        code: Code::Usage,
    })?;
    let points = Arc::new(points);
    let hands = Watched {
        inner: world,
        points: Arc::clone(&points),
    };
    let keeper = Watched {
        inner: store,
        points,
    };
    Ok((hands, keeper))
}

/// The machines, to be acted on.
pub(crate) fn act(hands: &Hands) -> &dyn Act {
    hands
}

/// Where the run is, and where it shall die.
#[derive(Debug, Default)]
struct Points(Mutex<Place>);

#[derive(Debug, Default)]
struct Place {
    deadly: Vec<String>,
    log: Option<File>,
    /// The step, after `undo:` on the way back.
    step: String,
    /// How many points this run has passed.
    passed: usize,
    /// How many effects of the step were begun.
    begun: usize,
    /// The one that was begun last.
    effect: String,
    /// Whether that one has taken place.
    acted: bool,
}

impl Points {
    /// What the environment asks for.
    ///
    /// # Errors
    ///
    /// When the log cannot be opened.
    fn from_environment() -> std::io::Result<Self> {
        let deadly = std::env::var(POINTS).unwrap_or_default();
        let log = std::env::var_os(LOG)
            .map(|path| File::options().create(true).append(true).open(path))
            .transpose()?;
        Ok(Self(Mutex::new(Place {
            deadly: deadly.split(',').map(str::to_owned).collect(),
            log,
            ..Place::default()
        })))
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a record that is on disk.
    fn recorded(&self, record: &Record) {
        let mut place = self.place();
        match &record.event {
            Event::Started { step, .. } => place.enter(step.clone()),
            Event::UndoStarted { step } => place.enter(format!("undo:{step}")),
            Event::Acting { step, effect } => {
                if place.step.is_empty() {
                    // A step of an earlier process is decided about: no record says so, since nothing is undone yet.
                    place.enter(format!("undo:{step}"));
                }
                place.begun += 1;
                place.effect.clone_from(effect);
                place.acted = false;
            }
            Event::Reached { .. } | Event::Undone { .. } => {
                if place.acted {
                    place.pass("recorded");
                }
                place.enter(String::new());
            }
            _ => {}
        }
    }
}

impl Place {
    fn enter(&mut self, step: String) {
        self.step = step;
        self.begun = 0;
        self.acted = false;
    }

    /// Says that a point is passed, and dies there if that is asked for.
    fn pass(&mut self, moment: &str) {
        let index = self.begun.saturating_sub(1);
        let point = format!("{}#{index}:{moment}", self.step);
        if let Some(log) = &mut self.log {
            // Whoever reads the log misses what is not in it.
            let _ = writeln!(log, "{point}\t{}", self.effect);
        }
        self.passed += 1;
        let count = format!("+{}", self.passed);
        if self.deadly.contains(&point) || self.deadly.contains(&count) {
            die();
        }
    }
}

/// Ends this process as a loss of power would: no destructor, no last words.
fn die() -> ! {
    loop {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// The machines or the journal, seen by the points.
pub(crate) struct Watched<T> {
    inner: T,
    points: Arc<Points>,
}

impl Observe for Watched<Arc<World>> {
    fn observe<'a>(&'a self, query: &'a Query) -> Fut<'a, Result<Answer, PortError>> {
        self.inner.observe(query)
    }
}

impl Act for Watched<Arc<World>> {
    fn act<'a>(&'a self, effect: &'a Effect) -> Fut<'a, Result<Answer, PortError>> {
        Box::pin(async move {
            self.points.place().pass("before");
            let answer = self.inner.act(effect).await?;
            let mut place = self.points.place();
            place.acted = true;
            place.pass("after");
            drop(place);
            Ok(answer)
        })
    }
}

impl Journal for Watched<Store> {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        self.inner.append(record)?;
        self.points.recorded(record);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(event: Event) -> Record {
        Record {
            seq: 0,
            at_ms: 0,
            event,
        }
    }

    fn started(step: &str) -> Record {
        let step = step.to_owned();
        record(Event::Started {
            step,
            before: serde_json::Value::Null,
        })
    }

    fn acting(step: &str) -> Record {
        record(Event::Acting {
            step: step.to_owned(),
            effect: "do it".to_owned(),
        })
    }

    #[test]
    fn every_moment_of_every_effect_has_one_name() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let points = Points(Mutex::new(Place {
            log: Some(log.reopen().unwrap()),
            ..Place::default()
        }));
        let act = || {
            points.place().pass("before");
            points.place().acted = true;
            points.place().pass("after");
        };
        points.recorded(&started("cold/fence"));
        for _ in 0..2 {
            points.recorded(&acting("cold/fence"));
            act();
        }
        let step = "cold/fence".to_owned();
        let evidence = serde_json::Value::Null;
        points.recorded(&record(Event::Reached { step, evidence }));
        // A step without effects has no points.
        points.recorded(&started("synced/equal"));
        let step = "synced/equal".to_owned();
        let evidence = serde_json::Value::Null;
        points.recorded(&record(Event::Reached { step, evidence }));
        let step = "cold/fence".to_owned();
        points.recorded(&record(Event::UndoStarted { step: step.clone() }));
        points.recorded(&acting("cold/fence"));
        act();
        points.recorded(&record(Event::Undone { step }));
        let text = std::fs::read_to_string(log.path()).unwrap();
        let names: Vec<&str> = text
            .lines()
            .map(|line| line.split_once('\t').unwrap().0)
            .collect();
        assert_eq!(
            names,
            [
                "cold/fence#0:before",
                "cold/fence#0:after",
                "cold/fence#1:before",
                "cold/fence#1:after",
                "cold/fence#1:recorded",
                "undo:cold/fence#0:before",
                "undo:cold/fence#0:after",
                "undo:cold/fence#0:recorded",
            ]
        );
    }
}
