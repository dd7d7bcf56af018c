//! Machines, reached by SSH or on the spot: commands, files, streams and host keys.
//!
//! [`Host`] is the one entry. Every call ends within a stated time and says which of
//! three things is true when it fails: nothing was sent, the machine refused, or the
//! outcome is unknown ([`PortError`](regmig_core::port::PortError)).
//!
//! # How late a command may land
//!
//! A command whose answer was lost may still be running. Each one is started beneath
//! `timeout` on the machine itself, so that it is over, whatever becomes of the connection,
//! [`Command::lands_within`] after the error that says so: its time limit, [`KILL_AFTER`] for a command
//! that ignores SIGTERM, and [`LANDING_MARGIN`] for the way there. Whoever meets an unknown outcome
//! waits for that long before looking and deciding. What was not sent when a connection is given up is discarded
//! by the kernel and arrives no more, also when this program is killed. A machine that is suspended as a whole
//! (a paused virtual machine), or whose sshd is, stops that clock too.

mod auth;
mod command;
mod connection;
mod error;
mod exec;
mod files;
mod host;
mod known_hosts;
mod lane;
mod lines;
mod local;
mod outcome;
mod output;
mod quote;
mod reach;
mod spec;
mod stream;

pub use command::{Command, KILL_AFTER, LANDING_MARGIN, Sudo};
pub use error::{ConnectError, worth_retrying};
pub use files::{Expect, FileError, FileState, FileWrite, Written};
pub use host::Host;
pub use known_hosts::{HostKeyError, KnownHosts};
pub use outcome::{CommandFailed, Lost, NoSudo, Words};
pub use output::{Output, Source, Status};
pub use quote::quote;
pub use spec::{HostSpec, Limits, SshSpec, Transport};
pub use stream::{BoxedStream, ByteStream};
