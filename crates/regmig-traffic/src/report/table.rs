//! A report for people.

use std::collections::BTreeMap;

use comfy_table::Table;
use comfy_table::presets::ASCII_FULL_CONDENSED;

use super::{Latency, Report};

/// How many gaps the table lists, the longest first; the JSON has them all.
const GAPS_LISTED: usize = 10;

/// Renders a report as text, legible without colour.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    for table in [
        figures(report),
        latencies(report),
        failures(report),
        gaps(report),
    ] {
        if table.row_count() > 0 {
            text.push_str(&table.to_string());
            text.push('\n');
        }
    }
    text
}

fn figures(report: &Report) -> Table {
    let mut table = table();
    let seconds = report.ended_ms.saturating_sub(report.started_ms) / 1000;
    let mut row = |name: &str, value: String| {
        table.add_row([name.to_owned(), value]);
    };
    row(
        "runs",
        format!("{}, {seconds} s from first to last", report.runs),
    );
    row("acknowledged writes", report.acknowledged.to_string());
    row("lost", lost(report));
    row(
        "longest gap without one",
        format!("{} ms", report.longest_gap_ms),
    );
    row(
        &format!("gaps over {} ms", report.gap_threshold_ms),
        report.gaps_ms.len().to_string(),
    );
    row("failed requests", sum(&report.failed_requests));
    row("skipped, too many unanswered", report.skipped.to_string());
    for used in &report.targets {
        row(
            &format!("acknowledged by {}", used.target),
            used.acknowledged.to_string(),
        );
    }
    table
}

fn lost(report: &Report) -> String {
    let Some(lost) = report.lost else {
        return "not known: no audit was given".to_owned();
    };
    let mut text = lost.to_string();
    for (machine, number) in &report.lost_by_machine {
        text.push_str(&format!(", {machine}: {number}"));
    }
    for (number, what) in [
        (report.unknown, "could not be asked for"),
        (report.unaudited, "acknowledged after the audit"),
    ] {
        if let Some(number) = number.filter(|number| *number > 0) {
            text.push_str(&format!("; {number} {what}"));
        }
    }
    text
}

fn latencies(report: &Report) -> Table {
    let mut table = table();
    table.set_header(["latency, ms", "answered", "p50", "p90", "p99", "max"]);
    let all = &report.latency_ms;
    for (name, latency) in [("write", all.write), ("read", all.read), ("dns", all.dns)] {
        if let Some(Latency {
            count,
            p50,
            p90,
            p99,
            max,
        }) = latency
        {
            let values = [p50, p90, p99, max].map(|value| format!("{value:.1}"));
            table.add_row(
                [name.to_owned(), count.to_string()]
                    .into_iter()
                    .chain(values),
            );
        }
    }
    table
}

fn failures(report: &Report) -> Table {
    let mut table = table();
    table.set_header(["failed", "kind", "times"]);
    for (operation, kinds) in [
        ("write", &report.failed_writes),
        ("read", &report.failed_reads),
        ("dns", &report.failed_dns),
        ("follow", &report.failed_follow),
    ] {
        for (kind, number) in kinds {
            table.add_row([operation, kind, &number.to_string()]);
        }
    }
    table
}

fn gaps(report: &Report) -> Table {
    let mut table = table();
    table.set_header(["gap begins, s after the start", "lasts, ms"]);
    let mut longest = report.gaps_ms.clone();
    longest.sort_by_key(|gap| std::cmp::Reverse(gap.length_ms));
    for gap in longest.iter().take(GAPS_LISTED) {
        let after = gap.start_ms.saturating_sub(report.started_ms);
        let seconds = format!("{}.{:03}", after / 1000, after % 1000);
        table.add_row([seconds, gap.length_ms.to_string()]);
    }
    table
}

/// An empty table in plain characters, which every terminal and every file shows alike.
fn table() -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_FULL_CONDENSED);
    table
}

fn sum(kinds: &BTreeMap<String, u64>) -> String {
    kinds
        .values()
        .fold(0_u64, |sum, number| sum.saturating_add(*number))
        .to_string()
}
