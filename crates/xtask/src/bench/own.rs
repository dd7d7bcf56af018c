//! What regmig itself takes: of time, of the operator's machine, of the network's round trips.

use serde::{Deserialize, Serialize};

use super::figures::Spread;

/// What regmig says of one command where `REGMIG_LOG` asks for it.
const MARK: &str = "regmig::figures:";

/// What one migration took of regmig.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// How long its commands took, in ms.
    pub all_ms: u64,
    /// How much of that it waited neither for a machine nor for a command there, in µs.
    pub own_us: u64,
    /// Processor time, in ms.
    pub cpu_ms: u64,
    /// The largest resident size of a command, in kB.
    pub peak_kb: u64,
    /// Questions that it asked of the machines.
    pub questions: u64,
    /// Changes that it asked of them.
    pub effects: u64,
    /// From the start of `resume` until its first effect was on record, in ms.
    pub resumed_ms: u64,
    /// `status --offline` while a run went on, in ms: the median.
    pub status_ms: u64,
    /// The longest of them, in ms.
    pub status_worst_ms: u64,
    /// The longest time without an acknowledged write that reaches into the cutover, in ms: from the start of `cold/switch` until
    /// `proxy/release` holds; 0 where strategy `copy` has no such steps.
    pub cutover_gap_ms: u64,
    /// What `verify` took at `replica`, where it was run.
    #[serde(flatten)]
    pub verified: Option<Verified>,
}

/// What `verify` took, and what it took from clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// How long it took to compare both data sets while nobody wrote, in ms.
    pub verify_quiet_ms: u64,
    /// How long it took under traffic, in ms.
    pub verify_ms: u64,
    /// What 99 of 100 acknowledged writes took at most while it did, in µs.
    pub p99_verifying_us: u64,
    /// The same in the time before.
    pub p99_before_us: u64,
}

impl Own {
    /// Adds what one command of the migration said on standard error; `false` where it said nothing of it.
    pub(super) fn add(&mut self, said: &str) -> bool {
        let Some(line) = said.lines().rev().find(|line| line.contains(MARK)) else {
            return false;
        };
        let figure = |name: &str| figure(line, name);
        self.all_ms += figure("all_ms").unwrap_or_default();
        self.own_us += figure("own_us").unwrap_or_default();
        self.cpu_ms += figure("cpu_ms").unwrap_or_default();
        self.peak_kb = self.peak_kb.max(figure("peak_kb").unwrap_or_default());
        self.questions += figure("questions").unwrap_or_default();
        self.effects += figure("effects").unwrap_or_default();
        true
    }

    /// The share of the time that was regmig's own, in hundredths of a percent.
    fn share(&self) -> u64 {
        (self.own_us * 10).checked_div(self.all_ms).unwrap_or(0)
    }
}

/// How long `verify` took to compare all data, in ms, once it has said so on standard error.
pub(super) fn compared_ms(said: &str) -> Option<u64> {
    let mut lines = said.lines().filter(|line| line.contains(MARK));
    lines.find_map(|line| figure(line, "data_ms"))
}

/// The value of `NAME=VALUE` in a line.
fn figure(line: &str, name: &str) -> Option<u64> {
    let mut words = line.split_whitespace();
    let found = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found?.parse().ok()
}

/// What 99 of 100 of some times, in ms and in ascending order, are at most, in µs; 0 where there is none.
pub(super) fn p99_us(times: &[f64]) -> u64 {
    let at = (times.len() * 99).div_ceil(100).saturating_sub(1);
    times.get(at).map_or(0, |ms| (ms * 1000.0) as u64)
}

/// What several migrations took of regmig.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnSummary {
    /// regmig's own share of a run, in hundredths of a percent.
    pub own_share: Spread,
    /// Processor time, in ms.
    pub cpu_ms: Spread,
    /// The largest resident size, in kB.
    pub peak_kb: Spread,
    /// Questions asked of the machines.
    pub questions: Spread,
    /// Changes asked of them.
    pub effects: Spread,
    /// From the start of `resume` until its first effect, in ms.
    pub resumed_ms: Spread,
    /// `status --offline` while a run went on, in ms.
    pub status_ms: Spread,
    /// The longest of them, in ms.
    pub status_worst_ms: Spread,
    /// The longest time without an acknowledged write that reaches into the cutover, in ms.
    pub cutover_gap_ms: Spread,
    /// What `verify` took at `replica`, in the migrations in which it was run.
    #[serde(flatten)]
    pub verified: Option<VerifiedSummary>,
}

/// What `verify` took in several migrations, as in [`Verified`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedSummary {
    /// While nobody wrote, in ms.
    pub verify_quiet_ms: Spread,
    /// Under traffic, in ms.
    pub verify_ms: Spread,
    /// Of acknowledged writes while it went on, in µs.
    pub p99_verifying_us: Spread,
    /// Of those before, in µs.
    pub p99_before_us: Spread,
}

impl OwnSummary {
    /// Nothing where regmig had no part in it.
    pub(super) fn of(all: &[Own]) -> Option<Self> {
        let spread = |figure: fn(&Own) -> u64| Spread::of(all.iter().map(figure));
        Some(Self {
            own_share: spread(Own::share)?,
            cpu_ms: spread(|own| own.cpu_ms)?,
            peak_kb: spread(|own| own.peak_kb)?,
            questions: spread(|own| own.questions)?,
            effects: spread(|own| own.effects)?,
            resumed_ms: spread(|own| own.resumed_ms)?,
            status_ms: spread(|own| own.status_ms)?,
            status_worst_ms: spread(|own| own.status_worst_ms)?,
            cutover_gap_ms: spread(|own| own.cutover_gap_ms)?,
            verified: VerifiedSummary::of(all),
        })
    }
}

impl VerifiedSummary {
    /// Nothing where `verify` was never run.
    fn of(all: &[Own]) -> Option<Self> {
        let verified = || all.iter().filter_map(|own| own.verified);
        let spread = |figure: fn(Verified) -> u64| Spread::of(verified().map(figure));
        Some(Self {
            verify_quiet_ms: spread(|it| it.verify_quiet_ms)?,
            verify_ms: spread(|it| it.verify_ms)?,
            p99_verifying_us: spread(|it| it.p99_verifying_us)?,
            p99_before_us: spread(|it| it.p99_before_us)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_several_commands_add_up() {
        let line = |all: u32, peak: u32| {
            format!(
                "note: something else\n2026-11-27T22:00:00Z  INFO regmig::figures: all_ms={all} own_us=50000 cpu_ms=70 peak_kb={peak} questions=12 effects=3\n"
            )
        };
        let mut own = Own::default();
        assert!(own.add(&line(6_000, 9_000)) && own.add(&line(4_000, 8_000)));
        assert!(!own.add("nothing of the kind"));
        assert_eq!(
            (own.all_ms, own.peak_kb, own.questions),
            (10_000, 9_000, 24)
        );
        // 100 ms of 10 s.
        assert_eq!(own.share(), 100);
        assert_eq!(OwnSummary::of(&[own]).unwrap().cpu_ms.max, 140);
        assert!(OwnSummary::of(&[]).is_none());
        assert!(OwnSummary::of(&[own]).unwrap().verified.is_none());
        let verified = Some(Verified {
            verify_quiet_ms: 3_000,
            verify_ms: 8_000,
            p99_verifying_us: 60_000,
            p99_before_us: 40_000,
        });
        let summary = OwnSummary::of(&[own, Own { verified, ..own }]).unwrap();
        assert_eq!(summary.verified.unwrap().verify_ms.min, 8_000);
        let said = "INFO regmig::figures: data_ms=812\n";
        assert_eq!(
            (compared_ms(said), compared_ms(&line(1, 1))),
            (Some(812), None)
        );
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(p99_us(&times), 198_000);
        assert_eq!(p99_us(&[4.5]), 4_500);
        assert_eq!(p99_us(&[]), 0);
    }
}
