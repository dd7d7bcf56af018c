//! regmig is killed on its way forward, and resumed.

use std::path::PathBuf;

use regmig_tests::support::{
    Chance, Instant, Rig, Sampler, Traffic, Tried, Unfinished, cold_window, expect_one_writer,
    steps,
};
use serde_json::Value;
use xtask::lab::Machine;

/// How many kills one migration gets.
const KILLS: usize = 10;

/// How many of them, at least, fall within the cold window.
const IN_THE_COLD_WINDOW: usize = 4;

/// Ten instants of one run, in order, several of them in the cold window.
fn ten_instants(chance: &mut Chance) -> Tried<Vec<Instant>> {
    let order = steps();
    let cold = cold_window()?;
    let others: Vec<&str> = order
        .iter()
        .copied()
        .filter(|step| !cold.contains(step))
        .collect();
    let mut chosen = chance.some_of(&cold, IN_THE_COLD_WINDOW);
    chosen.extend(chance.some_of(&others, KILLS - IN_THE_COLD_WINDOW));
    chosen.sort_by_key(|step| order.iter().position(|id| id == step));
    Ok(chosen
        .into_iter()
        .map(|step| Instant::in_step(step, chance))
        .collect())
}

/// The outage was measured across the kills, as one, and the canary that it took is gone.
fn expect_measured(rig: &Rig) -> Tried<()> {
    let status = rig.status()?;
    for (figure, least) in [
        ("writes/longest_gap_ms", 500),
        ("reads/longest_gap_ms", 500),
        ("dns/longest_gap_ms", 500),
        ("unmeasured_ms", 1),
    ] {
        let found = status.pointer(&format!("/outage/{figure}"));
        let ms = found.and_then(Value::as_u64);
        assert!(ms >= Some(least), "{figure}: {status}");
    }
    let canaries = rig.on(
        Machine::Dest,
        "docker exec $(docker ps --quiet --filter label=com.docker.compose.service=redis) \
         redis-cli --scan --pattern 'regmigcanary*'",
    )?;
    assert_eq!(canaries.trim(), "");
    Ok(())
}

#[test]
fn ten_kills_in_one_run() -> Tried<()> {
    let (mut chance, seed) = Chance::from_environment()?;
    let instants = ten_instants(&mut chance)?;
    println!("seed {seed}: {instants:?}");
    let rig = Rig::new("ten-kills")?;
    let before = Unfinished::of(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    let sampler = Sampler::start(&rig)?;
    for (number, instant) in instants.into_iter().enumerate() {
        let verb = if number == 0 { "run" } else { "resume" };
        let from = rig.journal().records()?.len();
        let regmig = rig.regmig([verb, "--yes"]).start()?;
        let died = instant.strike(&rig, regmig, from)?;
        println!(
            "kill {number} {:?} into {}: {died}",
            instant.after, instant.step
        );
    }
    rig.regmig(["resume", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(10)?;
    traffic.stop()?;
    before.expect_finalized(&rig)?;
    expect_measured(&rig)?;
    let looks = expect_one_writer(&rig, sampler)?;
    let audit = traffic.expect_nothing_lost(Machine::Dest)?;
    println!("{audit:?}, {looks} looks");
    assert_eq!(rig.temporary_files()?, Vec::<PathBuf>::new());
    Ok(())
}
