//! What one request may take.

use std::time::Duration;

/// The time and the memory that one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time until the TCP connection stands; it counts towards `total` as well.
    pub connect: Duration,
    /// Time until the last byte of the answer, connection and TLS handshake included.
    pub total: Duration,
    /// The longest body of an answer that is read, in bytes.
    pub body: usize,
}

impl Default for Limits {
    /// 5 s to connect, 10 s in all and 1 MiB: generous for a register's small answers.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(10),
            body: 1 << 20,
        }
    }
}
