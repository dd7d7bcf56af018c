//! What others may know of the `regmig` program: its command line, its exit statuses, and how it
//! reads what it did not write.
//!
//! The documentation is generated from the first two, and tests hold it against
//! them. The rest is here so that properties and fuzz targets reach it.
//! Everything else belongs to the program alone.

pub mod access_log;
pub mod cli;
pub mod config;
pub mod exit_code;
pub mod rsync_output;
