//! What came of the runs of a benchmark, and what they say together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::own::{Own, OwnSummary};
use crate::file_error::FileError;

/// Gaps below this are no outage even where nothing else moved, in ms: regmig-traffic does not list them.
const LEAST_FLOOR_MS: u64 = 250;

/// How one run went, as its clients saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The longest time without an acknowledged write, in ms.
    pub longest_gap_ms: u64,
    /// Every such time of more than 250 ms, in ms, in order.
    pub gaps_ms: Vec<u64>,
    /// Acknowledged writes.
    pub acknowledged: u64,
    /// Acknowledged writes that are not there at the end, or could not be asked for.
    pub lost: u64,
    /// Writes and reads that failed, by kind.
    pub failed: BTreeMap<String, u64>,
    /// What the procedure did.
    #[serde(flatten)]
    pub did: Did,
}

/// What a procedure did, and what it took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Did {
    /// How long all of it took, in ms; 0 in a report that does not say.
    #[serde(default)]
    pub took_ms: u64,
    /// How long each step took, in ms, in order.
    pub steps: Vec<(String, u64)>,
    /// What dest received and sent over the network meanwhile, clients' requests included.
    pub moved_bytes: u64,
    /// What regmig took, where it was regmig.
    pub regmig: Option<Own>,
}

#[derive(Debug, Deserialize)]
struct Traffic {
    acknowledged: u64,
    lost: u64,
    unknown: u64,
    unaudited: u64,
    failed_requests: BTreeMap<String, u64>,
    longest_gap_ms: u64,
    gaps_ms: Vec<Gap>,
}

#[derive(Debug, Deserialize)]
struct Gap {
    length_ms: u64,
}

impl Run {
    /// Reads the figures of regmig-traffic.
    pub(super) fn new(traffic: Value, did: Did) -> Result<Self, FileError> {
        let seen: Traffic = serde_json::from_value(traffic)
            .map_err(FileError::json("the figures of regmig-traffic"))?;
        Ok(Self {
            longest_gap_ms: seen.longest_gap_ms,
            gaps_ms: seen.gaps_ms.into_iter().map(|gap| gap.length_ms).collect(),
            acknowledged: seen.acknowledged,
            lost: seen.lost + seen.unknown + seen.unaudited,
            failed: seen.failed_requests,
            did,
        })
    }

    /// All gaps of more than `floor_ms` together.
    fn outage_ms(&self, floor_ms: u64) -> u64 {
        self.gaps_ms.iter().filter(|ms| **ms > floor_ms).sum()
    }
}

/// Several figures of the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub min: u64,
    /// The one in the middle; of an even number, the lower of the two.
    pub median: u64,
    /// The greatest.
    pub max: u64,
}

impl Spread {
    /// Nothing where there are no figures.
    pub(super) fn of(figures: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut sorted: Vec<u64> = figures.into_iter().collect();
        sorted.sort_unstable();
        Some(Self {
            min: *sorted.first()?,
            median: *sorted.get((sorted.len() - 1) / 2)?,
            max: *sorted.last()?,
        })
    }
}

/// What the runs of one procedure at one size say together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The longest time without an acknowledged write, in ms.
    pub longest_gap_ms: Spread,
    /// All such times above the floor together, in ms.
    pub outage_sum_ms: Spread,
    /// Requests that failed, in all runs.
    pub failed: u64,
    /// The same by kind.
    pub failed_by_kind: BTreeMap<String, u64>,
    /// Acknowledged writes that are lost, in all runs.
    pub lost: u64,
    /// Acknowledged writes, in all runs.
    pub acknowledged: u64,
    /// How long each step took, in ms: the median of the runs.
    pub steps_ms: Vec<(String, u64)>,
    /// What dest received and sent over the network meanwhile, clients' requests included.
    pub moved_bytes: Spread,
    /// What regmig took, where it was regmig.
    pub regmig: Option<OwnSummary>,
    /// The runs themselves, in the order in which they were made.
    pub runs: Vec<Run>,
}

impl Summary {
    fn of(runs: &[Run], floor_ms: u64) -> Option<Self> {
        let mut failed_by_kind: BTreeMap<String, u64> = BTreeMap::new();
        for (kind, count) in runs.iter().flat_map(|run| &run.failed) {
            *failed_by_kind.entry(kind.clone()).or_default() += count;
        }
        let steps = runs.first()?.did.steps.iter().map(|(name, _)| {
            let of_run = |run: &Run| {
                let found = run.did.steps.iter().find(|(known, _)| known == name);
                found.map(|(_, ms)| *ms)
            };
            let spread = Spread::of(runs.iter().filter_map(of_run));
            (name.clone(), spread.map_or(0, |spread| spread.median))
        });
        let own: Vec<Own> = runs.iter().filter_map(|run| run.did.regmig).collect();
        Some(Self {
            longest_gap_ms: Spread::of(runs.iter().map(|run| run.longest_gap_ms))?,
            outage_sum_ms: Spread::of(runs.iter().map(|run| run.outage_ms(floor_ms)))?,
            failed: failed_by_kind.values().sum(),
            failed_by_kind,
            lost: runs.iter().map(|run| run.lost).sum(),
            acknowledged: runs.iter().map(|run| run.acknowledged).sum(),
            steps_ms: steps.collect(),
            moved_bytes: Spread::of(runs.iter().map(|run| run.did.moved_bytes))?,
            regmig: OwnSummary::of(&own),
            runs: runs.to_vec(),
        })
    }
}

/// What was found at one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Users that source had at the start of each run.
    pub users: u32,
    /// What is no outage: the longest gap without any migration in this very benchmark, in ms, or 250.
    pub floor_ms: u64,
    /// By procedure: `idle`, `literal`, `copy`, `live`.
    #[serde(flatten)]
    pub procedures: BTreeMap<String, Summary>,
}

impl Size {
    /// Puts the runs at one size together; those without any migration say what the others are measured against.
    pub(super) fn of(users: u32, runs: &BTreeMap<String, Vec<Run>>) -> Self {
        let idle = runs.get(super::IDLE).map_or(&[][..], Vec::as_slice);
        let floor_ms = idle.iter().map(|run| run.longest_gap_ms).max();
        let floor_ms = floor_ms.unwrap_or(0).max(LEAST_FLOOR_MS);
        let summary =
            |(name, runs): (&String, &Vec<Run>)| Some((name.clone(), Summary::of(runs, floor_ms)?));
        Self {
            users,
            floor_ms,
            procedures: runs.iter().filter_map(summary).collect(),
        }
    }
}

/// A whole benchmark: what was found, by the name of the size.
pub type Report = BTreeMap<String, Size>;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(longest_gap_ms: u64, gaps_ms: &[u64]) -> Run {
        Run {
            longest_gap_ms,
            gaps_ms: gaps_ms.to_vec(),
            acknowledged: 100,
            lost: 0,
            failed: BTreeMap::from([("status-502".to_owned(), 3)]),
            did: Did {
                steps: vec![("proxy".to_owned(), longest_gap_ms)],
                ..Did::default()
            },
        }
    }

    #[test]
    fn outage_is_what_exceeds_the_noise_of_the_same_benchmark() {
        let runs = BTreeMap::from([
            ("idle".to_owned(), vec![run(310, &[310, 260])]),
            (
                "copy".to_owned(),
                vec![
                    run(5000, &[300, 5000]),
                    run(6000, &[6000, 400]),
                    run(4000, &[4000]),
                ],
            ),
        ]);
        let size = Size::of(12_000, &runs);
        assert_eq!(size.floor_ms, 310);
        let copy = size.procedures.get("copy").unwrap();
        let (min, median, max) = (4000, 5000, 6400);
        assert_eq!(copy.outage_sum_ms, Spread { min, median, max });
        assert_eq!(copy.longest_gap_ms.median, 5000);
        assert_eq!(copy.failed, 9);
        assert_eq!(copy.steps_ms, [("proxy".to_owned(), 5000)]);
        let idle = size.procedures.get("idle").unwrap();
        assert_eq!(idle.outage_sum_ms.max, 0);
    }

    #[test]
    fn a_report_reads_as_size_then_procedure() {
        let runs = BTreeMap::from([("idle".to_owned(), vec![run(120, &[])])]);
        let report: Report = BTreeMap::from([("d5".to_owned(), Size::of(12_000, &runs))]);
        let text = serde_json::to_value(&report).unwrap();
        assert_eq!(text["d5"]["idle"]["longest_gap_ms"]["median"], 120);
        assert_eq!(text["d5"]["floor_ms"], 250);
        let again: Report = serde_json::from_value(text).unwrap();
        assert_eq!(again, report);
    }
}
