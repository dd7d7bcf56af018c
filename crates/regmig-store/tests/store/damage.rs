//! Journals that are not as they were written, as far as the file alone can tell.

use proptest::prelude::*;
use regmig_core::journal::Journal as _;
use regmig_store::{Contents, JOURNAL, Store, StoreError, parse, read};

use crate::given::{bare, filled, records};

/// Journal of six records, one of which has letters of several bytes.
fn journal() -> Vec<u8> {
    std::fs::read(filled(6).path().join(JOURNAL)).unwrap()
}

fn parsed(bytes: &[u8]) -> Result<Contents, StoreError> {
    parse(std::path::Path::new(JOURNAL), bytes)
}

/// The line that is damaged, and where it begins.
fn place(bytes: &[u8]) -> (usize, u64) {
    match parsed(bytes) {
        Err(StoreError::Damaged { line, offset, .. }) => (line, offset),
        other => panic!("{other:?}"),
    }
}

/// Where each line begins.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

#[test]
fn a_journal_that_ends_anywhere_loses_the_torn_record_alone() {
    let (whole, all) = (journal(), records(6));
    for keep in 0..=whole.len() {
        let kept = &whole[..keep];
        let ended = lines(kept)
            .iter()
            .filter(|line| line.ends_with(b"\n"))
            .count();
        let tail = keep
            - lines(kept)
                .iter()
                .take(ended)
                .map(|line| line.len())
                .sum::<usize>();
        let line = lines(&whole).get(ended).map_or(0, |line| line.len());
        let contents = parsed(kept).unwrap();
        if tail > 0 && tail + 2 >= line {
            // Nothing of the record is missing, only what ends its line.
            assert_eq!(
                (&contents.records[..], contents.torn),
                (&all[..=ended], 0),
                "{keep}"
            );
        } else {
            assert_eq!(
                (&contents.records[..], contents.torn),
                (&all[..ended], tail as u64),
                "{keep}"
            );
        }
    }
}

#[test]
fn a_torn_end_is_cut_off_or_completed_and_gone_on_from() {
    let (whole, all) = (journal(), records(6));
    let last = whole.len() - lines(&whole).last().unwrap().len();
    for keep in [
        last,
        last + 1,
        last + 80,
        whole.len() - 3,
        whole.len() - 2,
        whole.len() - 1,
    ] {
        let folder = bare(6);
        let path = folder.path().join(JOURNAL);
        std::fs::write(&path, &whole[..keep]).unwrap();
        let (mut store, contents) = Store::open(folder.path()).unwrap();
        for record in &all[contents.records.len()..] {
            store.append(record).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), whole, "{keep}");
    }
}

/// Every bit of a small journal, one after the other; before, the flipped last newline took its record along.
#[test]
fn a_flipped_bit_is_found_and_placed() {
    let whole = journal();
    for at in 0..whole.len() {
        let before = lines(&whole[..at]);
        let begun = before.last().is_some_and(|line| !line.ends_with(b"\n"));
        let line = before.len() + usize::from(!begun);
        let offset: usize = before.iter().take(line - 1).map(|line| line.len()).sum();
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            assert_eq!(place(&bytes), (line, offset as u64), "byte {at}, bit {bit}");
        }
    }
}

/// No other byte in place of the newline that ends the file makes its record one that was never written.
#[test]
fn the_last_newline_can_be_missing_but_nothing_else() {
    let whole = journal();
    let (last, rest) = whole.split_last().unwrap();
    for byte in 0..=u8::MAX {
        let bytes = [rest, &[byte]].concat();
        match parsed(&bytes) {
            Ok(contents) => assert!(byte == *last && contents.records.len() == 6),
            Err(StoreError::Damaged {
                line: 6, reason, ..
            }) => {
                assert!(reason.contains("its record is whole"), "{reason}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    for more in [" ", "\r", "}", "\0", "{\"hash\":"] {
        let bytes = [rest, more.as_bytes()].concat();
        assert_eq!(place(&bytes).0, 6, "{more:?}");
        let bytes = [whole.as_slice(), b"{\"hash\":\"", more.as_bytes()].concat();
        assert_eq!(place(&bytes).0, 7, "{more:?}");
    }
}

#[test]
fn lines_that_were_moved_repeated_or_removed_are_found() {
    let whole = journal();
    let lines = lines(&whole);
    let reason = |order: &[usize]| {
        let bytes: Vec<u8> = order
            .iter()
            .flat_map(|index| lines[*index].to_vec())
            .collect();
        match parsed(&bytes) {
            Err(StoreError::Damaged { line, reason, .. }) => format!("line {line}: {reason}"),
            other => panic!("{order:?}: {other:?}"),
        }
    };
    for (order, found) in [
        (
            &[0, 2, 1, 3, 4, 5][..],
            "line 2: found record 2, expected record 1",
        ),
        (
            &[0, 1, 1, 2, 3, 4, 5],
            "line 3: found record 1, expected record 2",
        ),
        (
            &[0, 1, 3, 4, 5],
            "line 3: found record 3, expected record 2",
        ),
        (
            &[1, 2, 3, 4, 5],
            "line 1: found record 1, expected record 0",
        ),
        (
            &[0, 1, 2, 3, 4, 0],
            "line 6: found record 0, expected record 5",
        ),
    ] {
        let said = reason(order);
        assert!(said.contains(found), "{order:?}: {said}");
        assert!(
            said.contains("a line was removed, repeated or moved"),
            "{said}"
        );
    }
}

/// Found by a property: the format's digit flipped was taken for a newer format.
#[test]
fn a_flipped_bit_in_the_format_is_damage() {
    let text = String::from_utf8(journal()).unwrap();
    let flipped = text.replacen("\"format\":1", "\"format\":3", 1);
    assert_eq!(place(flipped.as_bytes()), (1, 0));
}

#[test]
fn a_damaged_journal_is_left_as_it_is() {
    let folder = filled(6);
    let path = folder.path().join(JOURNAL);
    let mut bytes = journal();
    bytes[300] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let refused = |error: StoreError| {
        assert!(
            matches!(error, StoreError::Damaged { line: 2, .. }),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("keep this file"));
    };
    refused(Store::open(folder.path()).unwrap_err());
    refused(read(folder.path()).unwrap_err());
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

proptest! {
    /// Several places at once: what is read is what had been written, up to a point that is named.
    #[test]
    fn nothing_is_read_that_was_not_written(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        keep in any::<prop::sample::Index>(),
    ) {
        let mut bytes = journal();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(keep.index(bytes.len()) + 1);
        match parsed(&bytes) {
            Ok(contents) => prop_assert!(records(6).starts_with(&contents.records)),
            Err(StoreError::Damaged { line, offset, .. }) => {
                let sound = &bytes[..usize::try_from(offset).unwrap()];
                prop_assert_eq!(lines(sound).len() + 1, line);
                prop_assert_eq!(&parsed(sound).unwrap().records, &records(6)[..line - 1]);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
