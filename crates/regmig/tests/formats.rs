//! `docs/formats.md` has a row for every field that `regmig status --json` prints.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What regmig prints offline in a folder with one of the kept journals.
fn status(journal: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let config = root().join("fixtures/config/regmig/minimal.toml");
    fs::copy(config, at("regmig.toml")).unwrap();
    fs::write(at("id_ed25519"), KEY).unwrap();
    fs::set_permissions(at("id_ed25519"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(at("ca.pem"), CERTIFICATE).unwrap();
    fs::create_dir_all(at(".ssh")).unwrap();
    fs::write(at(".ssh/known_hosts"), "192.0.2.10 ssh-ed25519 AAAA\n").unwrap();
    fs::create_dir(at("regmig.state")).unwrap();
    let journal = root().join("fixtures/journals/v1").join(journal);
    fs::copy(journal, at("regmig.state/journal.jsonl")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_regmig"))
        .args(["status", "--json", "--offline"])
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Names that stand first in a row of a table, and all rows.
fn described() -> (BTreeSet<String>, String) {
    let page = fs::read_to_string(root().join("docs/formats.md")).unwrap();
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let names = rows
        .iter()
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim().trim_matches('`').to_owned())
        .collect();
    (names, rows.join("\n"))
}

#[test]
fn every_field_of_the_status_is_described() {
    let (names, rows) = described();
    for journal in ["halted.jsonl", "rolling-back.jsonl", "finalized.jsonl"] {
        let status = status(journal);
        for (field, value) in status.as_object().unwrap() {
            assert!(names.contains(field), "{field} has no row");
            // Small objects are described in the row of their field.
            for inner in value
                .as_object()
                .into_iter()
                .flat_map(|object| object.keys())
            {
                assert!(rows.contains(&format!("`{inner}`")), "{field}.{inner}");
            }
        }
    }
    assert!(status("halted.jsonl")["failure"]["failure"]["chain"].is_array());
}
