//! The states as a graph: which rollback edges exist, and the cheapest path between two states.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::state::State;

/// How writes that dest has accepted are brought home to source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failback {
    /// source's Redis follows dest's already: fence dest, wait for equal offsets, promote source.
    Replication,
    /// Fence dest, copy its data folder over source's.
    Copy,
}

impl Failback {
    /// Both, the cheaper one first.
    pub const ALL: [Self; 2] = [Self::Replication, Self::Copy];

    /// The word that operators read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replication => "replication",
            Self::Copy => "copy",
        }
    }
}

impl fmt::Display for Failback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a rollback edge is travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Undo the steps of the states that are left, newest first.
    Undo,
    /// Bring home what dest has accepted, then undo.
    Failback(Failback),
    /// Never, and why.
    Closed(&'static str),
}

impl Way {
    /// What the edge costs beside others: an outage costs more than any number of undos, and one that
    /// lasts as long as a copy more than one that lasts as long as it takes to compare two data sets.
    fn cost(self) -> Option<u32> {
        match self {
            Self::Undo => Some(1),
            Self::Failback(Failback::Replication) => Some(100),
            Self::Failback(Failback::Copy) => Some(1000),
            Self::Closed(_) => None,
        }
    }
}

/// One rollback edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The state that is left.
    pub from: State,
    /// The state that is returned to.
    pub to: State,
    /// How.
    pub way: Way,
}

const FINAL: &str = "`finalized` is the point of no return: keys, tunnel and pre-images are gone";

/// Every rollback edge, from the last state to the first.
pub const ROLLBACK: [Edge; 13] = [
    edge(State::Finalized, State::Drained, Way::Closed(FINAL)),
    edge(State::Drained, State::Verified, Way::Undo),
    edge(State::Verified, State::Nameservers, Way::Undo),
    edge(State::Nameservers, State::Replica, Way::Undo),
    edge(State::Replica, State::Proxy, Way::Undo),
    edge(
        State::Replica,
        State::Synced,
        Way::Failback(Failback::Replication),
    ),
    edge(State::Proxy, State::Synced, Way::Failback(Failback::Copy)),
    edge(State::Synced, State::Cold, Way::Undo),
    edge(State::Cold, State::Warm, Way::Undo),
    edge(State::Warm, State::Linked, Way::Undo),
    edge(State::Linked, State::Backup, Way::Undo),
    edge(State::Backup, State::Launched, Way::Undo),
    edge(State::Launched, State::Start, Way::Undo),
];

const fn edge(from: State, to: State, way: Way) -> Edge {
    Edge { from, to, way }
}

/// Why there is no way back.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoWay {
    /// The target is not before the current state.
    #[error("`{to}` is not before `{from}`: there is nothing to roll back")]
    NotBefore {
        /// Where the migration is.
        from: State,
        /// Where it was asked to go.
        to: State,
    },
    /// A rollback further back is under way, and the target is a state in which nobody serves.
    #[error(
        "a rollback to `{under_way}` is under way; it cannot end at `{to}`, where nobody serves: what it has undone was to lead on"
    )]
    NotServed {
        /// Where the rollback goes.
        under_way: State,
        /// Where it was asked to end.
        to: State,
    },
    /// Every path leads over an edge that is closed.
    #[error("no rollback from `{from}` to `{to}`: {reason}")]
    Closed {
        /// Where the migration is.
        from: State,
        /// Where it was asked to go.
        to: State,
        /// Why the edges in between are closed.
        reason: String,
    },
}

/// The cheapest path of open edges that leads back.
///
/// `ready` says of each failback whether it can be had now, or why not.
///
/// # Errors
///
/// [`NoWay::NotBefore`] if `to` does not come before `from`, [`NoWay::Closed`] if no open path leads there.
pub fn rollback_path(
    from: State,
    to: State,
    ready: impl Fn(Failback) -> Result<(), String>,
) -> Result<Vec<Edge>, NoWay> {
    if to >= from {
        return Err(NoWay::NotBefore { from, to });
    }
    let mut cheapest: BTreeMap<State, (u32, Option<Edge>)> = BTreeMap::from([(from, (0, None))]);
    let mut closed: Vec<String> = Vec::new();
    // Edges lead back only, and stand from the last state to the first: one pass finds the cheapest way.
    for edge in ROLLBACK {
        let Some((so_far, _)) = cheapest.get(&edge.from).copied() else {
            continue;
        };
        let cost = match (edge.way, edge.way.cost()) {
            (Way::Closed(reason), _) => {
                closed.push(reason.to_owned());
                continue;
            }
            (Way::Failback(by), Some(cost)) => match ready(by) {
                Ok(()) => cost,
                Err(reason) => {
                    closed.push(format!("failback through {by} is ruled out: {reason}"));
                    continue;
                }
            },
            (_, Some(cost)) => cost,
            (_, None) => continue,
        };
        let best = cheapest.entry(edge.to).or_insert((u32::MAX, None));
        if so_far + cost < best.0 {
            *best = (so_far + cost, Some(edge));
        }
    }
    let mut path = Vec::new();
    let mut at = to;
    while let Some((_, Some(edge))) = cheapest.get(&at) {
        path.push(*edge);
        at = edge.from;
    }
    if path.is_empty() {
        let reason = closed.join("; ");
        return Err(NoWay::Closed { from, to, reason });
    }
    path.reverse();
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(_: Failback) -> Result<(), String> {
        Ok(())
    }

    fn ways(from: State, to: State, ready: impl Fn(Failback) -> Result<(), String>) -> Vec<Way> {
        let path = rollback_path(from, to, ready).unwrap();
        assert_eq!(path.first().unwrap().from, from);
        assert_eq!(path.last().unwrap().to, to);
        assert!(path.windows(2).all(|pair| pair[0].to == pair[1].from));
        path.into_iter().map(|edge| edge.way).collect()
    }

    #[test]
    fn the_table_is_in_the_order_that_the_search_needs() {
        assert!(ROLLBACK.windows(2).all(|pair| pair[0].from >= pair[1].from));
        assert!(ROLLBACK.iter().all(|edge| edge.to < edge.from));
    }

    #[test]
    fn simple_edges_lead_back() {
        assert_eq!(ways(State::Synced, State::Start, ready), [Way::Undo; 6]);
        assert_eq!(
            ways(State::Nameservers, State::Proxy, ready),
            [Way::Undo; 2]
        );
    }

    #[test]
    fn writes_of_dest_come_home_whatever_the_target() {
        for from in State::ALL {
            for to in State::ALL.into_iter().filter(|to| *to < from) {
                let Ok(path) = rollback_path(from, to, ready) else {
                    assert_eq!(from, State::Finalized);
                    continue;
                };
                let home = path
                    .iter()
                    .filter(|edge| matches!(edge.way, Way::Failback(_)));
                let leaves_dest = from >= State::Proxy && to < State::Proxy;
                assert_eq!(home.count(), usize::from(leaves_dest), "{from} to {to}");
            }
        }
    }

    #[test]
    fn replication_is_taken_where_it_can_be_had_and_copy_where_not() {
        assert_eq!(
            ways(State::Verified, State::Synced, ready),
            [Way::Undo, Way::Undo, Way::Failback(Failback::Replication)]
        );
        let no_tunnel = |by| match by {
            Failback::Replication => Err("the link is down".to_owned()),
            Failback::Copy => Ok(()),
        };
        assert_eq!(
            ways(State::Replica, State::Synced, no_tunnel),
            [Way::Undo, Way::Failback(Failback::Copy)]
        );
        assert_eq!(
            ways(State::Proxy, State::Synced, ready),
            [Way::Failback(Failback::Copy)]
        );
    }

    #[test]
    fn where_nothing_is_open_every_reason_is_given() {
        let none = |by: Failback| Err(format!("no {by}"));
        let error = rollback_path(State::Replica, State::Start, none).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no rollback from `replica` to `start`: failback through replication is ruled out: no replication; \
             failback through copy is ruled out: no copy"
        );
        assert!(rollback_path(State::Replica, State::Proxy, none).is_ok());
    }

    #[test]
    fn nothing_leads_out_of_finalized_or_forward() {
        assert!(matches!(
            rollback_path(State::Finalized, State::Proxy, ready),
            Err(NoWay::Closed { .. })
        ));
        assert!(matches!(
            rollback_path(State::Cold, State::Cold, ready),
            Err(NoWay::NotBefore { .. })
        ));
    }
}
