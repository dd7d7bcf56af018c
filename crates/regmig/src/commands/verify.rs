//! `regmig verify`: the data and the DNS answers of both machines.

use std::time::{Duration, Instant};

use regmig_core::effect::{Answer, Query};
use regmig_core::journal::{Event, Journal as _, Record};
use regmig_core::port::Observe as _;
use regmig_core::state::State;
use regmig_procedure::procedure;
use regmig_redis::KeyDifference;

use crate::cli::Cli;
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::render;
use crate::session::Session;
use crate::world::FIGURES;

/// Keys that are named at most.
const NAMED: usize = 20;

/// Keys that are looked at again, at most.
const LOOKED_AT: usize = 100_000;

/// How often, and after which pause each.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// How often all data are compared, where more differed than could be looked at again.
const PASSES: u32 = 3;

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
    let begun = Instant::now();
    let (keys, unnamed) = differing_keys(&session).await?;
    let data_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: FIGURES, data_ms);
    if keys.is_empty() {
        render::say("Data: every key, value and expiry is the same on both machines.");
    } else {
        code = Code::Differs;
        let more = match unnamed {
            0 => String::new(),
            _ => format!(", and {unnamed} more did at one look"),
        };
        render::say(&format!(
            "Data: {} keys differ{more}, among them:",
            keys.len()
        ));
        for key in keys.iter().take(NAMED) {
            render::say(&format!("  {}", key.key()));
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

/// Keys that differ, and still do a moment later, again and again: what merely lags is no difference.
///
/// The number is of those that were found and could not be named, and so not be looked at again.
async fn differing_keys(session: &Session) -> Result<(Vec<KeyDifference>, u64), Problem> {
    for _ in 0..PASSES {
        let found = session
            .world
            .differing_keys(LOOKED_AT, &session.cursor)
            .await?;
        if found.went_on {
            render::say("Data: gone on with what the comparison had read that was interrupted.");
        }
        let unnamed = found.total.saturating_sub(found.named.len() as u64);
        let mut differ = found.named;
        for _ in 0..LOOKS {
            if differ.is_empty() {
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
            differ = session.world.still_differing(&differ).await?;
        }
        if unnamed == 0 || !differ.is_empty() {
            return Ok((differ, unnamed));
        }
        // So much was lagging that not all of it could be named: see what is left of it now.
    }
    Err(Problem::refused(format!(
        "error: found more than {LOOKED_AT} keys that differ at each of {PASSES} looks, others each time; expected a replica \
         that is nearly caught up\n  hint: see `{}` for how far it is behind, and type this again",
        session.configured.command("status")
    )))
}
