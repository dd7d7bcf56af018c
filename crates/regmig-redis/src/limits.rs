//! How long and how often one Redis server is asked.

use std::time::Duration;

/// Time limits of everything that is asked of one Redis server.
///
/// The client library gives up after 500 ms unless it is told otherwise, which
/// is less than a `BGSAVE` fork of a large data set can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The time for dialing, the handshake and the password together.
    pub dial: Duration,
    /// The time for one answer.
    pub answer: Duration,
    /// How often a question is put, each time over a fresh connection, before it counts as failed.
    ///
    /// A write is sent once, whatever is written here.
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            attempts: 2,
        }
    }
}
