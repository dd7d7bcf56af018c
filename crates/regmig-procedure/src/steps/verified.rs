//! `verified`: dest's DNS says what source's says, over every user.

use regmig_core::state::State;
use regmig_core::step::{Patience, Probe, Refusal, Undo};

use super::{keep, no_effects, nothing};
use crate::ask;
use crate::procedure::ProcedureStep;

pub(crate) const ID: &str = "verified/answers";

pub(crate) const ANSWERS: ProcedureStep = ProcedureStep {
    id: ID,
    enters: State::Verified,
    title: "compare the answers of both DNS servers for every user",
    probe: |cx| {
        Box::pin(async move {
            let compared = ask::compare_answers(cx, cx.spec.thresholds.verify_sample).await?;
            if compared.different == 0 {
                return Ok(Probe::Holds(keep(&compared)?));
            }
            Ok(Refusal {
            what: "the answers of both DNS servers".to_owned(),
            found: format!("{} of {} differ: {}", compared.different, compared.questions, compared.samples.join("; ")),
            expected: "the same answers from both".to_owned(),
            hint: "see `regmig status` for the health of replication; type `regmig resume` to compare again".to_owned(),
        }
        .into())
        })
    },
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience: |_| Patience {
        every_ms: 1000,
        limit_ms: 0,
    },
    waits: false,
    stays: false,
};
