//! Where a migration is: a fold over its journal that rejects nonsense.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::journal::{Begun, Event, FORMAT, Failure, Record};
use crate::state::State;
use crate::step::HOMEWARD;

/// What the journal says about one step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepState {
    /// The pre-image of the first start since the step was last undone.
    pub before: Option<Value>,
    /// When that start was recorded, milliseconds since the epoch.
    pub started_ms: i64,
    /// The evidence, once it holds.
    pub reached: Option<Value>,
    /// When that was recorded.
    pub reached_ms: i64,
    /// Whether an undo of it is under way.
    pub undoing: bool,
}

/// Which way the migration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// On.
    Forward,
    /// Back to a state; sticky until it has ended.
    Back(State),
}

/// A record that cannot follow the ones before it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("record {seq} of the journal: {reason}")]
pub struct Nonsense {
    /// Its number.
    pub seq: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// The fold of a journal.
#[derive(Debug, Clone)]
pub struct Cursor {
    begun: Option<Begun>,
    steps: BTreeMap<String, StepState>,
    /// Steps on the way home, of the rollback that is under way.
    homeward: BTreeMap<String, StepState>,
    agreed: BTreeSet<State>,
    direction: Direction,
    failure: Option<(String, Failure)>,
    in_flight_ms: Option<i64>,
    /// When an effect was sent of which nothing says how it ended, before the step was started once more.
    lost_ms: Option<i64>,
    stuck: bool,
    rollbacks: u32,
    probed: Vec<(i64, i64)>,
    next_seq: u64,
    last_ms: i64,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            begun: None,
            steps: BTreeMap::new(),
            homeward: BTreeMap::new(),
            agreed: BTreeSet::new(),
            direction: Direction::Forward,
            failure: None,
            in_flight_ms: None,
            lost_ms: None,
            stuck: false,
            rollbacks: 0,
            probed: Vec::new(),
            next_seq: 0,
            last_ms: 0,
        }
    }
}

impl Cursor {
    /// Folds a whole journal.
    ///
    /// # Errors
    ///
    /// [`Nonsense`] at the first record that cannot follow.
    pub fn fold<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, Nonsense> {
        let mut cursor = Self::default();
        for record in records {
            cursor.push(record)?;
        }
        Ok(cursor)
    }

    /// Takes one more record.
    ///
    /// # Errors
    ///
    /// [`Nonsense`] if it cannot follow; the cursor is then as it was.
    pub fn push(&mut self, record: &Record) -> Result<(), Nonsense> {
        let nonsense = |reason: String| Nonsense {
            seq: record.seq,
            reason,
        };
        if record.seq != self.next_seq {
            return Err(nonsense(format!("expected number {}", self.next_seq)));
        }
        if self.begun.is_none() && !matches!(record.event, Event::Begun(_)) {
            return Err(nonsense("a journal begins with `begun`".to_owned()));
        }
        let back = matches!(self.direction, Direction::Back(_));
        match &record.event {
            Event::Begun(begun) => {
                if self.begun.is_some() {
                    return Err(nonsense("a second `begun`".to_owned()));
                }
                if begun.format > FORMAT {
                    let newer = begun.format;
                    return Err(nonsense(format!(
                        "format {newer} is newer than {FORMAT}: use a newer regmig"
                    )));
                }
                self.begun = Some((**begun).clone());
            }
            Event::Agreed { .. } if back => {
                return Err(nonsense(
                    "a step forward while a rollback is under way".to_owned(),
                ));
            }
            Event::Started { step, .. } | Event::Reached { step, .. }
                if back != is_homeward(step) =>
            {
                return Err(nonsense(if back {
                    "a step forward while a rollback is under way".to_owned()
                } else {
                    format!("step {step} without a rollback under way")
                }));
            }
            Event::Agreed { state } => {
                self.agreed.insert(*state);
            }
            Event::Started { step, before } => {
                // dest was opened again after its fence had held: what was proven since is void.
                if self
                    .homeward
                    .get(step)
                    .is_some_and(|entry| entry.reached.is_some())
                {
                    self.homeward.clear();
                }
                let entry = self.entry(step);
                if entry.reached.is_some() {
                    return Err(nonsense(format!(
                        "step {step} started after it was reached"
                    )));
                }
                if entry.before.is_none() {
                    entry.before = Some(before.clone());
                    entry.started_ms = record.at_ms;
                }
                self.lost_ms = self.in_flight_ms;
                self.failure = None;
            }
            Event::Acting { step, .. } => {
                let open = |step: &StepState| step.reached.is_none() || step.undoing;
                if !self.step(step).is_some_and(open) {
                    return Err(nonsense(format!(
                        "an effect of {step}, which is not under way"
                    )));
                }
                self.in_flight_ms = Some(record.at_ms);
            }
            Event::Probed { from_ms, to_ms } => self.probed.push((*from_ms, *to_ms)),
            Event::Reached { step, evidence } => {
                let entry = self.entry(step);
                if entry.reached.is_some() {
                    return Err(nonsense(format!("step {step} reached twice")));
                }
                entry.reached = Some(evidence.clone());
                entry.reached_ms = record.at_ms;
                self.failure = None;
                self.in_flight_ms = None;
                self.lost_ms = None;
            }
            Event::Failed { step, failure } => {
                if back && !is_homeward(step) {
                    return Err(nonsense(format!(
                        "step {step} failed forward while a rollback is under way"
                    )));
                }
                self.landed(failure);
                self.failure = Some((step.clone(), failure.clone()));
            }
            Event::RollbackBegun { to } => {
                if self.direction == Direction::Back(*to) {
                    return Err(nonsense(format!("a second rollback to {to} within one")));
                }
                // Another target may be named while a rollback is under way; it stays one.
                self.direction = Direction::Back(*to);
                self.failure = None;
            }
            Event::UndoStarted { step } => {
                let steps = self.steps_like(step);
                let entry = steps
                    .get_mut(step)
                    .filter(|_| back)
                    .ok_or_else(|| nonsense(format!("an undo of {step}, which never started")))?;
                entry.undoing = true;
                self.stuck = false;
                self.failure = None;
            }
            Event::Undone { step } => {
                if !back || self.steps_like(step).remove(step).is_none() {
                    return Err(nonsense(format!("step {step} undone, which never started")));
                }
                self.in_flight_ms = None;
                self.lost_ms = None;
            }
            Event::UndoFailed { step, failure } => {
                if !back || !self.step(step).is_some_and(|step| step.undoing) {
                    return Err(nonsense(format!(
                        "an undo of {step}, which is not under way, failed"
                    )));
                }
                self.landed(failure);
                self.failure = Some((step.clone(), failure.clone()));
                self.stuck = true;
            }
            Event::RollbackEnded { to } => {
                if self.direction != Direction::Back(*to) {
                    return Err(nonsense(
                        "the end of a rollback that is not under way".to_owned(),
                    ));
                }
                self.direction = Direction::Forward;
                self.homeward.clear();
                self.agreed.clear();
                self.stuck = false;
                self.rollbacks += 1;
            }
        }
        self.next_seq += 1;
        self.last_ms = record.at_ms;
        Ok(())
    }

    /// Takes note of whether the last effect may still take place.
    fn landed(&mut self, failure: &Failure) {
        if !failure.outcome_unknown {
            self.in_flight_ms = self.lost_ms;
        }
    }

    /// Where steps of this kind are kept: those on the way home apart from the others.
    fn steps_like(&mut self, step: &str) -> &mut BTreeMap<String, StepState> {
        if is_homeward(step) {
            &mut self.homeward
        } else {
            &mut self.steps
        }
    }

    fn entry(&mut self, step: &str) -> &mut StepState {
        self.steps_like(step).entry(step.to_owned()).or_default()
    }

    /// The head of the journal.
    pub fn begun(&self) -> Option<&Begun> {
        self.begun.as_ref()
    }

    /// What is known of a step; nothing if it never started or was undone.
    pub fn step(&self, id: &str) -> Option<&StepState> {
        if is_homeward(id) {
            self.homeward.get(id)
        } else {
            self.steps.get(id)
        }
    }

    /// The same, as if a step had never been started.
    #[must_use]
    pub fn without(mut self, id: &str) -> Self {
        self.steps_like(id).remove(id);
        self
    }

    /// Whether a step holds according to the journal.
    pub fn is_reached(&self, id: &str) -> bool {
        self.step(id).is_some_and(|step| step.reached.is_some())
    }

    /// Whether the operator has agreed to enter a state.
    pub fn has_agreed(&self, state: State) -> bool {
        self.agreed.contains(&state)
    }

    /// Which way it goes.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The step that failed last and why, if nothing has been tried since.
    pub fn failure(&self) -> Option<(&str, &Failure)> {
        self.failure
            .as_ref()
            .map(|(step, failure)| (step.as_str(), failure))
    }

    /// When the last effect was sent, milliseconds since the epoch, where it may still be under way: nothing says
    /// how it ended.
    pub fn in_flight_ms(&self) -> Option<i64> {
        self.in_flight_ms
    }

    /// Whether an undo failed for good.
    pub fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Whether no step has been started that is not undone again: nothing is on the machines.
    pub fn is_untouched(&self) -> bool {
        self.steps.is_empty() && self.direction == Direction::Forward
    }

    /// How many rollbacks have ended; names that must not be reused after one carry it.
    pub fn rollbacks(&self) -> u32 {
        self.rollbacks
    }

    /// Spans, in milliseconds since the epoch, in which regmig asked both DNS servers for every user.
    pub fn probed(&self) -> &[(i64, i64)] {
        &self.probed
    }

    /// The step that was started last and is neither reached nor undone, and when it started.
    pub fn in_progress(&self) -> Option<(&str, i64)> {
        self.steps
            .iter()
            .chain(&self.homeward)
            .filter(|(_, step)| step.reached.is_none() || step.undoing)
            .max_by_key(|(_, step)| step.started_ms)
            .map(|(id, step)| (id.as_str(), step.started_ms))
    }

    /// The number that the next record must have.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// When the last record was appended, milliseconds since the epoch.
    pub fn last_ms(&self) -> i64 {
        self.last_ms
    }

    /// How many steps are behind, given all of them in order.
    ///
    /// Steps are taken in order: whatever stands before one that is known has been passed, though the journal may not
    /// name it, since the regmig that began the migration had no such step.
    pub fn passed<'a>(&self, steps: impl IntoIterator<Item = &'a str>) -> usize {
        let mut passed = 0;
        for (index, id) in steps.into_iter().enumerate() {
            if let Some(step) = self.step(id) {
                passed = index + usize::from(step.reached.is_some());
            }
        }
        passed
    }

    /// The state in which the migration rests, or which it left last, given all steps in order.
    pub fn state<'a>(
        &self,
        steps: impl IntoIterator<Item = (&'a str, State), IntoIter: Clone>,
    ) -> State {
        let steps = steps.into_iter();
        let passed = self.passed(steps.clone().map(|(id, _)| id));
        let mut entered = State::Start;
        let mut entering = State::Start;
        for (index, (_, enters)) in steps.enumerate() {
            if enters != entering {
                entered = entering;
                entering = enters;
            }
            if index >= passed {
                return entered;
            }
        }
        entering
    }
}

/// Whether a step brings home what dest has accepted.
fn is_homeward(step: &str) -> bool {
    step.starts_with(HOMEWARD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> Event {
        Event::Begun(Box::new(Begun {
            format: FORMAT,
            id: "m".into(),
            regmig: "0".into(),
            spec_digest: "d".into(),
            spec: Value::Null,
        }))
    }

    fn fold(events: Vec<Event>) -> Result<Cursor, Nonsense> {
        let records: Vec<Record> = events
            .into_iter()
            .enumerate()
            .map(|(seq, event)| Record {
                seq: seq as u64,
                at_ms: seq as i64,
                event,
            })
            .collect();
        Cursor::fold(&records)
    }

    fn started(step: &str, before: i64) -> Event {
        Event::Started {
            step: step.into(),
            before: before.into(),
        }
    }

    fn reached(step: &str) -> Event {
        Event::Reached {
            step: step.into(),
            evidence: Value::Null,
        }
    }

    #[test]
    fn the_first_pre_image_wins_until_the_step_is_undone() {
        let cursor = fold(vec![begun(), started("a", 1), started("a", 2)]).unwrap();
        assert_eq!(cursor.step("a").unwrap().before, Some(1.into()));
        let cursor = fold(vec![
            begun(),
            started("a", 1),
            Event::RollbackBegun { to: State::Start },
            Event::UndoStarted { step: "a".into() },
            Event::Undone { step: "a".into() },
            Event::RollbackEnded { to: State::Start },
            started("a", 3),
        ])
        .unwrap();
        assert_eq!(cursor.step("a").unwrap().before, Some(3.into()));
    }

    #[test]
    fn nonsense_is_rejected() {
        for events in [
            vec![started("a", 1)],
            vec![begun(), begun()],
            vec![begun(), reached("a"), reached("a")],
            vec![begun(), Event::Undone { step: "a".into() }],
            vec![
                begun(),
                Event::RollbackBegun { to: State::Start },
                started("a", 1),
            ],
            vec![begun(), Event::RollbackEnded { to: State::Start }],
            vec![begun(), started("failback/a", 1)],
            vec![begun(), back_to(State::Start), back_to(State::Start)],
            vec![
                begun(),
                back_to(State::Start),
                Event::Undone {
                    step: "failback/a".into(),
                },
            ],
        ] {
            assert!(fold(events.clone()).is_err(), "{events:?}");
        }
    }

    fn back_to(to: State) -> Event {
        Event::RollbackBegun { to }
    }

    #[test]
    fn steps_on_the_way_home_last_as_long_as_the_rollback() {
        let mut events = vec![
            begun(),
            started("a", 1),
            back_to(State::Start),
            started("failback/a", 2),
            reached("failback/a"),
            reached("failback/b"),
        ];
        let cursor = fold(events.clone()).unwrap();
        assert!(cursor.is_reached("failback/a") && cursor.is_reached("failback/b"));
        // Another target does not change what is true.
        events.push(back_to(State::Launched));
        assert!(fold(events.clone()).unwrap().is_reached("failback/b"));
        // The fence did not hold any more: everything after it is void.
        events.push(started("failback/a", 3));
        let cursor = fold(events.clone()).unwrap();
        assert_eq!(cursor.step("failback/a").unwrap().before, Some(3.into()));
        assert!(!cursor.is_reached("failback/a") && cursor.step("failback/b").is_none());
        events.push(Event::RollbackEnded {
            to: State::Launched,
        });
        let cursor = fold(events).unwrap();
        assert!(cursor.step("failback/a").is_none() && cursor.step("a").is_some());
    }

    #[test]
    fn an_effect_is_in_flight_until_something_says_how_it_ended() {
        let acting = || Event::Acting {
            step: "a".into(),
            effect: String::new(),
        };
        let failed = |outcome_unknown| Event::Failed {
            step: "a".into(),
            failure: Failure {
                chain: Vec::new(),
                effect: None,
                outcome_unknown,
                hint: None,
            },
        };
        let in_flight = |last: Vec<Event>| {
            let mut events = vec![begun(), started("a", 1), acting()];
            events.extend(last);
            fold(events).unwrap().in_flight_ms().is_some()
        };
        assert!(in_flight(vec![]));
        assert!(in_flight(vec![failed(true), back_to(State::Start)]));
        assert!(!in_flight(vec![failed(false)]));
        // Another process has tried again, and knows only of its own.
        let again = || vec![started("a", 1), acting(), failed(false)];
        assert!(in_flight(again()));
        assert!(in_flight([vec![failed(true)], again()].concat()));
        assert!(!in_flight([vec![failed(false)], again()].concat()));
        assert!(!in_flight(vec![reached("a")]));
    }

    #[test]
    fn a_state_is_entered_with_its_last_step() {
        let steps = [
            ("a", State::Launched),
            ("b", State::Launched),
            ("c", State::Backup),
        ];
        let at = |events| fold(events).unwrap().state(steps);
        assert_eq!(at(vec![begun()]), State::Start);
        assert_eq!(at(vec![begun(), reached("a")]), State::Start);
        assert_eq!(
            at(vec![begun(), reached("a"), reached("b")]),
            State::Launched
        );
        assert_eq!(
            at(vec![begun(), reached("a"), reached("b"), reached("c")]),
            State::Backup
        );
    }

    #[test]
    fn steps_that_the_journal_does_not_name_are_behind_where_a_later_one_is_known() {
        let steps = [
            ("new", State::Launched),
            ("a", State::Launched),
            ("newer", State::Backup),
            ("b", State::Backup),
        ];
        let at = |events| {
            let cursor = fold(events).unwrap();
            (cursor.passed(steps.map(|(id, _)| id)), cursor.state(steps))
        };
        assert_eq!(at(vec![begun()]), (0, State::Start));
        assert_eq!(at(vec![begun(), reached("a")]), (2, State::Launched));
        // What has been started is not behind.
        let started_b = vec![begun(), reached("a"), started("b", 1)];
        assert_eq!(at(started_b), (3, State::Launched));
        let reached_b = vec![begun(), reached("a"), reached("b")];
        assert_eq!(at(reached_b), (4, State::Backup));
    }
}
