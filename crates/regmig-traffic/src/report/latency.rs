//! How long requests took.

use serde::{Deserialize, Serialize};

use crate::event::{Event, Operation};

/// The latencies of one kind of request, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many requests.
    pub count: u64,
    /// Half of them took no longer.
    pub p50: f64,
    /// Nine of ten took no longer.
    pub p90: f64,
    /// Ninety-nine of a hundred took no longer.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

/// The latencies of each kind of request; null where there was none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// Acknowledged writes.
    pub write: Option<Latency>,
    /// Reads with the right answer.
    pub read: Option<Latency>,
    /// DNS questions with the right answer.
    pub dns: Option<Latency>,
}

/// Computes the latencies of a log.
pub(super) fn of(events: &[Event]) -> Latencies {
    let answered = |wanted: Operation| {
        summary(events.iter().filter_map(|event| match event {
            Event::Ok { op, ms, .. } if *op == wanted => Some(*ms),
            _ => None,
        }))
    };
    Latencies {
        write: summary(events.iter().filter_map(|event| match event {
            Event::Ack { ms, .. } => Some(*ms),
            _ => None,
        })),
        read: answered(Operation::Read),
        dns: answered(Operation::Dns),
    }
}

fn summary(values: impl Iterator<Item = f64>) -> Option<Latency> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    Some(Latency {
        count: u64::try_from(sorted.len()).unwrap_or(u64::MAX),
        p50: rank(&sorted, 50)?,
        p90: rank(&sorted, 90)?,
        p99: rank(&sorted, 99)?,
        max: *sorted.last()?,
    })
}

/// The smallest value that at least `percent` of all values do not exceed (nearest rank).
fn rank(sorted: &[f64], percent: usize) -> Option<f64> {
    let place = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(place.checked_sub(1)?).copied()
}
