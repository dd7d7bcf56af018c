//! `proxy`: source's nginx sends clients to dest, and they are served again.

use regmig_core::effect::Effect;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, Refusal, StepError, Undo};
use serde_json::json;

use super::{
    are_down, are_up, at_once, cold, failback, keep, nothing, policies, read_back, restore, synced,
    until_healthy, warm,
};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::steps::preflight;

pub(crate) const FILE: ProcedureStep = ProcedureStep {
    id: "proxy/nginx-file",
    enters: State::Proxy,
    title: "put the accepted nginx file in place on source",
    probe: |cx| {
        Box::pin(async move {
            Ok(warm::proxied(cx)
                .await?
                .holds("source's nginx file does not name dest"))
        })
    },
    before: |cx| Box::pin(async move { keep(&warm::proxied(cx).await?) }),
    plan: |cx| {
        Box::pin(async move {
            let path = cx.spec.path(Machine::Source, &cx.spec.proxy.nginx_site);
            Ok(warm::proxied(cx).await?.write(Machine::Source, path))
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
    stays: true,
};

const DNS_ID: &str = "proxy/dns";

/// How often one looks whether dest's DNS has listed every user, a tenth of a second apart. Clients wait meanwhile.
const LOOKS: u32 = 100;

/// At its start DNS lists every user by one `KEYS`, during which dest's Redis answers nobody else: that has to be over before clients
/// come. What it reads of each user afterwards holds nobody up, and nobody asks it before `nameservers`: `replica/dns` waits until it
/// answers. Started earlier, it would share Redis with the register, for which clients wait.
pub(crate) const DNS: ProcedureStep = ProcedureStep {
    id: DNS_ID,
    enters: State::Proxy,
    title: "start dest's DNS, and wait until it has listed every user, before clients would have to wait for that",
    probe: |cx| Box::pin(dns_listed(cx)),
    // Nothing where Redis does not run, after a reboot.
    before: |cx| {
        Box::pin(async move { keep(&ask::redis_listings(cx, Machine::Dest).await.ok().flatten()) })
    },
    plan: |cx| {
        Box::pin(async move {
            let stack = &cx.spec.stack;
            let machine = Machine::Dest;
            Ok([&stack.redis, &stack.dns]
                .map(|service| Effect::Start {
                    machine,
                    services: vec![service.clone()],
                })
                .into())
        })
    },
    undo: Undo::Nothing("dest's services are stopped by the undo of synced/start"),
    patience: at_once,
    waits: false,
    stays: true,
};

/// Holds once dest's DNS was started and every user has been listed since, or after [`LOOKS`]: it may list them in another way, which holds
/// nobody up, and whether it gets over its start with this many users is asked by `replica/dns`, with clients served.
async fn dns_listed(cx: &Cx<'_>) -> Result<Probe, StepError> {
    let machine = Machine::Dest;
    let services = ask::services(cx, machine).await?;
    let dns = services.get(&cx.spec.stack.dns);
    let state = dns.map_or("not there", |container| container.state.as_str());
    // Docker starts again what has ended by itself.
    if !matches!(state, "running" | "restarting") {
        return Ok(Probe::Absent(format!("dest's DNS is {state}")));
    }
    let before = cx.past.step(DNS_ID).and_then(|step| step.before.as_ref());
    if let Some(before) = before.map(read_back::<Option<u64>>).transpose()?.flatten() {
        for _ in 0..LOOKS {
            let now = ask::redis_listings(cx, machine).await.ok().flatten();
            if now.is_some_and(|now| now > before) {
                return Ok(Probe::Holds(json!({ "listed": true })));
            }
            ask::sleep(cx, 100).await?;
        }
    }
    Ok(Probe::Holds(json!({ "listed": false })))
}

pub(crate) const OPEN: ProcedureStep = ProcedureStep {
    id: "proxy/open",
    enters: State::Proxy,
    title: "start dest's nginx, and source's as a proxy to it",
    probe: |cx| Box::pin(open(cx)),
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let stack = &cx.spec.stack;
            let (redis, nginx) = (vec![stack.redis.clone()], vec![stack.nginx.clone()]);
            let mut behind = stack.writers();
            behind.push(stack.dns.clone());
            let start = |machine, services| Effect::Start { machine, services };
            let (source, dest) = (Machine::Source, Machine::Dest);
            // What runs already is left alone; after a reboot in the cold window nothing does.
            Ok(vec![
                Effect::Together(vec![
                    Effect::RestartPolicy {
                        machine: dest,
                        policies: synced::dest_policies(cx)?,
                    },
                    Effect::RestartPolicy {
                        machine: source,
                        policies: synced::source_policies(cx)?,
                    },
                ]),
                Effect::Together(vec![start(dest, redis.clone()), start(source, redis)]),
                start(dest, behind),
                // Until both run, a client is refused by the one or told 502 by the other.
                Effect::Together(vec![start(dest, nginx.clone()), start(source, nginx)]),
                start(source, vec![stack.dns.clone()]),
            ])
        })
    },
    // The gate is shut again; what stands behind it is brought back by the undos before.
    undo: Undo::OnceHome(|cx, _| {
        Box::pin(async move {
            failback::dest_still_fenced(cx).await?;
            let machine = Machine::Source;
            let stack = &cx.spec.stack;
            let source = ask::services(cx, machine).await?;
            let shut = are_down(&source, std::slice::from_ref(&stack.nginx)).is_ok();
            let stays = source.values().all(|container| container.restart == "no");
            if shut && stays {
                return Ok(Vec::new());
            }
            Ok(vec![
                Effect::RestartPolicy {
                    machine,
                    policies: policies(&stack.all(), "no"),
                },
                Effect::Stop {
                    machine,
                    services: vec![stack.nginx.clone()],
                    within_s: cx.spec.limits.stop_s,
                },
            ])
        })
    }),
    patience: until_healthy,
    waits: false,
    stays: true,
};

async fn open(cx: &Cx<'_>) -> Result<Probe, StepError> {
    let stack = &cx.spec.stack;
    let source = ask::services(cx, Machine::Source).await?;
    if let Err(found) = cold::still_fenced(cx, &source) {
        return Ok(Refusal {
            what: "what writes on source".to_owned(),
            found,
            expected: "every writer down ever since `cold`: dest is about to accept writes".to_owned(),
            hint: "source may have accepted writes that dest does not have: `regmig rollback --to warm` keeps them, \
                   then run again"
                .to_owned(),
        }
        .into());
    }
    let dest = ask::services(cx, Machine::Dest).await?;
    let (redis, nginx) = (&stack.redis, &stack.nginx);
    let mut clients = stack.writers();
    clients.extend([redis.clone(), nginx.clone()]);
    let serving = vec![nginx.clone(), stack.dns.clone(), redis.clone()];
    for (machine, services, names) in [
        (Machine::Dest, dest, clients),
        (Machine::Source, source, serving),
    ] {
        if let Err(missing) = are_up(&services, &names) {
            return Ok(Probe::Absent(format!("on {machine}, {missing}")));
        }
    }
    let known: preflight::Evidence = cx.evidence(preflight::ID)?;
    Ok(match served(cx, &known).await {
        Ok(()) => Probe::Holds(ask::now(cx).await?.into()),
        Err(missing) => Probe::Absent(missing),
    })
}

/// A user is found through source's public HTTPS, which only dest's register can have answered.
pub(crate) async fn served(cx: &Cx<'_>, known: &preflight::Evidence) -> Result<(), String> {
    let http = ask::https(cx, Machine::Source, format!("/{}/server", known.user))
        .await
        .map_err(|error| error.one_line())?;
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
    // Where it was not removed, it came home with everything else.
    undo: Undo::OnceHome(|cx, _| {
        Box::pin(async move {
            let mut effects = Vec::new();
            for machine in Machine::BOTH {
                let key = format!("{}:server", canary(cx, "p"));
                if ask::redis_get(cx, machine, key).await?.is_some() {
                    let keys = keys_of(&canary(cx, "p"));
                    effects.push(Effect::RedisDelete { machine, keys });
                }
            }
            Ok(effects)
        })
    }),
    patience: at_once,
    waits: false,
    stays: false,
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
    stays: false,
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
