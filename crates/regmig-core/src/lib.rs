//! The engine of regmig: typed states, steps, journal and the only loop that walks them.
//!
//! This crate does no I/O, reads no clock and starts no thread. Whatever it
//! learns comes through [`port::Observe`]; whatever it changes goes through [`port::Act`].

pub mod cursor;
pub mod edge;
pub mod effect;
pub mod engine;
pub mod facts;
pub mod journal;
pub mod machine;
pub mod port;
pub mod position;
pub mod report;
pub mod state;
pub mod step;
