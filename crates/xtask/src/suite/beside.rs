//! Parts of the tests on a second lab, by a process of its own, while this one is at work on the first: most of what they
//! take is waiting for containers.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::SuiteError;
use crate::clock::millis;
use crate::demo::Stage;
use crate::lab::LabConfig;
use crate::program::Program;
use crate::say::{print, say};
use crate::workspace;

/// How long all of it may take; a test that hangs has a limit of its own.
const LIMIT: Duration = Duration::from_secs(3600);

/// The lab beside another.
pub(super) fn second(lab: &LabConfig) -> LabConfig {
    let [a, b, c] = lab.subnet;
    LabConfig::named(&format!("{}-2", lab.name), [a, b, c.wrapping_add(1)])
}

/// The command that runs some parts on a lab.
pub(super) fn command(parts: &[&str], lab: &LabConfig) -> Program {
    // By name: this process's own file may have been built anew meanwhile.
    let here = workspace::program("xtask").map_or(OsString::from("xtask"), Into::into);
    let [a, b, c] = lab.subnet;
    let named = parts.iter().flat_map(|part| ["--part", part]);
    // All that it says in one file, in order.
    Program::new("sh")
        .args(["-c", r#"exec "$@" 2>&1"#, "sh"])
        .args([here])
        .args(["test", "--lab", "--lab-name", &lab.name])
        .args(["--lab-subnet".to_owned(), format!("{a}.{b}.{c}")])
        .args(named)
        .limit(LIMIT)
}

/// Runs that command to its end, and says then what it said.
pub(super) fn run(command: &Program, log: &Path) -> (Stage, Result<(), SuiteError>) {
    let begun = Instant::now();
    let ended = command.clone().output_to(log).run();
    let ms = millis(begun.elapsed());
    say(format_args!("\n=== what was beside it, on a second lab"));
    print(fs::read_to_string(log).unwrap_or_default().trim_end());
    let result = match ended {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(SuiteError::Failed {
            command: command.line(),
            status: output.status,
        }),
        Err(error) => Err(error.into()),
    };
    let failed = if result.is_err() { ": FAILED" } else { "" };
    let name = format!("beside these, on a second lab{failed}");
    (Stage { name, ms }, result)
}

/// Where it goes.
pub(super) fn log(lab: &LabConfig) -> PathBuf {
    lab.folder.join("beside.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_lab_is_another_one() {
        let lab = LabConfig::default();
        let other = second(&lab);
        assert_eq!(
            (other.name.as_str(), other.subnet),
            ("regmig-lab-2", [10, 213, 78])
        );
        let line = command(&["matrix", "bad_input"], &other).line();
        assert!(
            line.ends_with(
                "test --lab --lab-name regmig-lab-2 --lab-subnet 10.213.78 --part matrix --part bad_input"
            ),
            "{line}"
        );
    }
}
