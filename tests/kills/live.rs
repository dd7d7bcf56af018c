//! Strategy `live`: clients notice nothing, and wherever regmig falls silent in the middle of the cutover, timers see to
//! it that one machine serves.

use std::time::{Duration, Instant};

use regmig_tests::support::{
    Rig, Sampler, Scope, Snapshot, Traffic, Tried, Unfinished, expect_one_writer,
};
use serde_json::Value;
use xtask::lab::Machine;

/// The timers act after 10 s, and a loaded machine takes some more.
const SERVED_AGAIN: Duration = Duration::from_secs(20);

/// By then they have, and a machine whose clients never had to wait has been through its timer as well.
const TIMERS_DONE: Duration = Duration::from_secs(12);

/// Points of the critical section at which regmig is killed, and who serves then by itself: clients wait, on either side of the
/// promotion. The runs `alone:` of the crash matrix strike every one.
const POINTS: [(&str, Machine); 2] = [
    ("cold/switch#2:after", Machine::Source),
    ("proxy/promote#0:after", Machine::Dest),
];

/// Kills regmig at a point, sees that one machine serves without it, and resumes. Returns how long clients waited.
pub(crate) fn fall_silent(
    rig: &Rig,
    traffic: &mut Traffic<'_>,
    point: &str,
    serves: Machine,
) -> Tried<Duration> {
    let ended = rig
        .regmig(["run", "--yes", "--until", "replica"])
        .dying_at(point, &rig.folder.join("points"))
        .end()?;
    assert_eq!(ended.code, None, "{point}: {}", ended.said());
    let silent = Instant::now();
    traffic.wait_for_acknowledgements(5)?;
    let after = silent.elapsed();
    assert!(after < SERVED_AGAIN, "{point}: served after {after:?}");
    // Whoever serves in the end, the timers are done by then.
    std::thread::sleep(TIMERS_DONE.saturating_sub(after));
    traffic.wait_for_acknowledgements(3)?;
    assert_eq!(traffic.missing(serves)?, Vec::<String>::new(), "{point}");
    let resumed = rig
        .regmig(["resume", "--yes", "--until", "replica"])
        .end()?;
    let state = rig.state()?;
    match resumed.code {
        Some(0) => assert_eq!(state, "replica", "{point}: {}", resumed.said()),
        _ => assert_eq!(state, "warm", "{point}: {}", resumed.said()),
    }
    Ok(after)
}

/// What clients saw of the cutover: no request failed.
fn expect_unnoticed(rig: &Rig) -> Tried<()> {
    let status = rig.status()?;
    for kind in ["writes", "reads", "dns"] {
        let figure = |name: &str| {
            let found = status.pointer(&format!("/outage/{kind}/{name}"));
            found.and_then(Value::as_u64)
        };
        assert_eq!(figure("failed"), Some(0), "{kind}: {status}");
    }
    Ok(())
}

/// Runs to the end, and insists that no client has noticed, nothing is lost, and never two machines accepted writes.
pub(crate) fn expect_moved(
    rig: &Rig,
    before: &Unfinished,
    mut traffic: Traffic<'_>,
    sampler: Sampler,
) -> Tried<()> {
    rig.regmig(["run", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(10)?;
    traffic.stop()?;
    expect_unnoticed(rig)?;
    before.expect_finalized(rig)?;
    expect_one_writer(rig, sampler)?;
    traffic.expect_nothing_lost(Machine::Dest).map(drop)
}

/// Where the other machine's tunnel ends a session is open: without one, sshd keeps small packets back.
fn expect_session_of_the_tunnel(rig: &Rig) -> Tried<()> {
    let ends_at = match rig.state()?.as_str() {
        "replica" => Machine::Dest,
        _ => Machine::Source,
    };
    let session = rig.on(ends_at, "pgrep -x cat -P \"$(pgrep -d, -x sshd)\"");
    assert!(session.is_ok(), "{ends_at:?}: {session:?}");
    Ok(())
}

#[test]
fn clients_notice_nothing_and_where_regmig_falls_silent_the_timers_decide() -> Tried<()> {
    let rig = Rig::live("live")?;
    let before = Unfinished::of(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    let sampler = Sampler::start(&rig)?;
    let start = Snapshot::of(&rig, Machine::Source, Scope::WithoutData)?.without_times();
    for (point, serves) in POINTS {
        if rig.state()? == "replica" {
            rig.regmig(["rollback", "--to", "warm", "--yes"]).done()?;
        }
        let after = fall_silent(&rig, &mut traffic, point, serves)?;
        expect_session_of_the_tunnel(&rig)?;
        println!("{point}: {serves:?} serves {after:.1?} after the kill");
    }
    rig.regmig(["rollback", "--to", "start", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(5)?;
    let back = Snapshot::of(&rig, Machine::Source, Scope::WithoutData)?.without_times();
    start.expect_same(&back, "source, back at start,")?;
    traffic.expect_nothing_lost(Machine::Source)?;

    expect_moved(&rig, &before, traffic, sampler)
}
