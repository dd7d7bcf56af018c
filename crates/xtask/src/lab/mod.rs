//! Two machines and a name server on one host, brought up in seconds.
//!
//! `source` and `dest` are containers with an address, sshd, a Docker Engine and
//! compose of their own, and the register's stack in `/var/pryv`; `parent` is the name
//! server of the zone above the platform's domain. The host is the operator's
//! machine. The demo, the tests, the crash matrix and the benchmark all run here.

mod config;
mod control;
pub mod delay;
mod description;
mod error;
mod health;
mod images;
mod inspect;
mod keys;
mod layout;
mod lock;
mod machine;
mod network;
mod question;
mod seed;
mod template;

pub use config::LabConfig;
pub use control::{down, load_valkey, open, purge, reset, selftest, up};
pub use description::{Endpoint, Lab, Tsig};
pub use error::LabError;
pub use inspect::{logs, status};
pub use machine::Machine;
