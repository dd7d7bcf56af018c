//! One line of the journal: a record, chained to the line before.
//!
//! A line is `{"hash":"`, 64 hexadecimal digits, `","record":`, the record as
//! JSON, `}` and a newline. It is read by exactly that shape, so that every
//! byte of it counts: those of the record by the hash, all others by what they
//! must be.

use regmig_core::journal::Record;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// The head before the first line.
pub(crate) const ORIGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const OPENING: &[u8] = b"{\"hash\":\"";
const MIDDLE: &[u8] = b"\",\"record\":";
const END: &[u8] = b"}\n";

const NO_LINE: &str = "not a journal line";

fn chain(head: &str, record: &[u8]) -> String {
    let mut sum = Sha256::new();
    sum.update(head);
    sum.update(record);
    sum.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The line for a record, with its newline, and the new head.
pub(crate) fn write(head: &str, record: &Record) -> serde_json::Result<(Vec<u8>, String)> {
    let json = serde_json::to_vec(record)?;
    let hash = chain(head, &json);
    Ok((
        [OPENING, hash.as_bytes(), MIDDLE, &json, END].concat(),
        hash,
    ))
}

/// The format that the first record of a journal names, even where nothing else of it is understood.
pub(crate) fn format(record: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let head: Head = serde_json::from_slice(record).ok()?;
    Some(head.format)
}

/// The bytes of record number `seq` in a line without its newline, and the new head; or what is wrong with the line.
pub(crate) fn open<'a>(
    head: &str,
    seq: usize,
    text: &'a [u8],
) -> Result<(&'a [u8], String), String> {
    let (hash, rest) = match split(text) {
        Frame::Split(hash, rest) => (hash, rest),
        Frame::Cut | Frame::Other => return Err(NO_LINE.to_owned()),
    };
    let record = rest.strip_suffix(b"}").ok_or(NO_LINE)?;
    follow(head, seq, hash, record).map(|head| (record, head))
}

/// What the bytes after the last newline are.
#[derive(Debug)]
pub(crate) enum Tail<'a> {
    /// A record whose bytes are all there, the new head, and what is missing of its line.
    Whole(&'a [u8], String, &'static str),
    /// The beginning of a line.
    Torn,
}

/// Tells an append that did not come to its end from a last line that was changed afterwards.
///
/// A kill leaves the beginning of a line, never anything else. A record of which every byte is
/// there, as its hash shows, is kept even if it was never acknowledged: the engine records before
/// it acts, and looks again after a kill, so that a record too many says nothing untrue.
pub(crate) fn tail<'a>(head: &str, seq: usize, bytes: &'a [u8]) -> Result<Tail<'a>, String> {
    let (hash, rest) = match split(bytes) {
        Frame::Split(hash, rest) => (hash, rest),
        Frame::Cut => return Ok(Tail::Torn),
        Frame::Other => return Err(NO_LINE.to_owned()),
    };
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
    match values.next() {
        None if rest.is_empty() => return Ok(Tail::Torn),
        Some(Err(error)) if error.is_eof() => return Ok(Tail::Torn),
        None | Some(Err(_)) => return Err(NO_LINE.to_owned()),
        Some(Ok(_)) => {}
    }
    let (record, after) = rest.split_at_checked(values.byte_offset()).ok_or(NO_LINE)?;
    let head = follow(head, seq, hash, record)?;
    match after {
        b"" => Ok(Tail::Whole(record, head, "}\n")),
        b"}" => Ok(Tail::Whole(record, head, "\n")),
        _ => Err(format!(
            "its record is whole, and what follows it ({} bytes) is not the end of a line",
            after.len()
        )),
    }
}

/// The record in those bytes, or what is wrong with it.
pub(crate) fn read(record: &[u8]) -> Result<Record, String> {
    serde_json::from_slice(record).map_err(|error| format!("not a known record: {error}"))
}

enum Frame<'a> {
    /// The hash, and what follows `"record":`.
    Split(&'a [u8], &'a [u8]),
    /// The bytes end before that, and are as they must be.
    Cut,
    /// No line begins like this.
    Other,
}

fn split(text: &[u8]) -> Frame<'_> {
    let cut_or_other = |text: &[u8], wanted: &[u8]| {
        if wanted.starts_with(text) {
            Frame::Cut
        } else {
            Frame::Other
        }
    };
    let Some(rest) = text.strip_prefix(OPENING) else {
        return cut_or_other(text, OPENING);
    };
    let (hash, rest) = rest
        .split_at_checked(ORIGIN.len())
        .unwrap_or((rest, b"".as_slice()));
    if !hash
        .iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        return Frame::Other;
    }
    match rest.strip_prefix(MIDDLE) {
        Some(rest) => Frame::Split(hash, rest),
        None => cut_or_other(rest, MIDDLE),
    }
}

/// The head after a record, or why it does not follow.
fn follow(head: &str, seq: usize, hash: &[u8], record: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Number {
        seq: u64,
    }
    let expected = chain(head, record);
    if hash == expected.as_bytes() {
        return Ok(expected);
    }
    match serde_json::from_slice::<Number>(record) {
        Ok(found) if found.seq != seq as u64 => Err(format!(
            "found record {}, expected record {seq}: a line was removed, repeated or moved",
            found.seq
        )),
        _ => Err(
            "its hash does not follow from the line before: it, or that one, was changed"
                .to_owned(),
        ),
    }
}
