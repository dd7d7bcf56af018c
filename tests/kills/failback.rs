//! Rollbacks from any state to any earlier one: what dest has accepted comes home, whatever happens on the way.

use std::collections::BTreeMap;
use std::env;

use regmig_tests::support::{Rig, Scope, Snapshot, Traffic, Tried};
use xtask::lab::Machine;

/// Every state but the point of no return, in order.
const STATES: [&str; 12] = [
    "start",
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
];

/// A state that is left, and one that is returned to.
type Pair = (&'static str, &'static str);

/// Pairs of states in groups, each for a lab as new: every pair, or those whose ways differ.
///
/// One group for each state that is left: the users of hours would have their register take minutes to start.
/// `REGMIG_TEST_FROM` names those that are wanted.
fn groups() -> Vec<Vec<Pair>> {
    if env::var_os("REGMIG_TEST_LONG").is_none() {
        return vec![vec![
            ("linked", "backup"),
            ("synced", "cold"),
            ("replica", "proxy"),
            ("verified", "replica"),
            ("nameservers", "synced"),
            ("proxy", "warm"),
        ]];
    }
    let only = env::var("REGMIG_TEST_FROM").ok();
    let wanted = |from: &str| {
        only.as_deref()
            .is_none_or(|only| only.split(',').any(|it| it == from))
    };
    let states = STATES.iter().enumerate().skip(1);
    states
        .filter(|(_, from)| wanted(from))
        // From the nearest on: what a long way undoes, shorter ones have left in place.
        .map(|(index, from)| {
            STATES
                .iter()
                .take(index)
                .rev()
                .map(|to| (*from, *to))
                .collect()
        })
        .collect()
}

/// The machine that accepts writes in a state.
fn writer(state: &str) -> Option<Machine> {
    match state {
        "start" | "launched" | "backup" | "linked" | "warm" => Some(Machine::Source),
        "cold" | "synced" => None,
        _ => Some(Machine::Dest),
    }
}

/// Both machines, but for what clients change and since when containers run.
fn both(rig: &Rig) -> Tried<[Snapshot; 2]> {
    let of = |machine| Snapshot::of(rig, machine, Scope::WithoutData).map(Snapshot::without_times);
    Ok([of(Machine::Source)?, of(Machine::Dest)?])
}

fn at(state: &str) -> Option<usize> {
    STATES.iter().position(|known| *known == state)
}

/// Goes to the one state of each pair and back to the other, under traffic, and returns what audits found on the way.
fn there_and_back(rig: &Rig, pairs: &[Pair]) -> Tried<Vec<String>> {
    let mut audits = Vec::new();
    // What both machines were at each state.
    let mut seen: BTreeMap<&str, [Snapshot; 2]> = BTreeMap::from([("start", both(rig)?)]);
    let mut traffic = Traffic::start(rig)?;
    for (from, to) in pairs {
        // Each state that is passed is looked at, unless it was before.
        for state in STATES
            .iter()
            .skip(1)
            .take_while(|state| at(state) <= at(from))
        {
            let is_known = seen.contains_key(state) && state != from;
            if is_known || at(state) <= at(&rig.state()?) {
                continue;
            }
            rig.regmig(["run", "--until", state, "--yes"]).done()?;
            if !seen.contains_key(state) {
                seen.insert(*state, both(rig)?);
            }
        }
        assert_eq!(rig.state()?, *from);
        if writer(from).is_some() {
            traffic.wait_for_acknowledgements(3)?;
        }
        rig.regmig(["rollback", "--to", to, "--yes"]).done()?;
        assert_eq!(rig.state()?, *to, "from {from}");
        if let Some(machine) = writer(to) {
            traffic.wait_for_acknowledgements(3)?;
            let audit = traffic.expect_nothing_lost(machine)?;
            audits.push(format!("{from} to {to}: {audit:?}"));
        }
        // What was made before for a later state is made anew on the way there.
        seen.retain(|state, _| at(state) <= at(to));
        // After a failback dest's services are stopped where those that were never opened still run.
        let came_home = writer(from) == Some(Machine::Dest) && writer(to) != Some(Machine::Dest);
        if let Some([source, dest]) = seen.get(to)
            && !(came_home && *to == "synced")
        {
            let [source_now, dest_now] = both(rig)?;
            source.expect_same(&source_now, &format!("source, back at {to} from {from},"))?;
            dest.expect_same(&dest_now, &format!("dest, back at {to} from {from},"))?;
        }
    }
    if rig.state()? != "start" {
        rig.regmig(["rollback", "--to", "start", "--yes"]).done()?;
    }
    traffic.wait_for_acknowledgements(5)?;
    traffic.stop()?;
    let audit = traffic.expect_nothing_lost(Machine::Source)?;
    audits.push(format!("at the end: {audit:?}"));
    Ok(audits)
}

#[test]
fn from_each_state_to_each_earlier_one() -> Tried<()> {
    let groups = groups();
    assert!(!groups.is_empty(), "REGMIG_TEST_FROM names no state");
    for pairs in groups {
        let rig = Rig::new("pairs")?;
        println!("{}", there_and_back(&rig, &pairs)?.join("\n"));
    }
    Ok(())
}

#[test]
fn a_tunnel_that_is_lost_rules_replication_out() -> Tried<()> {
    let rig = Rig::new("tunnel-lost")?;
    let before = both(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    rig.regmig(["run", "--until", "verified", "--yes"]).done()?;
    rig.regmig(["rollback", "--to", "start", "--plan"])
        .done()?
        .expect_words("replica -> synced: failback through replication")?;
    rig.on(Machine::Source, "docker rm -f regmig-tunnel")?;
    traffic.wait_for_acknowledgements(20)?;
    rig.regmig(["rollback", "--to", "start", "--plan"])
        .done()?
        .expect_words("proxy -> synced: failback through copy")?
        .expect_words("Failback through replication is ruled out: the replication link is down")?
        .expect_words("0 writes at risk")?;
    rig.regmig(["rollback", "--to", "start", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(5)?;
    traffic.stop()?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Source)?);
    let [source, dest] = both(&rig)?;
    before[0].expect_same(&source, "source")?;
    before[1].expect_same(&dest, "dest")
}

/// A way home that cannot be finished is no reason for an outage until it can.
#[test]
fn dest_serves_again_where_the_way_home_is_blocked() -> Tried<()> {
    let rig = Rig::new("way-home-blocked")?;
    let before = both(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    rig.regmig(["run", "--until", "proxy", "--yes"]).done()?;
    let at_proxy = both(&rig)?;
    let gate = "/var/pryv/.regmig/pull-gate";
    rig.on(Machine::Source, &format!("chmod a-x {gate}"))?;
    rig.regmig(["rollback", "--to", "start", "--yes"])
        .end()?
        .expect_code(4)?
        .expect_words("failback/pass")?
        .expect_words("regmig rollback --to proxy")?;
    rig.on(Machine::Source, &format!("chmod a+x {gate}"))?;
    rig.regmig(["run", "--yes"]).end()?.expect_code(3)?;
    rig.regmig(["rollback", "--to", "proxy", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(10)?;
    traffic.expect_nothing_lost(Machine::Dest)?;
    let now = both(&rig)?;
    at_proxy[0].expect_same(&now[0], "source, at proxy again,")?;
    at_proxy[1].expect_same(&now[1], "dest, at proxy again,")?;
    rig.regmig(["rollback", "--to", "start", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(5)?;
    traffic.stop()?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Source)?);
    let now = both(&rig)?;
    before[0].expect_same(&now[0], "source")?;
    before[1].expect_same(&now[1], "dest")
}
