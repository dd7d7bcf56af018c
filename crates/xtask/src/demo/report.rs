//! What a demo showed: as JSON for programs, as tables for people.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::span;
use crate::file_error::FileError;
use crate::table::columns;
use crate::timing::{StepTime, during, in_cold_window};

use super::error::DemoError;

/// Version of the report's format.
const FORMAT: u32 = 1;

/// How many gaps people are shown, the longest first; the JSON has them all.
const GAPS_SHOWN: usize = 5;

/// A part of the demo and the time that it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// What was done.
    pub name: String,
    /// How long it took, in ms.
    pub ms: u64,
}

/// A time without an acknowledged write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapTime {
    /// When it began, in ms since the epoch.
    pub start_ms: i64,
    /// How long it lasted, in ms.
    pub ms: u64,
    /// What was going on for the most of it.
    pub during: String,
}

/// What a demo showed. Other programs read its JSON form: names and units are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this format.
    pub format: u32,
    /// The state in which the migration rests.
    pub reached: String,
    /// How regmig ended, where that was not with success.
    pub failed: Option<String>,
    /// Writes that clients were told were done.
    pub acknowledged: u64,
    /// How many of them the machine that serves now does not have.
    pub lost: u64,
    /// How many of them could not be asked for.
    pub unknown: u64,
    /// Writes and reads that failed for a client.
    pub failed_requests: u64,
    /// The same by kind.
    pub failed_by_kind: BTreeMap<String, u64>,
    /// Questions to the DNS that failed for a client, by kind.
    pub failed_dns: BTreeMap<String, u64>,
    /// From the first effect of `cold/fence`, or `cold/switch`, until `proxy/canary` held, in ms; null where that was not reached.
    pub cold_window_ms: Option<u64>,
    /// The longest time without an acknowledged write, in ms.
    pub longest_gap_ms: u64,
    /// Every such time over 250 ms, in ms, in the order of time.
    pub gaps_ms: Vec<u64>,
    /// The same, with what was going on.
    pub gaps: Vec<GapTime>,
    /// Every step that was reached, with its time by the journal.
    pub steps: Vec<StepTime>,
    /// What the demo did, the migration included.
    pub stages: Vec<Stage>,
    /// All figures of regmig-traffic, as its README describes them.
    pub traffic: Value,
}

/// What of regmig-traffic's figures is used here.
#[derive(Debug, Deserialize)]
struct Figures {
    acknowledged: u64,
    lost: u64,
    unknown: u64,
    unaudited: u64,
    failed_requests: BTreeMap<String, u64>,
    failed_dns: BTreeMap<String, u64>,
    longest_gap_ms: u64,
    gaps_ms: Vec<Gap>,
}

#[derive(Debug, Deserialize)]
struct Gap {
    start_ms: i64,
    length_ms: u64,
}

impl Report {
    /// The state at which a demo ends well.
    pub const END: &'static str = "finalized";

    /// Puts the figures of the clients and of the journal together.
    ///
    /// # Errors
    ///
    /// When the clients' figures are not what regmig-traffic writes after an audit.
    pub fn new(
        reached: String,
        failed: Option<String>,
        steps: Vec<StepTime>,
        cold_window_ms: Option<u64>,
        stages: Vec<Stage>,
        traffic: Value,
    ) -> Result<Self, DemoError> {
        let figures: Figures = serde_json::from_value(traffic.clone())
            .map_err(FileError::json("the figures of regmig-traffic"))?;
        let gaps = figures.gaps_ms.into_iter().map(|gap| GapTime {
            start_ms: gap.start_ms,
            ms: gap.length_ms,
            during: during(&steps, gap.start_ms, gap.length_ms),
        });
        let gaps: Vec<GapTime> = gaps.collect();
        Ok(Self {
            format: FORMAT,
            reached,
            failed,
            acknowledged: figures.acknowledged,
            lost: figures.lost,
            unknown: figures.unknown.saturating_add(figures.unaudited),
            failed_requests: figures.failed_requests.values().sum(),
            failed_by_kind: figures.failed_requests,
            failed_dns: figures.failed_dns,
            cold_window_ms,
            longest_gap_ms: figures.longest_gap_ms,
            gaps_ms: gaps.iter().map(|gap| gap.ms).collect(),
            gaps,
            steps,
            stages,
            traffic,
        })
    }

    /// Writes it as JSON.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), DemoError> {
        let mut text = serde_json::to_string_pretty(self).map_err(FileError::json("the report"))?;
        text.push('\n');
        fs::write(path, text).map_err(FileError::io("write", path))?;
        Ok(())
    }

    /// Reads one that was written.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds something else.
    pub fn read(path: &Path) -> Result<Self, DemoError> {
        let text = fs::read(path).map_err(FileError::io("read", path))?;
        Ok(serde_json::from_slice(&text).map_err(FileError::json("the report"))?)
    }

    /// Judges what was shown.
    ///
    /// # Errors
    ///
    /// When the migration did not reach its end, or a write is lost or cannot be accounted for.
    pub fn verdict(&self) -> Result<(), DemoError> {
        let found = if let Some(failed) = &self.failed {
            format!("that {failed}, at state `{}`", self.reached)
        } else if self.reached != Self::END {
            format!("the migration at `{}`", self.reached)
        } else if self.acknowledged == 0 {
            "no write acknowledged".to_owned()
        } else if self.lost + self.unknown > 0 {
            format!(
                "{} of {} acknowledged writes lost, and {} that could not be asked for",
                self.lost, self.acknowledged, self.unknown
            )
        } else if self.cold_window_ms.is_none() {
            "no cold window in the journal".to_owned()
        } else {
            return Ok(());
        };
        Err(DemoError::Verdict {
            found,
            expected: "a migration at `finalized`, with every acknowledged write on dest",
        })
    }

    /// Renders it for people: where time went, and what the clients saw.
    pub fn tables(&self) -> String {
        let mut text = String::from("\nSteps of the migration (* in the cold window)\n");
        let within: Vec<&str> = in_cold_window(&self.steps).collect();
        let mark = |id: &str| if within.contains(&id) { "*" } else { "" };
        let mut rows: Vec<[String; 3]> = self
            .steps
            .iter()
            .map(|step| [step.id.clone(), mark(&step.id).to_owned(), span(step.ms)])
            .collect();
        let sum = self.steps.iter().map(|step| step.ms).sum();
        rows.push(["all steps".to_owned(), String::new(), span(sum)]);
        text.push_str(&columns(&rows));

        text.push_str("\nThe whole demo\n");
        let mut rows: Vec<[String; 2]> = self
            .stages
            .iter()
            .map(|stage| [stage.name.clone(), span(stage.ms)])
            .collect();
        let sum = self.stages.iter().map(|stage| stage.ms).sum();
        rows.push(["all".to_owned(), span(sum)]);
        text.push_str(&columns(&rows));

        text.push_str("\nWhat clients saw\n");
        text.push_str(&columns(&self.seen()));
        text
    }

    fn seen(&self) -> Vec<[String; 2]> {
        let row = |name: &str, value: String| [name.to_owned(), value];
        let window = self.cold_window_ms;
        let dns: u64 = self.failed_dns.values().sum();
        let mut rows = vec![
            row("acknowledged writes", self.acknowledged.to_string()),
            row("  of them lost", self.lost.to_string()),
            row("  of them not to be asked for", self.unknown.to_string()),
            row("failed writes and reads", self.failed_requests.to_string()),
        ];
        for (kind, times) in &self.failed_by_kind {
            rows.push(row(&format!("  {kind}"), times.to_string()));
        }
        rows.push(row("failed DNS questions", dns.to_string()));
        for (kind, times) in &self.failed_dns {
            rows.push(row(&format!("  {kind}"), times.to_string()));
        }
        rows.push(row("cold window", window.map_or("none".to_owned(), span)));
        let gaps = self.gaps_ms.len().to_string();
        rows.push(row(
            "times of over 0.25 s without an acknowledged write",
            gaps,
        ));
        let mut longest: Vec<&GapTime> = self.gaps.iter().collect();
        longest.sort_by_key(|gap| Reverse(gap.ms));
        for gap in longest.into_iter().take(GAPS_SHOWN) {
            rows.push(row(&format!("  {}", gap.during), span(gap.ms)));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Report {
        let traffic = json!({
            "acknowledged": 7, "lost": 0, "unknown": 0, "unaudited": 0, "longest_gap_ms": 900,
            "failed_requests": {"connect": 2, "http-502": 1}, "failed_dns": {"dns-timeout": 4},
            "gaps_ms": [{"start_ms": 4900, "length_ms": 300}, {"start_ms": 1090, "length_ms": 900}],
        });
        let step = |id: &str, began_ms| StepTime {
            id: id.to_owned(),
            began_ms,
            ms: 100,
        };
        let steps = vec![
            step("warm/passes", 1000),
            step("cold/fence", 1100),
            step("proxy/canary", 1200),
            step("finalized/tidy", 5000),
        ];
        Report::new(
            "finalized".to_owned(),
            None,
            steps,
            Some(200),
            Vec::new(),
            traffic,
        )
        .unwrap()
    }

    #[test]
    fn its_json_has_the_names_that_others_read() {
        let json = serde_json::to_value(good()).unwrap();
        assert_eq!(json["reached"], "finalized");
        assert_eq!(json["acknowledged"], 7);
        assert_eq!(json["lost"], 0);
        assert_eq!(json["failed_requests"], 3);
        assert_eq!(json["cold_window_ms"], 200);
        assert_eq!(json["gaps_ms"], json!([300, 900]));
        assert_eq!(
            json["steps"][1],
            json!({"id": "cold/fence", "began_ms": 1100, "ms": 100})
        );
        assert_eq!(json["gaps"][0]["during"], "in finalized/tidy");
    }

    #[test]
    fn what_was_written_reads_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        good().write(file.path()).unwrap();
        assert_eq!(Report::read(file.path()).unwrap(), good());
        fs::write(file.path(), "{}").unwrap();
        assert!(Report::read(file.path()).is_err());
    }

    #[test]
    fn its_tables_mark_the_cold_window_and_list_the_longest_gap_first() {
        let tables = good().tables();
        let marked: Vec<&str> = tables.lines().filter(|line| line.contains('*')).collect();
        assert_eq!(marked.len(), 3, "the title and two steps: {tables}");
        let window = tables.find("  in the cold window").unwrap();
        assert!(
            window < tables.find("  in finalized/tidy").unwrap(),
            "{tables}"
        );
        assert!(tables.contains("dns-timeout"), "{tables}");
    }

    #[test]
    fn nothing_but_the_end_without_a_loss_is_good() {
        assert!(good().verdict().is_ok());
        let bad: [fn(&mut Report); 6] = [
            |report| report.reached = "verified".to_owned(),
            |report| report.failed = Some("regmig run ended with exit status: 4".to_owned()),
            |report| report.acknowledged = 0,
            |report| report.lost = 1,
            |report| report.unknown = 1,
            |report| report.cold_window_ms = None,
        ];
        for spoil in bad {
            let mut report = good();
            spoil(&mut report);
            assert!(report.verdict().is_err(), "{report:?}");
        }
    }
}
