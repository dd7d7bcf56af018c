//! What `cargo xtask` is made of: the lab and the checks of what it needs.
//!
//! A library beside the binary, so that the demo and the tests call the lab as
//! functions.

pub mod deps;
pub mod lab;
pub mod program;
pub mod say;
