//! Files and standard output.

use std::io::Write;
use std::path::{Path, PathBuf};

use regmig_traffic::error::TrafficError;
use serde::Serialize;

/// Reads a whole file.
pub(super) fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TrafficError> {
    let fault = |source| TrafficError::File {
        action: "read",
        what,
        path: path.to_owned(),
        source,
    };
    std::fs::read(path).map_err(fault)
}

/// Writes a value as JSON; `true` when it went to standard output.
pub(super) fn write_json(
    what: &'static str,
    path: &Path,
    value: &impl Serialize,
) -> Result<bool, TrafficError> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|source| TrafficError::Json { what, source })?;
    text.push('\n');
    if path == Path::new("-") {
        say(&text)?;
        return Ok(true);
    }
    let fault = |source| TrafficError::File {
        action: "write",
        what,
        path: path.to_owned(),
        source,
    };
    std::fs::write(path, text).map_err(fault)?;
    Ok(false)
}

/// Writes text to standard output.
pub(super) fn say(text: &str) -> Result<(), TrafficError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| TrafficError::File {
            action: "write",
            what: "to",
            path: PathBuf::from("standard output"),
            source,
        })
}
