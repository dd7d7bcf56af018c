//! `regmig rollback`.

use std::time::Instant;

use regmig_core::cursor::Direction;
use regmig_core::edge::Way;
use regmig_core::engine::{Leg, WayBack};
use regmig_core::state::State;
use regmig_core::step::{Step, Undo};
use regmig_procedure::procedure;
use regmig_procedure::spec::Spec;

use crate::cli::Cli;
use crate::commands::cost::Cost;
use crate::commands::{forward, must_rest};
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::render;
use crate::session::{Configured, Session};

pub(super) async fn run(cli: &Cli, to: State, plan: bool, yes: bool) -> Result<Code, Problem> {
    let ways = ["rollback --to warm", "rollback --to proxy"];
    must_rest(&Configured::load(cli)?, to, ways)?;
    let mut session = Session::open_begun(cli, yes, "roll back")?;
    let from = session
        .cursor
        .state(procedure::order(session.configured.spec.strategy));
    if let Direction::Back(under_way) = session.cursor.direction()
        && under_way != to
    {
        render::say(&format!(
            "A rollback to `{under_way}` is under way; it goes to `{to}` from now on."
        ));
    }
    let cursor = session.cursor.clone();
    let engine = session.engine();
    let way = engine.plan_back(to).await?;
    render::say(&format!("Back from `{from}` to `{to}`:"));
    for line in described(&way) {
        render::say(&line);
    }
    if let Some((by, reason)) = &way.ruled_out {
        render::say(&format!("Failback through {by} is ruled out: {reason}."));
    }
    let cost = Cost::of(&cursor, leaves(&way, from), to, way.failback());
    render::say(&format!("Cost: {}.", cost.words()));
    if plan {
        render::say("Nothing was changed.");
        return Ok(Code::Done);
    }
    if !yes && !render::ask("Go on?") {
        return Ok(Code::Stopped);
    }
    session.operator.listen();
    session.begin().await?;
    let begun = Instant::now();
    let result = match forward::back(&mut session, to).await {
        Ok(outcome) => forward::tell(&mut session, &outcome, begun).await,
        Err(problem) => Err(problem),
    };
    session.end().await;
    result
}

/// The state that a way back leaves: later than where the migration rests where dest was opened half way.
pub(super) fn leaves(way: &WayBack<'_, Spec>, rests: State) -> State {
    way.edges.first().map_or(rests, |edge| edge.from)
}

/// The edges of a way back, and beneath each what is done.
fn described(way: &WayBack<'_, Spec>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut legs = way.legs.iter().peekable();
    let first = way.edges.first().map(|edge| edge.from);
    // What stands before the first edge belongs to no state that was entered.
    while let Some(leg) = legs.next_if(|leg| match leg {
        Leg::Reopen(_) => true,
        Leg::Home(_) => false,
        Leg::Undo(step) => first.is_none_or(|from| step.enters > from),
    }) {
        lines.push(described_leg(leg));
    }
    for edge in &way.edges {
        let how = match edge.way {
            Way::Undo => "undo".to_owned(),
            Way::Failback(by) => format!("failback through {by}, then undo"),
            Way::Closed(reason) => reason.to_owned(),
        };
        lines.push(format!("  {} -> {}: {how}", edge.from, edge.to));
        while let Some(leg) = legs.next_if(|leg| match leg {
            Leg::Home(_) => matches!(edge.way, Way::Failback(_)),
            Leg::Reopen(step) | Leg::Undo(step) => step.enters > edge.to,
        }) {
            lines.push(described_leg(leg));
        }
    }
    lines
}

fn described_leg(leg: &Leg<'_, Spec>) -> String {
    let how = |step: &Step<Spec>| match step.undo {
        Undo::Nothing(reason) => format!("nothing to undo: {reason}"),
        _ => format!("undo: {}", step.title),
    };
    match leg {
        Leg::Home(step) => format!("    {}: {}", step.id, step.title),
        Leg::Reopen(step) => format!("    {}: dest serves again; {}", step.id, how(step)),
        Leg::Undo(step) => format!("    {}: {}", step.id, how(step)),
    }
}
