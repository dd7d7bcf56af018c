//! Journals that lack what the index knows, and indices that cannot be read.

use std::path::Path;

use proptest::prelude::*;
use regmig_core::journal::Journal as _;
use regmig_store::{JOURNAL, Store, StoreError, read};

use crate::given::{INDEX, filled, records};

fn cut(folder: &Path, length: usize) -> Vec<u8> {
    let path = folder.join(JOURNAL);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..length]).unwrap();
    whole
}

fn newlines(folder: &Path) -> Vec<usize> {
    let bytes = std::fs::read(folder.join(JOURNAL)).unwrap();
    let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    newlines.map(|(at, _)| at + 1).collect()
}

#[test]
fn a_last_record_that_had_been_acknowledged_is_put_back() {
    let folder = filled(6);
    let ends = newlines(folder.path());
    for length in ends[4]..ends[5] {
        let whole = cut(folder.path(), length);
        let (_, contents) = Store::open(folder.path()).unwrap();
        assert_eq!(contents.records, records(6));
        assert_eq!(contents.torn, 0);
        // With no more than the end of its line missing, the file itself has the record.
        assert_eq!(contents.restored, length + 2 < ends[5], "{length}");
        assert_eq!(std::fs::read(folder.path().join(JOURNAL)).unwrap(), whole);
    }
}

#[test]
fn more_than_that_is_reported_and_left_as_it_is() {
    let folder = filled(6);
    let ends = newlines(folder.path());
    let whole = cut(folder.path(), 0);
    for length in (0..ends[4]).step_by(7).chain([ends[3], ends[4] - 1]) {
        let path = folder.path().join(JOURNAL);
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        let StoreError::Lost {
            found, known: 6, ..
        } = error
        else {
            // The fifth record is all there but for the end of its line; the index can put back one.
            panic!("{length}: {error:?}");
        };
        assert_eq!(
            found as usize,
            ends.iter().filter(|end| **end <= length + 2).count()
        );
        assert_eq!(std::fs::read(&path).unwrap(), &whole[..length]);
    }
    std::fs::write(folder.path().join(JOURNAL), &whole).unwrap();
    assert_eq!(Store::open(folder.path()).unwrap().1.records, records(6));
}

#[test]
fn a_journal_that_is_gone_is_not_begun_anew() {
    let folder = filled(3);
    std::fs::remove_file(folder.path().join(JOURNAL)).unwrap();
    let missing = |error: StoreError| {
        assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
        assert!(error.hint().unwrap().contains("put the journal back"));
    };
    missing(Store::open(folder.path()).unwrap_err());
    missing(read(folder.path()).unwrap_err());
    assert!(!folder.path().join(JOURNAL).exists());
    // An index that cannot be read tells nothing else.
    std::fs::write(folder.path().join(INDEX).join("conf"), b"not sled's").unwrap();
    missing(Store::open(folder.path()).unwrap_err());
    missing(read(folder.path()).unwrap_err());
    // The way on.
    std::fs::remove_dir_all(folder.path().join(INDEX)).unwrap();
    assert!(read(folder.path()).unwrap().is_none());
    assert!(Store::open(folder.path()).unwrap().1.records.is_empty());
}

#[test]
fn a_journal_that_was_emptied_does_not_pass_for_one_that_never_began() {
    let folder = filled(3);
    cut(folder.path(), 0);
    for error in [
        read(folder.path()).unwrap_err(),
        Store::open(folder.path()).unwrap_err(),
    ] {
        assert!(
            matches!(
                error,
                StoreError::Lost {
                    found: 0,
                    known: 3,
                    ..
                }
            ),
            "{error:?}"
        );
    }
    // A store that was made and never written to is no such thing.
    let empty = tempfile::tempdir().unwrap();
    Store::open(empty.path()).unwrap();
    assert!(read(empty.path()).unwrap().unwrap().records.is_empty());
}

#[test]
fn the_journal_of_another_migration_is_not_taken_for_this_one() {
    let folder = filled(4);
    let other = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(other.path()).unwrap();
    for mut record in records(6) {
        record.at_ms += 1;
        store.append(&record).unwrap();
    }
    drop(store);
    std::fs::copy(other.path().join(JOURNAL), folder.path().join(JOURNAL)).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(
        matches!(error, StoreError::Exchanged { seq: 3, .. }),
        "{error:?}"
    );
}

/// The index is emptied first: whatever instant regmig is killed at, the journal is not taken for a lost one.
#[test]
fn a_journal_half_put_aside_is_no_lost_one() {
    let folder = filled(4);
    let (mut store, _) = Store::open(folder.path()).unwrap();
    store.set_aside("m").unwrap();
    drop(store);
    let (journal, aside) = (
        folder.path().join(JOURNAL),
        folder.path().join("journal-m.jsonl"),
    );
    // Killed between the rename and the new file.
    std::fs::remove_file(&journal).unwrap();
    assert!(read(folder.path()).unwrap().is_none());
    assert!(Store::open(folder.path()).unwrap().1.records.is_empty());
    // Killed before the rename.
    std::fs::rename(&aside, &journal).unwrap();
    let (store, contents) = Store::open(folder.path()).unwrap();
    assert_eq!(contents.records, records(4));
    assert!(store.checkpoint("step-1").unwrap().reached);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever becomes of sled's files: the journal is the truth, and the index says the same again.
    #[test]
    fn no_damage_to_the_index_does_harm(
        file in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        keep in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let folder = filled(5);
        let mut files: Vec<_> = std::fs::read_dir(folder.path().join(INDEX))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        let path = file.get(&files);
        let mut bytes = std::fs::read(path).unwrap();
        // The beginning is where something stands.
        let used = bytes.len().min(2048);
        for (at, byte) in changes {
            if used > 0 {
                let at = at.index(used);
                bytes[at] = byte;
            }
        }
        if let Some(keep) = keep {
            bytes.truncate(keep.index(used + 1));
        }
        std::fs::write(path, bytes).unwrap();
        let (store, contents) = Store::open(folder.path()).unwrap();
        prop_assert_eq!(contents.records, records(5));
        prop_assert!(store.checkpoint("step-2").unwrap().reached);
    }
}
