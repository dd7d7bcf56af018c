//! Journals of format 1 stay readable: the fixtures are as they were, and still load.

use std::collections::BTreeSet;
use std::fs;

use regmig_core::cursor::Cursor;
use sha2::{Digest as _, Sha256};

use crate::folder::{Folder, fixture};

/// Every fixture with its SHA-256. They are never made again; a change of format gets a folder of its own.
const FROZEN: &[(&str, &str)] = &[
    (
        "killed",
        "a7e936f30b0c3d0d0a84d28f76bf3de83aa1de7cf457d2dfaab2af40c5ad409d",
    ),
    (
        "halted",
        "e34bb0680dc315e1aa9283d42973d2623d8365e8d017f51ab1ac2c58db552cc1",
    ),
    (
        "outcome-unknown",
        "07db1fe09faaa1061a90cb7cf87674a4b86a8f5516c27133482a1a51392a0272",
    ),
    (
        "rolling-back",
        "77d8216dafdbfa5b45c0d21e50783c6a666a56781b3539248470f07f44017ab4",
    ),
    (
        "stuck",
        "ae15292ba2ca08653e141403910e2b21eae057c96a2cb9205589f70e5a922ad8",
    ),
    (
        "rolled-back",
        "109fee303a8bafbc7948b8f9fa61c535bf2ff7d873911d9273d322f0acdd1968",
    ),
    (
        "finalized",
        "219c10d7f5b91c80e15d7ad5a7c7e20191fcc02d22d70078f4c9964f65f269a2",
    ),
    (
        "torn",
        "820e2ebdae046756942378e58ba6129c374fa87e4baaee2a8ddaf1c9d6c96cac",
    ),
    (
        "damaged",
        "a1392e0bf8c8c46c4b01dcb94c824a700f918e713c5fbfb9091618ad6e6a2a02",
    ),
    (
        "newer-format",
        "5d80409041cedbc6c09b64892bd414c86db03c508797f1c200eb6ae57bf29cf1",
    ),
    (
        "nonsense",
        "391ffb16db8e37123debd3aac392ee144d899f7220b50cfd30780c98c53508c7",
    ),
    (
        "way-home-halted",
        "41a4f225a6c5f9509a3e18b87a792a15aa32849707fa8aec9c4240e530324f5a",
    ),
    (
        "came-home",
        "5126f8c9e5c7bce825369ae4017a38ab4c7f605de5a07da9a9900b1c8058afe1",
    ),
];

#[test]
fn no_byte_of_them_has_changed() {
    let found: Vec<(String, String)> = FROZEN
        .iter()
        .map(|(name, _)| {
            let sum = Sha256::digest(fs::read(fixture(name)).unwrap());
            let sum = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            ((*name).to_owned(), sum)
        })
        .collect();
    let frozen: Vec<(String, String)> = FROZEN
        .iter()
        .map(|(name, sum)| ((*name).to_owned(), (*sum).to_owned()))
        .collect();
    assert_eq!(found, frozen);
    let folder = fixture("killed");
    let files = fs::read_dir(folder.parent().unwrap()).unwrap().count();
    assert_eq!(files, FROZEN.len(), "a fixture is not listed here");
}

#[test]
fn they_load_and_tell_every_kind_of_event() {
    let mut kinds = BTreeSet::new();
    for (name, _) in FROZEN.iter().copied() {
        if ["damaged", "newer-format", "nonsense"].contains(&name) {
            continue;
        }
        let folder = Folder::with_journal(name);
        let contents = regmig_store::read(&folder.path().join("regmig.state"))
            .unwrap()
            .unwrap();
        assert_eq!(contents.torn > 0, name == "torn", "{name}");
        let cursor = Cursor::fold(&contents.records).unwrap();
        assert_eq!(cursor.begun().unwrap().id, "20261122-0a1b", "{name}");
        for record in &contents.records {
            let value = serde_json::to_value(record).unwrap();
            kinds.insert(value["event"].as_str().unwrap().to_owned());
        }
    }
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    assert_eq!(
        kinds,
        [
            "acting",
            "agreed",
            "begun",
            "failed",
            "probed",
            "reached",
            "rollback_begun",
            "rollback_ended",
            "started",
            "undo_failed",
            "undo_started",
            "undone",
        ]
    );
}
