//! Two simulated machines on which the real engine and the real steps run, with everything that can go wrong.
//!
//! Deterministic: the same schedule gives the same run. `docs/design/` says what is modelled and what is not.

#[cfg(test)]
mod authority;
mod command;
mod driver;
mod explore;
mod fault;
mod observed;
mod planted;
mod schedule;
mod world;

pub use command::{Cli, run};
pub use observed::{EDITED, OWN, Observed, compared, observe};

#[cfg(test)]
mod tests;
