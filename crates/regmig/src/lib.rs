//! What others may know of the `regmig` program: its command line and its exit statuses.
//!
//! The documentation is generated from these two, and tests hold it against
//! them. Everything else belongs to the program alone.

pub mod cli;
pub mod exit_code;
