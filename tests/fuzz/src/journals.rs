//! The journal, which a disk, an editor or another version may have changed.

use std::path::Path;

use regmig_core::cursor::Cursor;
use regmig_core::journal::{FORMAT, Record};
use regmig_store::{Contents, StoreError, parse};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const JOURNALS: [&[u8]; 6] = [
    include_bytes!("../../../fixtures/journals/v1/killed.jsonl"),
    include_bytes!("../../../fixtures/journals/v1/finalized.jsonl"),
    include_bytes!("../../../fixtures/journals/v1/rolled-back.jsonl"),
    include_bytes!("../../../fixtures/journals/v1/stuck.jsonl"),
    include_bytes!("../../../fixtures/journals/v1/torn.jsonl"),
    include_bytes!("../../../fixtures/journals/v1/newer-format.jsonl"),
];

/// Whole journals, and short ones.
pub fn files() -> Vec<Vec<u8>> {
    let short = JOURNALS.map(|journal| lines(journal).take(3).flatten().copied().collect());
    JOURNALS
        .map(<[u8]>::to_vec)
        .into_iter()
        .chain(short)
        .collect()
}

/// The records of journals alone, one a line.
pub fn bare() -> Vec<Vec<u8>> {
    let record = |line: &[u8]| {
        let line: Value = serde_json::from_slice(line).ok()?;
        Some(format!("{}\n", line.get("record")?).into_bytes())
    };
    JOURNALS
        .iter()
        .flat_map(|journal| {
            let all: Vec<Vec<u8>> = lines(journal).filter_map(record).collect();
            [
                all.concat(),
                all.iter().step_by(9).flatten().copied().collect(),
            ]
        })
        .collect()
}

fn lines(journal: &[u8]) -> impl Iterator<Item = &[u8]> {
    journal.split_inclusive(|byte| *byte == b'\n')
}

fn read(data: &[u8]) -> Result<Contents, StoreError> {
    parse(Path::new("journal.jsonl"), data)
}

/// A file as it stands on the disk: what is before a place that is named is sound, and nothing else is read.
pub fn journal(data: &[u8]) {
    match read(data) {
        Ok(contents) => {
            assert!(!contents.restored);
            is_a_story(&contents.records);
            let torn = usize::try_from(contents.torn).unwrap_or(usize::MAX);
            let sound = data
                .get(..data.len().saturating_sub(torn))
                .unwrap_or_default();
            let again = read(sound);
            assert!(again.is_ok_and(|again| again.torn == 0 && again.records == contents.records));
            // Whatever was appended, its beginning is a torn append.
            let whole = lines(data).filter(|line| line.ends_with(b"\n")).count();
            for part in [1, 2, 3] {
                let cut = sound.get(..sound.len() * part / 4).unwrap_or_default();
                let cut = read(cut);
                assert!(cut.is_ok_and(|cut| contents.records.starts_with(&cut.records)));
            }
            assert!(contents.records.len() == whole || contents.records.len() == whole + 1);
        }
        Err(StoreError::Damaged {
            line,
            offset,
            reason,
            ..
        }) => {
            assert!(!reason.is_empty());
            let sound = usize::try_from(offset)
                .ok()
                .and_then(|offset| data.get(..offset));
            let before = sound.map(read);
            assert!(before.is_some_and(|before| {
                before.is_ok_and(|before| before.torn == 0 && before.records.len() + 1 == line)
            }));
        }
        Err(other) => {
            let newer = matches!(other, StoreError::Newer { found, .. } if found > FORMAT);
            assert!(newer, "{other}");
        }
    }
}

/// Records of any content in lines whose hashes are right: what a stranger could write.
pub fn records(data: &[u8]) {
    let mut head = "0".repeat(64);
    let mut journal = Vec::new();
    for record in data
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let mut sum = Sha256::new();
        sum.update(&head);
        sum.update(record);
        head = sum
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        journal.extend(
            [
                b"{\"hash\":\"",
                head.as_bytes(),
                b"\",\"record\":",
                record,
                b"}\n",
            ]
            .concat(),
        );
    }
    self::journal(&journal);
    // A record is read back as it would be written.
    for record in read(&journal)
        .map(|contents| contents.records)
        .unwrap_or_default()
    {
        let text = serde_json::to_string(&record).unwrap_or_default();
        assert!(serde_json::from_str::<Record>(&text).is_ok_and(|again| again == record));
    }
}

/// The fold takes a journal or names the first record that cannot follow; never more than up to there.
fn is_a_story(records: &[Record]) {
    match Cursor::fold(records) {
        Ok(cursor) => {
            assert_eq!(cursor.next_seq(), records.len() as u64);
            assert_eq!(cursor.begun().is_some(), !records.is_empty());
        }
        Err(nonsense) => {
            let mut cursor = Cursor::default();
            let first = records.iter().find(|record| cursor.push(record).is_err());
            assert!(first.is_some_and(|first| first.seq == nonsense.seq));
        }
    }
}
