//! Whatever the file holds, regmig answers with a spec or with a message.

use proptest::prelude::*;

use super::{FULL, Folder, render};
use crate::config::schema::keys;

/// Loads a text and renders what comes of it; a failure always names a problem.
fn answers(text: &str) {
    if let Err(report) = Folder::new().understand(text) {
        assert!(!report.problems.is_empty());
        for width in [20, 80] {
            assert!(!render(&report, width).contains('\u{1b}'));
        }
    }
}

/// A line of the schema with a value that may or may not fit it.
fn line() -> impl Strategy<Value = String> {
    let all: Vec<_> = keys()
        .map(|key| format!("{}.{}", key.section, key.name))
        .collect();
    let value = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<bool>().prop_map(|b| b.to_string()),
        "\\PC{0,20}".prop_map(|text| format!("{text:?}")),
        "[0-9.:a-z/~]{0,12}".prop_map(|text| format!("[{text:?}, {text:?}]")),
        "[a-z.]{0,12}".prop_map(|text| format!("[{{ name = {text:?}, addresses = [{text:?}] }}]")),
        Just("{}".to_owned()),
        Just("1e999".to_owned()),
    ];
    (prop::sample::select(all), value).prop_map(|(key, value)| format!("{key} = {value}\n"))
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        answers(&text);
    }

    #[test]
    fn any_values_are_answered(lines in prop::collection::vec(line(), 0..20)) {
        answers(&lines.concat());
    }

    #[test]
    fn a_damaged_file_is_answered(at in 0..FULL.len(), length in 0..40_usize, noise in "\\PC{0,5}") {
        let end = (at + length).min(FULL.len());
        answers(&format!("{}{noise}{}", &FULL[..at], &FULL[end..]));
    }
}
