//! `regmig rollback`.

use std::time::Instant;

use regmig_core::cursor::Direction;
use regmig_core::engine::rollback_plan;
use regmig_core::state::State;
use regmig_core::step::Undo;
use regmig_procedure::procedure;

use crate::cli::Cli;
use crate::commands::forward;
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::render;
use crate::session::Session;

pub(super) async fn run(cli: &Cli, to: State, plan: bool, yes: bool) -> Result<Code, Problem> {
    let mut session = Session::open_begun(cli, yes, "roll back")?;
    if let Direction::Back(under_way) = session.cursor.direction()
        && under_way != to
    {
        return Err(Problem::refused(format!(
            "error: a rollback to `{under_way}` is under way; it has to end before another begins\n  hint: type `{}`",
            session.configured.command("resume")
        )));
    }
    let steps = procedure::steps(session.configured.spec.strategy);
    let from = session
        .cursor
        .state(procedure::order(session.configured.spec.strategy));
    let mut lines = Vec::new();
    for step in rollback_plan(steps, &session.cursor, to)? {
        let how = match step.undo {
            Undo::Nothing(reason) => format!("nothing to undo: {reason}"),
            Undo::Run(_) | Undo::Never(_) => format!("undo: {}", step.title),
        };
        lines.push(format!("  {}: {how}", step.id));
    }
    let cost = match (from.writes(), to.writes()) {
        (None, _) => "source serves again at its end; until then nobody does, as now",
        (Some(before), Some(after)) if before == after => "no outage",
        _ => "a short outage",
    };
    render::say(&format!(
        "Back from `{from}` to `{to}`: {cost}; no acknowledged write is at risk.\n{}",
        lines.join("\n")
    ));
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
