//! An outage as it was measured, in words.

use regmig_core::facts::{Availability, Outage};

use super::span;

/// One line for `status`: how long each was not served.
pub(crate) fn briefly(outage: &Outage) -> String {
    let of = |name: &str, seen: &Availability| match seen.outage_ms {
        0 => format!("{name} none"),
        ms => format!("{name} {}", span(ms)),
    };
    let parts = [
        of("writes", &outage.writes),
        of("reads", &outage.reads),
        of("DNS", &outage.dns),
    ];
    format!(
        "{}, as clients of source saw the cutover{}",
        parts.join(", "),
        unmeasured(outage)
    )
}

/// Lines for the end of a run: how long, the longest gap, and failed probes.
pub(crate) fn at_length(outage: &Outage) -> String {
    let mut text = format!(
        "What clients of source saw of the cutover, probed every 20 ms{}:",
        unmeasured(outage)
    );
    for (name, seen) in [
        ("writes", &outage.writes),
        ("reads", &outage.reads),
        ("DNS", &outage.dns),
    ] {
        text.push_str(&format!(
            "\n  {name:<7} {} of outage, longest gap {}; {} of {} probes failed",
            span(seen.outage_ms),
            span(seen.longest_gap_ms),
            seen.failed,
            seen.probes
        ));
    }
    text
}

fn unmeasured(outage: &Outage) -> String {
    if outage.unmeasured_ms == 0 {
        return String::new();
    }
    format!(
        " (nobody measured for {}, when no regmig ran: it counts as outage)",
        span(outage.unmeasured_ms)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(failed: u64, longest_gap_ms: i64, outage_ms: i64) -> Availability {
        Availability {
            probes: 4321,
            failed,
            longest_gap_ms,
            outage_ms,
        }
    }

    fn outage(unmeasured_ms: i64) -> Outage {
        Outage {
            from_ms: 1,
            to_ms: 2,
            unmeasured_ms,
            writes: seen(213, 5120, 5120),
            reads: seen(198, 4980, 4980),
            dns: seen(0, 41, 0),
        }
    }

    #[test]
    fn the_words() {
        insta::assert_snapshot!(briefly(&outage(0)), @"writes 5.1 s, reads 5.0 s, DNS none, as clients of source saw the cutover");
        insta::assert_snapshot!(at_length(&outage(61_000)), @r"
        What clients of source saw of the cutover, probed every 20 ms (nobody measured for 61 s, when no regmig ran: it counts as outage):
          writes  5.1 s of outage, longest gap 5.1 s; 213 of 4321 probes failed
          reads   5.0 s of outage, longest gap 5.0 s; 198 of 4321 probes failed
          DNS     0.0 s of outage, longest gap 0.0 s; 0 of 4321 probes failed
        ");
    }
}
