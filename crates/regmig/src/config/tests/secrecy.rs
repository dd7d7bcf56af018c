//! No secret that someone writes into the file is ever shown.

use miette::{JSONReportHandler, NarratableReportHandler};
use proptest::prelude::*;

use super::{FULL, Folder, edited, render};
use crate::config::report::ConfigReport;

const SECRET: &str = "hunter2";

/// Everything a printer could make of a report.
fn renderings(report: &ConfigReport) -> Vec<String> {
    let mut narrated = String::new();
    NarratableReportHandler::new()
        .render_report(&mut narrated, report)
        .unwrap();
    let mut json = String::new();
    JSONReportHandler::new()
        .render_report(&mut json, report)
        .unwrap();
    vec![
        render(report, 80),
        narrated,
        json,
        format!("{report:?}"),
        report.to_string(),
    ]
}

fn keeps(text: &str) {
    let report = Folder::new().understand(text).unwrap_err();
    for shown in renderings(&report) {
        assert!(!shown.contains(SECRET), "{text}\n\n{shown}");
    }
}

#[test]
fn a_password_is_not_shown_wherever_it_stands() {
    let place = "password_file = \"redis-password\"\n";
    for line in [
        "password = \"hunter2\"\n",
        "password='hunter2'\n",
        "\"password\" = \"hunter2\" # hunter2\n",
        "pasword = \"hunter2\"\n",
        "Passwort = \"hunter2\"\n",
        "requirepass = \"hunter2\"\n",
        "auth = \"hunter2\"\n",
        "password = \"\"\"\nhunter2\n\"\"\"\n",
        "password = [\"hunter2\"]\n",
        "password = { value = \"hunter2\" }\n",
        "password = hunter2\n",
        "password = \"hunter2\n",
        "password = \"\"\"\nhunter2\n",
        "password hunter2\n",
        "password: hunter2\n",
        "password_env = \"hunter2\"\n",
        "password.value = \"hunter2\"\n",
        "[redis.password]\nvalue = \"hunter2\"\n[redis.other]\n",
        "[redis.auth]\nport = \"hunter2\"\n[redis.other]\n",
    ] {
        keeps(&edited(FULL, place, line));
    }
}

#[test]
fn a_password_is_not_shown_beside_another_mistake() {
    for (from, to) in [
        ("port = 6380\n", "port = \"x\"\npassword = \"hunter2\"\n"),
        ("port = 6380\n", "password = \"hunter2\"\nport = \"x\"\n"),
        ("port = 6380\n", "pasword = \"hunter2\"\nport = \n"),
        ("port = 6380\n", "port = \"x\" # the password is hunter2\n"),
        (
            "[consent]\n",
            "[consent]\nredis = { password = \"hunter2\", port = \"x\" }\n",
        ),
        (
            "[consent]\n",
            "[consent]\nredis = { pasword = \"hunter2\", port = \"x\" }\n",
        ),
    ] {
        keeps(&edited(FULL, from, to));
    }
}

#[test]
fn what_a_key_expects_is_said_without_the_value() {
    let report = Folder::new()
        .understand(&edited(
            FULL,
            "password_file = \"redis-password\"",
            "password = \"hunter2\"",
        ))
        .unwrap_err();
    assert_eq!(report.problems.len(), 1);
    let shown = render(&report, 80);
    for part in ["password_file", "password_env", "chmod 600", "password =**"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

proptest! {
    #[test]
    fn a_password_is_not_shown_amid_noise(
        before in "[ -~\n]{0,40}",
        key in "(pass|secret_|token_|redis_pw_)[a-z]{0,3}|password",
        equals in " ?= ?",
        after in "[ -~\n]{0,40}",
    ) {
        prop_assume!(!key.ends_with("_file") && !key.ends_with("_env"));
        let text = format!("{before}\n[redis]\n{key}{equals}\"{SECRET}\"\n{after}");
        if let Err(report) = Folder::new().understand(&text) {
            for shown in renderings(&report) {
                prop_assert!(!shown.contains(SECRET), "{}", shown);
            }
        }
    }
}
