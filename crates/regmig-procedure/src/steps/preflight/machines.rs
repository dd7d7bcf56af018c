//! What is checked of the machines themselves.

use regmig_core::facts::{Container, HostState};
use regmig_core::machine::Machine;
use regmig_core::step::StepError;

use super::{List, reason};
use crate::ask::{self, Cx};
use crate::spec::Reach;

/// A machine that regmig cannot log in to.
pub(super) fn unreachable(
    cx: &Cx<'_>,
    list: &mut List,
    machine: Machine,
    error: &StepError,
) -> bool {
    let (found, advice) = reason(error);
    let (what, expected) = match &cx.spec.machine(machine).reach {
        Reach::Ssh(ssh) => (
            format!("SSH to {machine}"),
            if ssh.user == "root" {
                "a login as root".to_owned()
            } else {
                format!("a login as {} that runs commands as root", ssh.user)
            },
        ),
        Reach::Local { .. } => (
            format!("{machine}, which is this machine"),
            "commands that run as root".to_owned(),
        ),
    };
    let hint = if advice.is_empty() {
        format!(
            "correct [{machine}] in regmig.toml, or the machine, until `ssh` logs in the same way"
        )
    } else {
        advice
    };
    list.add(what, false, found, expected, hint)
}

pub(super) fn tools(cx: &Cx<'_>, list: &mut List, machine: Machine, host: &HostState) -> bool {
    let root = &cx.spec.machine(machine).root;
    let docker = host.docker_error.as_ref().unwrap_or(&host.docker);
    let (docker, advice) = docker.split_once(';').unwrap_or((docker, ""));
    let advice = advice.trim();
    let mut ok = list.add(
        format!("Docker Engine on {machine}"),
        host.docker_error.is_none(),
        docker.trim(),
        "an engine that answers",
        if advice.is_empty() {
            format!("start Docker on {machine}, or let the user talk to it")
        } else {
            advice.to_owned()
        },
    );
    for (tool, version) in [
        ("compose", &host.compose),
        ("rsync", &host.rsync),
        ("ssh client", &host.ssh),
    ] {
        let found = if version.is_empty() {
            "nothing"
        } else {
            version
        };
        let hint = format!("install {tool} on {machine}");
        ok &= list.add(
            format!("{tool} on {machine}"),
            !version.is_empty(),
            found,
            "any version",
            hint,
        );
    }
    ok &= list.add(
        format!("{root} on {machine}"),
        host.root_exists,
        if host.root_exists {
            "a folder"
        } else {
            "nothing"
        },
        "the stack's root folder",
        format!("deploy the stack on {machine}, or correct `root` in regmig.toml"),
    );
    // Half a round trip is what the measurement itself may be off by.
    let off = host
        .clock_ahead_ms
        .unsigned_abs()
        .saturating_sub(host.clock_error_ms.unsigned_abs());
    ok & list.add(
        format!("clock of {machine}"),
        off <= cx.spec.thresholds.clock_ms,
        format!(
            "{} ms ahead of this machine's (± {} ms)",
            host.clock_ahead_ms, host.clock_error_ms
        ),
        format!("within {} ms", cx.spec.thresholds.clock_ms),
        format!("set the clock of {machine} (chronyc makestep, or alike), or this machine's"),
    )
}

pub(super) fn foreign(cx: &Cx<'_>, list: &mut List, machine: Machine, all: &[Container]) {
    let names: Vec<&str> = all
        .iter()
        .filter(|container| container.service.is_none() && container.runs())
        .map(|container| container.name.as_str())
        .collect();
    let found = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    let stop = &cx.spec.stack.stop;
    let consent = cx.spec.consent.foreign_containers || !cx.spec.stack.stop_is_global;
    list.add(
        format!("other containers on {machine}"),
        names.is_empty() || consent,
        found,
        if consent {
            "any: you consented, or the stop command leaves them alone"
        } else {
            "none"
        },
        format!(
            "regmig stops only the stack, but `{stop}`, typed by hand, stops every container; \
             set `foreign_containers = true` under [consent] if that is understood"
        ),
    );
}

pub(super) fn ports(
    cx: &Cx<'_>,
    list: &mut List,
    host: Option<&HostState>,
    containers: &[Container],
) {
    let Some(host) = host else { return };
    if containers
        .iter()
        .any(|container| container.service.is_some() && container.runs())
    {
        // The stack itself listens.
        return;
    }
    let wanted = [
        format!(":{}", cx.spec.proxy.port),
        ":53".to_owned(),
        format!(":{}", cx.spec.redis.published.port()),
    ];
    let taken: Vec<&str> = host
        .listening
        .iter()
        .filter(|listener| wanted.iter().any(|port| listener.ends_with(port.as_str())))
        .filter(|listener| !(listener.contains("127.0.0.") && listener.ends_with(":53")))
        .map(String::as_str)
        .collect();
    let found = if taken.is_empty() {
        "free".to_owned()
    } else {
        format!("taken: {}", taken.join(", "))
    };
    list.add(
        "ports of the stack on dest",
        taken.is_empty(),
        found,
        format!("{} free", wanted.join(" ")),
        "stop what listens there (`ss -tulpn` shows it)",
    );
}

pub(super) async fn disk(
    cx: &Cx<'_>,
    list: &mut List,
    machine: Machine,
    host: Option<&HostState>,
) -> Result<(), StepError> {
    let Some(host) = host else { return Ok(()) };
    let data = ask::folder(cx, Machine::Source, cx.spec.data(Machine::Source))
        .await?
        .unwrap_or_default();
    let wanted = data.bytes.saturating_mul(cx.spec.thresholds.disk_factor);
    list.add(
        format!("free disk on {machine}"),
        host.free_bytes >= wanted,
        format!("{} MiB", host.free_bytes >> 20),
        format!(
            "{} MiB or more: {} times source's data",
            wanted >> 20,
            cx.spec.thresholds.disk_factor
        ),
        format!(
            "make room in {} on {machine}",
            cx.spec.machine(machine).root
        ),
    );
    Ok(())
}
