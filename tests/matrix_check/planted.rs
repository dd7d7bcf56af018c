//! Failures of the test's own making.

use regmig_tests::matrix::{Plant, Selection, run};
use regmig_tests::support::Tried;

/// An early point, so that little has to be run for it.
const RUN: &str = "rollback:launched/folders#0:after";

/// A matrix of one run, which is good without them, with one failure of each kind.
#[test]
fn each_kind_of_failure_is_reported() -> Tried<()> {
    let selection = Selection {
        quick: false,
        only: vec![RUN.to_owned()],
        live: false,
    };
    let good = run(&selection, None, &[])?.json();
    for (name, figure) in [
        ("points", 1),
        ("failures", 0),
        ("lost", 0),
        ("two_writers", 0),
        ("leftovers", 0),
    ] {
        assert_eq!(good[name], figure, "{name} in {good:#}");
    }
    assert!(good["acknowledged"].as_u64().unwrap() > 0, "{good:#}");
    assert!(good["looks"].as_u64().unwrap() > 0, "{good:#}");

    let bad = run(
        &selection,
        None,
        &[Plant::Writer, Plant::Leftover, Plant::Loss],
    )?
    .json();
    assert_eq!(bad["failures"], 1, "{bad:#}");
    assert_eq!(bad["lost"], 1, "{bad:#}");
    assert!(bad["two_writers"].as_u64().unwrap() >= 1, "{bad:#}");
    assert!(bad["leftovers"].as_u64().unwrap() >= 1, "{bad:#}");
    let failed = &bad["failed"][0];
    assert_eq!(failed["name"], RUN);
    assert_eq!(
        failed["repeat"],
        format!("cargo xtask matrix --only '{RUN}'")
    );
    let what = failed["what"].as_str().unwrap();
    assert!(what.contains("1 acknowledged writes are lost"), "{what}");
    assert!(what.contains("two machines accepted writes at"), "{what}");
    assert!(what.contains("/var/pryv/planted was not there"), "{what}");
    Ok(())
}

/// A cutover that is killed where clients wait, and in which no timer acts.
#[test]
fn a_cutover_that_nobody_ends_is_reported() -> Tried<()> {
    let name = "alone:cold/switch#3:after";
    let selection = Selection {
        quick: false,
        only: vec![name.to_owned()],
        live: true,
    };
    let bad = run(&selection, None, &[Plant::Silence])?.json();
    assert_eq!(bad["failures"], 1, "{bad:#}");
    let failed = &bad["failed"][0];
    assert_eq!(
        failed["repeat"],
        format!("cargo xtask matrix --strategy live --only '{name}'")
    );
    let what = failed["what"].as_str().unwrap();
    assert!(what.contains("clients were not served again"), "{what}");
    Ok(())
}
