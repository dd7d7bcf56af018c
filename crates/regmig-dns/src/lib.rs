//! DNS, seen from regmig: questions to named servers, and changes of a delegation.
//!
//! There is no caching resolver anywhere: every question goes, without the wish for recursion, from this
//! machine to the server that the caller names. Everything is bounded in time and fails with
//! a [`PortError`](regmig_core::port::PortError) whose cause is a [`Fault`].

mod answer;
mod ask;
mod compare;
mod delegation;
mod exchange;
mod fault;
mod key_file;
mod limits;
mod name;
mod question;
mod tsig;
mod update;

pub use answer::{Answer, Data, Rcode, Record, Soa};
pub use ask::{ask, soa};
pub use compare::{
    CompareOptions, CompareProgress, Comparison, Difference, Seen, compare, compare_all,
};
pub use delegation::{Delegation, Origin, delegation};
pub use fault::{Fault, fault_of};
pub use limits::Limits;
pub use name::canonical;
pub use question::{Kind, Question};
pub use tsig::{TsigKey, TsigKeyError};
pub use update::{Updated, update_delegation};
