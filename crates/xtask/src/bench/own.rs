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
    /// The longest `status --offline` while a run went on, in ms.
    pub status_ms: u64,
}

impl Own {
    /// Adds what one command of the migration said on standard error; `false` where it said nothing of it.
    pub(super) fn add(&mut self, said: &str) -> bool {
        let Some((_, line)) = said.lines().rev().find_map(|line| line.split_once(MARK)) else {
            return false;
        };
        let figure = |name: &str| {
            let mut words = line.split_whitespace();
            let found = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            found.and_then(|value| value.parse::<u64>().ok())
        };
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
    /// The longest `status --offline` while a run went on, in ms.
    pub status_ms: Spread,
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
    }
}
