//! Tests against real Redis servers on this machine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod access;
mod control;
mod digest;
mod digest_large;
mod faults;
mod kept;
mod keys;
mod loaded;
mod pause;
mod promote;
mod save;
mod server;
