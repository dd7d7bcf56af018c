//! `[thresholds]`, `[limits]` and `[consent]`: figures and agreements, all with defaults.

use regmig_procedure::spec::{Consent, Limits, LiveSpec, Strategy, Thresholds};

use crate::config::section::Section;
use crate::config::units;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Reads `[thresholds]`.
pub(super) fn thresholds(section: &Section<'_>) -> Option<Thresholds> {
    let warm_bytes = section.text("warm_below", units::size).or(64 << 10);
    let warm_passes = section.number("warm_passes", 1, 1000).or(5);
    let disk_factor = section.number("disk_factor", 1, 100).or(2);
    let clock_ms = section.text("clock", units::milliseconds).or(2_000);
    let verify_sample = section.number("verify_sample", 1, u64::MAX).optional();
    // The published procedure waits for about a day without a request.
    let quiet_s = section.text("quiet", units::seconds).or(24 * HOUR);
    Some(Thresholds {
        warm_bytes: warm_bytes?.value,
        warm_passes: warm_passes?.value,
        disk_factor: disk_factor?.value,
        clock_ms: clock_ms?.value,
        verify_sample: verify_sample?.map(|users| users.value),
        quiet_s: quiet_s?.value,
    })
}

/// Reads `[limits]`.
pub(super) fn limits(section: &Section<'_>) -> Option<Limits> {
    let limit = |key, default| section.text(key, units::seconds).or(default);
    let connect_s = limit("connect", 10);
    let command_s = limit("command", MINUTE);
    let stop_s = limit("stop", 30);
    // Register and DNS scan all users as they start: three minutes were seen with 1.6 million.
    let healthy_s = limit("healthy", 10 * MINUTE);
    let bulk_s = limit("bulk", 6 * HOUR);
    let replication_s = limit("replication", HOUR);
    let delegation_s = limit("delegation", 24 * HOUR);
    Some(Limits {
        connect_s: connect_s?.value,
        command_s: command_s?.value,
        stop_s: stop_s?.value,
        healthy_s: healthy_s?.value,
        bulk_s: bulk_s?.value,
        replication_s: replication_s?.value,
        delegation_s: delegation_s?.value,
    })
}

/// Reads what `[limits]` says of strategy `live`; nothing in any other.
pub(super) fn live(section: &Section<'_>, strategy: Option<Strategy>) -> Option<LiveSpec> {
    let default = LiveSpec::default();
    let drain_s = section.text("drain", units::seconds).or(default.drain_s);
    let way_out_s = section
        .text("way_out", units::seconds)
        .or(default.way_out_s);
    let live = LiveSpec {
        drain_s: drain_s?.value,
        way_out_s: way_out_s?.value,
    };
    (strategy == Some(Strategy::Live)).then_some(live)
}

/// Reads `[consent]`.
pub(super) fn consent(section: &Section<'_>) -> Option<Consent> {
    let foreign_containers = section.flag("foreign_containers").or(false);
    let dest_data = section.flag("dest_data").or(false);
    Some(Consent {
        foreign_containers: foreign_containers?.value,
        dest_data: dest_data?.value,
    })
}
