//! `launched/preflight`: everything that can be known before anything is touched.
//!
//! `regmig check` shows the same list.

mod data;
mod live;
mod machines;
mod stack;

use std::collections::BTreeMap;

use regmig_core::machine::Machine;
use regmig_core::port::Fut;
use regmig_core::step::{Patience, Probe, Refusal, StepError, Undo};
use serde::{Deserialize, Serialize};

use super::{Edited, keep, no_effects, nothing};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::spec::{Spec, Strategy};
use crate::steps::live::calm;
use crate::steps::{launched, warm};

pub(crate) use self::data::elsewhere;
pub(crate) use self::live::{pauses_writes, running};

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, and where.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// Whether that will do.
    pub ok: bool,
    /// What to do if not.
    pub hint: String,
}

impl Check {
    /// The same for a step that goes no further.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal {
            what: self.what.clone(),
            found: self.found.clone(),
            expected: self.expected.clone(),
            hint: self.hint.clone(),
        }
    }
}

/// What later steps need of preflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// A user on source, whose answers show that a stack serves the data.
    pub user: String,
    /// The core that the user lives on.
    pub core: String,
    /// Version of source's Redis.
    pub redis_version: String,
    /// The version of the format in which source's Redis writes its data.
    #[serde(default)]
    pub rdb_version: Option<u64>,
    /// Keys in source's Redis.
    pub keys: u64,
    /// How long a client of source waits for an answer, milliseconds; strategy `live` goes by it.
    #[serde(default)]
    pub answer_ms: Option<i64>,
}

pub(crate) const ID: &str = "launched/preflight";

pub(crate) const STEP: ProcedureStep = ProcedureStep {
    id: ID,
    enters: regmig_core::state::State::Launched,
    title: "check both machines",
    probe,
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience,
    waits: false,
    stays: false,
};

fn patience(_: &Spec) -> Patience {
    Patience {
        every_ms: 500,
        limit_ms: 0,
    }
}

fn probe<'a>(cx: &'a Cx<'a>) -> Fut<'a, Result<Probe, StepError>> {
    Box::pin(async move {
        let (checks, evidence) = checks(cx).await?;
        let failed: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
        match (failed.as_slice(), evidence) {
            ([], Some(evidence)) => Ok(Probe::Holds(keep(&evidence)?)),
            ([], None) => Err(StepError::Broken(
                "preflight found nothing wrong and no user".to_owned(),
            )),
            ([only], _) => Ok(only.refusal().into()),
            (several, _) => {
                let each = |f: fn(&Check) -> String| {
                    several.iter().map(|check| f(check)).collect::<Vec<_>>()
                };
                Ok(Refusal {
                    what: format!("{} checks", several.len()),
                    found: each(|check| format!("{}: {}", check.what, check.found)).join("; "),
                    expected: each(|check| check.expected.clone()).join("; "),
                    hint: each(|check| check.hint.clone()).join("\n"),
                }
                .into())
            }
        }
    })
}

struct List(Vec<Check>);

impl List {
    fn add(
        &mut self,
        what: impl Into<String>,
        ok: bool,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> bool {
        self.0.push(Check {
            what: what.into(),
            found: found.into(),
            expected: expected.into(),
            ok,
            hint: hint.into(),
        });
        ok
    }

    fn edit(&mut self, file: &str, machine: Machine, edit: Result<Edited, StepError>) {
        let what = format!("{file} on {machine}");
        match edit {
            Ok(_) => self.add(
                what,
                true,
                "can be edited, and back",
                "can be edited, and back",
                "",
            ),
            Err(StepError::Refused(refusal)) => self.add(
                on(machine, &refusal.what),
                false,
                refusal.found,
                refusal.expected,
                refusal.hint,
            ),
            Err(error) => self.add(what, false, error.one_line(), "can be edited, and back", ""),
        };
    }
}

/// A file with its machine, named once.
fn on(machine: Machine, file: &str) -> String {
    let suffix = format!(" on {machine}");
    format!("{}{suffix}", file.strip_suffix(&suffix).unwrap_or(file))
}

/// Looks at everything. Checks that depend on one that failed are left out.
///
/// # Errors
///
/// Where a machine that could be logged in to does not answer any more.
pub async fn checks(cx: &Cx<'_>) -> Result<(Vec<Check>, Option<Evidence>), StepError> {
    let mut list = List(Vec::new());
    let mut evidence = None;
    let (source, dest) =
        futures::future::join(ask::host(cx, Machine::Source), ask::host(cx, Machine::Dest)).await;
    let mut hosts = BTreeMap::new();
    let mut usable = true;
    for (machine, host) in [(Machine::Source, source), (Machine::Dest, dest)] {
        match host {
            Ok(host) => {
                usable &= machines::tools(cx, &mut list, machine, &host);
                hosts.insert(machine, host);
            }
            Err(error) => usable &= machines::unreachable(cx, &mut list, machine, &error),
        }
    }
    if usable {
        let source_stack = ask::services(cx, Machine::Source).await?;
        let dest_all = ask::containers(cx, Machine::Dest).await?;
        machines::foreign(
            cx,
            &mut list,
            Machine::Source,
            &ask::containers(cx, Machine::Source).await?,
        );
        machines::foreign(cx, &mut list, Machine::Dest, &dest_all);
        machines::ports(cx, &mut list, hosts.get(&Machine::Dest), &dest_all);
        let sound = stack::compose_files(cx, &mut list, hosts.get(&Machine::Dest)).await?;
        if sound.contains(&Machine::Dest) {
            list.edit("compose file", Machine::Dest, launched::published(cx).await);
        }
        list.edit("nginx file", Machine::Source, warm::proxied(cx).await);
        for machine in Machine::BOTH {
            machines::disk(cx, &mut list, machine, hosts.get(&machine)).await?;
        }
        data::dest_users(cx, &mut list, &dest_all).await?;
        data::delegation(cx, &mut list).await;
        if sound.contains(&Machine::Source) {
            evidence = data::source_redis(cx, &mut list, &source_stack).await?;
        }
        if let Some(evidence) = &mut evidence {
            stack::tunnel_image(cx, &mut list, hosts.get(&Machine::Source)).await?;
            if cx.spec.strategy == Strategy::Live {
                live::checks(cx, &mut list, hosts.get(&Machine::Dest), evidence).await?;
                // Whether it answers at all is seen elsewhere.
                evidence.answer_ms = calm::answer_ms(cx, &evidence.user).await.ok();
            }
        }
    }
    Ok((list.0, evidence))
}

/// Why something could not be asked, without the words for what was asked: the facts, and the advice.
///
/// Executors put advice after the fact, behind a semicolon or on lines of its own.
pub(super) fn reason(error: &StepError) -> (String, String) {
    let mut chain = error.chain();
    if chain.len() > 1 {
        chain.remove(0);
    }
    let (mut facts, mut advice) = (Vec::new(), Vec::new());
    for message in &chain {
        let end = match (message.find("; "), message.find('\n')) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        match end.and_then(|end| message.split_at_checked(end)) {
            Some((fact, rest)) => {
                facts.push(fact);
                advice.push(rest.trim_start_matches([';', ' ', '\n']));
            }
            None => facts.push(message),
        }
    }
    (facts.join(": "), advice.join("\n"))
}

#[cfg(test)]
mod tests {
    use regmig_core::port::PortError;
    use regmig_core::step::StepError;

    use super::reason;

    #[test]
    fn advice_is_told_from_facts() {
        let told = |words: &str| {
            reason(&StepError::from(PortError::not_sent(
                "source: log in",
                words.to_owned(),
            )))
        };
        let two = |fact: &str, advice: &str| (fact.to_owned(), advice.to_owned());
        assert_eq!(
            told("no; try this; or that"),
            two("no", "try this; or that")
        );
        assert_eq!(told("no\ntry; this"), two("no", "try; this"));
        assert_eq!(told("no"), two("no", ""));
        let bare = PortError::Refused {
            what: "Redis is down".to_owned(),
            source: None,
        };
        assert_eq!(reason(&bare.into()), two("Redis is down", ""));
    }
}
