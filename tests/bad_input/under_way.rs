//! A migration that is under way already.

use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use regmig_tests::support::Tried;
use rustix::process::Signal;

use crate::scene::{Looks, Scene, on_scene, without};

/// Every command that changes something, but for `run`.
const OTHERS: [&[&str]; 3] = [
    &["resume", "--yes"],
    &["rollback", "--to", "start", "--yes"],
    &["verify"],
];

#[test]
fn another_run_and_a_changed_configuration() -> Tried<()> {
    on_scene(|scene| {
        let rig = &scene.rig;
        let mut first = rig
            .regmig(["run", "--yes", "--until", "launched"])
            .start()?;
        let limit = Duration::from_secs(60);
        let touched = rig.journal().wait_for(0, &mut first, limit, |records| {
            records
                .iter()
                .any(|record| record.event() == "reached" && record.step() == "launched/folders")
        })?;
        assert!(touched, "it ended: {}", first.said()?);
        // It stands still, as one that waits for something does, and what it had sent comes to an end.
        first.signal(Signal::STOP)?;
        let before = settled(scene)?;

        // The same folder.
        let second = rig.regmig(["run", "--yes"]).end()?.expect_code(3)?;
        assert_snapshot!(scene.plain(&second), @r#"
error: another regmig process is using [folder]/regmig.state; wait for it, or end it and type the command again
"#);
        for words in OTHERS {
            let same = rig.regmig(words).end()?.expect_code(3)?;
            assert_eq!(same.stderr, second.stderr, "{words:?}");
        }
        // Whoever only looks is let in.
        rig.regmig(["status"])
            .done()?
            .expect_words("a regmig is at work")?;
        rig.regmig(["journal"]).done()?;

        // Another operator: the same machines, another folder.
        let other = ["--store", "another.state", "run", "--yes"];
        let elsewhere = rig.regmig(other).end()?.expect_code(3)?;
        let line = |c: char| c != '\n';
        assert_snapshot!(without(&scene.plain(&elsewhere), "held by ", line), @r#"
error: another regmig is at work on source: wait for it, or until its lease has run out, and type the command again
  because: held by …
"#);
        scene.expect_same(&before)?;

        assert!(first.kill()?, "it had ended by itself");
        scene.configure("thresholds", "\"3s\"", "\"1h\"")?;
        let text = fs::read_to_string(&rig.toml)?;
        fs::write(&rig.toml, text.replace("dns2", "ns2"))?;
        let changed = rig.regmig(["run", "--yes"]).end()?.expect_code(3)?;
        let told = scene.plain(&changed);
        let digest = |c: char| c.is_ascii_hexdigit();
        let told = without(&told, "found digest ", digest);
        let told = without(&told, "expected ", digest);
        let status = rig.status()?;
        let id = status["migration"].as_str().unwrap();
        assert_snapshot!(told.replace(id, "[id]"), @r#"
error: [folder]/regmig.toml is not what migration [id] began with: found digest …, expected …
  nameservers.after: was [{"name":"dns1.pryv.lab.test","addresses":["[dest]"]},{"name":"dns2.pryv.lab.test","addresses":["[dest]"]}], is [{"name":"dns1.pryv.lab.test","addresses":["[dest]"]},{"name":"ns2.pryv.lab.test","addresses":["[dest]"]}]
  nameservers.before: was [{"name":"dns1.pryv.lab.test","addresses":["[source]"]},{"name":"dns2.pryv.lab.test","addresses":["[source]"]}], is [{"name":"dns1.pryv.lab.test","addresses":["[source]"]},{"name":"ns2.pryv.lab.test","addresses":["[source]"]}]
  thresholds.quiet_s: was 3, is 3600
  hint: change it back and type the command again, or roll back to `start` with the former one; a migration keeps the configuration it began with
"#);
        for words in OTHERS {
            let same = rig.regmig(words).end()?.expect_code(3)?;
            assert_eq!(same.stderr, changed.stderr, "{words:?}");
        }
        scene.expect_same(&before)
    })
}

/// Looks until two looks in a row are the same.
fn settled(scene: &Scene) -> Tried<Looks> {
    loop {
        let one = scene.look()?;
        std::thread::sleep(Duration::from_millis(300));
        if scene.expect_same(&one).is_ok() {
            return Ok(one);
        }
    }
}
