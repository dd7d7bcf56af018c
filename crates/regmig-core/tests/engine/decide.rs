//! A step that may have opened dest or not is decided before anything is undone.

use regmig_core::effect::{Effect, Expect};
use regmig_core::engine::Outcome;
use regmig_core::journal::Event;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Homeward, Patience, Probe, Procedure, Refusal, Step, Undo};
use serde_json::Value;

use crate::toy::{
    EFFECT_FAULTS, Fault, HOME, Notes, Toy, begun, close, content, engine_of, probe, run,
};

/// `epoch` says `armed`, and whoever comes first makes it `promoted` or `withdrawn`.
fn becomes(word: &str) -> Vec<Effect> {
    vec![Effect::WriteFile {
        machine: Machine::Dest,
        path: "epoch".to_owned(),
        content: word.to_owned(),
        mode: 0,
        expect: Expect::Content("armed".to_owned()),
    }]
}

static STEPS: [Step<()>; 1] = [Step {
    id: "proxy/promote",
    enters: State::Proxy,
    title: "promote",
    probe: |cx| {
        Box::pin(async move {
            Ok(match content(cx, "epoch").await?.as_deref() {
                Some("promoted") => Probe::holds(),
                Some("armed") => Probe::absent("not promoted"),
                other => Refusal {
                    what: "epoch".to_owned(),
                    found: format!("{other:?}"),
                    expected: "armed".to_owned(),
                    hint: String::new(),
                }
                .into(),
            })
        })
    },
    before: |_| Box::pin(async { Ok(Value::Null) }),
    plan: |_| Box::pin(async { Ok(becomes("promoted")) }),
    undo: Undo::OnceHomeUnless {
        withdraw: |_| Box::pin(async { Ok(becomes("withdrawn")) }),
        undo: |cx, _| Box::pin(close(cx)),
    },
    patience: |_| Patience {
        every_ms: 10,
        limit_ms: 100,
    },
    waits: false,
    stays: true,
}];

static PROCEDURE: Procedure<()> = Procedure {
    steps: &STEPS,
    replication: Homeward {
        ready: |cx| Box::pin(probe(cx, &[("link", "up")])),
        steps: &HOME,
    },
    copy: Homeward {
        ready: |cx| Box::pin(probe(cx, &[("room", "yes")])),
        steps: &HOME,
    },
};

fn came_home(notes: &Notes<'_>) -> bool {
    let records = notes.records.borrow();
    let home =
        |event: &Event| matches!(event, Event::Reached { step, .. } if step == "failback/home");
    records.iter().any(|record| home(&record.event))
}

fn toy() -> Toy {
    let toy = Toy::new();
    toy.set("epoch", "armed");
    toy
}

fn epoch(toy: &Toy) -> String {
    toy.files.lock().unwrap()["epoch"].clone()
}

#[test]
fn data_comes_home_if_dest_was_opened_and_only_then() {
    let mut seen = [false; 2];
    for first in 1..=8 {
        for fault in EFFECT_FAULTS {
            for second in 1..=8 {
                for then in EFFECT_FAULTS.into_iter().chain([Fault::None]) {
                    let toy = toy();
                    let mut notes = begun(&toy);
                    toy.fault(first, fault);
                    run(
                        &toy,
                        engine_of(&PROCEDURE, &toy, &mut notes).forward(State::Proxy),
                    );
                    let mut back = |toy: &Toy| {
                        run(
                            toy,
                            engine_of(&PROCEDURE, toy, &mut notes).rollback(State::Start),
                        )
                    };
                    toy.restart();
                    toy.fault(second, then);
                    back(&toy);
                    toy.restart();
                    back(&toy);
                    let promoted = epoch(&toy) == "promoted";
                    assert_eq!(
                        came_home(&notes),
                        promoted,
                        "{fault:?} at {first}, {then:?} at {second}: {}",
                        epoch(&toy)
                    );
                    seen[usize::from(promoted)] = true;
                }
            }
        }
    }
    assert_eq!(seen, [true, true]);
}

#[test]
fn what_is_withdrawn_never_takes_place() {
    let toy = toy();
    let mut notes = begun(&toy);
    // The intent is on record, and regmig is killed.
    toy.fault(2, Fault::KilledAfter);
    run(
        &toy,
        engine_of(&PROCEDURE, &toy, &mut notes).forward(State::Proxy),
    );
    toy.restart();
    let mut engine = engine_of(&PROCEDURE, &toy, &mut notes);
    assert_eq!(run(&toy, engine.decide()).unwrap().unwrap(), None);
    assert!(!engine.cursor.is_reached("proxy/promote"));
    assert_eq!(epoch(&toy), "withdrawn");
    assert!(matches!(
        run(&toy, engine.forward(State::Proxy)).unwrap().unwrap(),
        Outcome::Halted { .. }
    ));
    assert_eq!(epoch(&toy), "withdrawn");
}

#[test]
fn what_took_place_is_recorded_as_reached() {
    let toy = toy();
    let mut notes = begun(&toy);
    toy.fault(3, Fault::KilledAfter);
    run(
        &toy,
        engine_of(&PROCEDURE, &toy, &mut notes).forward(State::Proxy),
    );
    toy.restart();
    assert_eq!(epoch(&toy), "promoted");
    let mut engine = engine_of(&PROCEDURE, &toy, &mut notes);
    assert_eq!(run(&toy, engine.decide()).unwrap().unwrap(), None);
    assert!(engine.cursor.is_reached("proxy/promote"));
    assert_eq!(
        run(&toy, engine.forward(State::Proxy)).unwrap().unwrap(),
        Outcome::Reached(State::Proxy)
    );
}
