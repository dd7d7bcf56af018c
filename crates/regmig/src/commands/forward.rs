//! `regmig run` and `regmig resume`.

use std::time::Instant;

use regmig_core::cursor::Direction;
use regmig_core::edge::Failback;
use regmig_core::engine::{Leg, Outcome, way_back};
use regmig_core::facts::Outage;
use regmig_core::journal::Failure;
use regmig_core::port::Act as _;
use regmig_core::state::State;
use regmig_core::step::{Cx, HOMEWARD, Refusal, StepError};
use regmig_procedure::procedure::{self, ProcedureStep};
use regmig_procedure::steps::outage;

use crate::cli::{Cli, Forward};
use crate::commands::{must_rest, status, truth};
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::render::by_hand::by_hand;
use crate::render::failure::Told;
use crate::render::{self, span};
use crate::session::{Configured, Session};

/// Steps that are listed as not done, at most.
const SHOWN: usize = 4;

pub(super) async fn run(cli: &Cli, forward: &Forward, resume: bool) -> Result<Code, Problem> {
    let name = if resume { "resume" } else { "run" };
    let until = ["warm", "proxy"].map(|state| format!("{name} --until {state}"));
    must_rest(
        &Configured::load(cli)?,
        forward.until,
        until.each_ref().map(String::as_str),
    )?;
    let mut session = if resume {
        Session::open_begun(cli, forward.yes, "resume")?
    } else {
        Session::open(cli, forward.yes)?
    };
    let direction = session.cursor.direction();
    if let (Direction::Back(to), false) = (direction, resume) {
        return Err(Problem::refused(format!(
            "error: a rollback to `{to}` is under way; forward is refused until it has ended\n  hint: type `{}`",
            session.configured.command("resume")
        )));
    }
    session.operator.listen();
    session.begin().await?;
    let begun = Instant::now();
    let result = match direction {
        Direction::Forward => go_on(&mut session, forward.until).await,
        Direction::Back(to) => back(&mut session, to).await,
    };
    let code = match result {
        Ok(outcome) => tell(&mut session, &outcome, begun).await,
        Err(problem) => Err(problem),
    };
    session.end().await;
    match (code, direction) {
        (Ok(Code::Done), Direction::Back(_)) => Ok(Code::RolledBack),
        (code, _) => code,
    }
}

async fn go_on(session: &mut Session, until: State) -> Result<Outcome, Problem> {
    let engine = session.engine();
    let state = engine.state();
    let drift = engine.drift().await?;
    if !drift.is_empty() {
        return Err(drifted(session, state, &drift));
    }
    measure_on(session).await;
    let mut engine = session.engine();
    let outcome = procedure::forward(&mut engine, until).await;
    session.cursor = engine.cursor;
    Ok(outcome?)
}

/// Goes on measuring what clients see, where an earlier process was killed while it did.
async fn measure_on(session: &Session) {
    let cx = Cx {
        spec: &session.configured.spec,
        world: &*session.world,
        past: &session.cursor,
    };
    let began = match outage::goes_on(&cx).await {
        Ok(None) => return,
        Ok(Some(effect)) => session.world.act(&effect).await.map_err(StepError::Port),
        Err(error) => Err(error),
    };
    if let Err(error) = began {
        render::complain(&format!(
            "note: what clients see is not measured any more: {}",
            error.one_line()
        ));
    }
}

pub(super) async fn back(session: &mut Session, to: State) -> Result<Outcome, Problem> {
    let mut engine = session.engine();
    let outcome = engine.rollback(to).await;
    session.cursor = engine.cursor;
    Ok(outcome?)
}

/// Before anything is done: what the state in which the migration rests does not keep any more.
fn drifted(session: &Session, state: State, drift: &[(&str, Refusal)]) -> Problem {
    let mut text =
        format!("error: what `{state}` promises does not hold any more; nothing was done");
    for (step, refusal) in drift {
        text.push_str(&format!(
            "\n  {step}: {refusal}\n    hint: {}",
            refusal.hint
        ));
    }
    let back = status::next_commands(&session.configured, &session.cursor);
    let ways: Vec<&str> = back
        .iter()
        .map(|(command, _)| command.as_str())
        .filter(|c| c.contains("rollback"))
        .collect();
    let or_back = if ways.is_empty() {
        String::new()
    } else {
        format!(", or `{}`", ways.join("`, `"))
    };
    text.push_str(&format!(
        "\n  hint: mend it, then type `{}`{or_back}",
        session.configured.command("resume")
    ));
    Problem::refused(text)
}

/// Prints how a run ended.
pub(super) async fn tell(
    session: &mut Session,
    outcome: &Outcome,
    begun: Instant,
) -> Result<Code, Problem> {
    let elapsed_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    let elapsed = span(elapsed_ms);
    Ok(match outcome {
        Outcome::Reached(state) => {
            render::say(&format!(
                "\nThe migration is at `{state}`: {}. This run took {elapsed}.",
                state.meaning()
            ));
            let this_run = |outage: &Outage| session.cursor.last_ms() - outage.to_ms <= elapsed_ms;
            if let Some(outage) = outage::measured(&session.cursor).filter(this_run) {
                render::say(&render::outage::at_length(&outage));
            }
            if *state < State::Finalized {
                render::say(&format!("Next: {}", session.configured.command("resume")));
            }
            Code::Done
        }
        Outcome::RolledBack(state) => {
            render::say(&format!(
                "\nThe migration is back at `{state}`: {}. This took {elapsed}.",
                state.meaning()
            ));
            Code::Done
        }
        Outcome::Stopped(state) => {
            render::say(&format!(
                "\nStopped at a safe point, at `{state}`: {}.\nNext: {}",
                state.meaning(),
                session.configured.command("resume")
            ));
            Code::Stopped
        }
        Outcome::Declined(state) => {
            render::say(&format!(
                "\n`{state}` was not entered, as you said. Nothing is under way.\nNext: {}",
                session.configured.command("resume")
            ));
            Code::Stopped
        }
        Outcome::Halted { step, failure } => {
            let mut left = not_done(session);
            if left.len() > SHOWN {
                let more = left.len() - SHOWN;
                left.truncate(SHOWN);
                left.push(format!("and {more} steps after these"));
            }
            explain(session, "halted", step, failure, &left, &[]).await;
            if failure.outcome_unknown {
                Code::OutcomeUnknown
            } else {
                Code::Halted
            }
        }
        Outcome::Stuck {
            step,
            failure,
            undone,
            left,
        } => {
            render::complain(&format!(
                "undone so far: {}",
                if undone.is_empty() {
                    "nothing".to_owned()
                } else {
                    undone.join(", ")
                }
            ));
            let needed = still_needed(session, step).await;
            explain(session, "stuck", step, failure, left, &needed).await;
            Code::Stuck
        }
    })
}

/// Steps that are still to be taken or undone, in order.
fn not_done(session: &Session) -> Vec<String> {
    let procedure = procedure::procedure(session.configured.spec.strategy);
    let described = |step: &ProcedureStep| format!("{}: {}", step.id, step.title);
    let passed = session
        .cursor
        .passed(procedure.steps.iter().map(|step| step.id));
    match session.cursor.direction() {
        Direction::Forward => procedure.steps.iter().skip(passed).map(described).collect(),
        Direction::Back(to) => way_back(procedure, &session.cursor, to, |_| Ok(()))
            .map(|way| {
                let steps = way.legs.iter().map(Leg::step);
                let left = |step: &&ProcedureStep| {
                    !step.id.starts_with(HOMEWARD) || !session.cursor.is_reached(step.id)
                };
                steps.filter(left).map(described).collect()
            })
            .unwrap_or_default(),
    }
}

/// What the undo of a step still needs, as one would type it; nothing where it refuses to be undone as things are.
async fn still_needed(session: &Session, id: &str) -> Vec<String> {
    let spec = &session.configured.spec;
    let procedure = procedure::procedure(spec.strategy);
    let home = Failback::ALL
        .iter()
        .flat_map(|by| procedure.homeward(*by).steps);
    let step = procedure
        .steps
        .iter()
        .chain(home)
        .find(|step| step.id == id);
    let before = session
        .cursor
        .step(id)
        .and_then(|step| step.before.as_ref());
    let (Some(plan), Some(before)) = (step.and_then(|step| step.undo.plan()), before) else {
        return Vec::new();
    };
    let cx = Cx {
        spec,
        world: &*session.world,
        past: &session.cursor,
    };
    plan(&cx, before)
        .await
        .map(|effects| by_hand(spec, &effects))
        .unwrap_or_default()
}

async fn explain(
    session: &Session,
    word: &str,
    step: &str,
    failure: &Failure,
    not_done: &[String],
    by_hand: &[String],
) {
    let truth = truth::look(&session.configured.spec, &session.world).await;
    let told = Told {
        word,
        step,
        failure,
        truth: &truth.lines(),
        not_done,
        by_hand,
        next: &status::next_commands(&session.configured, &session.cursor),
        evidence: &format!(
            "{} (`{}`)",
            session.configured.store.display(),
            session.configured.command("journal")
        ),
    };
    render::complain(&told.text());
}
