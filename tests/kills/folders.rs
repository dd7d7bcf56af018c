//! A migration goes on from anywhere, is stopped at safe points only, and by one regmig at a time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use regmig_tests::support::{Rig, Running, Traffic, Tried};
use rustix::process::Signal;
use xtask::lab::Machine;

/// How long a command may take until it is where it shall be stopped, and until it has stopped.
const LIMIT: Duration = Duration::from_secs(120);

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) -> Tried<()> {
    let mut copy = Command::new("cp");
    copy.args(["--recursive", "--preserve"]).arg(from).arg(to);
    let log = to.with_extension("copy");
    Running::start("cp", &mut copy, &log)?
        .wait(LIMIT)?
        .expect_code(0)?;
    Ok(())
}

#[test]
fn resume_from_another_folder_after_a_reboot_of_the_operators_machine() -> Tried<()> {
    let rig = Rig::new("other-folder")?;
    let mut traffic = Traffic::start(&rig)?;
    rig.regmig(["run", "--until", "warm", "--yes"]).done()?;
    // What a reboot leaves: no process, and an empty folder of temporary files. Nothing had been put there.
    assert_eq!(rig.temporary_files()?, Vec::<PathBuf>::new());
    let elsewhere = rig.folder.join("elsewhere");
    fs::create_dir(&elsewhere)?;
    let config = rig.toml.display().to_string();
    let there = |words: &[&str]| {
        let words = ["-c", &config].into_iter().chain(words.iter().copied());
        rig.regmig(words.collect::<Vec<_>>())
            .from_folder(&elsewhere)
    };
    there(&["resume", "--until", "nameservers", "--yes"])
        .done()?
        .expect_words(&format!("regmig -c {config} resume"))?;
    assert_eq!(rig.state()?, "nameservers");
    there(&["rollback", "--to", "replica", "--yes"]).done()?;
    assert_eq!(rig.state()?, "replica");
    there(&["resume", "--until", "nameservers", "--yes"]).done()?;
    let left: Vec<_> = fs::read_dir(&elsewhere)?.collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(rig.temporary_files()?, Vec::<PathBuf>::new());
    traffic.wait_for_acknowledgements(5)?;
    traffic.stop()?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Dest)?);
    Ok(())
}

#[test]
fn one_regmig_at_a_time_and_stops_at_safe_points() -> Tried<()> {
    let rig = Rig::new("one-at-a-time")?;
    // A person sets the name servers here.
    let text = fs::read_to_string(&rig.toml)?;
    let by_hand: String = text
        .lines()
        .filter(|line| !line.starts_with("apply") && !line.starts_with("restore"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_ne!(by_hand, text);
    fs::write(&rig.toml, &by_hand)?;
    let mut traffic = Traffic::start(&rig)?;

    // In the cold window a stop waits until clients are served again.
    let mut regmig = rig.regmig(["run", "--yes"]).start()?;
    let in_the_window = rig.journal().wait_for(0, &mut regmig, LIMIT, |records| {
        records.iter().any(|record| record.step() == "cold/fence")
    })?;
    assert!(in_the_window, "{}", regmig.said()?);
    regmig.signal(Signal::INT)?;
    regmig
        .wait(LIMIT)?
        .expect_code(7)?
        .expect_words("stopping at the next safe point")?
        .expect_words("Stopped at a safe point, at `proxy`")?;
    assert_eq!(rig.state()?, "proxy");
    traffic.wait_for_acknowledgements(5)?;

    let mut waiting = rig
        .regmig(["resume", "--until", "nameservers", "--yes"])
        .start()?;
    waiting.wait_until_it_says("set them at your provider", LIMIT)?;
    let status = rig.status()?;
    assert_eq!(status["at_work"], true, "{status}");
    assert_eq!(status["step"]["id"], "nameservers/delegation", "{status}");
    // From the same folder, from a copy of it, and from a fresh one.
    for verb in ["run", "resume"] {
        rig.regmig([verb, "--yes"])
            .end()?
            .expect_code(3)?
            .expect_words("another regmig process is using")?;
    }
    rig.regmig(["rollback", "--to", "proxy", "--yes"])
        .end()?
        .expect_code(3)?
        .expect_words("another regmig process is using")?;
    let (twin, fresh) = (rig.folder.join("twin"), rig.folder.join("fresh"));
    for folder in [&twin, &fresh] {
        fs::create_dir(folder)?;
        copy(&rig.toml, &folder.join("regmig.toml"))?;
    }
    copy(&rig.store(), &twin.join("regmig.state"))?;
    rig.regmig(["resume", "--yes"])
        .from_folder(&twin)
        .end()?
        .expect_code(3)?
        .expect_words("another regmig is at work on source")?
        .expect_words(&rig.store().display().to_string())?;
    rig.regmig(["rollback", "--to", "proxy", "--yes"])
        .from_folder(&twin)
        .end()?
        .expect_code(3)?
        .expect_words("another regmig is at work on source")?;
    rig.regmig(["run", "--yes"])
        .from_folder(&fresh)
        .end()?
        .expect_code(3)?
        .expect_words("nothing was changed")?;
    assert!(!waiting.has_ended()?, "{}", waiting.said()?);

    // While it waits for a person it stops at once, and undoes nothing.
    waiting.signal(Signal::INT)?;
    waiting
        .wait(LIMIT)?
        .expect_code(7)?
        .expect_words("Stopped at a safe point, at `replica`")?;
    assert_eq!(rig.state()?, "replica");

    // A migration keeps the configuration that it began with.
    let changed = by_hand.replace("quiet = \"3s\"", "quiet = \"4s\"");
    assert_ne!(changed, by_hand);
    fs::write(&rig.toml, changed)?;
    let records = rig.journal().records()?.len();
    for words in [
        &["resume", "--yes"][..],
        &["rollback", "--to", "proxy", "--yes"],
    ] {
        rig.regmig(words.iter().copied())
            .end()?
            .expect_code(3)?
            .expect_words("thresholds.quiet_s: was 3, is 4")?;
    }
    assert_eq!(rig.journal().records()?.len(), records);
    fs::write(&rig.toml, by_hand)?;

    let mut set = Command::new(rig.folder.join("set-nameservers"));
    set.arg(rig.lab.dest.address.to_string());
    let log = rig.folder.join("said/set-nameservers");
    Running::start("set-nameservers", &mut set, &log)?
        .wait(LIMIT)?
        .expect_code(0)?;
    rig.regmig(["resume", "--until", "nameservers", "--yes"])
        .done()?;
    traffic.wait_for_acknowledgements(5)?;
    traffic.stop()?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Dest)?);
    Ok(())
}
