//! Rollbacks to `start`: source and dest are as they were, and nothing is lost.

use std::env;
use std::time::Duration;

use regmig_tests::support::{Chance, Instant, Rig, Scope, Snapshot, Traffic, Tried, steps};
use xtask::lab::Machine;

/// How long a command may take until the instant at which it is killed.
const LIMIT: Duration = Duration::from_secs(120);

/// The last step after which `start` can be returned to whenever regmig is killed in it.
const LAST: &str = "synced/start";

/// Whether everything is tried that one would not wait for every day.
fn is_long() -> bool {
    env::var_os("REGMIG_TEST_LONG").is_some()
}

/// The states from which `start` is returned to.
fn states() -> Vec<&'static str> {
    if is_long() {
        vec![
            "launched",
            "backup",
            "linked",
            "warm",
            "cold",
            "synced",
            "proxy",
            "replica",
            "nameservers",
            "verified",
            "drained",
        ]
    } else {
        vec!["linked", "synced", "proxy"]
    }
}

/// Both machines as they are before anything is done to them.
struct Before {
    source: Snapshot,
    dest: Snapshot,
}

impl Before {
    fn of(rig: &Rig) -> Tried<Self> {
        Ok(Self {
            source: Snapshot::of(rig, Machine::Source, Scope::WithoutData)?,
            dest: Snapshot::of(rig, Machine::Dest, Scope::All)?,
        })
    }

    /// Both machines are the same; up to `warm` source's containers were not even restarted.
    fn expect_back(&self, rig: &Rig, from: &str) -> Tried<()> {
        let now = Self::of(rig)?;
        self.dest
            .expect_same(&now.dest, &format!("dest, after a rollback from {from},"))?;
        let source = format!("source, after a rollback from {from},");
        if !matches!(from, "launched" | "backup" | "linked" | "warm") {
            let (was, is) = (self.source.clone(), now.source);
            was.without_times()
                .expect_same(&is.without_times(), &source)
        } else {
            self.source.expect_same(&now.source, &source)
        }
    }
}

#[test]
fn rollback_from_each_state_restores_source_and_dest() -> Tried<()> {
    let rig = Rig::new("rollbacks")?;
    let before = Before::of(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    for state in states() {
        rig.regmig(["run", "--until", state, "--yes"]).done()?;
        assert_eq!(rig.state()?, state);
        rig.regmig(["rollback", "--to", "start", "--yes"]).done()?;
        assert_eq!(rig.state()?, "start");
        rig.wait_until_serves(Machine::Source)?;
        traffic.wait_for_acknowledgements(5)?;
        before.expect_back(&rig, state)?;
        println!(
            "{state}: {:?}",
            traffic.expect_nothing_lost(Machine::Source)?
        );
    }
    // Nothing of it all stands in the way of a migration.
    rig.regmig(["run", "--until", "proxy", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(10)?;
    traffic.stop()?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Dest)?);
    Ok(())
}

#[test]
fn a_killed_rollback_is_resumed_to_its_end() -> Tried<()> {
    let (mut chance, seed) = Chance::from_environment()?;
    println!("seed {seed}");
    let rig = Rig::new("killed-rollback")?;
    let before = Before::of(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    rig.regmig(["run", "--until", "synced", "--yes"]).done()?;
    for (number, undos) in [2, 5, 5].into_iter().enumerate() {
        let from = rig.journal().records()?.len();
        let regmig = match number {
            0 => rig.regmig(["rollback", "--to", "start", "--yes"]),
            _ => rig.regmig(["resume", "--yes"]),
        };
        let mut regmig = regmig.start()?;
        let came = rig
            .journal()
            .wait_for(from, &mut regmig, LIMIT, |records| {
                let begun = records
                    .iter()
                    .filter(|record| record.event() == "undo_started");
                begun.count() >= undos
            })?;
        assert!(came, "the rollback ended before it could be killed");
        std::thread::sleep(Duration::from_millis(chance.below(400)));
        assert!(regmig.kill()?, "the rollback ended before it was killed");
        println!("killed at {}", rig.journal().last()?);
    }
    let status = rig.status()?;
    assert_eq!(status["direction"], "back", "{status}");
    assert_eq!(status["rollback_to"], "start", "{status}");
    // Forward is refused until it has ended.
    let records = rig.journal().records()?.len();
    rig.regmig(["run", "--yes"])
        .end()?
        .expect_code(3)?
        .expect_words("a rollback to `start` is under way")?;
    assert_eq!(rig.journal().records()?.len(), records);
    rig.regmig(["resume", "--yes"]).end()?.expect_code(8)?;
    assert_eq!(rig.state()?, "start");
    rig.wait_until_serves(Machine::Source)?;
    traffic.wait_for_acknowledgements(10)?;
    traffic.stop()?;
    before.expect_back(&rig, "synced")?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Source)?);
    Ok(())
}

/// What a killed run had set going on the machines may still be under way when the rollback begins.
#[test]
fn a_killed_run_is_rolled_back() -> Tried<()> {
    let (mut chance, seed) = Chance::from_environment()?;
    let before_proxy: Vec<_> = steps()
        .into_iter()
        .take_while(|step| *step != LAST)
        .collect();
    let count = if is_long() { before_proxy.len() } else { 1 };
    // What goes on for long without regmig is always among them: a copy, services that start, a whole stack.
    let mut chosen = chance.some_of(&before_proxy, count);
    chosen.extend(["backup/copy", LAST, "launched/launch"]);
    println!("seed {seed}: {chosen:?}");
    let rig = Rig::new("killed-run")?;
    let before = Before::of(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    for step in chosen {
        let from = rig.journal().records()?.len();
        let regmig = rig.regmig(["run", "--yes"]).start()?;
        let instant = Instant::in_step(step, &mut chance);
        let died = instant.strike(&rig, regmig, from)?;
        println!("{:?} into {step}: {died}", instant.after);
        rig.regmig(["rollback", "--to", "start", "--yes"]).done()?;
        assert_eq!(rig.state()?, "start");
        rig.wait_until_serves(Machine::Source)?;
        traffic.wait_for_acknowledgements(5)?;
        // Whether source's containers were stopped depends on how far it came.
        before.expect_back(&rig, "synced")?;
    }
    traffic.stop()?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Source)?);
    Ok(())
}
