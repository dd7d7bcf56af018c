//! source's clients come first: dest goes on only once they are answered as quickly as before the copying.

use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Patience, Probe, StepError, Undo};

use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::steps::{no_effects, nothing, preflight};

/// How many clients ask, and the pause between two, milliseconds. Together they take long enough to meet a source that
/// stands still now and then.
const REQUESTS: i64 = 10;
const BETWEEN_MS: u64 = 50;

/// What counts as slow: so many times what it took before, and so many milliseconds. A rule of our own; it lets pass what a
/// busy machine does to single answers, and not what clients notice.
const TIMES: i64 = 2;
const AND_MS: i64 = 50;

/// How long source takes on average to answer one client after the other who asks for a user, milliseconds.
pub(crate) async fn answer_ms(cx: &Cx<'_>, user: &str) -> Result<i64, StepError> {
    let mut all = 0;
    for _ in 0..REQUESTS {
        let begun = ask::now(cx).await?;
        ask::https(cx, Machine::Source, format!("/{user}/server")).await?;
        all += ask::now(cx).await?.saturating_sub(begun);
        ask::sleep(cx, BETWEEN_MS).await?;
    }
    Ok(all / REQUESTS)
}

pub(crate) const CALM: ProcedureStep = ProcedureStep {
    id: "warm/calm",
    enters: State::Warm,
    title: "wait until source answers its clients as quickly as before",
    probe: |cx| {
        Box::pin(async move {
            let known: preflight::Evidence = cx.evidence(preflight::ID)?;
            let Some(before_ms) = known.answer_ms else {
                return Ok(Probe::holds());
            };
            let now_ms = answer_ms(cx, &known.user).await?;
            let at_most_ms = before_ms.saturating_mul(TIMES).saturating_add(AND_MS);
            Ok(if now_ms <= at_most_ms {
                Probe::Holds(now_ms.into())
            } else {
                Probe::Absent(format!(
                    "source answers in {now_ms} ms, {before_ms} ms before the migration; dest's services are not started \
                     before it is at most {at_most_ms} ms"
                ))
            })
        })
    },
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience: |spec| Patience {
        every_ms: 1_000,
        limit_ms: spec.limits.bulk_s * 1000,
    },
    waits: true,
    stays: false,
};
