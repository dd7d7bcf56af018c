//! What is right in each section and wrong in two together.

use std::net::IpAddr;
use std::ops::Range;

use regmig_procedure::spec::{NameServer, Reach};

use super::{machine, nameservers};
use crate::config::notes::Notes;
use crate::config::section::At;

/// Compares the two machines.
pub(super) fn machines(source: &machine::Read, dest: &machine::Read, notes: &Notes) {
    if let (Some(a), Some(b)) = (&source.local, &dest.local)
        && a.value
        && b.value
    {
        notes.add(
            "source and dest are both local",
            labels([(&a.at, "source"), (&b.at, "dest")]),
            "expected two machines, one of which may be the one that regmig runs on; reach the other with reach = \"ssh\"",
        );
    }
    if let (Some(a), Some(b)) = (&source.address, &dest.address)
        && a.value == b.value
    {
        notes.add(
            format!("source and dest have the same address, {}", a.value),
            labels([(&a.at, "source"), (&b.at, "dest")]),
            "expected two machines; correct one of the addresses",
        );
        return;
    }
    if let (Some(a), Some(b)) = (&source.spec, &dest.spec)
        && let (Reach::Ssh(one), Reach::Ssh(other)) = (&a.reach, &b.reach)
        && (&one.host, one.port) == (&other.host, other.port)
    {
        let at =
            [&source.address, &dest.address].map(|at| at.as_ref().and_then(|at| at.at.clone()));
        let [first, second] = &at;
        notes.add(
            format!(
                "source and dest are both reached at {} port {}",
                one.host, one.port
            ),
            labels([(first, "source"), (second, "dest")]),
            "expected two machines; correct `host` or `port` of one",
        );
    }
}

/// Compares the delegation with the machines.
pub(super) fn delegation(
    source: &machine::Read,
    dest: &machine::Read,
    servers: &nameservers::Read,
    notes: &Notes,
) {
    if let (Some(before), Some(after)) = (&servers.before, &servers.after)
        && before.value == after.value
    {
        notes.add(
            "`nameservers.after` is the same as `nameservers.before`",
            labels([(&before.at, "before"), (&after.at, "after, the same")]),
            "expected what the parent zone has now as `before`, and what it shall have as `after`, \
             with dest's address in place of source's",
        );
        return;
    }
    for (machine, name) in [(source, "source"), (dest, "dest")] {
        let Some(address) = &machine.address else {
            continue;
        };
        let own = |parent: &&At<std::net::SocketAddr>| {
            parent.value.ip() == address.value && parent.value.port() == 53
        };
        if let Some(parent) = servers.parents.iter().flatten().find(own) {
            notes.add(
                format!("`nameservers.parents` names {name} itself, {}", address.value),
                labels([(&parent.at, "found here"), (&address.at, name)]),
                "expected the servers of the zone above the domain, where the delegation is changed, \
                 not those of the domain: `dig +short NS PARENT` names them",
            );
        }
    }
    let same =
        source.address.as_ref().map(|at| at.value) == dest.address.as_ref().map(|at| at.value);
    // Whatever does not fit one address of two that are the same follows from that.
    if servers.allow_other || same {
        return;
    }
    let wanted = [
        ("before", &servers.before, source, "source"),
        ("after", &servers.after, dest, "dest"),
    ];
    for (key, list, machine, name) in wanted {
        let (Some(list), Some(address)) = (list, &machine.address) else {
            continue;
        };
        if !has(&list.value, address.value) {
            notes.add(
                format!("`nameservers.{key}` does not have {name}'s address {}", address.value),
                labels([(&list.at, "no server here has it"), (&address.at, name)]),
                format!(
                    "expected {name} among the addresses, since its DNS server is the one that clients \
                     are to ask {key} the migration; correct one of the two, or write \
                     `allow_other = true` under [nameservers] if other servers answer for the domain"
                ),
            );
        }
    }
    if let (Some(after), Some(address)) = (&servers.after, &source.address)
        && has(&after.value, address.value)
    {
        notes.add(
            format!(
                "`nameservers.after` still has source's address {}",
                address.value
            ),
            labels([(&after.at, "found here"), (&address.at, "source")]),
            "expected only servers that stay: source is retired in the end; remove it, or write \
             `allow_other = true` under [nameservers] if something else will answer there",
        );
    }
}

fn has(servers: &[NameServer], address: IpAddr) -> bool {
    servers
        .iter()
        .any(|server| server.addresses.contains(&address))
}

fn labels(places: [(&Option<Range<usize>>, &str); 2]) -> Vec<(Range<usize>, String)> {
    places
        .into_iter()
        .filter_map(|(at, text)| Some((at.clone()?, text.to_owned())))
        .collect()
}
