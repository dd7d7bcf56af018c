//! The migration itself: states in order, the steps that enter them, and how each is undone.
//!
//! Pure: steps ask questions and name effects; they carry out none.

mod ask;
pub mod edit;
pub mod procedure;
pub mod profile;
pub mod spec;
pub mod steps;

pub use ask::Cx;
