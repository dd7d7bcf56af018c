//! Rollbacks between states in which dest serves.

use regmig_tests::support::{Rig, Scope, Snapshot, Traffic, Tried};
use xtask::lab::Machine;

/// Both machines without the data that clients change meanwhile.
fn both(rig: &Rig) -> Tried<[Snapshot; 2]> {
    Ok([
        Snapshot::of(rig, Machine::Source, Scope::WithoutData)?,
        Snapshot::of(rig, Machine::Dest, Scope::WithoutData)?,
    ])
}

fn expect_same(was: &[Snapshot; 2], is: &[Snapshot; 2], when: &str) -> Tried<()> {
    was[0].expect_same(&is[0], &format!("source, {when},"))?;
    was[1].expect_same(&is[1], &format!("dest, {when},"))
}

/// The addresses to which the parent zone delegates.
fn delegation(rig: &Rig) -> Tried<String> {
    let domain = &rig.lab.domain;
    rig.on(
        Machine::Parent,
        &format!("dig +norecurse +noall +additional @127.0.0.1 {domain} NS | awk '$4 == \"A\" {{ print $5 }}' | sort -u"),
    )
}

#[test]
fn replica_to_proxy_and_back() -> Tried<()> {
    let rig = Rig::new("replica-to-proxy")?;
    let mut traffic = Traffic::start(&rig)?;
    rig.regmig(["run", "--until", "proxy", "--yes"]).done()?;
    let at_proxy = both(&rig)?;
    for round in ["the first time", "the second time"] {
        rig.regmig(["resume", "--until", "replica", "--yes"])
            .done()?;
        rig.regmig(["rollback", "--to", "proxy", "--yes"]).done()?;
        assert_eq!(rig.state()?, "proxy");
        traffic.wait_for_acknowledgements(5)?;
        expect_same(&at_proxy, &both(&rig)?, round)?;
    }
    rig.regmig(["resume", "--until", "replica", "--yes"])
        .done()?;
    traffic.wait_for_acknowledgements(5)?;
    traffic.stop()?;
    traffic.expect_nothing_lost(Machine::Dest)?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Source)?);
    Ok(())
}

#[test]
fn nameservers_to_replica() -> Tried<()> {
    let rig = Rig::new("nameservers-to-replica")?;
    let (source, dest) = (rig.lab.source.address, rig.lab.dest.address);
    let mut traffic = Traffic::start(&rig)?;
    rig.regmig(["run", "--until", "replica", "--yes"]).done()?;
    let at_replica = both(&rig)?;
    for from in ["nameservers", "verified"] {
        rig.regmig(["resume", "--until", from, "--yes"]).done()?;
        assert_eq!(delegation(&rig)?, dest.to_string());
        rig.regmig(["rollback", "--to", "replica", "--yes"])
            .done()?;
        assert_eq!(rig.state()?, "replica");
        assert_eq!(delegation(&rig)?, source.to_string());
        traffic.wait_for_acknowledgements(5)?;
        expect_same(&at_replica, &both(&rig)?, &format!("back from {from}"))?;
    }
    rig.regmig(["resume", "--until", "nameservers", "--yes"])
        .done()?;
    // Two edges at once.
    rig.regmig(["rollback", "--to", "proxy", "--yes"]).done()?;
    assert_eq!(rig.state()?, "proxy");
    assert_eq!(delegation(&rig)?, source.to_string());
    rig.regmig(["resume", "--until", "verified", "--yes"])
        .done()?;
    traffic.wait_for_acknowledgements(5)?;
    traffic.stop()?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Dest)?);
    Ok(())
}
