//! A quick exploration, the planted bugs, and schedules as text.

use regmig_core::state::State;
use regmig_procedure::spec::Strategy;

use crate::driver::run;
use crate::explore::{Scope, explore};
use crate::planted;
use crate::schedule::Schedule;
use crate::world::scene::Scene;

fn scope(scene: Scene, only: &str) -> Scope {
    Scope {
        scenes: vec![scene],
        until: State::Finalized,
        singles: true,
        pairs: false,
        rollbacks: true,
        at_least: 0,
        random: 0,
        seed: 1,
        enough: 5,
        only: only.to_owned(),
        first: 0,
        beside: None,
    }
}

fn explored(scene: Scene, only: &str) -> Vec<(Schedule, String)> {
    let found = explore(&planted::true_one(scene.strategy()), &scope(scene, only));
    assert!(found.schedules > 100, "{}", found.schedules);
    found.violations
}

fn none(violations: &[(Schedule, String)]) {
    let lines: Vec<String> = violations
        .iter()
        .map(|(schedule, words)| format!("{schedule}: {words}"))
        .collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn single_faults_on_the_way_back_from_linked_do_no_harm() {
    none(&explored(Scene::Fresh, "/to:linked,back:start"));
}

#[test]
fn single_faults_on_the_way_home_do_no_harm() {
    none(&explored(Scene::Fresh, "/to:proxy,back:synced"));
}

#[test]
fn single_faults_on_the_way_home_of_a_live_migration_do_no_harm() {
    none(&explored(Scene::LiveFresh, "/to:replica,back:warm"));
}

#[test]
fn every_planted_bug_is_caught() {
    for bug in planted::all() {
        assert!(bug.caught().is_some(), "not caught: {}", bug.name);
    }
}

/// A client that asks at the very instant at which nginx is reloaded is one of those whose request is waited for.
#[test]
fn a_reload_waits_for_who_asked_at_the_same_instant() {
    harmless("live-fresh/to:finalized/resume/E46:lost+E51:reboot-dest-after");
}

/// A live migration by this schedule does no harm. What it tells.
fn harmless(schedule: &str) -> Vec<String> {
    let schedule: Schedule = schedule.parse().unwrap();
    let run = run(&planted::true_one(Strategy::Live), &schedule, true);
    assert_eq!(run.violations, Vec::<String>::new());
    run.trace
}

/// A live migration by this schedule does no harm, and says that it waits before it does what comes next.
fn waits_before(schedule: &str, waits: &str, next: &str) {
    let trace = harmless(schedule);
    let at = |words: &str| trace.iter().position(|line| line.contains(words));
    let waited = at(waits);
    assert!(waited.is_some() && waited < at(next), "{trace:#?}");
}

/// dest's services are not started while source's clients have to wait, and are once they have not.
#[test]
fn a_live_migration_waits_for_a_busy_source() {
    // From an effect of `linked/authorize` on; the step that waits gives up after 60 s, and the operator resumes.
    waits_before(
        "live-fresh/to:warm/resume/E18:busy-100000",
        "warm/calm: source answers in 400 ms",
        "start register",
    );
}

/// A replica that takes its link for up, and yet has long not heard what its primary had, is not ready for a cutover.
#[test]
fn a_live_migration_waits_for_a_replica_that_lags() {
    // From an effect of `warm/serve` on; the step that waits gives up after 60 s, and the operator resumes.
    waits_before(
        "live-fresh/to:proxy/resume/E37:clogged-100000",
        "cold/follow: of what source's Redis had a second ago",
        "started cold/switch",
    );
}

/// A full resync that finds no room on dest would begin again and again: whoever types the command is told.
#[test]
fn a_live_migration_says_that_dest_has_no_room_for_a_resync() {
    waits_before(
        "live-fresh/to:proxy/resume/E35:full-dest",
        "warm/follow: free disk on dest: found 0.0 MB",
        "reached warm/follow",
    );
}

/// source reboots while the tunnel carries nothing: its offset counts in another history than that of a replica that has not
/// heard of it, and says nothing of what that one lacks.
#[test]
fn offsets_of_two_histories_are_not_compared() {
    let schedule = "live-fresh/to:verified/resume/E46:clogged-20000+E50:reboot-source-before+E65:overtaken-1500";
    waits_before(schedule, "started cold/follow", "reached proxy/promote");
}

/// Two disks are full one after the other: it goes on once both have room, and whoever types `resume` has seen to that.
#[test]
fn a_second_full_disk_is_waited_out() {
    let trace = harmless(
        "live-fresh/to:proxy,back:warm/back:nameservers/E28:refused+E69:full-dest+E87:full-source+J227:unwritten",
    );
    let told = trace
        .iter()
        .filter(|line| line.contains("0 bytes are free on source"));
    assert!(told.count() > 1, "{trace:#?}");
}

/// A live migration rests at `proxy` with a source whose DNS answers what dest has accepted, after a rollback too.
#[test]
fn source_follows_dest_at_the_proxy_of_a_live_migration() {
    let trace = harmless("live-fresh/to:replica,back:proxy/resume/");
    let told = |words: &str| trace.iter().any(|line| line.contains(words));
    assert!(told("undone replica/attach"), "{trace:#?}");
    assert!(!told("on source: Redis REPLICAOF NO ONE"), "{trace:#?}");
}

/// A rollback that is under way to where source serves cannot end where nobody does: source's DNS would run on there.
#[test]
fn a_rollback_further_back_cannot_end_where_nobody_serves() {
    let schedule: Schedule = "former/to:drained,back:launched/back:cold/E72:killed-before"
        .parse()
        .unwrap();
    let run = run(&planted::true_one(Strategy::Copy), &schedule, true);
    assert_eq!(run.violations, Vec::<String>::new());
    let at = |words: &str| run.trace.iter().position(|line| line.contains(words));
    let killed = at("regmig is killed");
    assert!(killed.is_some() && at("undone synced/start") < killed);
    assert!(
        killed < at("rollback to launched ended"),
        "{:#?}",
        run.trace
    );
}

/// Random schedules come without the single faults and pairs where asked for: those are the same for each seed.
#[test]
fn random_schedules_alone() {
    let scope = Scope {
        singles: false,
        random: 20,
        seed: 7,
        ..scope(Scene::LiveFresh, "/to:replica,back:proxy/")
    };
    let found = explore(&planted::true_one(Strategy::Live), &scope);
    none(&found.violations);
    assert_eq!((found.single, found.pairs, found.random), (0, 0, 20));
}

#[test]
fn the_same_schedule_gives_the_same_run() {
    let schedule: Schedule = "stopped/to:proxy,back:warm/resume/E38:half-1-lost+J60:killed-after"
        .parse()
        .unwrap();
    let once = run(&planted::true_one(Strategy::Copy), &schedule, true);
    let twice = run(&planted::true_one(Strategy::Copy), &schedule, true);
    assert!(once.trace.len() > 100);
    assert_eq!(once.trace, twice.trace);
}

#[test]
fn schedules_read_back_as_they_were_written() {
    for text in [
        "fresh/to:finalized/resume/",
        "former/to:proxy,back:warm,to:proxy/back:start/E12:half-3-killed+J7:unwritten",
        "live-former/to:proxy/resume/J12:killed-before",
        "stopped/to:replica/resume/E0:reboot-dest-after+E1:late-1500+E2:unreachable-20000",
    ] {
        let schedule: Schedule = text.parse().unwrap();
        assert_eq!(schedule.to_string(), text);
    }
    for bad in [
        "",
        "fresh/to:moon/resume/",
        "fresh/to:proxy/resume/X1:lost",
        "fresh/to:proxy/resume/E1:gone",
    ] {
        assert!(bad.parse::<Schedule>().is_err(), "{bad}");
    }
}
