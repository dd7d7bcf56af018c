//! What a rollback to `start` must bring back, and what must not be left.

use std::collections::BTreeMap;
use std::sync::Arc;

use regmig_core::machine::Machine;

use super::files::{Data, Disk, File, Folder};
use super::nginx::Site;
use super::state::State;

/// A machine as it is found.
#[derive(Debug, Clone)]
struct Found {
    files: BTreeMap<Arc<str>, File>,
    folders: BTreeMap<Arc<str>, Folder>,
    /// Restart policy and whether it runs, by name.
    containers: BTreeMap<String, (String, bool)>,
    /// What its Redis is set to, while it runs.
    redis: Option<Settings>,
    /// What its nginx serves by, while it runs.
    nginx: Option<Site>,
    /// Timers that are armed.
    timers: usize,
    /// dest's data set, where its Redis runs and writes to its files.
    data: Option<Data>,
}

/// A Redis as it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Settings {
    primary: Option<(String, u16)>,
    read_only: bool,
    ping_s: i64,
}

/// Both machines as they are found.
#[derive(Debug, Clone)]
pub(crate) struct Left([Found; 2]);

impl Left {
    pub(crate) fn of(state: &State) -> Self {
        Self(Machine::BOTH.map(|machine| found(state, machine)))
    }

    /// Every difference to a later look, in words.
    pub(crate) fn differences(&self, later: &Self) -> Vec<String> {
        let mut words = Vec::new();
        for ((machine, was), is) in Machine::BOTH.iter().zip(&self.0).zip(&later.0) {
            compare(&mut words, *machine, "file", &was.files, &is.files);
            compare(&mut words, *machine, "folder", &was.folders, &is.folders);
            compare(
                &mut words,
                *machine,
                "container",
                &was.containers,
                &is.containers,
            );
            if was.redis != is.redis {
                words.push(format!("{machine}: its Redis is not set as it was"));
            }
            if was.nginx != is.nginx {
                words.push(format!("{machine}: its nginx does not serve as it did"));
            }
            if was.timers != is.timers {
                words.push(format!("{machine}: a timer is left"));
            }
            if was.data != is.data {
                words.push(format!("{machine}: its data set is not what it was"));
            }
        }
        words
    }
}

fn compare<K: Ord + std::fmt::Display, V: PartialEq>(
    words: &mut Vec<String>,
    machine: Machine,
    what: &str,
    was: &BTreeMap<K, V>,
    is: &BTreeMap<K, V>,
) {
    for (name, value) in was {
        match is.get(name) {
            None => words.push(format!("{machine}: {what} {name} is gone")),
            Some(now) if now != value => {
                words.push(format!("{machine}: {what} {name} is not what it was"));
            }
            Some(_) => {}
        }
    }
    for name in is.keys().filter(|name| !was.contains_key(name)) {
        words.push(format!("{machine}: {what} {name} was not there"));
    }
}

fn found(state: &State, machine: Machine) -> Found {
    let host = state.host(machine);
    let data = format!("{}/", host.data());
    // A running Redis, and the services' fixtures, change the files beneath it.
    let changes = machine == Machine::Source || host.redis.is_some();
    let kept = format!("{}/regmig-backup-", state.spec.machine(machine).root);
    let counts = |path: &Arc<str>| {
        let backup = path.starts_with(&kept) && !path.contains(".part");
        let moves = changes && path.starts_with(&data);
        !backup && !moves
    };
    let Disk { files, folders } = &host.disk;
    let startup = &state.spec.redis.startup_keys;
    let own = |data: &Data| {
        data.iter()
            .filter(|(key, _)| !startup.iter().any(|name| **name == ***key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    Found {
        files: files
            .iter()
            .filter(|(path, _)| counts(path))
            .map(|(path, file)| (path.clone(), file.clone()))
            .collect(),
        folders: folders
            .iter()
            .filter(|(path, _)| counts(path))
            .map(|(path, folder)| (path.clone(), *folder))
            .collect(),
        containers: host
            .containers
            .values()
            .map(|container| {
                (
                    container.name.clone(),
                    (container.restart.clone(), container.runs()),
                )
            })
            .collect(),
        redis: host.redis.as_ref().map(|redis| Settings {
            primary: redis.primary.clone(),
            read_only: redis.read_only,
            ping_s: redis.ping_s,
        }),
        nginx: host.nginx.clone(),
        timers: (state.timers.iter())
            .filter(|timer| timer.machine == machine)
            .count(),
        data: (machine == Machine::Dest && changes).then(|| own(&host.at_rest())),
    }
}
