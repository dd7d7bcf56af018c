//! Who a parent zone says serves a domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use regmig_core::port::PortError;
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, Data, Rcode, Record};
use crate::ask::{ask, what};
use crate::fault::Fault;
use crate::limits::Limits;
use crate::name;
use crate::question::Kind;

/// The name servers of a domain, with their addresses where the parent gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// The domain: lower case, final dot.
    pub domain: String,
    /// Name servers (lower case, final dot) and their glue addresses.
    pub ns: BTreeMap<String, BTreeSet<IpAddr>>,
    /// How long the delegation may be cached, seconds.
    pub ttl: u32,
    /// In which part of the answer it was.
    pub from: Origin,
}

/// In which part of an answer a delegation was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The parent refers to the name servers.
    Referral,
    /// The server answers itself: it serves the domain as well as its parent.
    Answer,
    /// In none: this is what somebody wants it to be.
    Wanted,
}

impl Delegation {
    /// A delegation that shall be; `ttl` in seconds.
    ///
    /// # Errors
    ///
    /// [`Fault::BadName`] for what cannot be a name, of the domain or of a server.
    pub fn wanted<S: AsRef<str>>(
        domain: &str,
        servers: impl IntoIterator<Item = (S, BTreeSet<IpAddr>)>,
        ttl: u32,
    ) -> Result<Self, Fault> {
        let servers = servers.into_iter();
        let ns = servers
            .map(|(server, addresses)| Ok((name::canonical(server.as_ref())?, addresses)))
            .collect::<Result<_, Fault>>()?;
        Ok(Self {
            domain: name::canonical(domain)?,
            ns,
            ttl,
            from: Origin::Wanted,
        })
    }

    /// What an answer says of a domain's delegation.
    ///
    /// # Errors
    ///
    /// [`Fault::BadName`] for what cannot be a name, [`Fault::Rcode`] for an answer with an error,
    /// [`Fault::NotDelegated`] for one that names no server.
    pub fn read(answer: &Answer, domain: &str) -> Result<Self, Fault> {
        read(answer, domain)
    }

    /// Whether both name the same servers, and give those at or below the domain the same addresses.
    ///
    /// The parent cannot delegate without the addresses of those. Addresses of other servers may or may not come
    /// with an answer, and are not the domain's to set.
    #[must_use]
    pub fn same_servers(&self, other: &Self) -> bool {
        self.domain == other.domain
            && self.ns.keys().eq(other.ns.keys())
            && self
                .ns
                .iter()
                .zip(&other.ns)
                .all(|((server, ours), (_, theirs))| {
                    !is_within(server, &self.domain) || ours == theirs
                })
    }
}

/// Whether a name is the domain or below it; both in the way in which this crate writes them.
pub(crate) fn is_within(server: &str, domain: &str) -> bool {
    let above = server.strip_suffix(domain);
    domain == "." || above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

impl fmt::Display for Delegation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<String> = self
            .ns
            .iter()
            .map(|(server, addresses)| {
                let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
                if addresses.is_empty() {
                    server.clone()
                } else {
                    format!("{server} ({})", addresses.join(", "))
                }
            })
            .collect();
        f.write_str(&servers.join(", "))
    }
}

/// Asks a server of the parent zone to whom it delegates a domain.
///
/// # Errors
///
/// As [`ask`]; refused with [`Fault::NotDelegated`] when the parent answers something else.
pub async fn delegation(
    parent: SocketAddr,
    domain: &str,
    limits: &Limits,
) -> Result<Delegation, PortError> {
    let answer = ask(parent, domain, Kind::Ns, limits).await?;
    read(&answer, domain).map_err(|fault| PortError::refused(what(parent, domain, Kind::Ns), fault))
}

fn read(answer: &Answer, domain: &str) -> Result<Delegation, Fault> {
    let domain = name::canonical(domain)?;
    if !matches!(answer.rcode, Rcode::NoError | Rcode::NxDomain) {
        return Err(Fault::Rcode {
            rcode: answer.rcode.to_string(),
        });
    }
    let sections = [
        (&answer.answers, Origin::Answer),
        (&answer.authority, Origin::Referral),
    ];
    for (section, from) in sections {
        let records: Vec<(&String, u32)> = section
            .iter()
            .filter(|record| record.name == domain)
            .filter_map(|record| match &record.data {
                Data::Ns(server) => Some((server, record.ttl)),
                _ => None,
            })
            .collect();
        if let Some(ttl) = records.iter().map(|(_, ttl)| *ttl).min() {
            let ns = records
                .into_iter()
                .map(|(server, _)| (server.clone(), addresses(&answer.additional, server)))
                .collect();
            return Ok(Delegation {
                domain,
                ns,
                ttl,
                from,
            });
        }
    }
    Err(Fault::NotDelegated {
        domain,
        found: answer.summary(),
    })
}

fn addresses(records: &[Record], server: &str) -> BTreeSet<IpAddr> {
    let own = records.iter().filter(|record| record.name == server);
    own.filter_map(|record| match record.data {
        Data::A(address) => Some(IpAddr::V4(address)),
        Data::Aaaa(address) => Some(IpAddr::V6(address)),
        _ => None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delegation(servers: &[(&str, &str)]) -> Delegation {
        let ns = servers
            .iter()
            .map(|(server, address)| ((*server).to_owned(), address.parse().into_iter().collect()));
        Delegation {
            domain: "a.b.".to_owned(),
            ns: ns.collect(),
            ttl: 1,
            from: Origin::Answer,
        }
    }

    #[test]
    fn only_addresses_within_the_domain_count() {
        let one = delegation(&[("ns.a.b.", "192.0.2.1"), ("ns.c.", "192.0.2.2")]);
        assert!(one.same_servers(&delegation(&[("ns.a.b.", "192.0.2.1"), ("ns.c.", "")])));
        assert!(!one.same_servers(&delegation(&[
            ("ns.a.b.", "192.0.2.3"),
            ("ns.c.", "192.0.2.2")
        ])));
        assert!(!one.same_servers(&delegation(&[("ns.a.b.", "192.0.2.1")])));
    }

    #[test]
    fn a_name_that_merely_ends_alike_is_not_within() {
        assert!(is_within("ns.a.b.", "a.b."));
        assert!(is_within("a.b.", "a.b."));
        assert!(!is_within("nsa.b.", "a.b."));
        assert!(!is_within("b.", "a.b."));
        assert!(is_within("anything.", "."));
    }
}
