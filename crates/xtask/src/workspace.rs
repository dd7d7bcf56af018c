//! This repository's own programs: how they are built and where they are.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::program::{Program, ProgramError};

/// How long a build from nothing may take; 3 minutes were measured on 2 cores.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// The programs that the demo and the lab tests run.
pub const PROGRAMS: [&str; 2] = ["regmig", "regmig-traffic"];

/// The root of the repository that this program was built from.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// A command of the cargo that runs us, about this workspace.
pub fn cargo(command: &str) -> Program {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let manifest = root().join("Cargo.toml").into_os_string();
    Program::new(cargo).args([
        OsString::from(command),
        OsString::from("--manifest-path"),
        manifest,
    ])
}

/// The command that builds [`PROGRAMS`] in the profile of this program.
///
/// Unoptimised: from nothing that takes half as long as `--release`, and what a run takes is
/// decided by the services that start and stop in it, not by regmig.
pub fn build() -> Program {
    let packages = PROGRAMS.iter().flat_map(|name| ["--package", *name]);
    cargo("build").args(packages).limit(BUILD_LIMIT)
}

/// Builds [`PROGRAMS`], silently.
///
/// # Errors
///
/// When the compiler refuses; the error quotes the end of what it said.
pub fn build_programs() -> Result<(), ProgramError> {
    build().done()
}

/// Builds [`PROGRAMS`] as they are given to operators, silently. For measurements.
///
/// # Errors
///
/// When the compiler refuses; the error quotes the end of what it said.
pub fn build_optimised() -> Result<(), ProgramError> {
    build().args(["--release"]).done()
}

/// Where a program is that was built with optimisations: beside the folder of this one.
///
/// # Errors
///
/// When the system does not tell where this program is.
pub fn optimised_program(name: &str) -> io::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let beside = here.parent().and_then(Path::parent);
    Ok(beside.unwrap_or(&here).join("release").join(name))
}

/// Where a program of this workspace is: beside this one.
///
/// # Errors
///
/// When the system does not tell where this program is.
pub fn program(name: &str) -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_told_which_workspace() {
        let line = cargo("build").line();
        assert!(line.contains(" build --manifest-path /"), "{line}");
        assert!(root().join("crates/xtask/Cargo.toml").is_file());
    }
}
