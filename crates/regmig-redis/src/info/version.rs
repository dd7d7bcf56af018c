//! Versions and flavours of Redis.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A version in three numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

impl Version {
    /// A version out of its numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Reads `7.0.15`; what follows the numbers is ignored and what is missing is 0.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut numbers = text.split('.').map(|part| {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap_or(0)
        });
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            major: next(),
            minor: next(),
            patch: next(),
        }
    }

    /// Whether `CLIENT PAUSE … WRITE` and `CLIENT UNPAUSE` exist.
    #[must_use]
    pub fn can_pause_writes(self) -> bool {
        self >= Self::new(6, 2, 0)
    }

    /// Whether `EVAL_RO` and `PEXPIRETIME` exist.
    #[must_use]
    pub fn has_read_only_scripts(self) -> bool {
        self >= Self::new(7, 0, 0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Which of the servers that speak this protocol it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flavour {
    /// Redis.
    Redis,
    /// Valkey, with its own version.
    Valkey(Version),
}

impl Flavour {
    /// Whether single fields of a hash can expire: Redis 7.4, Valkey 9.
    #[must_use]
    pub fn has_field_expiry(self, version: Version) -> bool {
        match self {
            Self::Redis => version >= Version::new(7, 4, 0),
            Self::Valkey(own) => own >= Version::new(9, 0, 0),
        }
    }
}
