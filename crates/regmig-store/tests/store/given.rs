//! Records and stores to begin with.

use regmig_core::journal::{Begun, Event, FORMAT, Journal as _, Record};
use regmig_store::Store;
use serde_json::json;

pub(crate) const INDEX: &str = "checkpoints.sled";
pub(crate) const LOCK: &str = "lock";

pub(crate) fn records(count: u64) -> Vec<Record> {
    let begun = Begun {
        format: FORMAT,
        id: "20261122-abc".into(),
        regmig: "0.1.0".into(),
        spec_digest: "d".into(),
        spec: json!({"domain": "pryv.test"}),
    };
    let mut all = vec![Record {
        seq: 0,
        at_ms: 1,
        event: Event::Begun(Box::new(begun)),
    }];
    for seq in 1..count {
        let step = format!("step-{}", seq.div_ceil(2));
        let event = if seq % 2 == 1 {
            Event::Started {
                step,
                before: json!({"content": "a\nbé"}),
            }
        } else {
            Event::Reached {
                step,
                evidence: json!(seq),
            }
        };
        all.push(Record {
            seq,
            at_ms: seq as i64,
            event,
        });
    }
    all
}

pub(crate) fn filled(count: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, contents) = Store::open(folder.path()).unwrap();
    assert!(contents.records.is_empty());
    for record in records(count) {
        store.append(&record).unwrap();
    }
    folder
}

/// The same, without an index.
pub(crate) fn bare(count: u64) -> tempfile::TempDir {
    let folder = filled(count);
    std::fs::remove_dir_all(folder.path().join(INDEX)).unwrap();
    folder
}
