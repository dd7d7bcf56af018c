//! A migration that is under way already.

use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use regmig_tests::support::Tried;
use rustix::process::Signal;

use crate::scene::{Scene, without};

#[test]
fn another_run_and_a_changed_configuration() -> Tried<()> {
    let scene = Scene::new("under-way")?;
    let rig = &scene.rig;
    let mut first = rig.regmig(["run", "--yes", "--until", "launched"]).start()?;
    let journal = rig.journal();
    let touched = journal.wait_for(0, &mut first, Duration::from_secs(60), |records| {
        records.iter().any(|record| record.event() == "reached" && record.step() == "launched/folders")
    })?;
    assert!(touched, "it ended: {}", first.said()?);
    // It stands still, as one that waits for something does, and what it had sent comes to an end.
    first.signal(Signal::STOP)?;
    let before = settled(&scene)?;

    for words in [["run", "--yes"], ["resume", "--yes"], ["verify", "-cregmig.toml"]] {
        let second = rig.regmig(words).end()?.expect_code(3)?;
        assert_snapshot!(scene.plain(&second), @"");
    }
    rig.regmig(["journal"]).done()?;

    // Another operator: the same machines, another folder.
    let elsewhere = rig.regmig(["--store", "another.state", "run", "--yes"]).end()?.expect_code(3)?;
    assert_snapshot!(elsewhere_plain(&scene.plain(&elsewhere)), @"");
    assert!(rig.folder.join("another.state").exists());

    scene.expect_same(&before)?;
    assert!(first.kill()?, "it ended by itself");

    scene.add("thresholds", "warm_passes = 7")?;
    let text = fs::read_to_string(&rig.toml)?;
    fs::write(&rig.toml, text.replace("quiet = \"3s\"", "quiet = \"1h\""))?;
    for words in [["run", "--yes"], ["resume", "--yes"], ["verify", "-cregmig.toml"]] {
        let changed = rig.regmig(words).end()?.expect_code(3)?;
        assert_snapshot!(digests_plain(&scene.plain(&changed)), @"");
    }
    scene.expect_same(&before)
}

/// Looks until two looks are the same.
fn settled(scene: &Scene) -> Tried<crate::scene::Looks> {
    loop {
        let one = scene.look()?;
        std::thread::sleep(Duration::from_millis(300));
        if scene.expect_same(&one).is_ok() {
            return Ok(one);
        }
    }
}

fn elsewhere_plain(text: &str) -> String {
    without(&without(text, "held by ", |c| c != '\n'), "x", |_| false)
}

fn digests_plain(text: &str) -> String {
    let hex = |c: char| c.is_ascii_hexdigit();
    let id = |c: char| c.is_ascii_hexdigit() || c == '-';
    without(&without(&without(text, "found digest ", hex), "expected ", hex), "migration ", id)
}
