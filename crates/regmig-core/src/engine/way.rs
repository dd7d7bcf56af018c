//! The way back: what has to be done, in which order, to return to a state.

use super::EngineError;
use crate::cursor::{Cursor, Direction};
use crate::edge::{Edge, Failback, NoWay, Way, rollback_path};
use crate::machine::Machine;
use crate::state::State;
use crate::step::{Procedure, Step, Undo};

/// One thing to do on the way back.
pub enum Leg<'s, X: 'static> {
    /// Undo a step on the way home: dest serves again.
    Reopen(&'s Step<X>),
    /// Take a step on the way home.
    Home(&'s Step<X>),
    /// Undo a step.
    Undo(&'s Step<X>),
}

impl<X> Leg<'_, X> {
    /// The step that it is about.
    pub fn step(&self) -> &Step<X> {
        match self {
            Self::Reopen(step) | Self::Home(step) | Self::Undo(step) => step,
        }
    }
}

/// A way back, ready to be walked.
pub struct WayBack<'s, X: 'static> {
    /// The edges, from the state that is left to the one that is returned to. There are none where only
    /// steps of a state are undone that was not entered.
    pub edges: Vec<Edge>,
    /// What to do, in order.
    pub legs: Vec<Leg<'s, X>>,
    /// Why writes cannot come home by the cheapest failback now, where they take another.
    pub ruled_out: Option<(Failback, String)>,
}

impl<X> WayBack<'_, X> {
    /// How writes of dest come home, where they have to.
    pub fn failback(&self) -> Option<Failback> {
        self.edges.iter().find_map(|edge| match edge.way {
            Way::Failback(by) => Some(by),
            _ => None,
        })
    }
}

/// Whether everything that dest has accepted is proven to be on source.
pub(super) fn is_home<X>(procedure: &Procedure<X>, cursor: &Cursor) -> bool {
    Failback::ALL.iter().any(|by| {
        let last = procedure.homeward(*by).steps.last();
        last.is_some_and(|step| cursor.is_reached(step.id))
    })
}

/// The way back to `to`; `ready` says of each failback whether it can be had now, or why not.
///
/// # Errors
///
/// [`EngineError::NoWay`] or [`EngineError::Never`] where there is none.
pub fn way_back<'s, X>(
    procedure: &'s Procedure<X>,
    cursor: &Cursor,
    to: State,
    ready: impl Fn(Failback) -> Result<(), String>,
) -> Result<WayBack<'s, X>, EngineError> {
    let state = cursor.state(procedure.order());
    // Undoing `synced` leaves running on source what is about to serve there.
    if let Direction::Back(under_way) = cursor.direction()
        && under_way < to
        && to.writes().is_none()
    {
        return Err(NoWay::NotServed { under_way, to }.into());
    }
    let touched: Vec<&Step<X>> = procedure
        .steps
        .iter()
        .rev()
        .filter(|step| step.enters > to && cursor.step(step.id).is_some())
        .collect();
    for step in &touched {
        if let Undo::Never(reason) = step.undo {
            let step = step.id;
            return Err(EngineError::Never { step, reason });
        }
    }
    let reopened: Vec<Leg<'s, X>> = started_homeward(procedure, cursor)
        .map(Leg::Reopen)
        .collect();
    // Where dest serves in the end, it keeps what it has accepted. Anywhere else it stays shut.
    let serves = to.writes() == Some(Machine::Dest);
    let half_undone =
        |step: &Step<X>| step.enters <= to && cursor.step(step.id).is_some_and(|it| it.undoing);
    if procedure.steps.iter().any(half_undone) {
        return Err(NoWay::NotBefore { from: state, to }.into());
    }
    if serves && to == state && !reopened.is_empty() && touched.is_empty() {
        // Nothing is undone yet: dest can simply serve again.
        return Ok(WayBack {
            edges: Vec::new(),
            legs: reopened,
            ruled_out: None,
        });
    }

    // A state that opens dest counts as entered as soon as that step has been started.
    let opened = touched.iter().filter(|step| step.undo.opens_dest());
    let from = opened
        .map(|step| step.enters)
        .max()
        .map_or(state, |opened| opened.max(state));
    let is_home = is_home(procedure, cursor);
    let leaves = touched.iter().any(|step| step.enters <= from);
    let rolls_back = cursor.direction() != Direction::Forward;
    let edges = if leaves || (touched.is_empty() && !rolls_back) {
        rollback_path(from, to, |by| if is_home { Ok(()) } else { ready(by) })?
    } else {
        // Steps of a state that was not entered can be undone without leaving one; and a rollback that is
        // under way has passed the states whose steps are undone already.
        Vec::new()
    };
    if edges.is_empty() && to > state {
        return Err(NoWay::NotBefore { from: state, to }.into());
    }

    let mut legs: Vec<Leg<'s, X>> = Vec::new();
    if serves {
        legs.extend(reopened);
    }
    let half_entered = touched.iter().filter(|step| step.enters > from);
    legs.extend(half_entered.map(|step| Leg::Undo(*step)));
    for edge in &edges {
        if let (Way::Failback(by), false) = (edge.way, is_home) {
            legs.extend(procedure.homeward(by).steps.iter().map(Leg::Home));
        }
        let left = touched
            .iter()
            .filter(|step| step.enters <= edge.from && step.enters > edge.to);
        legs.extend(left.map(|step| Leg::Undo(*step)));
    }
    Ok(WayBack {
        edges,
        legs,
        ruled_out: None,
    })
}

/// Steps on the way home that have been started, newest first.
fn started_homeward<'s, X>(
    procedure: &'s Procedure<X>,
    cursor: &Cursor,
) -> impl Iterator<Item = &'s Step<X>> {
    let mut found: Vec<(i64, &'s Step<X>)> = Vec::new();
    for by in Failback::ALL {
        for step in procedure.homeward(by).steps {
            if let Some(state) = cursor.step(step.id)
                && found.iter().all(|(_, known)| known.id != step.id)
            {
                found.push((state.started_ms.max(state.reached_ms), step));
            }
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().rev().map(|(_, step)| step)
}
