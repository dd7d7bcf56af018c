//! `linked`: keys for this migration alone, each restricted to the one thing it is for.
//!
//! dest pulls source's data with one key, whose forced command allows nothing
//! but rsync reading that folder, or writing it while dest's data comes home. source's tunnel logs in on dest with the
//! other, which may open a connection to dest's Redis and nothing else.

mod authorize;

use regmig_core::effect::{Answer, Effect, Expect, Query};
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, StepError, Undo};

use super::{at_once, nothing, without_container};
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::spec::{KeyKind, Spec, Strategy};

pub(crate) use authorize::{
    AUTHORIZED, allow_tunnel, authorized_before, authorized_keys_path, key_markers, unauthorize,
};

/// dest's private key for pulling data, on dest.
pub fn pull_key(spec: &Spec) -> String {
    format!("{}/pull_key", spec.work(Machine::Dest))
}

/// The tunnel's private key, on source, in a folder that its container mounts.
pub fn tunnel_key(spec: &Spec) -> String {
    format!("{}/tunnel/key", spec.work(Machine::Source))
}

/// The private key of dest's tunnel in strategy `live`, in a folder that its container mounts.
pub fn follow_key(spec: &Spec) -> String {
    format!("{}/tunnel/key", spec.work(Machine::Dest))
}

/// The peer's host key, for the tunnel's container on a machine.
pub fn tunnel_known_hosts(spec: &Spec, machine: Machine) -> String {
    format!("{}/tunnel/known_hosts", spec.work(machine))
}

/// The peer's host key, for the SSH client on a machine.
pub fn known_hosts(spec: &Spec, machine: Machine) -> String {
    match machine {
        Machine::Source => tunnel_known_hosts(spec, machine),
        Machine::Dest => format!("{}/known_hosts", spec.work(machine)),
    }
}

/// While it is there, the pull key may write source's data folder as well.
pub(crate) fn homeward(spec: &Spec) -> String {
    format!("{}/homeward", spec.work(Machine::Source))
}

/// Where source's data goes while dest's comes home.
pub(crate) fn before_failback(spec: &Spec) -> String {
    format!("{}/data-before-failback", spec.work(Machine::Source))
}

/// Left by a tunnel that has logged in, on the machine where it ran.
pub fn proven(spec: &Spec, machine: Machine) -> String {
    format!("{}/tunnel-proven", spec.work(machine))
}

/// The container in which the tunnel's login is proven; one that lost its regmig stays behind.
pub fn proof_container(spec: &Spec) -> String {
    format!("{}-proof", spec.tunnel.name)
}

/// Machines on which a tunnel runs.
fn tunnels(spec: &Spec) -> &'static [Machine] {
    match spec.strategy {
        Strategy::Copy => &[Machine::Source],
        Strategy::Live => &Machine::BOTH,
    }
}

/// Every key pair: where it is, and what it is for.
fn keys(spec: &Spec) -> Vec<(Machine, String, &'static str)> {
    let mut keys = vec![
        (Machine::Dest, pull_key(spec), "pull"),
        (Machine::Source, tunnel_key(spec), "tunnel"),
    ];
    if spec.strategy == Strategy::Live {
        keys.push((Machine::Dest, follow_key(spec), "follow"));
    }
    keys
}

/// Word with which the tunnel key's forced command answers; then it lasts until nothing can be said to it any more.
pub const GREETING: &str = "regmig-tunnel";

pub(crate) const KEYS: ProcedureStep = ProcedureStep {
    id: "linked/keys",
    enters: State::Linked,
    title: "make one key pair on each machine, for this migration alone",
    probe: |cx| {
        Box::pin(async move {
            for (machine, key, _) in keys(cx.spec) {
                if ask::file(cx, machine, format!("{key}.pub"))
                    .await?
                    .is_none()
                {
                    return Ok(Probe::Absent(format!("no {key}.pub on {machine}")));
                }
            }
            Ok(Probe::holds())
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let kind = match cx.spec.tunnel.key {
                KeyKind::Ed25519 => "ed25519",
                KeyKind::Rsa4096 => "rsa4096",
            };
            let make = |(machine, path, what)| Effect::MakeKey {
                machine,
                path,
                kind: kind.to_owned(),
                comment: format!("regmig {} {what}", cx.id()),
            };
            let folder = |machine: &Machine| Effect::MakeFolder {
                machine: *machine,
                path: format!("{}/tunnel", cx.spec.work(*machine)),
                mode: 0o700,
            };
            let mut effects: Vec<Effect> = tunnels(cx.spec).iter().map(folder).collect();
            effects.push(Effect::Together(
                keys(cx.spec).into_iter().map(make).collect(),
            ));
            Ok(effects)
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let mut effects = Vec::new();
            for machine in tunnels(cx.spec) {
                let path = format!("{}/tunnel", cx.spec.work(*machine));
                if ask::folder(cx, *machine, path.clone()).await?.is_some() {
                    effects.push(Effect::RemoveFolder {
                        machine: *machine,
                        path,
                    });
                }
            }
            let pull = pull_key(cx.spec);
            for path in [pull.clone(), format!("{pull}.pub")] {
                if ask::file(cx, Machine::Dest, path.clone()).await?.is_some() {
                    effects.push(Effect::RemoveFile {
                        machine: Machine::Dest,
                        path,
                    });
                }
            }
            Ok(effects)
        })
    }),
    patience: |_| regmig_core::step::Patience {
        every_ms: 500,
        limit_ms: 60_000,
    },
    waits: false,
    stays: true,
};

pub(crate) const PULL: ProcedureStep = ProcedureStep {
    id: "linked/prove-pull",
    enters: State::Linked,
    title: "prove that dest reads source's data folder with its key",
    probe: |cx| {
        Box::pin(async move {
            match cx.ask(Query::LinkPull).await? {
                Answer::Nothing => Ok(Probe::holds()),
                other => Err(StepError::Broken(format!(
                    "asked for the pull link, was told {other:?}"
                ))),
            }
        })
    },
    before: nothing,
    plan: super::no_effects,
    undo: Undo::Nothing("it only looks"),
    patience: at_once,
    waits: false,
    stays: false,
};

pub(crate) const TUNNEL: ProcedureStep = ProcedureStep {
    id: "linked/prove-tunnel",
    enters: State::Linked,
    title: "prove that a container on source logs in on dest with its key",
    probe: |cx| Box::pin(is_proven(cx, Machine::Source)),
    before: nothing,
    plan: |cx| Box::pin(async move { Ok(prove(cx, Machine::Source)) }),
    undo: Undo::Run(|cx, _| Box::pin(forget_proof(cx, Machine::Source))),
    patience: at_once,
    waits: false,
    stays: true,
};

pub(crate) const DEST_TUNNEL: ProcedureStep = ProcedureStep {
    id: "linked/prove-dest-tunnel",
    enters: State::Linked,
    title: "prove that a container on dest logs in on source with its key",
    probe: |cx| Box::pin(is_proven(cx, Machine::Dest)),
    before: nothing,
    plan: |cx| Box::pin(async move { Ok(prove(cx, Machine::Dest)) }),
    undo: Undo::Run(|cx, _| Box::pin(forget_proof(cx, Machine::Dest))),
    patience: at_once,
    waits: false,
    stays: true,
};

async fn is_proven(cx: &Cx<'_>, machine: Machine) -> Result<Probe, StepError> {
    Ok(
        match ask::file(cx, machine, proven(cx.spec, machine)).await? {
            Some(_) => Probe::holds(),
            None => Probe::absent("the tunnel's login is not proven"),
        },
    )
}

fn prove(cx: &Cx<'_>, machine: Machine) -> Vec<Effect> {
    vec![
        Effect::ProveTunnel { machine },
        Effect::WriteFile {
            machine,
            path: proven(cx.spec, machine),
            content: format!("{GREETING}\n"),
            mode: 0o600,
            expect: Expect::Any,
        },
    ]
}

async fn forget_proof(cx: &Cx<'_>, machine: Machine) -> Result<Vec<Effect>, StepError> {
    let mut effects = without_container(cx, machine, &proof_container(cx.spec)).await?;
    let path = proven(cx.spec, machine);
    if ask::file(cx, machine, path.clone()).await?.is_some() {
        effects.push(Effect::RemoveFile { machine, path });
    }
    Ok(effects)
}
