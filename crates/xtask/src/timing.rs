//! Where time went, as the journal has it.

use regmig_core::journal::{Event, Record};
use serde::{Deserialize, Serialize};

use crate::file_error::FileError;

/// The steps whose first effect closes source for writes, one for each strategy.
const FENCES: [&str; 2] = ["cold/fence", "cold/switch"];

/// The step that proves that clients are served again.
const CANARY: &str = "proxy/canary";

/// A step and the time that it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTime {
    /// Its name; what stands before the slash is the state that it enters.
    pub id: String,
    /// When it began, in ms since the epoch; the first time, if more than one run worked on it.
    pub began_ms: i64,
    /// From the end of the step before it until it held, in ms.
    pub ms: u64,
}

/// Reads a journal as `regmig journal --json` prints it.
pub(crate) fn records(journal: &str) -> Result<Vec<Record>, FileError> {
    let record = |line| serde_json::from_str(line).map_err(FileError::json("the journal"));
    journal.lines().map(record).collect()
}

/// Every step that was reached, in order, with its time.
///
/// A step begins where the one before it ended, so that looking at the machines before the first effect counts as well; or,
/// where regmig was not running then, when it was started: `started_ms` has those times.
pub(crate) fn steps(records: &[Record], started_ms: &[i64]) -> Vec<StepTime> {
    let mut steps: Vec<StepTime> = Vec::new();
    let mut begun: Option<(&str, i64)> = None;
    let mut before_ms = i64::MIN;
    for record in records {
        if let Some(id) = step_of(&record.event) {
            let begun_ms = match begun {
                Some((open, at_ms)) if open == id => at_ms,
                _ => {
                    let starts = started_ms.iter().filter(|at| **at <= record.at_ms);
                    let running_since = starts.max().copied().unwrap_or(i64::MIN);
                    let at_ms = running_since.max(before_ms).min(record.at_ms);
                    begun = Some((id, at_ms));
                    at_ms
                }
            };
            if matches!(record.event, Event::Reached { .. }) {
                begun = None;
                let ms = u64::try_from(record.at_ms.saturating_sub(begun_ms)).unwrap_or(0);
                match steps.iter_mut().find(|step| step.id == id) {
                    Some(again) => again.ms = again.ms.saturating_add(ms),
                    None => steps.push(StepTime {
                        id: id.to_owned(),
                        began_ms: begun_ms,
                        ms,
                    }),
                }
            }
        }
        before_ms = record.at_ms;
    }
    steps
}

/// The cold window in ms: from the first effect of `cold/fence`, or `cold/switch`, until `proxy/canary` held.
pub(crate) fn cold_window_ms(records: &[Record]) -> Option<u64> {
    let fenced = records
        .iter()
        .find(|record| matches!(&record.event, Event::Acting { step, .. } if FENCES.contains(&step.as_str())))?;
    let served = records.iter().find(|record| {
        record.seq > fenced.seq
            && matches!(&record.event, Event::Reached { step, .. } if step == CANARY)
    })?;
    u64::try_from(served.at_ms.saturating_sub(fenced.at_ms)).ok()
}

/// The steps within the cold window.
pub(crate) fn in_cold_window(steps: &[StepTime]) -> impl Iterator<Item = &str> {
    steps
        .iter()
        .map(|step| step.id.as_str())
        .skip_while(|id| !FENCES.contains(id))
        .scan(true, |open, id| {
            let within = *open;
            *open = within && id != CANARY;
            within.then_some(id)
        })
}

/// What was going on for the most of a time: the cold window, another step, or none.
pub(crate) fn during(steps: &[StepTime], start_ms: i64, ms: u64) -> String {
    let end = |start: i64, ms: u64| start.saturating_add_unsigned(ms);
    let shared = |step: &StepTime| {
        let from = step.began_ms.max(start_ms);
        end(step.began_ms, step.ms).min(end(start_ms, ms)) - from
    };
    let longest = steps.iter().max_by_key(|step| shared(step));
    match longest.filter(|step| shared(step) > 0) {
        None => "outside of the migration".to_owned(),
        Some(step) if in_cold_window(steps).any(|id| id == step.id) => {
            "in the cold window".to_owned()
        }
        Some(step) => format!("in {}", step.id),
    }
}

fn step_of(event: &Event) -> Option<&str> {
    match event {
        Event::Started { step, .. }
        | Event::Acting { step, .. }
        | Event::Reached { step, .. }
        | Event::Failed { step, .. } => Some(step),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn records(events: Value) -> Vec<Record> {
        let events: Vec<(i64, Value)> = serde_json::from_value(events).unwrap();
        let numbered = events.into_iter().zip(0_u64..);
        numbered
            .map(|((at_ms, event), seq)| Record {
                seq,
                at_ms,
                event: serde_json::from_value(event).unwrap(),
            })
            .collect()
    }

    fn acting(step: &str) -> Value {
        json!({"event": "acting", "step": step, "effect": "x"})
    }

    fn reached(step: &str) -> Value {
        json!({"event": "reached", "step": step, "evidence": null})
    }

    fn window() -> Vec<Record> {
        records(json!([
            [1000, {"event": "agreed", "state": "cold"}],
            [1100, {"event": "started", "step": "cold/fence", "before": null}],
            [1150, acting("cold/fence")],
            [1400, reached("cold/fence")],
            [2000, reached("synced/pass")],
            [3150, reached("proxy/canary")],
            [9150, reached("drained/quiet")],
        ]))
    }

    #[test]
    fn the_window_is_from_the_first_effect_to_the_canary() {
        assert_eq!(cold_window_ms(&window()), Some(2000));
        assert_eq!(cold_window_ms(&window()[..4]), None);
        assert_eq!(cold_window_ms(&window()[4..]), None);
    }

    #[test]
    fn a_step_takes_from_the_record_before_it_or_from_the_start_of_regmig() {
        let steps = steps(&window(), &[500, 8000]);
        let times: Vec<_> = steps
            .iter()
            .map(|step| (step.id.as_str(), step.ms))
            .collect();
        assert_eq!(
            times,
            [
                ("cold/fence", 400),
                ("synced/pass", 600),
                ("proxy/canary", 1150),
                ("drained/quiet", 1150),
            ]
        );
        let within: Vec<_> = in_cold_window(&steps).collect();
        assert_eq!(within, ["cold/fence", "synced/pass", "proxy/canary"]);
    }

    #[test]
    fn a_step_that_was_reached_twice_is_one_with_both_times() {
        let records = records(json!([
            [100, acting("a/b")],
            [200, {"event": "failed", "step": "a/b", "failure":
                {"chain": [], "effect": null, "outcome_unknown": false, "hint": null}}],
            [900, reached("a/b")],
            [1000, reached("a/b")],
        ]));
        let steps = steps(&records, &[50]);
        assert_eq!(
            steps,
            [StepTime {
                id: "a/b".to_owned(),
                began_ms: 50,
                ms: 850 + 100
            }]
        );
    }

    #[test]
    fn a_time_is_called_after_what_took_the_most_of_it() {
        let steps = steps(&window(), &[500, 8000]);
        assert_eq!(during(&steps, 900, 1200), "in the cold window");
        assert_eq!(during(&steps, 7900, 500), "in drained/quiet");
        assert_eq!(during(&steps, 4000, 500), "outside of the migration");
    }
}
