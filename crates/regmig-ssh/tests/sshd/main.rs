//! Against a real sshd on loopback, started by each test and ended by its process number.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod commands;
mod files;
mod login;
mod loss;
mod server;
mod streams;
mod sudo;
