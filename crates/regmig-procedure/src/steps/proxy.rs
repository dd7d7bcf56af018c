//! `proxy`: source's nginx sends clients to dest, and they are served again.

use regmig_core::effect::{Effect, Expect};
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, StepError, Undo};

use super::{
    are_down, are_up, at_once, keep, nothing, read_back, restore, synced, until_healthy, warm,
};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::steps::preflight;

const DEST_SERVES: &str =
    "from this step on dest may have accepted writes that source does not have";

pub(crate) const FILE: ProcedureStep = ProcedureStep {
    id: "proxy/nginx-file",
    enters: State::Proxy,
    title: "put the accepted nginx file in place on source",
    probe: |cx| {
        Box::pin(async move {
            let edited = warm::proxied(cx).await?;
            let now = edited.was.map(|file| file.content);
            Ok(if now.as_deref() == Some(edited.becomes.as_str()) {
                Probe::holds()
            } else {
                Probe::absent("source's nginx file does not name dest")
            })
        })
    },
    before: |cx| Box::pin(async move { keep(&warm::proxied(cx).await?) }),
    plan: |cx| {
        Box::pin(async move {
            let edited = warm::proxied(cx).await?;
            Ok(vec![Effect::WriteFile {
                machine: Machine::Source,
                path: cx.spec.path(Machine::Source, &cx.spec.proxy.nginx_site),
                content: edited.becomes,
                mode: 0o644,
                expect: edited
                    .was
                    .map_or(Expect::Absent, |file| Expect::Content(file.content)),
            }])
        })
    },
    undo: Undo::Run(|cx, before| {
        Box::pin(async move {
            let path = cx.spec.path(Machine::Source, &cx.spec.proxy.nginx_site);
            restore(cx, Machine::Source, path, &read_back(before)?).await
        })
    }),
    patience: at_once,
    waits: false,
};

pub(crate) const OPEN: ProcedureStep = ProcedureStep {
    id: "proxy/open",
    enters: State::Proxy,
    title: "start dest's nginx, then source's as a proxy to it",
    probe: |cx| {
        Box::pin(async move {
            let stack = &cx.spec.stack;
            let source = ask::services(cx, Machine::Source).await?;
            if let Err(found) = are_down(&source, &stack.writers()) {
                return Ok(regmig_core::step::Refusal {
                    what: "what writes on source".to_owned(),
                    found,
                    expected: "every writer down: dest is about to accept writes".to_owned(),
                    hint: format!(
                        "stop {} on source, then type `regmig resume`",
                        stack.writers().join(", ")
                    ),
                }
                .into());
            }
            let nginx = [stack.nginx.clone()];
            for (machine, services) in [
                (Machine::Dest, ask::services(cx, Machine::Dest).await?),
                (Machine::Source, source),
            ] {
                if let Err(missing) = are_up(&services, &nginx) {
                    return Ok(Probe::Absent(format!("on {machine}, {missing}")));
                }
            }
            let known: preflight::Evidence = cx.evidence(preflight::ID)?;
            Ok(match served(cx, &known).await {
                Ok(()) => Probe::Holds(ask::now(cx).await?.into()),
                Err(missing) => Probe::Absent(missing),
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let nginx = vec![cx.spec.stack.nginx.clone()];
            Ok(vec![
                Effect::Together(vec![
                    Effect::RestartPolicy {
                        machine: Machine::Dest,
                        policies: synced::dest_policies(cx)?,
                    },
                    Effect::RestartPolicy {
                        machine: Machine::Source,
                        policies: synced::source_policies(cx)?,
                    },
                ]),
                Effect::Start {
                    machine: Machine::Dest,
                    services: nginx.clone(),
                },
                Effect::Start {
                    machine: Machine::Source,
                    services: nginx,
                },
            ])
        })
    },
    undo: Undo::Never(DEST_SERVES),
    patience: until_healthy,
    waits: false,
};

/// A user is found through source's public HTTPS, which only dest's register can have answered.
async fn served(cx: &Cx<'_>, known: &preflight::Evidence) -> Result<(), String> {
    let words = |error: StepError| error.chain().join(": ");
    let http = ask::https(cx, Machine::Source, format!("/{}/server", known.user))
        .await
        .map_err(words)?;
    if http.status == 302
        && http
            .location
            .as_deref()
            .is_some_and(|at| at.contains(&known.core))
    {
        return Ok(());
    }
    Err(format!(
        "source's HTTPS answers {} for {}, not 302 to {}",
        http.status, known.user, known.core
    ))
}

/// A canary's name: unlike any user's, and recognised in logs.
pub(crate) fn canary(cx: &Cx<'_>, which: &str) -> String {
    let id: String = cx
        .id()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    format!("regmigcanary{which}{id}")
}

/// The core that a canary is said to live on.
pub(crate) fn canary_core(cx: &Cx<'_>) -> String {
    format!("regmig-canary.{}", cx.spec.domain)
}

/// Every key that a user consists of.
pub(crate) fn keys_of(user: &str) -> Vec<String> {
    vec![
        format!("{user}:users"),
        format!("{user}:server"),
        format!("{user}@canary.regmig.invalid:email"),
    ]
}

pub(crate) const CANARY: ProcedureStep = ProcedureStep {
    id: "proxy/canary",
    enters: State::Proxy,
    title: "write a canary through source's public port and read it on dest",
    probe: |cx| {
        Box::pin(async move {
            let seen =
                ask::redis_get(cx, Machine::Dest, format!("{}:server", canary(cx, "p"))).await?;
            Ok(if seen == Some(canary_core(cx)) {
                Probe::Holds(ask::now(cx).await?.into())
            } else {
                Probe::absent("dest's Redis has not seen the canary")
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            Ok(vec![Effect::RegisterCanary {
                machine: Machine::Source,
                user: canary(cx, "p"),
                core: canary_core(cx),
            }])
        })
    },
    undo: Undo::Never(DEST_SERVES),
    patience: at_once,
    waits: false,
};

pub(crate) const CLEAN: ProcedureStep = ProcedureStep {
    id: "proxy/canary-gone",
    enters: State::Proxy,
    title: "remove the canary",
    probe: |cx| Box::pin(canary_gone(cx, "p")),
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            Ok(vec![Effect::RedisDelete {
                machine: Machine::Dest,
                keys: keys_of(&canary(cx, "p")),
            }])
        })
    },
    undo: Undo::Nothing("the canary is gone"),
    patience: at_once,
    waits: false,
};

/// Holds once dest's Redis has forgotten a canary.
pub(crate) async fn canary_gone(cx: &Cx<'_>, which: &str) -> Result<Probe, StepError> {
    let seen = ask::redis_get(cx, Machine::Dest, format!("{}:server", canary(cx, which))).await?;
    Ok(if seen.is_none() {
        Probe::holds()
    } else {
        Probe::absent("the canary is still there")
    })
}
