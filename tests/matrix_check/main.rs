//! The crash matrix sees what it is there to see: a test plants each kind of failure, and it has to be reported.

#[cfg(test)]
mod planted;
