//! The schema holds every key that is read, and no other.

use std::collections::BTreeSet;

use super::{FULL, Folder};
use crate::config::schema::{NAME_SERVER, SECTIONS, keys};

/// Writes one key with one value, in a file that is otherwise empty.
fn alone(section: &str, key: &str, value: &str) -> String {
    match section {
        NAME_SERVER => format!("[nameservers]\nbefore = [{{ {key} = {value} }}]\n"),
        _ => format!("[{section}]\n{key} = {value}\n"),
    }
}

#[test]
fn every_key_is_read_and_says_what_it_expects() {
    let folder = Folder::new();
    for key in keys() {
        // No key takes a date, so that whoever reads it must complain.
        let report = folder
            .understand(&alone(key.section, key.name, "1979-05-27"))
            .unwrap_err();
        let section = if key.section == NAME_SERVER {
            "nameservers.before[0]"
        } else {
            key.section
        };
        let start = format!("`{section}.{}` is a date or time, not ", key.name);
        let about: Vec<_> = report
            .problems
            .iter()
            .filter(|p| p.to_string().starts_with(&start))
            .collect();
        assert_eq!(about.len(), 1, "{start}: {report:?}");
        assert!(about[0].help.contains(key.expected), "{}", about[0].help);
    }
}

#[test]
fn sections_are_those_of_the_keys() {
    let of_keys: BTreeSet<_> = keys()
        .map(|key| key.section)
        .filter(|s| *s != NAME_SERVER)
        .collect();
    assert_eq!(of_keys, SECTIONS.iter().copied().collect());
}

#[test]
fn the_full_example_has_every_key() {
    let document: toml::Table = FULL.parse().unwrap();
    for key in keys().filter(|key| key.section != NAME_SERVER) {
        // The only keys that exclude one another.
        if key.name == "password_env" {
            continue;
        }
        assert!(
            document[key.section].get(key.name).is_some(),
            "{}.{}",
            key.section,
            key.name
        );
    }
}
