//! The documentation says what the code says.

#![expect(clippy::unwrap_used, reason = "tests")]

mod formats;
mod generated;
mod markdown;
mod written;
