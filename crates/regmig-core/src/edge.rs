//! The states as a graph: which rollback edges exist, and the path between two states.

use std::collections::{BTreeMap, VecDeque};

use crate::state::State;

/// How a rollback edge is travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Undo the steps of the state that is left, newest first.
    Undo,
    /// Not travelled by this version, and why.
    Closed(&'static str),
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

const DEST_HAS_WRITES: &str = "dest has accepted writes since `proxy`, and going back behind it without \
    bringing them home would lose them; this version has no failback";

const FINAL: &str = "`finalized` is the point of no return: keys, tunnel and pre-images are gone";

/// Every rollback edge, from the last state to the first.
pub const ROLLBACK: [Edge; 12] = [
    edge(State::Finalized, State::Drained, Way::Closed(FINAL)),
    edge(State::Drained, State::Verified, Way::Undo),
    edge(State::Verified, State::Nameservers, Way::Undo),
    edge(State::Nameservers, State::Replica, Way::Undo),
    edge(State::Replica, State::Proxy, Way::Undo),
    edge(State::Proxy, State::Synced, Way::Closed(DEST_HAS_WRITES)),
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
    /// Every path leads over a closed edge.
    #[error("no rollback from `{from}` to `{to}`: {reason}")]
    Closed {
        /// Where the migration is.
        from: State,
        /// Where it was asked to go.
        to: State,
        /// Why the edge in between is closed.
        reason: &'static str,
    },
}

/// The shortest path of open edges that leads back.
///
/// # Errors
///
/// [`NoWay::NotBefore`] if `to` does not come before `from`, [`NoWay::Closed`] if no open path leads there.
pub fn rollback_path(from: State, to: State) -> Result<Vec<Edge>, NoWay> {
    if to >= from {
        return Err(NoWay::NotBefore { from, to });
    }
    let mut came_by: BTreeMap<State, Edge> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    let mut closed = None;
    while let Some(state) = queue.pop_front() {
        for edge in ROLLBACK.iter().filter(|edge| edge.from == state) {
            match edge.way {
                Way::Closed(reason) => closed = Some(reason),
                Way::Undo if !came_by.contains_key(&edge.to) => {
                    came_by.insert(edge.to, *edge);
                    queue.push_back(edge.to);
                }
                Way::Undo => {}
            }
        }
    }
    let mut path = Vec::new();
    let mut at = to;
    while at != from {
        let Some(edge) = came_by.get(&at) else {
            return Err(NoWay::Closed {
                from,
                to,
                reason: closed.unwrap_or("no edge leads there"),
            });
        };
        path.push(*edge);
        at = edge.from;
    }
    path.reverse();
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_edges_lead_back() {
        let path = rollback_path(State::Synced, State::Start).unwrap();
        assert_eq!(path.len(), 6);
        assert_eq!(path[0].from, State::Synced);
        assert_eq!(path[5].to, State::Start);
        assert_eq!(
            rollback_path(State::Nameservers, State::Proxy)
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn writes_of_dest_are_never_left_behind() {
        for from in [
            State::Proxy,
            State::Replica,
            State::Nameservers,
            State::Drained,
        ] {
            for to in [State::Start, State::Warm, State::Synced] {
                assert!(
                    matches!(rollback_path(from, to), Err(NoWay::Closed { .. })),
                    "{from} to {to}"
                );
            }
        }
    }

    #[test]
    fn nothing_leads_out_of_finalized_or_forward() {
        assert!(matches!(
            rollback_path(State::Finalized, State::Proxy),
            Err(NoWay::Closed { .. })
        ));
        assert!(matches!(
            rollback_path(State::Cold, State::Cold),
            Err(NoWay::NotBefore { .. })
        ));
    }
}
