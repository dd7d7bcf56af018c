//! Failures of the tests' own making.

use regmig_tests::matrix::{Plant, Selection, run};
use regmig_tests::support::Tried;
use serde_json::Value;

/// An early point, so that little has to be run for it.
const RUN: &str = "rollback:launched/folders#0:after";

/// What a matrix of one run reports where something is planted in it.
fn planted(plant: Option<Plant>) -> Tried<Value> {
    let selection = Selection {
        quick: false,
        only: vec![RUN.to_owned()],
    };
    let report = run(&selection, None, plant)?.json();
    println!("{report:#}");
    Ok(report)
}

/// The figures of a report: failures, lost writes, two writers, leftovers.
fn figures(report: &Value) -> [u64; 4] {
    ["failures", "lost", "two_writers", "leftovers"].map(|name| report[name].as_u64().unwrap())
}

#[test]
fn nothing_is_found_where_nothing_is_planted() -> Tried<()> {
    let report = planted(None)?;
    assert_eq!(figures(&report), [0, 0, 0, 0]);
    assert_eq!(report["points"], 1);
    assert!(report["acknowledged"].as_u64().unwrap() > 0);
    assert!(report["looks"].as_u64().unwrap() > 0);
    Ok(())
}

#[test]
fn a_lost_write_is_reported() -> Tried<()> {
    let report = planted(Some(Plant::Loss))?;
    assert_eq!(figures(&report), [1, 1, 0, 0]);
    let failed = &report["failed"][0];
    assert_eq!(failed["name"], RUN);
    assert_eq!(
        failed["repeat"],
        format!("cargo xtask matrix --only '{RUN}'")
    );
    Ok(())
}

#[test]
fn a_leftover_is_reported() -> Tried<()> {
    let report = planted(Some(Plant::Leftover))?;
    let [failures, lost, two_writers, leftovers] = figures(&report);
    assert_eq!([failures, lost, two_writers], [1, 0, 0]);
    // The file, and what is in it.
    assert!(leftovers >= 1, "{report:#}");
    let what = report["failed"][0]["what"].as_str().unwrap();
    assert!(what.contains("/var/pryv/planted was not there"), "{what}");
    Ok(())
}

#[test]
fn two_writers_are_reported() -> Tried<()> {
    let report = planted(Some(Plant::Writer))?;
    let [failures, lost, two_writers, leftovers] = figures(&report);
    assert_eq!([failures, lost, leftovers], [1, 0, 0]);
    assert!(two_writers >= 1, "{report:#}");
    Ok(())
}
