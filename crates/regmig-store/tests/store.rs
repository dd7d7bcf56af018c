//! The store against torn, flipped, missing and locked files.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use proptest::prelude::*;
use regmig_core::cursor::Cursor;
use regmig_core::journal::{Begun, Event, FORMAT, Journal as _, Record};
use regmig_store::{JOURNAL, Store, StoreError, read};
use serde_json::json;

fn records(count: u64) -> Vec<Record> {
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
                before: json!({"content": "a\nb"}),
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

fn filled(count: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, contents) = Store::open(folder.path()).unwrap();
    assert!(contents.records.is_empty());
    for record in records(count) {
        store.append(&record).unwrap();
    }
    folder
}

#[test]
fn what_was_appended_is_read_back_and_indexed() {
    let folder = filled(6);
    let (store, contents) = Store::open(folder.path()).unwrap();
    assert_eq!(contents.records, records(6));
    assert!(
        Cursor::fold(&contents.records)
            .unwrap()
            .is_reached("step-1")
    );
    assert!(store.checkpoint("step-1").unwrap().reached);
    assert!(!store.checkpoint("step-3").unwrap().reached);
    assert_eq!(store.checkpoint("step-4"), None);
}

#[test]
fn one_process_writes_and_others_read() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read(folder.path()).unwrap().is_none());
    let (mut store, _) = Store::open(folder.path()).unwrap();
    let all = records(2);
    store.append(&all[0]).unwrap();
    assert!(matches!(
        Store::open(folder.path()),
        Err(StoreError::InUse { .. })
    ));
    assert!(regmig_store::in_use(folder.path()));
    assert_eq!(read(folder.path()).unwrap().unwrap().records, all[..1]);
    store.append(&all[1]).unwrap();
    assert_eq!(read(folder.path()).unwrap().unwrap().records, all);
}

#[test]
fn a_missing_or_damaged_index_is_made_anew() {
    let folder = filled(5);
    let sled = folder.path().join("checkpoints.sled");
    std::fs::remove_dir_all(&sled).unwrap();
    let (store, _) = Store::open(folder.path()).unwrap();
    assert!(store.checkpoint("step-2").unwrap().reached);
    drop(store);
    std::fs::write(sled.join("conf"), b"not sled's").unwrap();
    std::fs::write(sled.join("db"), [0xff; 4096]).unwrap();
    let (store, _) = Store::open(folder.path()).unwrap();
    assert!(store.checkpoint("step-2").unwrap().reached);
}

#[test]
fn a_journal_set_aside_is_kept_and_another_begins() {
    let folder = filled(4);
    let (mut store, _) = Store::open(folder.path()).unwrap();
    store.set_aside("20261122-abc").unwrap();
    assert_eq!(store.checkpoint("step-1"), None);
    store.append(&records(1)[0]).unwrap();
    drop(store);
    let (_, contents) = Store::open(folder.path()).unwrap();
    assert_eq!(contents.records, records(1));
    assert!(folder.path().join("journal-20261122-abc.jsonl").exists());
}

#[test]
fn an_index_that_is_behind_is_made_anew() {
    let folder = filled(4);
    let other = filled(8);
    std::fs::copy(other.path().join(JOURNAL), folder.path().join(JOURNAL)).unwrap();
    let (store, contents) = Store::open(folder.path()).unwrap();
    assert_eq!(contents.records.len(), 8);
    assert!(!store.checkpoint("step-4").unwrap().reached);
}

/// Found by the property below: the format's digit flipped was taken for a newer format.
#[test]
fn a_flipped_bit_in_the_format_is_damage() {
    let folder = filled(2);
    let path = folder.path().join(JOURNAL);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"format\":1", "\"format\":3", 1)).unwrap();
    assert!(matches!(
        read(folder.path()),
        Err(StoreError::Damaged { line: 1, .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_torn_end_loses_the_torn_record_alone(cut in 1_usize..2000) {
        let folder = filled(6);
        let path = folder.path().join(JOURNAL);
        let whole = std::fs::read(&path).unwrap();
        let keep = whole.len().saturating_sub(cut);
        std::fs::write(&path, &whole[..keep]).unwrap();
        let lines = whole[..keep].iter().filter(|byte| **byte == b'\n').count();
        let all = records(6);
        let (mut store, contents) = Store::open(folder.path()).unwrap();
        prop_assert_eq!(&contents.records, &all[..lines]);
        for record in &all[lines..] {
            store.append(record).unwrap();
        }
        prop_assert_eq!(std::fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_flipped_bit_is_found_and_placed(at in 0_usize..1_000_000, bit in 0_u8..8) {
        let folder = filled(6);
        let path = folder.path().join(JOURNAL);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        std::fs::write(&path, &bytes).unwrap();
        match read(folder.path()) {
            Err(StoreError::Damaged { line, .. }) => {
                let place = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                prop_assert!(line == place || line == place + 1);
            }
            // Only the newline that ends the file can be flipped without a hash to tell: the line is then torn.
            Ok(Some(contents)) => prop_assert!(at == bytes.len() - 1 && contents.torn > 0),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
