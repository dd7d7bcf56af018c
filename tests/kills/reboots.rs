//! Machines that are switched off and on in the middle of a migration.

use std::time::{Duration, Instant};

use regmig_tests::support::{Rig, Traffic, Tried, Trouble};
use serde_json::{Value, json};
use xtask::lab::Machine;

/// How long a machine may take until everything on it has settled.
const SETTLES: Duration = Duration::from_secs(90);

/// Asks `status --json` until what it sees is as wanted.
fn wait_until(rig: &Rig, what: &str, wanted: impl Fn(&Value) -> bool) -> Tried<Value> {
    let begun = Instant::now();
    loop {
        let ended = rig.regmig(["status", "--json"]).done()?;
        let status: Value = serde_json::from_str(&ended.stdout)?;
        if wanted(&status) {
            return Ok(status);
        }
        if begun.elapsed() > SETTLES {
            return Err(Trouble::new(format!(
                "not {what} after {} s: {status:#}",
                SETTLES.as_secs()
            )));
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn reachable(status: &Value) -> bool {
    ["source", "dest"].iter().all(|machine| {
        let seen = |what: &str| status.pointer(&format!("/now/{machine}/{what}"));
        seen("reachable") == Some(&json!(true)) && seen("redis") != Some(&Value::Null)
    })
}

/// Services of a machine that run, in the words of `status --json`.
fn running(status: &Value, machine: &str) -> Vec<String> {
    let services = status
        .pointer(&format!("/now/{machine}/services"))
        .and_then(Value::as_array);
    let running = services
        .into_iter()
        .flatten()
        .filter(|service| service.get("state") == Some(&json!("running")));
    let mut names: Vec<String> = running
        .filter_map(|service| service.get("service")?.as_str())
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

/// A machine's DNS answers for a user that was registered last.
fn expect_fresh_dns(rig: &Rig, traffic: &Traffic<'_>, machine: Machine) -> Tried<()> {
    let user = traffic.last_user()?;
    let address = rig.lab.endpoint(machine).address;
    let ask = format!(
        "dig +short +time=1 +tries=1 @{address} {user}.{} CNAME",
        rig.lab.domain
    );
    let begun = Instant::now();
    loop {
        let answer = rig.on(Machine::Parent, &format!("{ask} || true"))?;
        if answer.ends_with(&format!(".{}.", rig.lab.domain)) {
            return Ok(());
        }
        if begun.elapsed() > SETTLES {
            return Err(Trouble::new(format!(
                "DNS on {machine} says `{answer}` for {user}, who was registered a while ago"
            )));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn source_reboots_while_it_is_a_replica() -> Tried<()> {
    let rig = Rig::new("reboot-replica")?;
    let mut traffic = Traffic::start(&rig)?;
    rig.regmig(["run", "--until", "replica", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(5)?;
    rig.reboot(Machine::Source)?;
    let status = wait_until(&rig, "following again", |status| {
        status["now"]["replication"]["link_up"] == true
    })?;
    assert_eq!(status["now"]["writers"], json!(["dest"]), "{status:#}");
    assert_eq!(status["now"]["tunnel"], "running", "{status:#}");
    assert_eq!(
        running(&status, "source"),
        ["dns", "redis", "reverse_proxy"]
    );
    rig.wait_until_serves(Machine::Source)?;
    traffic.wait_for_acknowledgements(20)?;
    expect_fresh_dns(&rig, &traffic, Machine::Source)?;
    rig.regmig(["resume", "--until", "verified", "--yes"])
        .done()?;
    traffic.wait_for_acknowledgements(5)?;
    traffic.stop()?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Dest)?);
    Ok(())
}

#[test]
fn machines_reboot_in_the_cold_window() -> Tried<()> {
    let rig = Rig::new("reboot-cold")?;
    let mut traffic = Traffic::start(&rig)?;
    rig.regmig(["run", "--until", "cold", "--yes"]).done()?;
    rig.reboot(Machine::Source)?;
    let ended = rig.regmig(["status", "--json"]).done()?;
    let status: Value = serde_json::from_str(&ended.stdout)?;
    assert_eq!(running(&status, "source"), Vec::<String>::new());
    assert_eq!(status["now"]["writers"], json!([]), "{status:#}");
    rig.regmig(["resume", "--until", "synced", "--yes"])
        .done()?;
    for machine in [Machine::Source, Machine::Dest] {
        rig.reboot(machine)?;
    }
    let status = wait_until(&rig, "settled", |status| {
        running(status, "dest") == ["dns", "mail", "redis", "register"]
    })?;
    assert_eq!(status["now"]["writers"], json!([]), "{status:#}");
    rig.regmig(["resume", "--until", "proxy", "--yes"]).done()?;
    let status = wait_until(&rig, "reachable", reachable)?;
    assert_eq!(status["now"]["writers"], json!(["dest"]), "{status:#}");
    assert_eq!(
        running(&status, "source"),
        ["dns", "redis", "reverse_proxy"]
    );
    traffic.wait_for_acknowledgements(10)?;
    rig.regmig(["resume", "--until", "replica", "--yes"])
        .done()?;
    expect_fresh_dns(&rig, &traffic, Machine::Source)?;
    traffic.stop()?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Dest)?);
    Ok(())
}
