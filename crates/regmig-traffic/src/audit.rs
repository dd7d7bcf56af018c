//! The last question: does each machine have every acknowledged user?

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};

use crate::error::TrafficError;
use crate::event::Event;
use crate::log::read_log;
use crate::register::{Failure, Found, Register};

/// How patiently machines are asked.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How many users are asked for at a time.
    pub at_a_time: usize,
    /// How often a user is asked for until an answer counts as not to be had.
    pub attempts: u32,
    /// The pause after the first failed attempt; each further one is twice as long, up to 4 s.
    pub pause: Duration,
}

impl Default for Patience {
    /// 16 at a time; 8 attempts over about 20 s, longer than a register's restart with little data.
    fn default() -> Self {
        Self {
            at_a_time: 16,
            attempts: 8,
            pause: Duration::from_millis(250),
        }
    }
}

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// How many users in a row may get no answer before a machine is asked for no more: a machine that
/// is away would else take hours to be called so.
const SILENT: usize = 32;

/// A machine that is asked.
#[derive(Debug, Clone)]
pub struct Machine {
    /// What it is called in the result.
    pub name: String,
    /// Its address.
    pub address: SocketAddr,
}

/// The result over all machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// How many acknowledged users were asked for.
    pub acknowledged: u64,
    /// How many of them at least one machine has lost.
    pub lost: u64,
    /// How many could not be asked for on at least one machine, and are lost on none.
    pub unknown: u64,
    /// Each machine, in the order given.
    pub machines: Vec<MachineAudit>,
}

/// The result for one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineAudit {
    /// What it is called.
    pub name: String,
    /// Where it was asked.
    pub address: SocketAddr,
    /// How many users it has, each with its core.
    pub found: u64,
    /// The users it lacks or has with another core.
    pub lost: Vec<Lost>,
    /// The users for which it could not be asked.
    pub unknown: Vec<Unknown>,
}

/// An acknowledged user that a machine has lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The user.
    pub user: String,
    /// The core with which it was acknowledged.
    pub core: String,
    /// The core with which it was found; none when the machine does not have it.
    pub found: Option<String>,
    /// When it was acknowledged, in ms since the epoch.
    pub acknowledged_ms: u64,
    /// Who acknowledged it.
    pub acknowledged_by: SocketAddr,
}

/// An acknowledged user about which a machine gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// The user.
    pub user: String,
    /// What was found instead of an answer.
    pub detail: String,
}

struct Acknowledged {
    core: String,
    at_ms: u64,
    by: SocketAddr,
}

enum Verdict {
    Found,
    Lost(Lost),
    Unknown(Unknown),
}

/// Asks every machine for every user that a log says was acknowledged.
///
/// # Errors
///
/// When the log cannot be read, is damaged, or holds no acknowledgement: no verdict is then given.
pub async fn audit(
    log: &Path,
    machines: &[Machine],
    register: &Register,
    patience: &Patience,
) -> Result<Audit, TrafficError> {
    let users = acknowledged(&read_log(log)?);
    if users.is_empty() {
        return Err(TrafficError::NothingAcknowledged {
            path: log.to_owned(),
        });
    }
    let mut results = Vec::new();
    for machine in machines {
        results.push(ask_for_all(machine, &users, register, patience).await);
    }
    let lost: BTreeSet<&str> = results
        .iter()
        .flat_map(|machine| &machine.lost)
        .map(|lost| lost.user.as_str())
        .collect();
    let unknown: BTreeSet<&str> = results
        .iter()
        .flat_map(|machine| &machine.unknown)
        .map(|unknown| unknown.user.as_str())
        .filter(|user| !lost.contains(user))
        .collect();
    Ok(Audit {
        acknowledged: count(users.len()),
        lost: count(lost.len()),
        unknown: count(unknown.len()),
        machines: results,
    })
}

fn acknowledged(events: &[Event]) -> BTreeMap<String, Acknowledged> {
    let mut users = BTreeMap::new();
    for event in events {
        if let Event::Ack {
            at_ms,
            user,
            core,
            target,
            ..
        } = event
        {
            let entry = Acknowledged {
                core: core.clone(),
                at_ms: *at_ms,
                by: *target,
            };
            users.insert(user.clone(), entry);
        }
    }
    users
}

async fn ask_for_all(
    machine: &Machine,
    users: &BTreeMap<String, Acknowledged>,
    register: &Register,
    patience: &Patience,
) -> MachineAudit {
    let mut result = MachineAudit {
        name: machine.name.clone(),
        address: machine.address,
        found: 0,
        lost: Vec::new(),
        unknown: Vec::new(),
    };
    let silent = AtomicUsize::new(0);
    let asked = stream::iter(users).map(|(user, entry)| async {
        if silent.load(Ordering::Relaxed) >= SILENT {
            let detail = format!("not asked: {SILENT} users before it got no answer either");
            return Verdict::Unknown(Unknown {
                user: user.clone(),
                detail,
            });
        }
        let verdict = judge(machine.address, user, entry, register, patience).await;
        match verdict {
            Verdict::Unknown(_) => silent.fetch_add(1, Ordering::Relaxed),
            _ => silent.swap(0, Ordering::Relaxed),
        };
        verdict
    });
    let verdicts: Vec<Verdict> = asked
        .buffer_unordered(patience.at_a_time.max(1))
        .collect()
        .await;
    for verdict in verdicts {
        match verdict {
            Verdict::Found => result.found = result.found.saturating_add(1),
            Verdict::Lost(lost) => result.lost.push(lost),
            Verdict::Unknown(unknown) => result.unknown.push(unknown),
        }
    }
    result.lost.sort_by(|a, b| a.user.cmp(&b.user));
    result.unknown.sort_by(|a, b| a.user.cmp(&b.user));
    result
}

/// Asks until there is a clear answer or no attempt is left. Only a 302 or a 404 is clear, and a loss
/// has to be said twice: a register that is starting up must not be taken for one that has forgotten.
async fn judge(
    address: SocketAddr,
    user: &str,
    entry: &Acknowledged,
    register: &Register,
    patience: &Patience,
) -> Verdict {
    let mut pause = patience.pause;
    let mut said_lost: Option<Option<String>> = None;
    let mut detail = String::new();
    for attempt in 0..patience.attempts.max(2) {
        if attempt > 0 {
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
        let found = match register.find(address, user).await {
            Ok(Found::On(core)) if core == entry.core => return Verdict::Found,
            Ok(Found::On(core)) => Some(core),
            Ok(Found::Absent) => None,
            Err(Failure {
                kind,
                detail: words,
            }) => {
                detail = format!("{kind}: {words}");
                continue;
            }
        };
        if said_lost.as_ref() == Some(&found) {
            return Verdict::Lost(Lost {
                user: user.to_owned(),
                core: entry.core.clone(),
                found,
                acknowledged_ms: entry.at_ms,
                acknowledged_by: entry.by,
            });
        }
        detail = "said to be lost once, and not again".to_owned();
        said_lost = Some(found);
    }
    Verdict::Unknown(Unknown {
        user: user.to_owned(),
        detail,
    })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
