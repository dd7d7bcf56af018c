//! A certificate authority that did not sign dest's certificate.

use std::fs;

use insta::assert_snapshot;
use regmig_tests::support::Tried;

use crate::scene::on_scene;

/// Signed by nobody that the lab knows.
const OTHER: &str = include_str!("../cli/given/ca.pem");

/// It shows when dest's stack is launched for the first time; everything goes back to what it was.
#[test]
fn dest_shows_a_certificate_of_somebody_else() -> Tried<()> {
    on_scene(|scene| {
        let rig = &scene.rig;
        fs::write(rig.folder.join("other.pem"), OTHER)?;
        scene.configure("proxy", &rig.lab.ca.display().to_string(), "other.pem")?;
        let halted = rig.regmig(["run", "--yes"]).end()?.expect_code(4)?;
        let told = scene.plain(&halted);
        let (failed, rest) = told.split_once("What is true now").unwrap();
        let (_, advice) = rest.split_once("Hint").unwrap();
        assert_snapshot!(format!("{failed}…\n\nHint{advice}").trim(), @r#"
HALTED at launched/launch

What failed
  dest's certificate for reg.pryv.lab.test: found the certificate presented for "reg.pryv.lab.test" was not issued by the given CA; expected a certificate that [folder]/other.pem covers

…

Hint
  go back with `regmig rollback --to start`, then name the CA of dest's certificate, or that certificate itself, as `trust` under [proxy] in regmig.toml

Safe to type
  regmig resume                          goes on, to `launched` first
  regmig status                          shows this again
  regmig rollback --to start             returns to `start`

Evidence
  [folder]/regmig.state (`regmig journal`)
"#);

        rig.regmig(["rollback", "--to", "start", "--yes"]).done()?;
        scene.expect_start()?;

        // Nothing of that migration is left, so that the corrected configuration begins another.
        scene.correct()?;
        rig.regmig(["run", "--yes", "--until", "launched"]).done()?;
        assert_eq!(rig.state()?, "launched");
        Ok(())
    })
}
