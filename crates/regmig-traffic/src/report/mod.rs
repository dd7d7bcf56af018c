//! Figures out of the log of a run.

mod gaps;
mod latency;
mod table;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::audit::Audit;
use crate::error::TrafficError;
use crate::event::{Event, Operation};
pub use gaps::Gap;
pub use latency::{Latencies, Latency};
pub use table::render;

/// Gaps from this length on are listed one by one, in ms (a figure of the project's goals).
pub const GAP_MS: u64 = 250;

/// What a run showed. Its JSON form is read by other programs: names and units are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When the first run in the log began, in ms since the epoch.
    pub started_ms: u64,
    /// When the last run in the log ended, in ms since the epoch.
    pub ended_ms: u64,
    /// How many runs the log holds; what lies between two runs is no gap.
    pub runs: u64,
    /// How many writes were acknowledged.
    pub acknowledged: u64,
    /// How many acknowledged writes at least one audited machine has lost; null without an audit.
    pub lost: Option<u64>,
    /// How many could not be audited on some machine; null without an audit.
    pub unknown: Option<u64>,
    /// How many were acknowledged after the audit was made; null without an audit.
    pub unaudited: Option<u64>,
    /// Losses by machine.
    pub lost_by_machine: BTreeMap<String, u64>,
    /// Failed requests to the register, writes and reads, by kind.
    pub failed_requests: BTreeMap<String, u64>,
    /// Failed writes by kind. A failed write may have taken place.
    pub failed_writes: BTreeMap<String, u64>,
    /// Failed reads by kind; `missing` and `wrong-core` are answers that contradict an acknowledgement.
    pub failed_reads: BTreeMap<String, u64>,
    /// Failed DNS questions by kind; `dns-missing` is what a stale server says.
    pub failed_dns: BTreeMap<String, u64>,
    /// Failed look-ups of where the platform is, by kind.
    pub failed_follow: BTreeMap<String, u64>,
    /// Requests that were due and not sent, since too many were unanswered.
    pub skipped: u64,
    /// The longest time without an acknowledged write, in ms.
    pub longest_gap_ms: u64,
    /// From which length on gaps are listed, in ms.
    pub gap_threshold_ms: u64,
    /// Every gap longer than that, in the order of time.
    pub gaps_ms: Vec<Gap>,
    /// Latencies of requests that were answered as they should be, in ms.
    pub latency_ms: Latencies,
    /// The addresses that acknowledged writes, in the order of their first.
    pub targets: Vec<TargetUse>,
}

/// One address that acknowledged writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetUse {
    /// The address.
    pub target: SocketAddr,
    /// How many it acknowledged.
    pub acknowledged: u64,
    /// When the first was, in ms since the epoch.
    pub first_ms: u64,
    /// When the last was, in ms since the epoch.
    pub last_ms: u64,
}

impl Report {
    /// Computes the figures of a log, with the losses that an audit found.
    ///
    /// # Errors
    ///
    /// When there is no run in the log; `path` is named in the message.
    pub fn new(
        path: &Path,
        events: &[Event],
        audit: Option<&Audit>,
        gap_threshold_ms: u64,
    ) -> Result<Self, TrafficError> {
        let runs = gaps::runs(events);
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
            return Err(TrafficError::NoRun {
                path: path.to_owned(),
            });
        };
        let (longest_gap_ms, gaps_ms) = gaps::find(&runs, gap_threshold_ms);
        let acknowledged = count(events.iter().filter(|e| matches!(e, Event::Ack { .. })));
        let mut failed_requests = failures(events, Operation::Write);
        for (kind, number) in failures(events, Operation::Read) {
            let sum = failed_requests.entry(kind).or_default();
            *sum = sum.saturating_add(number);
        }
        Ok(Self {
            started_ms: first.start_ms,
            ended_ms: last.end_ms,
            runs: count(runs.iter()),
            acknowledged,
            lost: audit.map(|audit| audit.lost),
            unknown: audit.map(|audit| audit.unknown),
            unaudited: audit.map(|audit| acknowledged.saturating_sub(audit.acknowledged)),
            lost_by_machine: audit.map(losses).unwrap_or_default(),
            failed_requests,
            failed_writes: failures(events, Operation::Write),
            failed_reads: failures(events, Operation::Read),
            failed_dns: failures(events, Operation::Dns),
            failed_follow: failures(events, Operation::Follow),
            skipped: count(events.iter().filter(|e| matches!(e, Event::Skipped { .. }))),
            longest_gap_ms,
            gap_threshold_ms,
            gaps_ms,
            latency_ms: latency::of(events),
            targets: targets(events),
        })
    }
}

fn losses(audit: &Audit) -> BTreeMap<String, u64> {
    let machines = audit.machines.iter();
    machines
        .map(|machine| (machine.name.clone(), count(machine.lost.iter())))
        .collect()
}

fn failures(events: &[Event], wanted: Operation) -> BTreeMap<String, u64> {
    let mut by_kind: BTreeMap<String, u64> = BTreeMap::new();
    for event in events {
        if let Event::Fail { op, kind, .. } = event
            && *op == wanted
        {
            let sum = by_kind.entry(kind.clone()).or_default();
            *sum = sum.saturating_add(1);
        }
    }
    by_kind
}

fn targets(events: &[Event]) -> Vec<TargetUse> {
    let mut uses: BTreeMap<SocketAddr, TargetUse> = BTreeMap::new();
    for event in events {
        if let Event::Ack { at_ms, target, .. } = event {
            let entry = uses.entry(*target).or_insert(TargetUse {
                target: *target,
                acknowledged: 0,
                first_ms: *at_ms,
                last_ms: *at_ms,
            });
            entry.acknowledged = entry.acknowledged.saturating_add(1);
            entry.first_ms = entry.first_ms.min(*at_ms);
            entry.last_ms = entry.last_ms.max(*at_ms);
        }
    }
    let mut uses: Vec<TargetUse> = uses.into_values().collect();
    uses.sort_by_key(|entry| entry.first_ms);
    uses
}

fn count(items: impl Iterator) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
