//! Journals as accidents leave them, and as no regmig of today writes them.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Fault;

/// Which record is changed, from 1.
const CHANGED_LINE: usize = 14;

/// The last record is not written to its end.
pub(crate) fn torn(sound: &[u8]) -> Result<Vec<u8>, Fault> {
    let last = sound
        .strip_suffix(b"\n")
        .and_then(|text| text.iter().rposition(|byte| *byte == b'\n'))
        .ok_or("the journal has no second line")?;
    let half = last + (sound.len() - last) / 2;
    Ok(sound.get(..half).ok_or("half a line")?.to_vec())
}

/// A record in the middle is not as it was written: one letter of a step's name is another.
pub(crate) fn damaged(sound: &[u8]) -> Result<Vec<u8>, Fault> {
    let text = std::str::from_utf8(sound)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = lines
        .get_mut(CHANGED_LINE - 1)
        .ok_or("the journal is shorter than that")?;
    let changed = line.replacen("launched/", "lounched/", 1);
    if *line == changed {
        return Err("there is no step to change in that line".into());
    }
    *line = changed;
    Ok((lines.join("\n") + "\n").into_bytes())
}

/// A journal of one record goes on with an event that nobody knows yet, chained as it should be.
pub(crate) fn gone_on(head: &[u8]) -> Result<Vec<u8>, Fault> {
    let line: Value = serde_json::from_slice(head)?;
    let before = line
        .get("hash")
        .and_then(Value::as_str)
        .ok_or("a line without a hash")?;
    let record =
        r#"{"seq":1,"at_ms":1795309200020,"event":"foreseen","step":"launched/preflight"}"#;
    let hash: String = Sha256::digest(format!("{before}{record}"))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut bytes = head.to_vec();
    bytes.extend(format!("{{\"hash\":\"{hash}\",\"record\":{record}}}\n").into_bytes());
    Ok(bytes)
}
