//! The store, and what it makes of torn, changed, missing and locked files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail loudly"
)]

mod damage;
mod given;
mod lost;

use regmig_core::cursor::Cursor;
use regmig_core::journal::Journal as _;
use regmig_store::{JOURNAL, Store, StoreError, read};

use crate::given::{INDEX, LOCK, filled, records};

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
    let sled = folder.path().join(INDEX);
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

#[test]
fn a_lock_file_that_is_gone_makes_no_room_for_a_second_writer() {
    let folder = filled(3);
    let (store, _) = Store::open(folder.path()).unwrap();
    std::fs::remove_file(folder.path().join(LOCK)).unwrap();
    assert!(regmig_store::in_use(folder.path()));
    assert!(matches!(
        Store::open(folder.path()),
        Err(StoreError::InUse { .. })
    ));
    drop(store);
    assert!(!regmig_store::in_use(folder.path()));
    std::fs::remove_file(folder.path().join(LOCK)).unwrap();
    let (_, contents) = Store::open(folder.path()).unwrap();
    assert_eq!(contents.records, records(3));
}

/// A reader asks by trying the lock, and so has it for an instant.
#[test]
fn a_writer_waits_for_readers_that_only_look() {
    let folder = filled(1);
    let lock = std::fs::File::options()
        .write(true)
        .open(folder.path().join(LOCK))
        .unwrap();
    lock.lock().unwrap();
    let reader = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        drop(lock);
    });
    Store::open(folder.path()).unwrap();
    reader.join().unwrap();
}

#[test]
fn nothing_is_written_to_a_file_that_nobody_would_find() {
    let folder = filled(2);
    let path = folder.path().join(JOURNAL);
    let all = records(4);
    let (mut store, _) = Store::open(folder.path()).unwrap();
    let kept = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = store.append(&all[2]).unwrap_err();
    assert!(error.0.to_string().contains("was removed or replaced"));
    // A copy of it is another file.
    std::fs::write(&path, &kept).unwrap();
    assert!(store.append(&all[2]).is_err());
    drop(store);
    assert_eq!(std::fs::read(&path).unwrap(), kept);
}
