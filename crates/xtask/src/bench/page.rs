//! `docs/benchmarks.md` and its plots, out of a report.

use std::fs;
use std::path::{Path, PathBuf};

use super::figures::{Report, Size, Spread};
use super::own::{OwnSummary, VerifiedSummary};
use super::{BenchError, plots};
use crate::file_error::FileError;

const HEAD: &str = "\
# What a cutover costs clients

This page is made from the report of a benchmark: `cargo xtask bench --report FILE`, then `cargo xtask bench --page FILE`.
The report is [benchmarks.json](benchmarks.json): `--page docs/benchmarks.json,FILE` adds what another one measured, or replaces it.

Each procedure ran on the same lab (two machines in containers, real sshd, Docker Engine, compose, Redis and nginx, and a stand-in for the
register and DNS services which reads every user when it starts), under the same load (six clients that register users one
after the other, readers, and DNS questions), in turn. Everything shared the same processor cores: read ratios, not seconds. Until
`warm`, dest got of them only what source left: what a computer does takes nothing from another one.

- *idle*: no migration, for as long as the run of `live` before it took. Its longest gap is what is noise; gaps up to `floor` count as no outage in any procedure.
- *literal*: the published procedure as a script, with the repairs without which it loses writes or never serves again.
- *copy*, *live*: regmig's strategies, until source's Redis follows dest's.

A *gap* is the time from one acknowledged write to the next; the *outage* is the sum of all gaps above the floor. Three
figures are minimum, median and maximum of the runs. With round trips of 100 ms one write through the proxy takes longer than the floor: the sum
is then for the most part gaps of that length, and only the longest gap says something of the cutover.
";

/// Writes the page of some reports, of different sizes or networks, its plots, and all of them as one report beneath `docs`, and
/// returns their paths. Of two that measured the same, the later one counts.
///
/// # Errors
///
/// Where a report cannot be read, or a file cannot be drawn or written.
pub fn write(reports: &[PathBuf], docs: &Path) -> Result<Vec<PathBuf>, BenchError> {
    let mut report = Report::new();
    for path in reports {
        let text = fs::read_to_string(path).map_err(FileError::io("read", path))?;
        let one: Report =
            serde_json::from_str(&text).map_err(FileError::json("the report of a benchmark"))?;
        report.extend(one);
    }
    let drawn = |plot: Result<String, Box<dyn std::error::Error>>| {
        plot.map_err(|error| BenchError::Plot(error.to_string()))
    };
    let files = [
        ("benchmarks.md", page(&report)),
        ("benchmarks-outage.svg", drawn(plots::outages(&report))?),
        ("benchmarks-section.svg", drawn(plots::section(&report))?),
        ("benchmarks.json", super::text(&report)?),
    ];
    let mut written = Vec::new();
    for (name, content) in files {
        let path = docs.join(name);
        fs::write(&path, content).map_err(FileError::io("write", &path))?;
        written.push(path);
    }
    Ok(written)
}

fn spread(of: &Spread) -> String {
    if of.min == of.max {
        of.median.to_string()
    } else {
        format!("{} / {} / {}", of.min, of.median, of.max)
    }
}

fn page(report: &Report) -> String {
    let mut sizes: Vec<_> = report.iter().collect();
    sizes.sort_by_key(|(_, size)| size.users);
    let mut page = HEAD.to_owned();
    page.push_str(
        "\n| size | procedure | runs | longest gap, ms | outage, ms | failed requests | acknowledged writes | lost |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (name, size) in &sizes {
        for procedure in super::PROCEDURES {
            let Some(found) = size.procedures.get(procedure) else {
                continue;
            };
            page.push_str(&format!(
                "| {name}, {} users, floor {} ms | {procedure} | {} | {} | {} | {} | {} | {} |\n",
                size.users,
                size.floor_ms,
                found.runs.len(),
                spread(&found.longest_gap_ms),
                spread(&found.outage_sum_ms),
                found.failed,
                found.acknowledged,
                found.lost
            ));
        }
    }
    page.push_str("\n## Ratios of medians\n\n| size | outage of copy to literal | longest gap of live to idle | longest gap in live's cutover to idle |\n|---|---|---|---|\n");
    for (name, size) in &sizes {
        let median = |procedure: &str, gap: bool| {
            let found = size.procedures.get(procedure)?;
            let spread = if gap {
                found.longest_gap_ms
            } else {
                found.outage_sum_ms
            };
            Some(spread.median)
        };
        let ratio = |of: Option<u64>, to: Option<u64>| match (of, to) {
            (Some(of), Some(to)) if to > 0 => format!("{:.2}", of as f64 / to as f64),
            _ => "not measured".to_owned(),
        };
        let live = size.procedures.get("live");
        let own = live.and_then(|live| live.regmig.as_ref());
        page.push_str(&format!(
            "| {name} | {} | {} | {} |\n",
            ratio(median("copy", false), median("literal", false)),
            ratio(median("live", true), median("idle", true)),
            ratio(
                own.map(|own| own.cutover_gap_ms.median),
                median("idle", true)
            )
        ));
    }
    page.push_str(&own(&sizes));
    page.push_str(
        "\n## Outage against the size of the data\n\nWhere there was none, the longest gap.\n\n\
         ![Outage against users](benchmarks-outage.svg)\n\
         \n## The critical section of `live`\n\nThe medians of its steps, by the journal. Clients wait from somewhere in `cold/switch` until somewhere in `proxy/release`.\n\n\
         ![Steps of the critical section](benchmarks-section.svg)\n",
    );
    page.push_str("\n## Where time goes\n\nMedians, ms; steps under 50 ms are left out.\n");
    for (name, size) in &sizes {
        for (procedure, found) in &size.procedures {
            let steps: Vec<String> = (found.steps_ms.iter())
                .filter(|(_, ms)| *ms >= 50)
                .map(|(step, ms)| format!("`{step}` {ms}"))
                .collect();
            if !steps.is_empty() {
                page.push_str(&format!(
                    "\n**{name}, {procedure}**: {}.\n",
                    steps.join(", ")
                ));
            }
        }
    }
    page
}

/// What regmig itself took.
fn own(sizes: &[(&String, &Size)]) -> String {
    let mut text = "\n## What regmig takes\n\n\
        *Own share*: the part of a run in which it waited neither for a machine nor for a command there. *Moved*: what dest received and sent, clients' \
        requests included. *First effect*: from the start of `regmig resume` until a change is on its way. *Status*: `regmig status \
        --offline` once a second while a run went on, the median, and the longest of all. *Cutover*: the longest time without an acknowledged write \
        that reaches into the cutover itself; the longest of a whole run is in the first table. *Verify*: how long `regmig verify` compared both data sets at `replica`, while nobody wrote and under traffic; *p99*: \
        what 99 of 100 writes took at most meanwhile, and before. Each is the median of the runs (for *verify*, of those in which it was run), and the largest.\n\n\
        | size | procedure | own share, % | processor, ms | memory, MB | questions | changes | moved, MB | first effect, ms | status, ms | status at worst, ms | cutover, ms | verify, s | verify under traffic, s | p99 while verifying, ms | p99 before, ms |\n\
        |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let both = |of: &Spread, unit: f64, digits: usize| {
        let figure = |value: u64| format!("{:.digits$}", value as f64 / unit);
        match (figure(of.median), figure(of.max)) {
            (median, max) if median == max => median,
            (median, max) => format!("{median}, {max}"),
        }
    };
    let verified = |own: &OwnSummary, figure: fn(&VerifiedSummary) -> Spread| {
        let found = own.verified.as_ref().map(figure);
        found.map_or("not run".to_owned(), |found| both(&found, 1000.0, 1))
    };
    for (name, size) in sizes {
        for (procedure, found) in &size.procedures {
            let Some(own) = &found.regmig else { continue };
            text.push_str(&format!(
                "| {name} | {procedure} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
                both(&own.own_share, 100.0, 2),
                both(&own.cpu_ms, 1.0, 0),
                both(&own.peak_kb, 1000.0, 1),
                both(&own.questions, 1.0, 0),
                both(&own.effects, 1.0, 0),
                both(&found.moved_bytes, 1e6, 1),
                both(&own.resumed_ms, 1.0, 0),
                both(&own.status_ms, 1.0, 0),
                both(&own.status_worst_ms, 1.0, 0),
                both(&own.cutover_gap_ms, 1.0, 0),
                verified(own, |it| it.verify_quiet_ms),
                verified(own, |it| it.verify_ms),
                verified(own, |it| it.p99_verifying_us),
                verified(own, |it| it.p99_before_us),
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bench::{Did, Own, Run, Size};

    fn report() -> Report {
        let run = |gap, step: &str| Run {
            longest_gap_ms: gap,
            gaps_ms: vec![gap],
            acknowledged: 100,
            lost: 0,
            failed: BTreeMap::new(),
            did: Did {
                steps: vec![(step.to_owned(), gap)],
                regmig: (step == "cold/switch").then(|| Own {
                    cutover_gap_ms: gap - 30,
                    ..Own::default()
                }),
                ..Did::default()
            },
        };
        let runs = BTreeMap::from([
            ("idle".to_owned(), vec![run(100, "nothing")]),
            ("literal".to_owned(), vec![run(9000, "copy")]),
            ("copy".to_owned(), vec![run(3000, "cold/fence")]),
            (
                "live".to_owned(),
                vec![run(150, "cold/switch"), run(170, "cold/switch")],
            ),
        ]);
        BTreeMap::from([("d5".to_owned(), Size::of(12_000, &runs))])
    }

    #[test]
    fn the_page_has_a_row_for_each_procedure_and_both_plots() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        fs::write(&file, serde_json::to_string(&report()).unwrap()).unwrap();
        let written = write(&[file], folder.path()).unwrap();
        let page = fs::read_to_string(&written[0]).unwrap();
        for procedure in super::super::PROCEDURES {
            assert!(page.contains(&format!(" | {procedure} | ")), "{page}");
        }
        assert!(page.contains("| d5 | 0.33 | 1.50 | 1.20 |"), "{page}");
        assert!(page.contains("(benchmarks.json)"));
        let whole: Report =
            serde_json::from_str(&fs::read_to_string(&written[3]).unwrap()).unwrap();
        assert_eq!(whole, report());
        for plot in &written[1..3] {
            let name = plot.file_name().unwrap().to_str().unwrap();
            assert!(page.contains(&format!("({name})")));
            let svg = fs::read_to_string(plot).unwrap();
            assert!(
                svg.starts_with("<svg") && svg.contains("cold/switch") != svg.contains("literal")
            );
        }
    }

    #[test]
    fn what_is_no_report_is_said() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "[]").unwrap();
        assert!(write(&[file.path().to_owned()], file.path()).is_err());
    }
}
