//! What `cargo xtask` is made of: the lab, what an operator of it needs, and the checks of
//! what it needs itself.
//!
//! A library beside the binary, so that the demo and the tests call the lab as
//! functions.

pub mod bench;
pub mod clients;
pub mod clock;
pub mod demo;
pub mod deps;
pub mod file_error;
pub mod lab;
pub mod matrix;
pub mod operator;
pub mod program;
pub mod say;
pub mod subnet;
pub mod suite;
pub mod table;
pub mod timing;
pub mod workspace;
