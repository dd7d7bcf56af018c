//! The judge of every claim about a migration: clients that write, read and remember.
//!
//! [`run`] registers users through a register's public HTTPS, reads some of them back, asks the
//! DNS server for them, and writes down every acknowledgement before it counts. [`audit`]
//! asks machines for every acknowledged user. [`report`] turns the log of a run into figures.
//!
//! The judge shares nothing with the program that it judges but the HTTP client, which retries
//! nothing: a client that hid a failure could not find one.

pub mod audit;
pub mod clock;
pub mod dns;
pub mod error;
pub mod event;
pub mod log;
pub mod register;
pub mod report;
pub mod run;
pub mod user;
