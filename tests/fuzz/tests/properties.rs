//! Every property holds of the fixtures, of changed ones, and of noise.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail loudly"
)]

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use regmig_fuzz::{TARGETS, Target};

/// Changed inputs for each target, unless `PROPTEST_CASES` says otherwise; some seconds for all of them, unoptimised.
const CASES: u32 = 150;

/// What happens to a file.
#[derive(Debug, Clone)]
enum Change {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    let text = prop_oneof![
        "[ -~\n]{1,8}".prop_map(String::into_bytes),
        prop::sample::select(vec![
            "\r\n", "\"", "'", "{", "}", "[", "]", "#", ";", ":", "é", "\0", "\t"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
        at().prop_map(Change::Cut),
        (at(), 1..60_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (at(), 1..60_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
        (at(), text).prop_map(|(at, text)| Change::Insert(at, text)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: &prop::sample::Index| at.index(bytes.len() + 1);
        let piece = |at: &prop::sample::Index, length: &usize| {
            let from = place(at);
            from..(from + length).min(bytes.len())
        };
        match change {
            Change::Flip(at, byte) => {
                let at = place(at);
                if let Some(found) = bytes.get_mut(at) {
                    *found ^= byte;
                }
            }
            Change::Cut(at) => bytes.truncate(place(at)),
            Change::Remove(at, length) => drop(bytes.drain(piece(at, length))),
            Change::Repeat(at, length) => {
                let piece = piece(at, length);
                let again = bytes[piece.clone()].to_vec();
                bytes.splice(piece.end..piece.end, again);
            }
            Change::Insert(at, text) => {
                let at = place(at);
                bytes.splice(at..at, text.iter().copied());
            }
        }
    }
    bytes
}

fn input(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec(change(), 0..4);
    prop_oneof![
        9 => (prop::sample::select(seeds), changes).prop_map(|(seed, changes)| changed(seed, &changes)),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn holds(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let Target {
        property, seeds, ..
    } = target.unwrap();
    for seed in seeds() {
        property(&seed);
    }
    let mut config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    let outcome = TestRunner::new(config).run(&input(seeds()), |bytes| {
        property(&bytes);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{name}: {failure}");
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })*

        #[test]
        fn every_target_is_tested_here_and_has_a_fuzzer() {
            let here = [$(stringify!($name)),*];
            let named = TARGETS.map(|target| target.name);
            assert_eq!(here.as_slice(), named);
            let manifest = include_str!("../libfuzzer/Cargo.toml");
            for name in named {
                assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            }
        }
    };
}

tests! {
    access_log authorized_keys compose compose_version container container_log dns_answer info journal
    known_hosts nginx records redis_conf regmig_toml rsync tsig_key
}
