//! What lab tests are written with: an operator's folder, the programs, and eyes on both machines.
//!
//! A [`Rig`] is a lab in its starting state with a fresh folder of an operator. Everything that
//! a test started ends with it, by process id.

mod chance;
mod child;
mod finalized;
mod instants;
mod journal;
mod rig;
mod sampler;
mod snapshot;
mod traffic;
mod trouble;

pub use chance::{Chance, SEED};
pub use child::{Ended, Running};
pub use finalized::{Unfinished, expect_one_writer, two_writers};
pub use instants::{Instant, cold_window, steps};
pub use journal::{Journal, Record};
pub use rig::{Invocation, Rig};
pub use sampler::{Sample, Sampler};
pub use snapshot::{Scope, Snapshot};
pub use traffic::{Audit, Traffic};
pub use trouble::{Tried, Trouble};
