//! Changes a delegation at its parent, or leaves it as it is.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode, UpdateMessage};
use hickory_proto::rr::rdata::{A, AAAA, NS};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use regmig_core::port::PortError;

use crate::answer::{Data, Rcode};
use crate::ask::ask;
use crate::delegation::{Delegation, delegation};
use crate::exchange;
use crate::fault::Fault;
use crate::limits::Limits;
use crate::name;
use crate::question::Kind;
use crate::tsig::TsigKey;

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// The parent has made the change.
    Changed,
    /// The delegation was as desired already; nothing was sent.
    AlreadySo,
}

/// Replaces the delegation of a domain (`desired.domain`) at the primary server of its parent zone, if it
/// is what `expected` says, in one signed message (RFC 2136).
///
/// The server checks the name servers and their glue and makes the change as one: if
/// somebody else has changed them meanwhile, nothing happens. Glue is touched for name servers at or below the
/// domain only, since other addresses in the parent zone are not the domain's.
///
/// # Errors
///
/// Refused with [`Fault::Drifted`] when the delegation is neither expected nor desired, and when the server
/// refuses. With an unknown outcome when the message was sent and no answer to it can be trusted.
pub async fn update_delegation(
    parent: SocketAddr,
    key: &TsigKey,
    expected: &Delegation,
    desired: &Delegation,
    limits: &Limits,
) -> Result<Updated, PortError> {
    let domain = &desired.domain;
    let what = format!("DNS server {parent}: new delegation of {domain}");
    let refused = |fault| PortError::refused(what.clone(), fault);
    let owner = name::parse(domain).map_err(refused)?;
    check(&owner, desired).map_err(refused)?;
    let now = delegation(parent, domain, limits).await?;
    if now.same_servers(desired) {
        return Ok(Updated::AlreadySo);
    }
    let drifted = |found: String| Fault::Drifted {
        domain: domain.to_owned(),
        expected: expected.to_string(),
        found,
    };
    if !now.same_servers(expected) {
        return Err(refused(drifted(now.to_string())));
    }
    let zone = zone_above(parent, &owner, limits).await?;
    let mut message = build(zone, &owner, expected, desired).map_err(refused)?;
    let unwritable = |words: String| Fault::Unwritable { words };
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let verifier = message
        .finalize(key.signer(), seconds)
        .map_err(|error| refused(unwritable(error.to_string())))?;
    let bytes = message
        .to_vec()
        .map_err(|error| refused(unwritable(error.to_string())))?;
    let answer = exchange::over_tcp(parent, &bytes, limits.answer)
        .await
        .map_err(|fault| match fault {
            Fault::NoConnection { .. } => PortError::not_sent(what.clone(), fault),
            Fault::Unwritable { .. } => refused(fault),
            fault => PortError::unknown(what.clone(), fault),
        })?;
    let unknown = |words: String| PortError::unknown(what.clone(), Fault::AnswerLost { words });
    let read = exchange::read(&answer, &message).map_err(unknown)?;
    match read.response_code {
        ResponseCode::NoError => {
            // Only a signed yes is a yes.
            let trusted = verifier
                .ok_or_else(|| "it is not signed".to_owned())
                .and_then(|mut one| {
                    one.verify(&answer)
                        .map(drop)
                        .map_err(|error| error.to_string())
                });
            trusted.map(|()| Updated::Changed).map_err(unknown)
        }
        ResponseCode::NXRRSet | ResponseCode::YXRRSet => {
            Err(refused(drifted("something else in the zone".to_owned())))
        }
        code => Err(refused(refusal(&read, code))),
    }
}

/// Refuses a delegation that would lead nowhere.
fn check(owner: &Name, desired: &Delegation) -> Result<(), Fault> {
    let domain = || name::text(owner);
    if desired.ns.is_empty() {
        return Err(Fault::NoServers { domain: domain() });
    }
    for (server, addresses) in &desired.ns {
        if addresses.is_empty() && owner.zone_of(&name::parse(server)?) {
            return Err(Fault::GlueNeeded {
                name: server.clone(),
                domain: domain(),
            });
        }
    }
    Ok(())
}

/// The zone above the domain that this server is authoritative for.
async fn zone_above(parent: SocketAddr, owner: &Name, limits: &Limits) -> Result<Name, PortError> {
    let mut zone = owner.base_name();
    loop {
        let text = name::text(&zone);
        let answer = ask(parent, &text, Kind::Soa, limits).await?;
        let has_soa = answer
            .answers
            .iter()
            .any(|record| record.name == text && matches!(record.data, Data::Soa(_)));
        if answer.rcode == Rcode::NoError && answer.aa && has_soa {
            return Ok(zone);
        }
        if zone.is_root() {
            let domain = name::text(owner);
            let what = format!("DNS server {parent}: zone above {domain}");
            return Err(PortError::refused(
                what,
                Fault::NotAuthoritative {
                    server: parent,
                    domain,
                },
            ));
        }
        zone = zone.base_name();
    }
}

fn build(
    zone: Name,
    owner: &Name,
    expected: &Delegation,
    desired: &Delegation,
) -> Result<Message, Fault> {
    let mut message = Message::query();
    message.metadata.message_type = MessageType::Query;
    message.metadata.op_code = OpCode::Update;
    message.metadata.recursion_desired = false;
    message.add_zone(Query::query(zone, RecordType::SOA));
    let set = Set {
        owner: owner.clone(),
        kind: RecordType::NS,
    };
    set.require(&mut message, &servers(expected)?);
    set.replace(&mut message, &servers(desired)?, desired.ttl);
    let names: BTreeSet<&String> = expected.ns.keys().chain(desired.ns.keys()).collect();
    for text in names {
        let server = name::parse(text)?;
        if !owner.zone_of(&server) {
            continue;
        }
        for kind in [RecordType::A, RecordType::AAAA] {
            let set = Set {
                owner: server.clone(),
                kind,
            };
            let (before, after) = (glue(expected, text, kind), glue(desired, text, kind));
            set.require(&mut message, &before);
            if before != after {
                set.replace(&mut message, &after, desired.ttl);
            }
        }
    }
    Ok(message)
}

fn servers(delegation: &Delegation) -> Result<Vec<RData>, Fault> {
    delegation
        .ns
        .keys()
        .map(|server| Ok(RData::NS(NS(name::parse(server)?))))
        .collect()
}

fn glue(delegation: &Delegation, server: &str, kind: RecordType) -> Vec<RData> {
    let addresses = delegation.ns.get(server).into_iter().flatten();
    addresses
        .filter_map(|address| match address {
            IpAddr::V4(address) if kind == RecordType::A => Some(RData::A(A(*address))),
            IpAddr::V6(address) if kind == RecordType::AAAA => Some(RData::AAAA(AAAA(*address))),
            _ => None,
        })
        .collect()
}

/// All records of one name and type.
struct Set {
    owner: Name,
    kind: RecordType,
}

impl Set {
    /// Has the server check that the set is exactly this.
    fn require(&self, message: &mut Message, records: &[RData]) {
        if records.is_empty() {
            message.add_pre_requisite(self.bare(DNSClass::NONE));
        }
        for data in records {
            message.add_pre_requisite(Record::from_rdata(self.owner.clone(), 0, data.clone()));
        }
    }

    /// Has the server make the set this.
    fn replace(&self, message: &mut Message, records: &[RData], ttl: u32) {
        message.add_update(self.bare(DNSClass::ANY));
        for data in records {
            message.add_update(Record::from_rdata(self.owner.clone(), ttl, data.clone()));
        }
    }

    /// The set without data, in a class that gives it its meaning.
    fn bare(&self, class: DNSClass) -> Record {
        let mut record = Record::update0(self.owner.clone(), 0, self.kind);
        record.dns_class = class;
        record
    }
}

/// The server's no, in words.
fn refusal(answer: &Message, code: ResponseCode) -> Fault {
    let error = answer
        .signature()
        .and_then(|record| record.data.error.as_ref());
    match error {
        Some(error) => Fault::Signature {
            words: format!("{error:?}"),
        },
        None if code == ResponseCode::NotAuth => Fault::Rcode {
            rcode: "NOTAUTH".to_owned(),
        },
        None => Fault::Rcode {
            rcode: crate::answer::rcode_text(code),
        },
    }
}
