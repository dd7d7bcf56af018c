//! `regmig init`.

use insta::assert_snapshot;

use crate::folder::Folder;

#[test]
fn init_writes_a_configuration_that_says_what_to_fill_in() {
    let folder = Folder::empty();
    assert_snapshot!(folder.regmig(["init"]).text(), @r#"
exit 0
--- stdout
regmig.toml is written: fill it in, then type `regmig check`
"#);
    assert_eq!(folder.names(), ["regmig.toml"]);
    let said = folder.regmig(["check"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("FILL_IN_DOMAIN"), "{}", said.err);
}

#[test]
fn init_never_overwrites() {
    let folder = Folder::empty();
    folder.write("regmig.toml", "mine\n");
    assert_snapshot!(folder.regmig(["init"]).text(), @r#"
exit 2
--- stderr
  × regmig.toml exists already and has been left as it is
  help: edit it, or name another file
"#);
    let kept = std::fs::read_to_string(folder.path().join("regmig.toml")).unwrap();
    assert_eq!(kept, "mine\n");
}

#[test]
fn init_knows_its_profiles() {
    let folder = Folder::empty();
    assert_snapshot!(folder.regmig(["init", "--profile", "pryv-2020"]).text(), @r#"
exit 2
--- stderr
error: found profile `pryv-2020`, expected one of pryv-2019, pryv-1.9, generic
"#);
    assert!(folder.names().is_empty());
    for profile in ["pryv-2019", "pryv-1.9", "generic"] {
        let name = format!("{profile}.toml");
        let said = folder.regmig(["-c", &name, "init", "--profile", profile]);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    assert_eq!(folder.names().len(), 3);
}
