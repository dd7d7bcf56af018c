//! The steps, one file a state, and what they share.

use std::collections::BTreeMap;

use regmig_core::effect::{Effect, Expect};
use regmig_core::facts::{Container, FileState};
use regmig_core::machine::Machine;
use regmig_core::port::Fut;
use regmig_core::step::{Patience, Probe, Refusal, StepError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ask::{self, Cx};
use crate::edit::{Drift, EditError, Marker};
use crate::spec::Spec;

pub mod backup;
pub mod cold;
pub mod drained;
pub mod failback;
pub mod finalized;
pub mod launched;
pub mod linked;
pub mod live;
pub mod nameservers;
pub mod outage;
pub mod preflight;
pub mod proxy;
pub mod replica;
pub mod synced;
pub mod verified;
pub mod warm;

/// No pre-image: the step's undo needs none.
pub(crate) fn nothing<'a>(_: &'a Cx<'a>) -> Fut<'a, Result<Value, StepError>> {
    Box::pin(async { Ok(Value::Null) })
}

/// No effects: the step only looks, or waits.
pub(crate) fn no_effects<'a>(_: &'a Cx<'a>) -> Fut<'a, Result<Vec<Effect>, StepError>> {
    Box::pin(async { Ok(Vec::new()) })
}

/// For effects that are done when they return.
pub(crate) fn at_once(_: &Spec) -> Patience {
    Patience {
        every_ms: 200,
        limit_ms: 5_000,
    }
}

/// For services that have to start.
pub(crate) fn until_healthy(spec: &Spec) -> Patience {
    Patience {
        every_ms: 100,
        limit_ms: spec.limits.healthy_s * 1000,
    }
}

/// The marker of this migration's edits.
pub(crate) fn marker(cx: &Cx<'_>, suffix: &str) -> Result<Marker, StepError> {
    Ok(Marker::new(format!("{}{suffix}", cx.id())).map_err(|error| edit_refused(&error))?)
}

/// An edit that cannot be made, as a refusal.
pub(crate) fn edit_refused(error: &EditError) -> Box<Refusal> {
    Box::new(Refusal {
        what: match error.at {
            Some(at) => format!("{}, line {}", error.file, at.line),
            None => error.file.clone(),
        },
        found: error.found.clone(),
        expected: error.expected.clone(),
        hint: as_hint(&error.hint),
    })
}

/// A sentence as hints are written: without capital and full stop.
fn as_hint(sentence: &str) -> String {
    let mut letters = sentence.trim_end_matches('.').chars();
    letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Reads a pre-image back.
pub(crate) fn read_back<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, StepError> {
    serde_json::from_value(value.clone()).map_err(|error| {
        StepError::Broken(format!(
            "the pre-image in the journal cannot be read: {error}"
        ))
    })
}

/// Keeps a value in the journal.
pub(crate) fn keep<T: Serialize>(value: &T) -> Result<Value, StepError> {
    serde_json::to_value(value).map_err(|error| StepError::Broken(error.to_string()))
}

/// The pre-image of an edited file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Edited {
    /// The file as it was found; nothing if there was none.
    pub(crate) was: Option<FileState>,
    /// The content that regmig gives it.
    pub(crate) becomes: String,
}

impl Edited {
    /// Holds if the file has the edited content.
    pub(crate) fn holds(&self, missing: &str) -> Probe {
        let now = self.was.as_ref().map(|file| file.content.as_str());
        if now == Some(self.becomes.as_str()) {
            Probe::holds()
        } else {
            Probe::absent(missing)
        }
    }

    /// The effect that gives the file its edited content, unless somebody else has changed it meanwhile.
    pub(crate) fn write(self, machine: Machine, path: String) -> Vec<Effect> {
        vec![Effect::WriteFile {
            machine,
            path,
            content: self.becomes,
            mode: 0o644,
            expect: self
                .was
                .map_or(Expect::Absent, |file| Expect::Content(file.content)),
        }]
    }
}

/// The effects that bring an edited file back, or the refusal where somebody else has changed it.
pub(crate) async fn restore(
    cx: &Cx<'_>,
    machine: Machine,
    path: String,
    edited: &Edited,
) -> Result<Vec<Effect>, StepError> {
    let now = ask::file(cx, machine, path.clone()).await?;
    match (&now, &edited.was) {
        (None, None) => Ok(Vec::new()),
        (Some(now), Some(was)) if now == was => Ok(Vec::new()),
        (Some(now), Some(was)) if now.content == was.content || now.content == edited.becomes => {
            Ok(vec![Effect::RestoreFile {
                machine,
                path,
                state: was.clone(),
                expect: Expect::Content(now.content.clone()),
            }])
        }
        (Some(now), None) if now.content == edited.becomes => {
            Ok(vec![Effect::RemoveFile { machine, path }])
        }
        (Some(now), Some(was)) => {
            let drift = Drift {
                path: &path,
                was: &was.content,
                becomes: &edited.becomes,
                now: &now.content,
            };
            if drift.is_rid_of_regmig() {
                // What is left is somebody else's, and stays.
                return Ok(Vec::new());
            }
            Err(changed_by_others(machine, &path, drift.explained()))
        }
        (None, Some(_)) => Err(changed_by_others(
            machine,
            &path,
            "somebody removed the file: put it back as it was before the migration, then type `regmig resume`"
                .to_owned(),
        )),
        (Some(_), None) => Err(changed_by_others(
            machine,
            &path,
            "there was no such file before the migration, and somebody changed regmig's: remove it, then type \
             `regmig resume`"
                .to_owned(),
        )),
    }
}

fn changed_by_others(machine: Machine, path: &str, hint: String) -> StepError {
    StepError::refused(Refusal {
        what: format!("{path} on {machine}"),
        found: "a change that regmig did not make".to_owned(),
        expected: "the content that regmig wrote, or the one before it".to_owned(),
        hint,
    })
}

/// The effect that removes a container that regmig made, if it is there.
pub(crate) async fn without_container(
    cx: &Cx<'_>,
    machine: Machine,
    name: &str,
) -> Result<Vec<Effect>, StepError> {
    let all = ask::containers(cx, machine).await?;
    let there = all.iter().any(|container| container.name == name);
    let name = name.to_owned();
    Ok(there
        .then_some(Effect::RemoveContainer { machine, name })
        .into_iter()
        .collect())
}

/// The bytes that are free on a machine, and those that the other's data take.
pub(crate) async fn room_for_peers_data(
    cx: &Cx<'_>,
    machine: Machine,
) -> Result<(u64, u64), StepError> {
    let peer = machine.peer();
    let data = ask::folder(cx, peer, cx.spec.data(peer)).await?;
    let free = ask::host(cx, machine).await?.free_bytes;
    Ok((free, data.unwrap_or_default().bytes))
}

/// Whether a move of a folder aside, or back, was cut off and has left a folder in between.
pub(crate) async fn is_half_moved(
    cx: &Cx<'_>,
    machine: Machine,
    path: &str,
) -> Result<bool, StepError> {
    for between in ["regmig-new", "regmig-gone"] {
        let path = format!("{path}.{between}");
        if ask::folder(cx, machine, path).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How a service was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) runs: bool,
    pub(crate) restart: String,
}

/// How every service of the stack was found.
pub(crate) type FoundAll = BTreeMap<String, Found>;

pub(crate) fn found(services: &BTreeMap<String, Container>) -> FoundAll {
    services
        .iter()
        .map(|(name, container)| {
            // A container that Docker keeps restarting was meant to run.
            let runs = matches!(container.state.as_str(), "running" | "restarting");
            (
                name.clone(),
                Found {
                    runs,
                    restart: container.restart.clone(),
                },
            )
        })
        .collect()
}

/// Restart policies for some services: the same for all.
pub(crate) fn policies<'a>(
    services: impl IntoIterator<Item = &'a String>,
    policy: &str,
) -> BTreeMap<String, String> {
    services
        .into_iter()
        .map(|service| (service.clone(), policy.to_owned()))
        .collect()
}

/// The policy with which a service was found, or the one of the published compose files.
pub(crate) fn policy_of(found: &FoundAll, service: &str) -> String {
    found
        .get(service)
        .map_or_else(|| "always".to_owned(), |found| found.restart.clone())
}

/// Holds if none of the services runs and Docker will not start them again.
pub(crate) fn are_down(
    services: &BTreeMap<String, Container>,
    names: &[String],
) -> Result<(), String> {
    for name in names {
        if let Some(container) = services.get(name) {
            if !matches!(container.state.as_str(), "exited" | "created" | "dead") {
                return Err(format!("{name} is still {}", container.state));
            }
            if container.restart != "no" {
                return Err(format!(
                    "{name} would be restarted by Docker ({})",
                    container.restart
                ));
            }
        }
    }
    Ok(())
}

/// Holds if all of the services run.
pub(crate) fn are_up(
    services: &BTreeMap<String, Container>,
    names: &[String],
) -> Result<(), String> {
    for name in names {
        match services.get(name) {
            None => return Err(format!("{name} has no container yet")),
            Some(container) if !container.runs() => {
                return Err(format!("{name} is {}", container.state));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Turns an answer of the two above into a probe.
pub(crate) fn holds_if(seen: Result<(), String>) -> Probe {
    match seen {
        Ok(()) => Probe::holds(),
        Err(missing) => Probe::Absent(missing),
    }
}
