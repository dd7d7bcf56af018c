//! Whole-program tests of regmig: what they share.

pub mod matrix;
pub mod support;

use std::env;
use std::path::PathBuf;

use xtask::lab::LabConfig;
use xtask::subnet::subnet;

/// The lab that tests run on: `REGMIG_LAB` and `REGMIG_LAB_SUBNET`, else the one that everybody shares.
///
/// # Panics
///
/// When only one of the two is set, or the subnet is not three octets.
#[expect(
    clippy::panic,
    reason = "only tests call this; a panic is how they fail"
)]
pub fn lab_config() -> LabConfig {
    match (env::var("REGMIG_LAB"), env::var("REGMIG_LAB_SUBNET")) {
        (Err(_), Err(_)) => LabConfig::default(),
        (Ok(name), Ok(octets)) => match subnet(&octets) {
            Ok(octets) => LabConfig::named(&name, octets),
            Err(why) => panic!("REGMIG_LAB_SUBNET: {why}"),
        },
        _ => panic!("set both REGMIG_LAB and REGMIG_LAB_SUBNET, or neither"),
    }
}

/// A program of this workspace, built in the profile of the running test.
///
/// # Panics
///
/// When it has not been built.
#[expect(
    clippy::panic,
    reason = "only tests call this; a panic is how they fail"
)]
pub fn program(name: &str) -> PathBuf {
    // A test is target/PROFILE/deps/NAME-HASH; programs are two levels up.
    let path = env::current_exe()
        .ok()
        .and_then(|test| Some(test.parent()?.parent()?.join(name)));
    match path {
        Some(path) if path.is_file() => path,
        _ => panic!(
            "{name} is not built: type `cargo build --workspace --features regmig/failpoints --bins` first"
        ),
    }
}
