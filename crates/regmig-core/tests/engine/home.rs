//! Writes of dest come home before anything behind them is undone.

use regmig_core::cursor::Direction;
use regmig_core::edge::NoWay;
use regmig_core::engine::{EngineError, Outcome};
use regmig_core::state::State;

use crate::toy::{Fault, Notes, Toy, back, back_to, begun, cursor, forward};

fn opened(toy: &Toy) -> Notes<'_> {
    let mut notes = begun(toy);
    forward(toy, &mut notes).unwrap().unwrap();
    notes
}

fn file(toy: &Toy, path: &str) -> Option<String> {
    toy.files.lock().unwrap().get(path).cloned()
}

#[test]
fn where_no_failback_can_be_had_nothing_is_done() {
    let toy = Toy::new();
    let mut notes = opened(&toy);
    toy.set("room", "no");
    let before = notes.records.borrow().len();
    let refused = back(&toy, &mut notes).unwrap();
    assert!(matches!(refused, Err(EngineError::NoWay(_))), "{refused:?}");
    assert_eq!(notes.records.borrow().len(), before);
    assert_eq!(cursor(&notes).direction(), Direction::Forward);
    assert_eq!(file(&toy, "gate").as_deref(), Some("open"));
}

/// Whether a rollback halts behind the fence when its point with that number is refused.
fn halts(toy: &Toy, notes: &mut Notes<'_>, at: usize) -> bool {
    toy.fault(at, Fault::Refused);
    let outcome = back(toy, notes).unwrap().unwrap();
    toy.restart();
    matches!(outcome, Outcome::Halted { .. }) && file(toy, "gate").as_deref() == Some("shut")
}

#[test]
fn dest_can_be_opened_again_instead() {
    let mut seen = 0;
    for at in 1..30 {
        let toy = Toy::new();
        let mut notes = opened(&toy);
        if !halts(&toy, &mut notes, at) {
            continue;
        }
        seen += 1;
        let reopened = back_to(&toy, &mut notes, State::Proxy).unwrap().unwrap();
        assert_eq!(reopened, Outcome::RolledBack(State::Proxy));
        assert_eq!(file(&toy, "gate").as_deref(), Some("open"));
        assert_eq!(cursor(&notes).direction(), Direction::Forward);
        // And the way back is open again later.
        let back = back(&toy, &mut notes).unwrap().unwrap();
        assert_eq!(back, Outcome::RolledBack(State::Start));
    }
    assert!(seen > 0);
}

#[test]
fn what_was_proven_is_void_once_somebody_has_opened_dest() {
    let toy = Toy::new();
    let mut notes = opened(&toy);
    // Killed once the data is home, before the first undo.
    toy.keep("c1", Some("not as it was"));
    let reached_home = |notes: &Notes<'_>| cursor(notes).is_reached("failback/home");
    for at in 1.. {
        toy.fault(at, Fault::KilledBefore);
        back(&toy, &mut notes);
        toy.restart();
        if reached_home(&notes) {
            break;
        }
    }
    assert_eq!(file(&toy, "home").as_deref(), Some("H"));
    toy.set("gate", "open");
    toy.files.lock().unwrap().remove("home");
    toy.keep("c1", None);
    let outcome = back(&toy, &mut notes).unwrap().unwrap();
    assert_eq!(outcome, Outcome::RolledBack(State::Start));
    let fenced = notes.records.borrow().iter().filter(|record| {
        matches!(&record.event, regmig_core::journal::Event::Reached { step, .. } if step == "failback/fence")
    }).count();
    assert_eq!(fenced, 2, "the fence was proven again");
}

#[test]
fn another_target_may_be_named_but_not_one_whose_undo_has_begun_nor_one_where_nobody_serves() {
    let toy = Toy::new();
    let mut notes = opened(&toy);
    toy.keep("c2", Some("C"));
    let stuck = back(&toy, &mut notes).unwrap().unwrap();
    assert!(matches!(stuck, Outcome::Stuck { .. }), "{stuck:?}");
    toy.keep("c2", None);
    let records = notes.records.borrow().len();
    let refused = back_to(&toy, &mut notes, State::Cold).unwrap();
    let not_served = NoWay::NotServed {
        under_way: State::Start,
        to: State::Cold,
    };
    assert!(
        matches!(&refused, Err(EngineError::NoWay(found)) if *found == not_served),
        "{refused:?}"
    );
    assert_eq!(notes.records.borrow().len(), records);
    let refused = back_to(&toy, &mut notes, State::Backup).unwrap();
    assert!(matches!(refused, Err(EngineError::NoWay(_))), "{refused:?}");
    let outcome = back_to(&toy, &mut notes, State::Launched).unwrap().unwrap();
    assert_eq!(outcome, Outcome::RolledBack(State::Launched));
    assert_eq!(file(&toy, "b").as_deref(), Some("B"));
}
