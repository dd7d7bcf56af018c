//! `--help` and `--version`.

use insta::assert_snapshot;

use crate::folder::Folder;

#[test]
fn help_of_every_verb() {
    let folder = Folder::empty();
    assert_snapshot!("help", folder.regmig(["--help"]).text());
    for verb in [
        "init", "check", "plan", "run", "resume", "rollback", "status", "verify", "journal",
    ] {
        assert_snapshot!(
            format!("help_{verb}"),
            folder.regmig([verb, "--help"]).text()
        );
    }
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}

#[test]
fn every_verb_of_the_overview_has_a_snapshot_here() {
    let overview = Folder::empty().regmig(["--help"]).out;
    let verbs: Vec<&str> = overview
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|verb| !verb.is_empty())
        .collect();
    assert_eq!(
        verbs,
        [
            "init", "check", "plan", "run", "resume", "rollback", "status", "verify", "journal",
            "help"
        ]
    );
}

#[test]
fn the_version_is_that_of_the_package() {
    let said = Folder::empty().regmig(["--version"]);
    assert_eq!(said.code, Some(0));
    assert_eq!(said.out, format!("regmig {}\n", env!("CARGO_PKG_VERSION")));
}
