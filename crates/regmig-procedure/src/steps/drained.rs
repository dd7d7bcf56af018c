//! `drained`: source has served nobody for the quiet period.

use regmig_core::facts::Served;
use regmig_core::state::State;
use regmig_core::step::{Patience, Probe, StepError, Undo};

use super::{keep, no_effects, nothing, verified};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;

/// How far the quiet period has come.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Quiet {
    /// Requests that source has served since `verified`.
    pub served: Served,
    /// Milliseconds until source has been quiet for long enough, if nobody asks meanwhile.
    pub left_ms: i64,
}

/// Looks at source's logs.
///
/// # Errors
///
/// Where the logs cannot be read, or the migration is not at `verified` yet.
pub async fn quiet(cx: &Cx<'_>) -> Result<Quiet, StepError> {
    let quiet_ms = i64::try_from(cx.spec.thresholds.quiet_s)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000);
    // From the end of `verified` on, whose own questions are then past.
    let since = cx
        .past
        .step(verified::ID)
        .filter(|step| step.reached.is_some())
        .map(|step| step.reached_ms)
        .ok_or_else(|| {
            StepError::Broken("both DNS servers have not been compared yet".to_owned())
        })?;
    let served = ask::served(cx, since, cx.past.probed().to_vec()).await?;
    let now = ask::now(cx).await?;
    let silent_since = served.last_ms.unwrap_or(since).max(since);
    let left_ms = silent_since
        .saturating_add(quiet_ms)
        .saturating_sub(now)
        .max(0);
    Ok(Quiet { served, left_ms })
}

pub(crate) const QUIET: ProcedureStep = ProcedureStep {
    id: "drained/quiet",
    enters: State::Drained,
    title: "wait until source has served nobody for the quiet period",
    probe: |cx| {
        Box::pin(async move {
            let quiet = quiet(cx).await?;
            if quiet.left_ms == 0 {
                return Ok(Probe::Holds(keep(&quiet)?));
            }
            let last = match &quiet.served.last {
                Some(last) => format!("source still served, last {last}"),
                None => "source has served nobody yet".to_owned(),
            };
            let minutes = quiet.left_ms / 60_000;
            let left = if minutes > 0 {
                format!("{minutes} min")
            } else {
                format!("{} s", quiet.left_ms / 1000 + 1)
            };
            Ok(Probe::Absent(format!(
                "{last}, {} requests in the last hour; quiet in {left}",
                quiet.served.last_hour
            )))
        })
    },
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience: |spec| Patience {
        every_ms: (spec.thresholds.quiet_s * 50).clamp(500, 60_000),
        limit_ms: u64::MAX,
    },
    waits: true,
    stays: false,
};
