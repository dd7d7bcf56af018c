//! Writes the journals of `fixtures/journals/v1`: `cargo run -p regmig-store --example make_journals -- FOLDER`.
//!
//! They show that a journal of today is still read by every later regmig, so they are
//! made once and never again: a file that exists is left alone. Records of another
//! format belong in a folder of their own.

mod history;
mod script;
mod spoil;
mod steps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use regmig_core::journal::{Journal as _, Record};
use regmig_store::{JOURNAL, Store};

/// Why the journals could not be written.
pub(crate) type Fault = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        tell("expected the folder to write to, such as fixtures/journals/v1");
        return ExitCode::from(2);
    };
    match write_all(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tell(&fault.to_string());
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "this is a program for a terminal")]
fn tell(line: &str) {
    eprintln!("{line}");
}

fn write_all(folder: &Path) -> Result<(), Fault> {
    std::fs::create_dir_all(folder)?;
    for (name, records) in history::ALL {
        write(folder, name, journal(records())?)?;
    }
    let sound = journal(history::killed())?;
    write(folder, "torn", spoil::torn(&sound)?)?;
    write(folder, "damaged", spoil::damaged(&sound)?)?;
    let newer = journal(history::newer_format())?;
    write(folder, "newer-format", spoil::gone_on(&newer)?)?;
    Ok(())
}

fn write(folder: &Path, name: &str, bytes: Vec<u8>) -> Result<(), Fault> {
    let path = folder.join(name).with_extension("jsonl");
    if path.exists() {
        tell(&format!("{} exists and is left as it is", path.display()));
        return Ok(());
    }
    std::fs::write(&path, bytes)?;
    tell(&format!("{} is written", path.display()));
    Ok(())
}

/// The file that a store makes of some records.
fn journal(records: Vec<Record>) -> Result<Vec<u8>, Fault> {
    let folder = tempfile::tempdir()?;
    let (mut store, _) = Store::open(folder.path())?;
    for record in records {
        store.append(&record)?;
    }
    Ok(std::fs::read(folder.path().join(JOURNAL))?)
}
