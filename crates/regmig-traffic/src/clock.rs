//! Times for the log that never go backwards.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch, counted on the steady clock from the start of the run.
///
/// The system clock is read once: were it set during a run, gaps would be wrong.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    origin_ms: u64,
}

impl Clock {
    /// A clock that agrees with the system's clock now.
    pub fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            origin: Instant::now(),
            origin_ms: whole_ms(since_epoch),
        }
    }

    /// The time now, in ms since the epoch.
    pub fn now_ms(&self) -> u64 {
        self.origin_ms
            .saturating_add(whole_ms(self.origin.elapsed()))
    }
}

/// A duration in whole milliseconds.
fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The milliseconds since an instant, to a hundredth.
pub fn ms_since(instant: Instant) -> f64 {
    (instant.elapsed().as_secs_f64() * 100_000.0).round() / 100.0
}
