use regmig_core::engine::{EngineError, Outcome};
use regmig_core::state::State;

use crate::toy::{EFFECT_FAULTS, Fault, Notes, Toy, back, begun, cursor, forward};

/// How many effects and appends a run forward, or a rollback after it, consists of.
fn points(rollback: bool) -> usize {
    let toy = Toy::new();
    let mut notes = begun(&toy);
    toy.fault(usize::MAX, Fault::None);
    forward(&toy, &mut notes).unwrap().unwrap();
    if rollback {
        toy.fault(usize::MAX, Fault::None);
        back(&toy, &mut notes).unwrap().unwrap();
    }
    let points = *toy.points.lock().unwrap();
    assert!(points > 10);
    points
}

fn assert_migrated(toy: &Toy) {
    let files = toy.files.lock().unwrap();
    let wanted = [
        ("a", "A"),
        ("b", "B"),
        ("c1", "C"),
        ("c2", "C"),
        ("gate", "open"),
        ("other", "not ours"),
        ("room", "yes"),
    ];
    assert!(
        files
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_str()))
            .eq(wanted),
        "{files:?}"
    );
}

fn assert_restored(toy: &Toy) {
    let files = toy.files.lock().unwrap();
    let wanted = [("b", "was here"), ("other", "not ours"), ("room", "yes")];
    assert!(
        files
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_str()))
            .eq(wanted),
        "{files:?}"
    );
}

/// Runs until the operator has nothing left to type.
fn go_on(toy: &Toy, notes: &mut Notes<'_>) {
    toy.restart();
    let outcome = forward(toy, notes).unwrap().unwrap();
    assert_eq!(outcome, Outcome::Reached(State::Proxy));
    assert_migrated(toy);
}

fn go_back(toy: &Toy, notes: &mut Notes<'_>) {
    toy.restart();
    if cursor(notes).is_untouched() {
        return assert_restored(toy);
    }
    let outcome = back(toy, notes).unwrap().unwrap();
    assert_eq!(outcome, Outcome::RolledBack(State::Start));
    assert_restored(toy);
    assert!(cursor(notes).is_untouched());
}

#[test]
fn forward_survives_every_fault_at_every_point() {
    for at in 1..=points(false) {
        for fault in EFFECT_FAULTS {
            let toy = Toy::new();
            let mut notes = begun(&toy);
            toy.fault(at, fault);
            let first = forward(&toy, &mut notes);
            if matches!(fault, Fault::NotSent | Fault::ReplyLost) {
                // These are mended without the operator.
                assert!(
                    matches!(first, Some(Ok(Outcome::Reached(State::Proxy)))),
                    "{fault:?} at {at}"
                );
            }
            go_on(&toy, &mut notes);
            go_back(&toy, &mut notes);
        }
    }
}

#[test]
fn rollback_returns_from_every_fault_at_every_point() {
    for at in 1..=points(false) {
        for fault in EFFECT_FAULTS {
            let toy = Toy::new();
            let mut notes = begun(&toy);
            toy.fault(at, fault);
            forward(&toy, &mut notes);
            go_back(&toy, &mut notes);
            go_on(&toy, &mut notes);
        }
    }
}

#[test]
fn a_rollback_goes_on_after_every_fault_at_every_point() {
    for at in 1..=points(true) {
        for fault in EFFECT_FAULTS {
            let toy = Toy::new();
            let mut notes = begun(&toy);
            forward(&toy, &mut notes).unwrap().unwrap();
            toy.fault(at, fault);
            back(&toy, &mut notes);
            toy.restart();
            if !cursor(&notes).is_untouched() {
                let refused = forward(&toy, &mut notes).unwrap();
                let begun = matches!(refused, Err(EngineError::RollingBack { to: State::Start }));
                let not_begun = matches!(refused, Ok(Outcome::Reached(State::Proxy)));
                assert!(begun || not_begun, "{fault:?} at {at}: {refused:?}");
            }
            go_back(&toy, &mut notes);
            go_on(&toy, &mut notes);
        }
    }
}

#[test]
fn faults_in_pairs_are_survived() {
    let points = points(false);
    for first in 1..=points {
        for second in 1..=points {
            for (one, other) in [
                (Fault::KilledAfter, Fault::KilledBefore),
                (Fault::KilledBefore, Fault::KilledAfter),
                (Fault::Refused, Fault::KilledAfter),
                (Fault::ReplyLost, Fault::Refused),
            ] {
                let toy = Toy::new();
                let mut notes = begun(&toy);
                toy.fault(first, one);
                forward(&toy, &mut notes);
                toy.restart();
                toy.fault(second, other);
                forward(&toy, &mut notes);
                go_back(&toy, &mut notes);
            }
        }
    }
}

#[test]
fn an_undo_that_fails_for_good_is_stuck_and_can_be_resumed() {
    let toy = Toy::new();
    let mut notes = begun(&toy);
    forward(&toy, &mut notes).unwrap().unwrap();
    // Somebody keeps changing the file back: the undo never comes to hold.
    toy.keep("b", Some("B"));
    let outcome = back(&toy, &mut notes).unwrap().unwrap();
    let Outcome::Stuck {
        step, undone, left, ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(step, "launched/b");
    assert_eq!(undone, ["proxy/open", "backup/c"]);
    assert_eq!(left, ["launched/b", "launched/a"]);
    assert!(cursor(&notes).is_stuck());
    toy.keep("b", None);
    go_back(&toy, &mut notes);
    assert!(!cursor(&notes).is_stuck());
}
