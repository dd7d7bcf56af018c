//! How far a Redis has come in replication, and what it lacks of what another one has.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in the stream of a primary's writes. Redis documents the pair as what names one exact version of a data set: an
/// offset alone counts from the beginning of its own history, and a restarted primary begins another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which history of writes the offset counts in (`master_replid`); empty where an earlier version wrote it.
    #[serde(default)]
    pub history: String,
    /// Bytes of that history: produced by a primary, carried out by a replica.
    pub offset: i64,
}

/// What a Redis lacks of what another one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// So many bytes of the same history.
    Bytes(i64),
    /// Nobody knows: it counts in another history.
    Unknown,
}

impl Position {
    /// What is lacking here of what is there at `other`, or `None` where that is all here.
    pub fn lacks(&self, other: &Self) -> Option<Lack> {
        if self.history != other.history {
            return Some(Lack::Unknown);
        }
        let bytes = other.offset.saturating_sub(self.offset);
        (bytes > 0).then_some(Lack::Bytes(bytes))
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes} bytes behind"),
            Self::Unknown => {
                f.write_str("in another history of writes, as after a restart of the primary")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(history: &str, offset: i64) -> Position {
        Position {
            history: history.to_owned(),
            offset,
        }
    }

    #[test]
    fn offsets_say_something_within_one_history_only() {
        let fence = at("a", 100);
        assert_eq!(at("a", 100).lacks(&fence), None);
        assert_eq!(at("a", 120).lacks(&fence), None);
        assert_eq!(at("a", 80).lacks(&fence), Some(Lack::Bytes(20)));
        assert_eq!(at("b", 100).lacks(&fence), Some(Lack::Unknown));
        assert_eq!(at("b", 9_000).lacks(&fence), Some(Lack::Unknown));
    }

    #[test]
    fn what_an_earlier_version_wrote_down_lies_in_no_history() {
        let old: Position = serde_json::from_str(r#"{"offset":7}"#).unwrap();
        assert_eq!(at("a", 9).lacks(&old), Some(Lack::Unknown));
    }
}
