//! `docs/formats.md` names every event and every field of it.

use regmig_core::facts::{FileState, RedisState, Served};
use regmig_core::journal::{Begun, Event, FORMAT, Failure, Record};
use regmig_core::state::State;
use regmig_procedure::steps::drained::Quiet;
use serde_json::Value;

use crate::markdown::all;

fn failure() -> Failure {
    Failure {
        chain: Vec::new(),
        effect: None,
        outcome_unknown: false,
        hint: None,
    }
}

/// One of each. The match is what makes a new event fail to compile until it is added.
fn events() -> Vec<Event> {
    let step = String::new;
    let begun = Begun {
        format: FORMAT,
        id: String::new(),
        regmig: String::new(),
        spec_digest: String::new(),
        spec: Value::Null,
    };
    let mut all = vec![Event::Begun(Box::new(begun))];
    while let Some(last) = all.last() {
        let next = match last {
            Event::Begun(_) => Event::Agreed { state: State::Cold },
            Event::Agreed { .. } => Event::Started {
                step: step(),
                before: Value::Null,
            },
            Event::Started { .. } => Event::Acting {
                step: step(),
                effect: String::new(),
            },
            Event::Acting { .. } => Event::Reached {
                step: step(),
                evidence: Value::Null,
            },
            Event::Reached { .. } => Event::Failed {
                step: step(),
                failure: failure(),
            },
            Event::Failed { .. } => Event::RollbackBegun { to: State::Warm },
            Event::RollbackBegun { .. } => Event::UndoStarted { step: step() },
            Event::UndoStarted { .. } => Event::Undone { step: step() },
            Event::Undone { .. } => Event::UndoFailed {
                step: step(),
                failure: failure(),
            },
            Event::UndoFailed { .. } => Event::Probed {
                from_ms: 0,
                to_ms: 0,
            },
            Event::Probed { .. } => Event::RollbackEnded { to: State::Warm },
            Event::RollbackEnded { .. } => break,
        };
        all.push(next);
    }
    all
}

fn page() -> String {
    all()
        .into_iter()
        .find(|page| page.path.ends_with("docs/formats.md"))
        .unwrap()
        .text
}

/// Whether a table has a row for it, alone or among others.
fn has_row(text: &str, name: &str) -> bool {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .any(|first| first.split(", ").any(|cell| cell == format!("`{name}`")))
}

#[test]
fn every_event_has_a_row_with_its_fields() {
    let page = page();
    for event in events() {
        let record = Record {
            seq: 0,
            at_ms: 0,
            event,
        };
        let json = serde_json::to_value(&record).unwrap();
        let tag = json["event"].as_str().unwrap();
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{tag}` |")))
            .unwrap_or_else(|| panic!("no row for {tag}"));
        for field in json.as_object().unwrap().keys() {
            let everywhere = ["seq", "at_ms", "event"].contains(&field.as_str());
            assert!(
                everywhere && has_row(&page, field) || row.contains(&format!("`{field}`")),
                "{tag} without {field}"
            );
        }
    }
}

#[test]
fn every_object_has_a_row_for_each_field() {
    let page = page();
    let file = FileState {
        content: String::new(),
        mode: 0,
        uid: 0,
        gid: 0,
        mtime_ns: 0,
    };
    let quiet = Quiet {
        served: Served::default(),
        left_ms: 0,
    };
    let quiet = serde_json::to_value(quiet).unwrap();
    for (object, prefix) in [
        (serde_json::to_value(failure()).unwrap(), ""),
        (serde_json::to_value(file).unwrap(), ""),
        (serde_json::to_value(RedisState::default()).unwrap(), ""),
        (quiet["served"].clone(), "served."),
    ] {
        for field in object.as_object().unwrap().keys() {
            assert!(
                has_row(&page, &format!("{prefix}{field}")),
                "{prefix}{field}"
            );
        }
    }
    assert!(has_row(&page, "left_ms"));
}

#[test]
fn the_format_is_the_one_described() {
    assert!(page().contains(&format!("describes format {FORMAT}.")));
}
