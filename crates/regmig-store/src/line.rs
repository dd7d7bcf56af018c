//! One line of the journal: a record, chained to the line before.

use regmig_core::journal::Record;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// The head before the first line.
pub(crate) const ORIGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    /// SHA-256 over the hash of the line before and this record's bytes as they stand here.
    hash: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

fn chain(head: &str, record: &str) -> String {
    let mut sum = Sha256::new();
    sum.update(head);
    sum.update(record);
    sum.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The line for a record, with its newline, and the new head.
pub(crate) fn write(head: &str, record: &Record) -> serde_json::Result<(String, String)> {
    let json = serde_json::to_string(record)?;
    let hash = chain(head, &json);
    let raw = RawValue::from_string(json)?;
    let mut line = serde_json::to_string(&Line {
        hash: hash.clone(),
        record: &raw,
    })?;
    line.push('\n');
    Ok((line, hash))
}

/// The format that the first record of a journal names, even where nothing else of it is understood.
pub(crate) fn format(record: &RawValue) -> Option<u32> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let head: Head = serde_json::from_str(record.get()).ok()?;
    Some(head.format)
}

/// The bytes of the record in a line without its newline, and the new head; or what is wrong with the line.
pub(crate) fn open<'a>(head: &str, text: &'a [u8]) -> Result<(&'a RawValue, String), String> {
    let line: Line<'a> =
        serde_json::from_slice(text).map_err(|error| format!("not a journal line: {error}"))?;
    let expected = chain(head, line.record.get());
    if line.hash != expected {
        return Err(
            "its hash does not follow from the line before: it, or that one, was changed"
                .to_owned(),
        );
    }
    Ok((line.record, expected))
}

/// The record in those bytes, or what is wrong with it.
pub(crate) fn read(record: &RawValue) -> Result<Record, String> {
    serde_json::from_str(record.get()).map_err(|error| format!("not a known record: {error}"))
}
