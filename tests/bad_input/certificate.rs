//! A certificate authority that did not sign dest's certificate.

use std::fs;

use insta::assert_snapshot;
use regmig_tests::support::Tried;

use crate::scene::Scene;

/// Signed by nobody that the lab knows.
const OTHER: &str = include_str!("../cli/given/ca.pem");

/// It shows when dest's stack is launched for the first time; everything goes back to what it was.
#[test]
fn dest_shows_a_certificate_of_somebody_else() -> Tried<()> {
    let scene = Scene::new("certificate")?;
    let before = scene.look()?;
    let rig = &scene.rig;
    fs::write(rig.folder.join("other.pem"), OTHER)?;
    scene.configure("proxy", &rig.lab.ca.display().to_string(), "other.pem")?;
    let halted = rig.regmig(["run", "--yes"]).end()?.expect_code(4)?;
    let told = scene.plain(&halted);
    let what = told.split("What is true now").next().unwrap();
    assert_snapshot!(what, @"");

    rig.regmig(["rollback", "--to", "start", "--yes"]).done()?;
    scene.expect_same(&before)?;

    // Nothing of that migration is left, so that the corrected configuration begins another.
    scene.correct()?;
    rig.regmig(["run", "--yes", "--until", "launched"]).done()?;
    assert_eq!(rig.state()?, "launched");
    Ok(())
}
