//! Times without an acknowledged write.

use serde::{Deserialize, Serialize};

use crate::event::Event;

/// A time without an acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// When the last write before it was acknowledged, or the run began; in ms since the epoch.
    pub start_ms: u64,
    /// How long it lasted, in ms.
    pub length_ms: u64,
}

/// One run out of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    acks: Vec<u64>,
}

/// Splits a log into its runs. One that was killed ends with its last event.
pub(super) fn runs(events: &[Event]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut ended = false;
    for event in events {
        let at_ms = event.at_ms();
        if let Event::Start { .. } = event {
            runs.push(Run {
                start_ms: at_ms,
                end_ms: at_ms,
                acks: Vec::new(),
            });
            ended = false;
        }
        let Some(run) = runs.last_mut() else { continue };
        match event {
            Event::End { .. } => {
                run.end_ms = at_ms;
                ended = true;
            }
            Event::Ack { .. } => run.acks.push(at_ms),
            _ => {}
        }
        // Answers that come after the end do not make the run longer.
        if !ended {
            run.end_ms = run.end_ms.max(at_ms);
        }
    }
    for run in &mut runs {
        run.acks.sort_unstable();
    }
    runs
}

/// The longest gap of all runs, in ms, and every gap longer than a threshold.
///
/// Gaps lie between consecutive acknowledgements, before the first and after the last one of a run.
pub(super) fn find(runs: &[Run], threshold_ms: u64) -> (u64, Vec<Gap>) {
    let mut longest = 0;
    let mut listed = Vec::new();
    for run in runs {
        let mut start_ms = run.start_ms;
        for at_ms in run.acks.iter().copied().chain([run.end_ms]) {
            let length_ms = at_ms.saturating_sub(start_ms);
            longest = longest.max(length_ms);
            if length_ms > threshold_ms {
                listed.push(Gap {
                    start_ms,
                    length_ms,
                });
            }
            start_ms = at_ms;
        }
    }
    (longest, listed)
}
