//! Single questions over UDP, unrepeated: a lost packet is a failure that a client would see.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

use crate::error::chain;
use crate::register::Failure;

/// The longest answer that is read: the limit of EDNS that servers use at most.
const LONGEST: usize = 4096;

/// Asks a DNS server on which core a user lives; `None` when it has no answer for that name.
pub async fn core_of(
    server: SocketAddr,
    name: &str,
    limit: Duration,
) -> Result<Option<String>, Failure> {
    let answer = ask(server, name, RecordType::CNAME, limit).await?;
    Ok(answer.answers.iter().find_map(|record| match &record.data {
        RData::CNAME(core) => Some(plain(&core.0)),
        _ => None,
    }))
}

/// Asks the parent's name server for the addresses of a domain's name servers, without recursion.
pub async fn glue(
    parent: SocketAddr,
    domain: &str,
    limit: Duration,
) -> Result<Vec<IpAddr>, Failure> {
    let answer = ask(parent, domain, RecordType::NS, limit).await?;
    let servers: Vec<Name> = answer
        .answers
        .iter()
        .chain(&answer.authorities)
        .filter_map(|record| match &record.data {
            RData::NS(server) => Some(server.0.to_lowercase()),
            _ => None,
        })
        .collect();
    let found: Vec<IpAddr> = answer
        .additionals
        .iter()
        .filter(|record| servers.contains(&record.name.to_lowercase()))
        .filter_map(address_in)
        .collect();
    if found.is_empty() {
        return Err(Failure {
            kind: "follow-no-glue".to_owned(),
            detail: format!("{parent} names no address of a name server of {domain}"),
        });
    }
    Ok(found)
}

/// Asks a name server for the address of a host.
pub async fn address_of(
    server: SocketAddr,
    host: &str,
    limit: Duration,
) -> Result<IpAddr, Failure> {
    let answer = ask(server, host, RecordType::A, limit).await?;
    answer
        .answers
        .iter()
        .find_map(address_in)
        .ok_or_else(|| Failure {
            kind: "dns-missing".to_owned(),
            detail: format!("{server} has no address for {host}"),
        })
}

/// Asks one question and waits for its answer, which must say NOERROR.
async fn ask(
    server: SocketAddr,
    name: &str,
    kind: RecordType,
    limit: Duration,
) -> Result<Message, Failure> {
    match tokio::time::timeout(limit, exchange(server, name, kind)).await {
        Ok(result) => result,
        Err(_) => Err(Failure {
            kind: "dns-timeout".to_owned(),
            detail: format!("no answer from {server} within {} ms", limit.as_millis()),
        }),
    }
}

async fn exchange(server: SocketAddr, name: &str, kind: RecordType) -> Result<Message, Failure> {
    let question = question(name, kind)?;
    let bytes = question
        .to_vec()
        .map_err(|error| failure("dns-invalid", &error))?;
    let local: SocketAddr = match server {
        SocketAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let io = |error: std::io::Error| failure("dns-io", &error);
    // A connected socket hears of a closed port at once, and hears nobody else.
    let socket = UdpSocket::bind(local).await.map_err(io)?;
    socket.connect(server).await.map_err(io)?;
    socket.send(&bytes).await.map_err(io)?;
    let mut buffer = vec![0; LONGEST];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(io)?;
        let received = buffer.get(..length).unwrap_or_default();
        let answer =
            Message::from_vec(received).map_err(|error| failure("dns-malformed", &error))?;
        if answer.metadata.id != question.metadata.id {
            continue;
        }
        return match answer.metadata.response_code {
            ResponseCode::NoError => Ok(answer),
            code => Err(Failure {
                kind: format!("dns-{code:?}").to_lowercase(),
                detail: format!("{server} answered {code} for {name}"),
            }),
        };
    }
}

fn question(name: &str, kind: RecordType) -> Result<Message, Failure> {
    let mut name = Name::from_str(name).map_err(|error| failure("dns-invalid", &error))?;
    name.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.recursion_desired = false;
    message.add_query(Query::query(name, kind));
    Ok(message)
}

fn address_in(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(address) => Some(address.0.into()),
        RData::AAAA(address) => Some(address.0.into()),
        _ => None,
    }
}

fn plain(name: &Name) -> String {
    name.to_lowercase()
        .to_ascii()
        .trim_end_matches('.')
        .to_owned()
}

fn failure(kind: &str, error: &dyn std::error::Error) -> Failure {
    Failure {
        kind: kind.to_owned(),
        detail: chain(error),
    }
}
