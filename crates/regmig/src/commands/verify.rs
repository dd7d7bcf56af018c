//! `regmig verify`: the data and the DNS answers of both machines.

use std::collections::BTreeSet;
use std::time::Duration;

use regmig_core::effect::{Answer, Query};
use regmig_core::journal::{Event, Journal as _, Record};
use regmig_core::port::Observe as _;
use regmig_core::state::State;
use regmig_procedure::procedure;

use crate::cli::Cli;
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::render;
use crate::session::Session;

/// Keys that are named at most.
const NAMED: usize = 20;

pub(super) async fn run(cli: &Cli) -> Result<Code, Problem> {
    let mut session = Session::open_begun(cli, true, "verify")?;
    let state = session
        .cursor
        .state(procedure::order(session.configured.spec.strategy));
    if state < State::Synced
        || state == State::Finalized
        || session.cursor.direction() != regmig_core::cursor::Direction::Forward
    {
        return Err(Problem::refused(format!(
            "error: found the migration at `{state}`; expected both Redis to hold the data, from `synced` on"
        )));
    }
    let mut code = Code::Done;
    let keys = differing_keys(&session).await?;
    if keys.is_empty() {
        render::say("Data: every key, value and expiry is the same on both machines.");
    } else {
        code = Code::Differs;
        render::say(&format!("Data: {} keys differ, among them:", keys.len()));
        for key in keys.iter().take(NAMED) {
            render::say(&format!("  {key}"));
        }
    }
    let compared = session
        .world
        .observe(&Query::CompareAnswers { sample: None })
        .await?;
    if let Answer::Compared(compared) = compared {
        // Recorded, so that these questions are not taken for clients when source is to be quiet.
        let event = Event::Probed {
            from_ms: compared.from_ms,
            to_ms: compared.to_ms,
        };
        let record = Record {
            seq: session.cursor.next_seq(),
            at_ms: compared.to_ms,
            event,
        };
        session
            .store
            .append(&record)
            .map_err(regmig_core::engine::EngineError::from)?;
        render::say(&format!(
            "DNS: {} questions about {} users, {} answers differ.",
            compared.questions, compared.users, compared.different
        ));
        for sample in &compared.samples {
            render::say(&format!("  {sample}"));
        }
        if compared.different > 0 {
            code = Code::Differs;
        }
    }
    Ok(code)
}

/// Keys that differ, and still do a moment later: what merely lags is no difference.
async fn differing_keys(session: &Session) -> Result<BTreeSet<String>, Problem> {
    let limit = 10_000;
    let names = |found: regmig_redis::Differences| {
        found
            .named
            .into_iter()
            .map(|key| key.key)
            .collect::<BTreeSet<_>>()
    };
    let first = names(session.world.differing_keys(limit).await?);
    if first.is_empty() {
        return Ok(first);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let second = names(session.world.differing_keys(limit).await?);
    Ok(first.intersection(&second).cloned().collect())
}
