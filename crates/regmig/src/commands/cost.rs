//! What going back costs, from what this migration has measured of itself.

use regmig_core::cursor::{Cursor, Direction};
use regmig_core::edge::{Failback, NoWay, Way, rollback_path};
use regmig_core::machine::Machine;
use regmig_core::state::State;
use serde_json::{Value, json};

use crate::render::span;

/// For how long nobody can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// Not at all.
    None,
    /// For about so long, milliseconds; from now on where nobody can write already.
    About(i64),
    /// For a while that nothing has been measured to tell by.
    Unknown,
    /// For as long as the migration rests in the state that is returned to.
    Rests,
}

/// What going back costs. No write is ever at risk: where one would be, there is no way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) outage: Outage,
    pub(crate) failback: Option<Failback>,
    /// Whether nobody can write now.
    already: bool,
}

impl Cost {
    /// Of a way from a state, by the durations in the journal.
    pub(crate) fn of(cursor: &Cursor, from: State, to: State, failback: Option<Failback>) -> Self {
        // A rollback over the cold window, or one that has fenced dest, is an outage already.
        let fenced =
            cursor.direction() != Direction::Forward && cursor.step("failback/fence").is_some();
        let already = from.writes().is_none() || fenced;
        let outage = match (from.writes(), to.writes()) {
            (_, None) => Outage::Rests,
            (Some(Machine::Source), _) if !half_cold(cursor) => Outage::None,
            (None | Some(Machine::Source), _) => about(start(cursor)),
            (Some(Machine::Dest), Some(Machine::Dest)) if !already => Outage::None,
            (Some(Machine::Dest), Some(Machine::Dest)) => about(start(cursor)),
            (Some(Machine::Dest), _) => about(match failback {
                Some(Failback::Replication) => {
                    window(cursor).map(|ms| ms.saturating_sub(copying(cursor)) + digests(cursor))
                }
                _ => window(cursor),
            }),
        };
        Self {
            outage,
            failback,
            already,
        }
    }

    /// Of going back to `start` from a state that is not entered yet.
    pub(crate) fn later(cursor: &Cursor, from: State) -> Result<Self, NoWay> {
        let path = rollback_path(from, State::Start, |_| Ok(()))?;
        let failback = path.iter().find_map(|edge| match edge.way {
            Way::Failback(by) => Some(by),
            _ => None,
        });
        let mut cost = Self::of(cursor, from, State::Start, failback);
        cost.already = false;
        Ok(cost)
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        let outage = match (self.outage, self.already) {
            (Outage::None, _) => "no outage".to_owned(),
            (Outage::About(ms), false) => format!("an outage of about {}", span(ms)),
            (Outage::About(ms), true) => {
                format!("nobody can write now, and for about {} more", span(ms))
            }
            (Outage::Unknown, false) => "a short outage".to_owned(),
            (Outage::Unknown, true) => "nobody can write now, nor until it has ended".to_owned(),
            (Outage::Rests, _) => "an outage for as long as you rest there".to_owned(),
        };
        let home = match self.failback {
            None => String::new(),
            Some(by) => format!("; what dest has accepted comes home by {by}"),
        };
        format!("{outage}{home}; 0 writes at risk")
    }

    /// For scripts; milliseconds, null where they are not known.
    pub(crate) fn json(&self) -> Value {
        json!({
            "outage_ms": match self.outage { Outage::None => Some(0), Outage::About(ms) => Some(ms), _ => None },
            "failback": self.failback,
            "writes_at_risk": 0,
        })
    }
}

fn about(ms: Option<i64>) -> Outage {
    ms.map_or(Outage::Unknown, Outage::About)
}

/// Whether the way into the cold window has been entered.
fn half_cold(cursor: &Cursor) -> bool {
    cursor.step("cold/fence").is_some()
}

fn started_ms(cursor: &Cursor, step: &str) -> Option<i64> {
    cursor
        .step(step)
        .map(|step| step.started_ms)
        .filter(|at| *at > 0)
}

fn reached_ms(cursor: &Cursor, step: &str) -> Option<i64> {
    cursor
        .step(step)
        .filter(|step| step.reached.is_some())
        .map(|step| step.reached_ms)
}

/// How long the cold window was: everything that a failback through copy does once more.
fn window(cursor: &Cursor) -> Option<i64> {
    Some(reached_ms(cursor, "proxy/open")?.saturating_sub(started_ms(cursor, "cold/fence")?))
}

/// How much of the cold window went by with copying, which replication does beforehand.
fn copying(cursor: &Cursor) -> i64 {
    match (
        reached_ms(cursor, "cold/fence"),
        reached_ms(cursor, "synced/files-equal"),
    ) {
        (Some(from), Some(to)) => to.saturating_sub(from),
        _ => 0,
    }
}

/// How long the proof takes by which a failback through replication ends, milliseconds: 24 µs for each key, measured
/// at a million keys where both machines shared two cores (`synced/data-equal` in the benchmarks of 2026-11-28).
fn digests(cursor: &Cursor) -> i64 {
    let proven = cursor.step("synced/data-equal");
    let keys = proven.and_then(|step| step.reached.as_ref()?.get("keys")?.as_i64());
    keys.unwrap_or_default().saturating_mul(24) / 1000
}

/// How long a stack took to start.
fn start(cursor: &Cursor) -> Option<i64> {
    let step = "launched/launch";
    Some(reached_ms(cursor, step)?.saturating_sub(started_ms(cursor, step)?))
}

#[cfg(test)]
mod tests {
    use regmig_core::journal::{Begun, Event, FORMAT, Record};
    use regmig_core::state::State;
    use serde_json::Value;

    use super::*;

    /// A journal in which each step took so long, milliseconds, and found 100,000 keys.
    fn cursor(steps: &[(&str, i64)]) -> Cursor {
        let begun = Begun {
            format: FORMAT,
            id: String::new(),
            regmig: String::new(),
            spec_digest: String::new(),
            spec: Value::Null,
        };
        let mut events = vec![(1, Event::Begun(Box::new(begun)))];
        let mut now = 1000;
        for (step, ms) in steps {
            let step = (*step).to_owned();
            let before = Value::Null;
            events.push((
                now,
                Event::Started {
                    step: step.clone(),
                    before,
                },
            ));
            now += ms;
            let evidence = json!({ "keys": 100_000 });
            events.push((now, Event::Reached { step, evidence }));
        }
        let records: Vec<Record> = events
            .into_iter()
            .zip(0..)
            .map(|((at_ms, event), seq)| Record { seq, at_ms, event })
            .collect();
        Cursor::fold(&records).unwrap()
    }

    const WINDOW: [(&str, i64); 6] = [
        ("launched/launch", 5000),
        ("cold/fence", 1000),
        ("cold/stop", 200),
        ("synced/last-pass", 700),
        ("synced/files-equal", 100),
        ("proxy/open", 2000),
    ];

    #[test]
    fn figures_come_from_what_was_measured() {
        let cursor = cursor(&WINDOW);
        let words = |from, to, by| Cost::of(&cursor, from, to, by).words();
        assert_eq!(
            words(State::Proxy, State::Start, Some(Failback::Copy)),
            "an outage of about 4.0 s; what dest has accepted comes home by copy; 0 writes at risk"
        );
        assert_eq!(
            words(State::Drained, State::Start, Some(Failback::Replication)),
            "an outage of about 3.0 s; what dest has accepted comes home by replication; 0 writes at risk"
        );
        assert_eq!(
            words(State::Verified, State::Proxy, None),
            "no outage; 0 writes at risk"
        );
        assert_eq!(
            words(State::Synced, State::Warm, None),
            "nobody can write now, and for about 5.0 s more; 0 writes at risk"
        );
        assert_eq!(
            words(State::Replica, State::Synced, Some(Failback::Replication)),
            "an outage for as long as you rest there; what dest has accepted comes home by replication; \
             0 writes at risk"
        );
    }

    #[test]
    fn a_failback_through_replication_ends_with_a_proof_that_takes_time() {
        let cursor = cursor(&[&WINDOW[..5], &[("synced/data-equal", 0)], &WINDOW[5..]].concat());
        let outage = |by| Cost::of(&cursor, State::Drained, State::Start, Some(by)).outage;
        assert_eq!(outage(Failback::Copy), Outage::About(4000));
        assert_eq!(outage(Failback::Replication), Outage::About(3000 + 2400));
    }

    #[test]
    fn before_anything_was_measured_no_figure_is_given() {
        let cursor = cursor(&[]);
        assert_eq!(
            Cost::later(&cursor, State::Proxy).unwrap().outage,
            Outage::Unknown
        );
        assert_eq!(
            Cost::later(&cursor, State::Warm).unwrap().outage,
            Outage::None
        );
        assert!(Cost::later(&cursor, State::Finalized).is_err());
    }
}
