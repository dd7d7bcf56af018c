//! The fold of a journal takes what can follow, refuses what cannot, and is then as it was.

use std::collections::BTreeMap;

use proptest::prelude::*;
use regmig_core::cursor::{Cursor, Direction};
use regmig_core::journal::{Begun, Event, FORMAT, Failure, Record};
use regmig_core::state::State;
use serde_json::{Value, json};

const STEPS: [&str; 6] = [
    "launched/a",
    "launched/b",
    "warm/c",
    "cold/d",
    "failback/e",
    "failback/f",
];

/// Whether a step is taken on the way home, during a rollback, and forgotten with it.
fn homeward(step: &str) -> bool {
    step.starts_with("failback/")
}

fn begun(format: u32) -> Event {
    Event::Begun(Box::new(Begun {
        format,
        id: "m".into(),
        regmig: "0".into(),
        spec_digest: "d".into(),
        spec: Value::Null,
    }))
}

fn failure() -> Failure {
    Failure {
        chain: vec!["it broke".into()],
        effect: None,
        outcome_unknown: false,
        hint: None,
    }
}

fn event() -> impl Strategy<Value = Event> {
    let step = || prop::sample::select(STEPS.as_slice()).prop_map(str::to_owned);
    let state = || prop::sample::select(State::ALL.as_slice());
    prop_oneof![
        1 => (0..3_u32).prop_map(begun),
        3 => state().prop_map(|state| Event::Agreed { state }),
        12 => (step(), any::<u8>()).prop_map(|(step, before)| Event::Started { step, before: json!(before) }),
        4 => step().prop_map(|step| Event::Acting { step, effect: "does".into() }),
        12 => step().prop_map(|step| Event::Reached { step, evidence: Value::Null }),
        4 => step().prop_map(|step| Event::Failed { step, failure: failure() }),
        6 => prop::sample::select(vec![State::Start, State::Warm]).prop_map(|to| Event::RollbackBegun { to }),
        8 => step().prop_map(|step| Event::UndoStarted { step }),
        8 => step().prop_map(|step| Event::Undone { step }),
        3 => step().prop_map(|step| Event::UndoFailed { step, failure: failure() }),
        1 => Just(Event::Probed { from_ms: 1, to_ms: 2 }),
        5 => prop::sample::select(vec![State::Start, State::Warm]).prop_map(|to| Event::RollbackEnded { to }),
    ]
}

/// Mostly a record that is next in number, at times one that is not.
fn records() -> impl Strategy<Value = Vec<Record>> {
    let one = (
        event(),
        prop::sample::select(vec![0_u64, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    );
    prop::collection::vec(one, 0..80).prop_map(|events| {
        let mut seq = 0;
        let first = Record {
            seq,
            at_ms: 0,
            event: begun(FORMAT),
        };
        let rest = events.into_iter().map(|(event, skipped)| {
            seq += 1;
            Record {
                seq: seq + skipped,
                at_ms: seq as i64,
                event,
            }
        });
        std::iter::once(first).chain(rest).collect()
    })
}

/// The same, each renumbered so that only its event can be what is wrong.
fn pushed(cursor: &mut Cursor, mut record: Record, skipped: bool) -> bool {
    if !skipped {
        record.seq = cursor.next_seq();
    }
    let before = format!("{cursor:?}");
    let next = cursor.next_seq();
    match cursor.push(&record) {
        Ok(()) => {
            assert_eq!(cursor.next_seq(), next + 1);
            true
        }
        Err(nonsense) => {
            assert_eq!(nonsense.seq, record.seq);
            assert!(!nonsense.reason.is_empty());
            assert_eq!(
                format!("{cursor:?}"),
                before,
                "a refused record left something"
            );
            false
        }
    }
}

/// What a step's events say, told independently of the cursor.
#[derive(Default)]
struct Told {
    before: Option<Value>,
    reached: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_refused_leaves_nothing_and_what_is_taken_makes_sense(records in records()) {
        let mut cursor = Cursor::default();
        let mut told: BTreeMap<String, Told> = BTreeMap::new();
        let mut taken = Vec::new();
        for (index, record) in records.into_iter().enumerate() {
            let skipped = record.seq != index as u64;
            let (was, any) = (cursor.direction(), cursor.begun().is_some());
            let back = was != Direction::Forward;
            let mut numbered = record.clone();
            numbered.seq = cursor.next_seq();
            if !pushed(&mut cursor, record.clone(), skipped) {
                continue;
            }
            prop_assert!(!skipped, "a gap");
            taken.push(numbered);
            match &record.event {
                Event::Begun(begun) => prop_assert!(!any && begun.format <= FORMAT),
                Event::Agreed { state } => prop_assert!(!back && cursor.has_agreed(*state)),
                Event::Started { step, before } => {
                    prop_assert_eq!(back, homeward(step));
                    // dest is fenced anew: what was proven behind the former fence is void.
                    if homeward(step) && told.get(step).is_some_and(|told| told.reached) {
                        told.retain(|step, _| !homeward(step));
                    }
                    let told = told.entry(step.clone()).or_default();
                    prop_assert!(!told.reached, "started after it was reached");
                    told.before.get_or_insert(before.clone());
                }
                Event::Reached { step, .. } => {
                    prop_assert_eq!(back, homeward(step));
                    let told = told.entry(step.clone()).or_default();
                    prop_assert!(!told.reached, "reached twice");
                    told.reached = true;
                }
                // Another target may be named on the way; the same one not.
                Event::RollbackBegun { to } => {
                    prop_assert_ne!(was, Direction::Back(*to));
                    prop_assert_eq!(cursor.direction(), Direction::Back(*to));
                }
                Event::UndoStarted { step } => prop_assert!(back && told.contains_key(step)),
                Event::Undone { step } => {
                    prop_assert!(back && told.remove(step).is_some());
                }
                Event::RollbackEnded { to } => {
                    prop_assert_eq!(was, Direction::Back(*to));
                    prop_assert_eq!(cursor.direction(), Direction::Forward);
                    prop_assert!(!cursor.is_stuck());
                    told.retain(|step, _| !homeward(step));
                }
                _ => {}
            }
            for step in STEPS {
                let found = cursor.step(step);
                let told = told.get(step);
                prop_assert_eq!(found.is_some(), told.is_some(), "{}", step);
                // The first pre-image since the step was last undone.
                prop_assert_eq!(found.and_then(|found| found.before.clone()), told.and_then(|told| told.before.clone()));
                prop_assert_eq!(cursor.is_reached(step), told.is_some_and(|told| told.reached));
            }
        }
        let again = Cursor::fold(&taken).unwrap();
        prop_assert_eq!(format!("{again:?}"), format!("{cursor:?}"));
        let order = STEPS.into_iter().zip([State::Launched, State::Launched, State::Warm, State::Cold]);
        let state = cursor.state(order.clone());
        // A step that is entered is reached, or stands before one that the journal knows.
        let known = |step: &&str| cursor.step(step).is_some();
        for (index, (step, enters)) in order.enumerate() {
            let before_known = STEPS.iter().skip(index + 1).any(known);
            prop_assert!(enters > state || cursor.is_reached(step) || before_known);
        }
    }

    /// Whatever comes first but the head of a journal of a format that is known.
    #[test]
    fn nothing_begins_but_a_beginning(event in event()) {
        let taken = pushed(&mut Cursor::default(), Record { seq: 0, at_ms: 0, event: event.clone() }, false);
        prop_assert_eq!(taken, matches!(event, Event::Begun(begun) if begun.format <= FORMAT));
    }
}
