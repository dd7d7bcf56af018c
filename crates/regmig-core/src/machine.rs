//! The two machines of a migration.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two machines that hold the master register, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Machine {
    /// Where the register lives when the migration starts.
    Source,
    /// Where it shall live.
    Dest,
}

impl Machine {
    /// Both machines, source first.
    pub const BOTH: [Self; 2] = [Self::Source, Self::Dest];

    /// The other machine.
    pub fn peer(self) -> Self {
        match self {
            Self::Source => Self::Dest,
            Self::Dest => Self::Source,
        }
    }

    /// The word used for it everywhere: `source` or `dest`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Dest => "dest",
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
