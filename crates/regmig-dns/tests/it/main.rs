//! Tests against a fake server that misbehaves and against a real one (BIND).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod bind;
mod compare;
mod fake;
mod questions;
mod real;
mod updates;
