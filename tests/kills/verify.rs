//! `regmig verify` while clients write.

use std::time::Duration;

use regmig_tests::support::{Record, Rig, Traffic, Tried, Trouble};
use xtask::lab::Machine;

/// Writes per second: some are always on their way to the replica.
const RATE: u32 = 40;

/// How often a system that is in order is looked at.
const LOOKS: u32 = 2;

/// In bytes: about a tenth of what the keys of the lab take.
const READ: u64 = 60_000;

/// The migration's own proof went without a digest: both Redis have loaded the same files, from the folders that were compared.
fn expect_equal_from_files(rig: &Rig) -> Tried<()> {
    let records = rig.journal().records()?;
    let proven =
        |record: &&Record| record.event() == "reached" && record.step() == "synced/data-equal";
    let proofs: Vec<&Record> = records.iter().filter(proven).collect();
    assert!(!proofs.is_empty());
    for proof in proofs {
        assert!(proof.evidence("keys").is_some(), "{proof:?}");
        assert_eq!(proof.evidence("sum"), None, "{proof:?}");
    }
    Ok(())
}

/// Kills a comparison in the middle: the next one goes on with it, and leaves nothing.
fn expect_goes_on_where_it_was_killed(rig: &Rig) -> Tried<()> {
    let part = rig.store().join("verify.part");
    let mut killed = rig.regmig(["verify"]).start()?;
    let read = || std::fs::metadata(&part).map_or(0, |found| found.len());
    while read() < READ {
        if killed.has_ended()? {
            return Err(Trouble::new(format!(
                "verify ended with {} bytes read, expected to see {READ}: {}",
                read(),
                killed.said()?
            )));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(killed.kill()?, "it ended before it was killed");
    rig.regmig(["verify"])
        .done()?
        .expect_words("Data: gone on with what the comparison had read that was interrupted.")?
        .expect_words("Data: every key, value and expiry is the same on both machines.")?;
    assert!(!part.exists());
    Ok(())
}

#[test]
fn what_lags_is_no_difference_and_what_differs_is_named() -> Tried<()> {
    let rig = Rig::new("verify")?;
    let mut traffic = Traffic::start_at(&rig, RATE)?;
    rig.regmig(["run", "--until", "replica", "--yes"]).done()?;
    expect_equal_from_files(&rig)?;
    for _ in 0..LOOKS {
        traffic.wait_for_acknowledgements(20)?;
        rig.regmig(["verify"])
            .done()?
            .expect_words("Data: every key, value and expiry is the same on both machines.")?
            .expect_words(" 0 answers differ.")?;
    }
    expect_goes_on_where_it_was_killed(&rig)?;
    let key = format!("{}:users", rig.lab.first_user);
    rig.on(
        Machine::Source,
        &format!("docker exec pryv_redis_1 redis-cli HSET {key} language tlh"),
    )?;
    rig.regmig(["verify"])
        .end()?
        .expect_code(9)?
        .expect_words("Data: 1 keys differ, among them:")?
        .expect_words(&key)?;
    traffic.stop()
}
