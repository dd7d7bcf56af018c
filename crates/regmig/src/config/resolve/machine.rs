//! `[source]` and `[dest]`: one machine and how it is reached.

use std::net::IpAddr;

use regmig_procedure::profile::Defaults;
use regmig_procedure::spec::{MachineSpec, Reach, SshSpec};

use super::Surroundings;
use crate::config::notes::Flaw;
use crate::config::section::{At, Section};
use crate::config::values;

/// What could be read of the section.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) address: Option<At<IpAddr>>,
    /// How the machine is reached, if that is known.
    pub(super) local: Option<At<bool>>,
    pub(super) spec: Option<MachineSpec>,
}

/// Keys that mean nothing on the machine that regmig runs on.
const SSH_KEYS: [&str; 6] = ["host", "port", "user", "identity", "agent", "known_hosts"];

/// Reads the section.
pub(super) fn read(section: &Section<'_>, defaults: &Defaults, around: &Surroundings) -> Read {
    let address = section.text("address", values::machine_address);
    let local = section.text("reach", reach).or(false);
    let root = section
        .text("root", values::absolute)
        .or_maybe(defaults.root.map(str::to_owned));
    if !section.exists() {
        return Read {
            address: None,
            local: None,
            spec: None,
        };
    }
    let address = section.need("address", address);
    let root = section.need("root", root);
    let reach = local.as_ref().and_then(|local| match local.value {
        true => reach_local(section, around),
        false => ssh(section, address.as_ref(), around).map(Reach::Ssh),
    });
    let spec = match (&address, reach, root) {
        (Some(address), Some(reach), Some(root)) => Some(MachineSpec {
            address: address.value,
            reach,
            root: root.value,
        }),
        _ => None,
    };
    Read {
        address,
        local,
        spec,
    }
}

fn reach(text: &str) -> Result<bool, Flaw> {
    match text {
        "local" => Ok(true),
        "ssh" => Ok(false),
        _ => Err(Flaw::new("is not a way to reach a machine", "")),
    }
}

fn reach_local(section: &Section<'_>, around: &Surroundings) -> Option<Reach> {
    let mut good = true;
    for key in SSH_KEYS {
        if let Some(at) = section.place(key) {
            good = false;
            let mut labels = vec![(at, "of no use here".to_owned())];
            labels.extend(
                section
                    .place("reach")
                    .map(|at| (at, "because of this".to_owned())),
            );
            section.notes().add(
                format!("`{}.{key}` contradicts reach = \"local\"", section.name),
                labels,
                "expected no SSH settings for the machine that regmig runs on; remove the key, or write reach = \"ssh\"",
            );
        }
    }
    good.then_some(Reach::Local { sudo: !around.root })
}

fn ssh(
    section: &Section<'_>,
    address: Option<&At<IpAddr>>,
    around: &Surroundings,
) -> Option<SshSpec> {
    let place = &around.place;
    let host = section.text("host", values::ssh_host).optional();
    let port = section.port("port").or(22);
    let user = section.text("user", values::user).or("root".to_owned());
    let identity = section
        .text("identity", |text| place.identity(text))
        .optional();
    let agent = section.flag("agent").or(false);
    let known_hosts = known_hosts(section, around);
    if let (Some(None), Some(At { value: false, at })) = (&identity, &agent) {
        let found = match at {
            Some(at) => Some((at.clone(), "and no `identity`".to_owned())),
            None => section
                .at
                .clone()
                .map(|at| (at, "neither `identity` nor `agent`".to_owned())),
        };
        section.notes().add(
            format!("there is no key to log in to {} with", section.name),
            found.into_iter().collect(),
            "expected `identity`, the path of a private SSH key, or `agent = true`",
        );
        return None;
    }
    let host = match host? {
        Some(host) => host.value,
        None => address?.value.to_string(),
    };
    Some(SshSpec {
        host,
        port: port?.value,
        user: user?.value,
        identity: identity?.map(|identity| identity.value),
        agent: agent?.value,
        known_hosts: known_hosts?,
    })
}

fn known_hosts(section: &Section<'_>, around: &Surroundings) -> Option<std::path::PathBuf> {
    let read = |text: &str| {
        around.place.file(text).map(|(path, _)| path).map_err(|flaw| {
            let advice = format!(
                "{}. Connect once with ssh, compare the fingerprint with the one that the machine's \
                 console shows, and accept it",
                flaw.advice
            );
            Flaw::new(flaw.what, advice)
        })
    };
    if let Some(found) = section.text("known_hosts", read).optional()? {
        return Some(found.value);
    }
    let usual = "~/.ssh/known_hosts";
    match read(usual) {
        Ok(path) => Some(path),
        Err(flaw) => {
            let what = flaw
                .what
                .strip_prefix("names a file that ")
                .unwrap_or(&flaw.what);
            let flaw = Flaw::new(format!("is left at {usual}, which {what}"), flaw.advice);
            section.flawed(
                "known_hosts",
                section.at.clone(),
                "no `known_hosts` here",
                flaw,
            );
            None
        }
    }
}
