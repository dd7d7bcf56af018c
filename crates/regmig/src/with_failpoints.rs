//! regmig with points at which it kills itself: a program of its own, so that no build of it can be taken for `regmig`.

mod commands;
#[path = "failpoint.rs"]
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
