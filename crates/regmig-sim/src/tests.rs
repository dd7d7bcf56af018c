//! A quick exploration, the planted bugs, and schedules as text.

use regmig_core::state::State;
use regmig_procedure::spec::Strategy;

use crate::driver::{Made, end, end_from, run};
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
    harmless("live-fresh/to:finalized/resume/E47:lost+E52:reboot-dest-after");
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
    let schedule = "live-fresh/to:verified/resume/E47:clogged-20000+E51:reboot-source-before+E66:overtaken-1500";
    waits_before(schedule, "started cold/follow", "reached proxy/promote");
}

/// Two disks are full one after the other: it goes on once both have room, and whoever types `resume` has seen to that.
#[test]
fn a_second_full_disk_is_waited_out() {
    let trace = harmless(
        "live-fresh/to:proxy,back:warm/back:nameservers/E28:refused+E71:full-dest+E89:full-source+J235:unwritten",
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

/// Whether source goes on from where dest was promoted, after a live migration that began so much later in the second after
/// which source's Redis sends a `PING`.
fn goes_on_from_the_promotion(made: &Made, phase_ms: i64) -> bool {
    let schedule: Schedule = "live-fresh/to:replica/resume/".parse().unwrap();
    let mut state = schedule.scene.state(&made.spec);
    let source = state.source.redis.as_mut().unwrap();
    source.ping_s = 1;
    source.pinged_ms = state.now + phase_ms;
    let end = end_from(made, &schedule, state).unwrap();
    end.source.redis.is_some_and(|redis| redis.went_on())
}

/// A `PING` that is under way when dest is promoted would leave source past dest, so that it had to take everything anew.
#[test]
fn no_ping_is_under_way_at_the_promotion() {
    let step = "cold/ping";
    let silent = planted::true_one(Strategy::Live);
    assert!(silent.procedure.steps.iter().any(|one| one.id == step));
    let pings = planted::without(Strategy::Live, step);
    let phases = (0..1000).step_by(10);
    let anew = |made| {
        phases
            .clone()
            .filter(|ms| !goes_on_from_the_promotion(made, *ms))
            .count()
    };
    assert_eq!(anew(&silent), 0);
    assert!(anew(&pings) > 0);
}

/// How often clients of dest have waited for one of its services that listed every user, once source's Redis follows.
fn waits_for_a_listing(made: &Made, schedule: &str) -> u64 {
    let end = end(made, Some(&schedule.parse().unwrap())).unwrap();
    end.dest.redis.unwrap().listings_amid_clients
}

/// dest's services list every user at their start, during which its Redis answers no client.
#[test]
fn clients_do_not_wait_for_a_listing() {
    let (copy, live) = ("fresh/to:replica/resume/", "live-fresh/to:replica/resume/");
    let known = planted::true_one;
    assert_eq!(waits_for_a_listing(&known(Strategy::Copy), copy), 0);
    assert_eq!(waits_for_a_listing(&known(Strategy::Live), live), 0);
    let late = planted::without(Strategy::Copy, "proxy/dns");
    assert_eq!(waits_for_a_listing(&late, copy), 1);
}

/// Clients do not wait for a DNS of dest that was well while there were no users, and does not get over its start where there are.
#[test]
fn clients_do_not_wait_for_a_dns_that_hangs() {
    let schedule: Schedule = "fresh/to:proxy/resume/".parse().unwrap();
    let made = planted::true_one(Strategy::Copy);
    let mut state = schedule.scene.state(&made.spec);
    let begun = state.now;
    end_from(&made, &schedule, state.clone()).unwrap();
    state.dest.dns_bears = 5;
    let end = end_from(&made, &schedule, state).unwrap();
    assert!(end.dest.nginx.is_some(), "nobody is let in");
    assert!(!end.dest.serves(&made.spec.stack.dns));
    assert!(end.now - begun < 120_000, "{} ms", end.now - begun);
}

/// A rollback that is under way to where source serves cannot end where nobody does: source's DNS would run on there.
#[test]
fn a_rollback_further_back_cannot_end_where_nobody_serves() {
    let schedule: Schedule = "former/to:drained,back:launched/back:cold/E73:killed-before"
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
