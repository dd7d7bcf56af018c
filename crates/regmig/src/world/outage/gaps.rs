//! How one thing was served: probes, failures, and the times from one success to the next.

use regmig_core::facts::Availability;
use serde::{Deserialize, Serialize};

/// What takes longer from one success to the next is outage, milliseconds. On a busy lab of two cores a register that
/// nobody migrates was seen to take 310.
const FLOOR_MS: i64 = 500;

/// What is known of one thing so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Gaps {
    known: Availability,
    /// When it was last seen to be served, or measuring began.
    last_ms: Option<i64>,
    /// Whether the last probe was served.
    served: bool,
}

impl Gaps {
    /// Begins at a time, unless it has begun before.
    pub(super) fn begin(&mut self, at_ms: i64) {
        self.last_ms.get_or_insert(at_ms);
        // What an earlier process saw last says nothing of now.
        self.served = false;
    }

    /// Takes note of a probe that ended.
    pub(super) fn probed(&mut self, served: bool, at_ms: i64) {
        self.known.probes += 1;
        self.served = served;
        if served {
            self.known = self.until(at_ms);
            self.last_ms = Some(at_ms);
        } else {
            self.known.failed += 1;
        }
    }

    /// Whether it was served when it was probed last.
    pub(super) fn is_served(&self) -> bool {
        self.served
    }

    /// What is known, with the time since the last success.
    pub(super) fn until(&self, at_ms: i64) -> Availability {
        let gap_ms = self.last_ms.map_or(0, |last| at_ms.saturating_sub(last));
        let mut known = self.known;
        known.longest_gap_ms = known.longest_gap_ms.max(gap_ms);
        if gap_ms > FLOOR_MS {
            known.outage_ms += gap_ms;
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(probes: &[(bool, i64)]) -> Gaps {
        let mut gaps = Gaps::default();
        gaps.begin(1000);
        for (served, at_ms) in probes {
            gaps.probed(*served, *at_ms);
        }
        gaps
    }

    #[test]
    fn short_gaps_are_no_outage() {
        let gaps = after(&[(true, 1020), (true, 1330), (true, 1350)]);
        let known = gaps.until(1360);
        assert_eq!((known.probes, known.failed), (3, 0));
        assert_eq!((known.longest_gap_ms, known.outage_ms), (310, 0));
    }

    #[test]
    fn outages_add_up_and_the_longest_is_told() {
        let gaps = after(&[
            (true, 1100),
            (false, 1120),
            (false, 2000),
            (true, 3100),
            (true, 3120),
            (true, 4120),
        ]);
        let known = gaps.until(4130);
        assert_eq!((known.probes, known.failed), (6, 2));
        assert_eq!((known.longest_gap_ms, known.outage_ms), (2000, 3000));
    }

    #[test]
    fn an_outage_that_has_not_ended_counts() {
        let gaps = after(&[(true, 1100), (false, 5000)]);
        assert_eq!(gaps.until(9100).outage_ms, 8000);
        // Asked again, it is not counted twice.
        assert_eq!(gaps.until(9100).outage_ms, 8000);
    }

    #[test]
    fn beginning_again_does_not_hide_the_time_between() {
        let mut gaps = after(&[(true, 1100)]);
        gaps.begin(60_000);
        gaps.probed(true, 60_100);
        assert_eq!(gaps.until(60_100).longest_gap_ms, 59_000);
    }
}
