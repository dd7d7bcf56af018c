//! `[nameservers]`: the delegation before and after.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use regmig_procedure::spec::{NameServer, NameserversSpec};

use crate::config::files::Place;
use crate::config::notes::Flaw;
use crate::config::schema::NAME_SERVER;
use crate::config::section::{At, Section};
use crate::config::values;

/// What could be read of the section.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) parents: Option<Vec<At<SocketAddr>>>,
    pub(super) before: Option<At<Vec<NameServer>>>,
    pub(super) after: Option<At<Vec<NameServer>>>,
    /// Whether the name servers need not be the two machines.
    pub(super) allow_other: bool,
    pub(super) spec: Option<NameserversSpec>,
}

/// Reads the section.
pub(super) fn read(section: &Section<'_>, domain: Option<&str>, place: &Place) -> Read {
    let parents = section.texts("parents", values::parent);
    let apply = command(section, "apply", place);
    let restore = command(section, "restore", place);
    let allow_other = section.flag("allow_other").or(false);
    let before = servers(section, "before", domain);
    let after = servers(section, "after", domain);
    let parents = if section.exists() {
        section.need("parents", parents)
    } else {
        None
    };
    let parents = parents.and_then(|list| {
        if list.value.is_empty() {
            let advice = "name every authoritative server of the zone above the domain";
            section.flawed(
                "parents",
                list.at,
                "an empty list",
                Flaw::new("is empty", advice),
            );
            return None;
        }
        let unique: BTreeSet<_> = list.value.iter().map(|server| server.value).collect();
        if unique.len() < list.value.len() {
            section.flawed(
                "parents",
                list.at,
                "a server twice",
                Flaw::new("names a server twice", "remove one"),
            );
            return None;
        }
        Some(list.value)
    });
    let spec = (|| {
        Some(NameserversSpec {
            parents: parents
                .as_ref()?
                .iter()
                .map(|server| server.value)
                .collect(),
            before: before.as_ref()?.value.clone(),
            after: after.as_ref()?.value.clone(),
            apply: apply?,
            restore: restore?,
        })
    })();
    // A key that is wrong is reported as such; what it would allow is not reported on top.
    let allow_other = allow_other.is_none_or(|flag| flag.value);
    Read {
        parents,
        before,
        after,
        allow_other,
        spec,
    }
}

/// A program and its arguments; nothing inside where there is none.
fn command(section: &Section<'_>, key: &str, place: &Place) -> Option<Option<Vec<String>>> {
    let Some(found) = section.texts(key, |text| Ok(text.to_owned())).optional()? else {
        return Some(None);
    };
    let Some((program, arguments)) = found.value.split_first() else {
        let advice = "leave the key out to be asked to make the change by hand";
        section.flawed(
            key,
            found.at,
            "an empty list",
            Flaw::new("is empty", advice),
        );
        return None;
    };
    match place.program(&program.value) {
        Ok(path) => {
            let arguments = arguments.iter().map(|argument| argument.value.clone());
            Some(Some(std::iter::once(path).chain(arguments).collect()))
        }
        Err(flaw) => {
            let shown = crate::config::shown::quoted(&program.value);
            section.flawed(&format!("{key}[0]"), program.at.clone(), &shown, flaw);
            None
        }
    }
}

/// One delegation, in canonical order: the order of name servers means nothing.
fn servers(section: &Section<'_>, key: &str, domain: Option<&str>) -> Option<At<Vec<NameServer>>> {
    let found = section.tables(key, NAME_SERVER);
    if !section.exists() {
        return None;
    }
    let At { value: entries, at } = section.need(key, found)?;
    if entries.is_empty() {
        let advice = "a domain without name servers cannot be found";
        section.flawed(key, at, "an empty list", Flaw::new("is empty", advice));
        return None;
    }
    let read: Vec<_> = entries.iter().map(|entry| server(entry, domain)).collect();
    let mut servers: Vec<NameServer> = read.into_iter().collect::<Option<_>>()?;
    servers.sort();
    let names: BTreeSet<&str> = servers.iter().map(|server| server.name.as_str()).collect();
    if names.len() < servers.len() {
        let flaw = Flaw::new(
            "names a server twice",
            "write all addresses of a server into one entry",
        );
        section.flawed(key, at, "a name twice", flaw);
        return None;
    }
    Some(At { value: servers, at })
}

fn server(entry: &Section<'_>, domain: Option<&str>) -> Option<NameServer> {
    let name = entry.need("name", entry.text("name", values::domain_name));
    let addresses = entry.texts("addresses", values::glue).or(Vec::new());
    let (name, addresses) = (name?, addresses?);
    let glue: BTreeSet<IpAddr> = addresses
        .value
        .iter()
        .map(|address| address.value)
        .collect();
    if glue.len() < addresses.value.len() {
        entry.flawed(
            "addresses",
            addresses.at,
            "one twice",
            Flaw::new("has an address twice", "remove one"),
        );
        return None;
    }
    let within = domain
        .is_some_and(|domain| name.value == domain || name.value.ends_with(&format!(".{domain}")));
    if glue.is_empty() && within {
        let flaw = Flaw::new(
            "is empty for a name within the domain",
            "such a server is found only by the addresses that the parent zone has for it (glue)",
        );
        let at = addresses.at.or_else(|| entry.place("name"));
        entry.flawed("addresses", at, "no address", flaw);
        return None;
    }
    Some(NameServer {
        name: name.value,
        addresses: glue.into_iter().collect(),
    })
}
