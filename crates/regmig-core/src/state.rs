//! The states in which a migration rests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// A state of the migration: what is true when nothing is under way.
///
/// The order is the order in which a migration passes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing has been touched.
    Start,
    /// dest's stack was launched once, found healthy and stopped; its data folder is set aside.
    Launched,
    /// A verified copy of source's Redis data exists.
    Backup,
    /// Keys made for this migration are installed, and both directions are proven.
    Linked,
    /// The bulk of the data is on dest.
    Warm,
    /// Writes are fenced on source and its last write is accounted for.
    Cold,
    /// Both data sets are proven equal and dest's register was seen healthy on them.
    Synced,
    /// source's nginx forwards to dest; clients are served again.
    Proxy,
    /// source's Redis replicates dest through the tunnel; source's DNS answers fresh data.
    Replica,
    /// The domain's name servers are dest's.
    Nameservers,
    /// dest's DNS answers agree with source's.
    Verified,
    /// source has served nobody for the quiet period.
    Drained,
    /// Nothing of the migration is left on the machines but the backup; source is retired.
    Finalized,
}

impl State {
    /// Every state, in order.
    pub const ALL: [Self; 13] = [
        Self::Start,
        Self::Launched,
        Self::Backup,
        Self::Linked,
        Self::Warm,
        Self::Cold,
        Self::Synced,
        Self::Proxy,
        Self::Replica,
        Self::Nameservers,
        Self::Verified,
        Self::Drained,
        Self::Finalized,
    ];

    /// The word that operators type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Launched => "launched",
            Self::Backup => "backup",
            Self::Linked => "linked",
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::Synced => "synced",
            Self::Proxy => "proxy",
            Self::Replica => "replica",
            Self::Nameservers => "nameservers",
            Self::Verified => "verified",
            Self::Drained => "drained",
            Self::Finalized => "finalized",
        }
    }

    /// One sentence on what is true in this state.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Start => "nothing has been touched",
            Self::Launched => {
                "dest's stack was launched, found healthy and stopped; its data is set aside"
            }
            Self::Backup => "a verified copy of source's Redis data exists",
            Self::Linked => {
                "keys made for this migration are installed and proven in both directions"
            }
            Self::Warm => "the bulk of the data is on dest",
            Self::Cold => "writes are fenced on source and its last write is accounted for",
            Self::Synced => {
                "both data sets are proven equal and dest's register was seen healthy on them"
            }
            Self::Proxy => "source's nginx forwards to dest; clients are served again",
            Self::Replica => {
                "source's Redis replicates dest through the tunnel; source's DNS answers fresh data"
            }
            Self::Nameservers => "the domain's name servers are dest's",
            Self::Verified => "dest's DNS answers agree with source's",
            Self::Drained => "source has served nobody for the quiet period",
            Self::Finalized => "nothing of the migration is left but the backup; source is retired",
        }
    }

    /// Which machine accepts writes while the migration rests here; nobody in the cold window.
    pub fn writes(self) -> Option<Machine> {
        match self {
            Self::Start | Self::Launched | Self::Backup | Self::Linked | Self::Warm => {
                Some(Machine::Source)
            }
            Self::Cold | Self::Synced => None,
            _ => Some(Machine::Dest),
        }
    }

    /// The state after this one.
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state > self)
    }

    /// Whether the operator is asked before this state is entered.
    pub fn asks_first(self) -> bool {
        matches!(self, Self::Cold | Self::Nameservers | Self::Finalized)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no state.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{found}` is not a state; expected one of {}", State::ALL.map(State::as_str).join(", "))]
pub struct UnknownState {
    /// What was given.
    pub found: String,
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| UnknownState {
                found: word.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_in_order_and_every_word_reads_back() {
        assert!(State::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!(State::Start.next(), Some(State::Launched));
        assert_eq!(State::Finalized.next(), None);
    }

    #[test]
    fn an_unknown_word_lists_the_known_ones() {
        let message = "warmer".parse::<State>().unwrap_err().to_string();
        assert!(message.starts_with("`warmer` is not a state; expected one of start, launched"));
    }
}
