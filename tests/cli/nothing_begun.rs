//! Commands about a migration where none has begun.

use insta::assert_snapshot;

use crate::folder::Folder;

#[test]
fn status_says_that_none_has_begun_and_how_to_begin() {
    let folder = Folder::configured();
    assert_snapshot!(folder.regmig(["status", "--offline"]).text(), @r#"
exit 0
--- stdout
migration    none of register.test has begun
state        start
             nothing has been touched
direction    forward
writes       source, in this state
process      no regmig is at work
next         launched: dest's stack was launched, found healthy and stopped; its data is set aside
type         regmig check                       looks at both machines
             regmig run                         begins the migration
"#);
    assert_snapshot!(folder.regmig(["status", "--offline", "--json"]).text(), @r#"
exit 0
--- stdout
{"format":1,"migration":null,"domain":"register.test","state":"start","since_ms":null,"direction":"forward","rollback_to":null,"stuck":false,"writes":"source","half_entered":null,"at_work":false,"step":null,"failure":null,"next":"launched","going_back":{"now":null,"after_next":null},"commands":["regmig check","regmig run"],"now":null,"outage":null,"quiet":null}
"#);
}

#[test]
fn the_journal_is_empty() {
    assert_snapshot!(Folder::configured().regmig(["journal"]).text(), @r#"
exit 0
"#);
}

/// With strategy `live` nobody rests where clients wait; that is said before anything is opened.
#[test]
fn a_live_migration_cannot_end_in_its_cutover() {
    let folder = Folder::configured();
    let config = std::fs::read_to_string(folder.path().join("regmig.toml")).unwrap();
    folder.write(
        "regmig.toml",
        &config.replace("strategy = \"copy\"", "strategy = \"live\""),
    );
    let before = folder.names();
    assert_snapshot!(folder.regmig(["run", "--until", "synced", "--yes"]).text(), @r#"
exit 3
--- stderr
error: found `synced` as the state to end at, expected one in which a migration can rest; with strategy `live` clients would wait there, until timers take the way out
  hint: type `regmig run --until warm` or `regmig run --until proxy`
"#);
    assert_snapshot!(folder.regmig(["rollback", "--to", "cold", "--yes"]).text(), @r#"
exit 3
--- stderr
error: found `cold` as the state to end at, expected one in which a migration can rest; with strategy `live` clients would wait there, until timers take the way out
  hint: type `regmig rollback --to warm` or `regmig rollback --to proxy`
"#);
    assert_eq!(folder.names(), before);
}

#[test]
fn there_is_nothing_to_resume_roll_back_or_verify() {
    let folder = Folder::configured();
    let before = folder.names();
    assert_snapshot!(folder.regmig(["resume"]).text(), @r#"
exit 3
--- stderr
error: found no migration in [folder]/regmig.state, expected one to resume
  hint: nothing has been touched; `regmig run` begins one
"#);
    assert_snapshot!(folder.regmig(["rollback", "--to", "start", "--yes"]).text(), @r#"
exit 3
--- stderr
error: found no migration in [folder]/regmig.state, expected one to roll back
  hint: nothing has been touched; `regmig run` begins one
"#);
    assert_snapshot!(folder.regmig(["verify"]).text(), @r#"
exit 3
--- stderr
error: found no migration in [folder]/regmig.state, expected one to verify
  hint: nothing has been touched; `regmig run` begins one
"#);
    // Not even an empty store is left, which would look as if something had begun.
    assert_eq!(folder.names(), before);
}
