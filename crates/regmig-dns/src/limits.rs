//! How long and how often one DNS server is asked.

use std::time::Duration;

/// Time limits of one question to one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The time for one answer over UDP, and again for one over TCP.
    pub answer: Duration,
    /// How often a question is put, each time with a new id and from a new port.
    ///
    /// An update is sent once, whatever is written here.
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(2),
            attempts: 3,
        }
    }
}
