//! `regmig` moves a platform's master register from one machine to another while people use it.

mod commands;
#[cfg_attr(feature = "failpoints", path = "failpoint.rs")]
mod hands;
mod problem;
mod render;
mod session;
mod start;
mod world;

use std::process::ExitCode;

use regmig::{access_log, cli, config, exit_code, rsync_output};

fn main() -> ExitCode {
    start::start()
}
