//! How fast a full resync comes along: Redis says how much has come, and nothing of its speed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Before that, a rate would be a guess.
const WATCHED: Duration = Duration::from_secs(1);

/// When a resync was first seen, and how much of it had come then, bytes.
#[derive(Default)]
pub(super) struct Watched(Mutex<Option<(Instant, u64)>>);

impl Watched {
    /// Bytes a second since the resync was first seen, given what has come until now, or that there is none; nothing before
    /// it has been watched for a while.
    pub(super) fn rate(&self, came: Option<u64>, now: Instant) -> Option<u64> {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(came) = came else {
            *first = None;
            return None;
        };
        let (since, had_come) = *first.get_or_insert((now, came));
        let Some(new) = came.checked_sub(had_come) else {
            // It has begun anew.
            *first = Some((now, came));
            return None;
        };
        let span = now.saturating_duration_since(since);
        (span >= WATCHED).then(|| (new as f64 / span.as_secs_f64()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_resync_under_way() {
        let watched = Watched::default();
        let begun = Instant::now();
        let rate = |came, ms| watched.rate(came, begun + Duration::from_millis(ms));
        assert_eq!(rate(Some(1_000), 0), None);
        assert_eq!(rate(Some(1_100), 200), None);
        assert_eq!(rate(Some(5_000), 2_000), Some(2_000));
        // Another one.
        assert_eq!(rate(Some(500), 3_000), None);
        assert_eq!(rate(Some(2_500), 5_000), Some(1_000));
        assert_eq!(rate(None, 6_000), None);
        assert_eq!(rate(Some(5_000), 7_000), None);
    }
}
