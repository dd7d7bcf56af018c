//! Redis, seen from regmig: replication, fencing, saving, and proof that two data sets are equal.
//!
//! Everything goes over a byte stream that the caller dials (an SSH channel, a TCP
//! connection), is bounded in time, and fails with a
//! [`PortError`](regmig_core::port::PortError) whose cause is a [`Fault`].

mod access;
mod client;
mod control;
pub mod digest;
mod fault;
pub mod info;
mod keys;
mod limits;
mod loaded;
mod pause;
mod promote;
mod reader;
mod save;
mod session;
mod transport;

pub use client::Redis;
pub use digest::{
    Difference, Differences, Digest, DigestOptions, DigestProgress, Expiry, Kept, KeyDifference,
    Pace, diff, diff_again,
};
pub use fault::{Fault, fault_of};
pub use info::{Info, parse_info};
pub use keys::Write;
pub use limits::Limits;
pub use promote::{Promotion, SWAP};
pub use save::{SaveProgress, Saved, Shutdown};
pub use transport::{BoxedStream, Transport};
