use proptest::prelude::*;

use super::{get, includes, set, undo};
use crate::edit::{EditErrorKind, Marker};

fn marker() -> Marker {
    Marker::new("lab").unwrap()
}

const WANTED: [(&str, &str); 2] = [("replicaof", "tunnel 6379"), ("replica-read-only", "no")];

#[test]
fn directives_in_force_are_commented_out_and_the_wanted_ones_appended() {
    let text = "# ours\nport 6379\nreplica-read-only yes\nsave 900 1\n";
    let edit = set(text, &WANTED, &marker()).unwrap();
    let lines: Vec<&str> = edit.after.lines().collect();
    assert_eq!(lines.len(), 8);
    assert!(lines[0].starts_with("# regmig:lab head 2: "));
    assert_eq!(&lines[1..3], ["# ours", "port 6379"]);
    assert!(
        lines[3].starts_with("# regmig:lab off +0 ")
            && lines[3].ends_with("| replica-read-only yes")
    );
    assert_eq!(lines[4], "save 900 1");
    assert!(lines[5].starts_with("# regmig:lab add +2 "));
    assert_eq!(
        &lines[6..],
        ["replicaof tunnel 6379", "replica-read-only no"]
    );
    assert_eq!(undo(&edit.after, &marker()).unwrap().after, text);
}

#[test]
fn the_platform_s_file_is_changed_in_two_places() {
    let text = include_str!("../../../../../fixtures/config/pryv-2019/redis/redis.conf");
    let edit = set(text, &WANTED, &marker()).unwrap();
    assert_eq!(edit.after.lines().count(), text.lines().count() + 4);
    assert_eq!(
        get(&edit.after, "replica-read-only").unwrap().unwrap().args,
        ["no"]
    );
    assert_eq!(
        get(&edit.after, "replicaof").unwrap().unwrap().args,
        ["tunnel", "6379"]
    );
    assert_eq!(undo(&edit.after, &marker()).unwrap().after, text);
}

#[test]
fn the_last_one_counts_and_aliases_are_known() {
    let text = "slaveof a 1\nREPLICAOF 'b c' 2\n#replicaof d 3\n slave-read-only yes";
    let found = get(text, "replicaof").unwrap().unwrap();
    assert_eq!(
        (found.line, found.args),
        (2, vec!["b c".to_owned(), "2".to_owned()])
    );
    assert_eq!(get(text, "replica-read-only").unwrap().unwrap().line, 4);
    assert_eq!(get(text, "port").unwrap(), None);
    let edit = set(text, &WANTED, &marker()).unwrap();
    assert_eq!(
        get(&edit.after, "slaveof").unwrap().unwrap().args,
        ["tunnel", "6379"]
    );
    assert_eq!(edit.after.matches("| ").count(), 3);
}

#[test]
fn line_endings_and_a_missing_final_newline_come_back() {
    for text in [
        "",
        "port 1",
        "port 1\r\nslaveof a 1\r\n",
        "port 1\r\nslaveof a 1",
        "a b\r",
        "\u{feff}port 1\n",
    ] {
        let edit = set(text, &WANTED, &marker()).unwrap();
        assert_eq!(
            undo(&edit.after, &marker()).unwrap().after,
            text,
            "{text:?}"
        );
    }
    let crlf = set("port 1\r\n", &WANTED, &marker()).unwrap().after;
    assert_eq!(crlf.matches('\n').count(), crlf.matches("\r\n").count());
}

#[test]
fn setting_twice_is_setting_once_and_other_values_are_said() {
    let once = set("port 1\n", &WANTED, &marker()).unwrap();
    let twice = set(&once.after, &WANTED, &marker()).unwrap();
    assert_eq!(
        (twice.after.as_str(), twice.changed),
        (once.after.as_str(), false)
    );
    let other = set(&once.after, &[("replicaof", "x 1")], &marker()).unwrap_err();
    assert_eq!(other.kind, EditErrorKind::OtherEdit);
    let foreign = set(&once.after, &WANTED, &Marker::new("lab2").unwrap()).unwrap_err();
    assert_eq!(foreign.kind, EditErrorKind::OtherEdit);
}

#[test]
fn changes_elsewhere_stay_and_changes_of_marked_lines_are_drift() {
    let edit = set("port 1\nreplicaof a 1", &WANTED, &marker())
        .unwrap()
        .after;
    let elsewhere = format!("{}maxclients 9\n", edit.replace("port 1", "port 2"));
    assert_eq!(
        undo(&elsewhere, &marker()).unwrap().after,
        "port 2\nreplicaof a 1\nmaxclients 9\n"
    );
    for (from, to) in [
        ("tunnel 6379", "tunnel 6380"),
        ("| replicaof a 1", "| replicaof b 1"),
        ("replica-read-only no\n", ""),
        ("# regmig:lab head 2", "# regmig:lab head 3"),
        (" tail +2 ", " tail +1 "),
        (" off ", " odd "),
    ] {
        let changed = edit.replacen(from, to, 1);
        assert_ne!(changed, edit, "{from}");
        assert_eq!(
            undo(&changed, &marker()).unwrap_err().kind,
            EditErrorKind::Drift,
            "{from}"
        );
    }
}

#[test]
fn includes_are_reported_and_bad_lines_are_refused() {
    let found = includes("include /etc/redis/local.conf\n# include no\n").unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].args, ["/etc/redis/local.conf"]);
    let error = set("port 1\nrequirepass \"x\n", &WANTED, &marker()).unwrap_err();
    assert_eq!(
        (error.kind, error.at.unwrap().line),
        (EditErrorKind::Syntax, 2)
    );
    for bad in [
        ("replicaof", ""),
        ("", "x"),
        ("a b", "c"),
        ("replicaof", "a\nb"),
        ("replicaof", "\"a"),
    ] {
        assert_eq!(
            set("", &[bad], &marker()).unwrap_err().kind,
            EditErrorKind::Request,
            "{bad:?}"
        );
    }
}

proptest! {
    #[test]
    fn the_inverse_is_exact(text in "([a-c# '\"\\\\\r\n\té]|port |slaveof |replica-read-only |\r\n){0,40}") {
        if let Ok(edit) = set(&text, &WANTED, &marker()) {
            prop_assert_eq!(undo(&edit.after, &marker()).unwrap().after, text);
            prop_assert!(!set(&edit.after, &WANTED, &marker()).unwrap().changed);
        }
    }

    #[test]
    fn nothing_panics(text in any::<String>(), name in any::<String>(), value in any::<String>()) {
        let _ = set(&text, &[(&name, &value)], &marker());
        let _ = (undo(&text, &marker()), get(&text, &name), includes(&text));
    }
}
