//! Times as this repository's programs write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The present, in milliseconds since the epoch; 0 on a clock set before it.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| millis(since).cast_signed())
}

/// A duration in milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds as people read them: seconds, from two minutes on with minutes.
pub fn span(ms: u64) -> String {
    let tenths = ms.saturating_add(50) / 100;
    if tenths < 1200 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = ms.saturating_add(500) / 1000;
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_and_read_well() {
        assert_eq!(span(0), "0.0 s");
        assert_eq!(span(49), "0.0 s");
        assert_eq!(span(50), "0.1 s");
        assert_eq!(span(119_949), "119.9 s");
        assert_eq!(span(119_950), "2 min 00 s");
        assert_eq!(span(3_725_400), "62 min 05 s");
    }

    #[test]
    fn the_present_is_after_this_was_written() {
        assert!(now_ms() > 1_750_000_000_000);
    }
}
