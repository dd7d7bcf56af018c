//! Command lines and configurations that are not understood: exit status 2, and nothing is done.

use insta::assert_snapshot;

use crate::folder::{CONFIG, Folder};

#[test]
fn a_call_without_a_verb_lists_the_verbs() {
    let said = Folder::empty().regmig([]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("Commands:\n  init "), "{}", said.err);
}

#[test]
fn an_unknown_verb() {
    assert_snapshot!(Folder::empty().regmig(["migrate"]).text(), @r#"
exit 2
--- stderr
error: unrecognized subcommand 'migrate'

Usage: regmig [OPTIONS] <COMMAND>

For more information, try '--help'.
"#);
}

#[test]
fn an_unknown_flag() {
    assert_snapshot!(Folder::empty().regmig(["run", "--force"]).text(), @r#"
exit 2
--- stderr
error: unexpected argument '--force' found

  tip: a similar argument exists: '--store'

Usage: regmig run --store <FOLDER>

For more information, try '--help'.
"#);
}

#[test]
fn an_unknown_state() {
    assert_snapshot!(Folder::configured().regmig(["rollback", "--to", "warmer"]).text(), @r#"
exit 2
--- stderr
error: invalid value 'warmer' for '--to <STATE>': `warmer` is not a state; expected one of start, launched, backup, linked, warm, cold, synced, proxy, replica, nameservers, verified, drained, finalized

For more information, try '--help'.
"#);
}

#[test]
fn a_rollback_to_nowhere() {
    assert_snapshot!(Folder::configured().regmig(["rollback"]).text(), @r#"
exit 2
--- stderr
error: the following required arguments were not provided:
  --to <STATE>

Usage: regmig rollback --to <STATE>

For more information, try '--help'.
"#);
}

#[test]
fn no_configuration() {
    let folder = Folder::empty();
    for verb in [
        "check", "plan", "run", "resume", "status", "verify", "journal",
    ] {
        let said = folder.regmig([verb]);
        assert_eq!(said.code, Some(2), "{verb}: {}", said.err);
        assert_eq!(said.err, folder.regmig(["check"]).err, "{verb}");
    }
    assert_snapshot!(folder.regmig(["check"]).text(), @r#"
exit 2
--- stderr
  × regmig.toml does not exist
  help: expected a configuration there; `regmig init` writes one, and --config names another
"#);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}

#[test]
fn a_configuration_elsewhere_is_named_in_the_message() {
    assert_snapshot!(Folder::empty().regmig(["-c", "night/regmig.toml", "status"]).text(), @r#"
exit 2
--- stderr
  × night/regmig.toml does not exist
  help: expected a configuration there; `regmig init` writes one, and --config names another
"#);
}

#[test]
fn mistakes_in_the_configuration_point_at_their_lines() {
    let folder = Folder::configured();
    let text = CONFIG
        .replace("\"192.0.2.20\"\nidentity", "\"192.0.2.1234\"\nidentity")
        .replace("parents =", "parent =");
    folder.write("regmig.toml", &text);
    assert_snapshot!(folder.regmig(["run", "--yes"]).text(), @r#"
exit 2
--- stderr
  × regmig.toml has 2 problems
  help: nothing has been changed on any machine; correct the file and try again

Error:
  × `dest.address` is not an IP address
    ╭─[regmig.toml:12:11]
 12 │ address = "192.0.2.1234"
    ·           ───────┬──────
    ·                  ╰── found "192.0.2.1234"
    ╰────
  help: expected the machine's IP address, such as "192.0.2.10"; write the address, not a name:
        `dig +short NAME` tells it

Error:
  × `nameservers.parent` is not a key of regmig.toml
    ╭─[regmig.toml:20:1]
 20 │ parent =***************
    · ───┬──
    ·    ╰── did you mean `parents`?
    ╰────
  help: expected one of `parents`, `before`, `after`, `apply`, `restore`, `allow_other`
"#);
    assert!(!folder.names().contains(&"regmig.state".to_owned()));
}
