//! One question to one server.

use std::net::SocketAddr;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use regmig_core::port::PortError;

use crate::answer::{Answer, Data, Rcode, Soa};
use crate::exchange;
use crate::fault::Fault;
use crate::limits::Limits;
use crate::name;
use crate::question::Kind;

/// The size of answer that passes every path unfragmented; the value that DNS servers agreed on in 2020.
const PAYLOAD: u16 = 1232;

/// Asks one server one question, without the wish for recursion.
///
/// A truncated answer is asked for again over TCP. Any response code is an answer.
///
/// # Errors
///
/// [`PortError::NotSent`] when no usable answer came in all attempts; [`PortError::Refused`] when
/// `name` is no name.
pub async fn ask(
    server: SocketAddr,
    name: &str,
    kind: Kind,
    limits: &Limits,
) -> Result<Answer, PortError> {
    let what = what(server, name, kind);
    let parsed = name::parse(name).map_err(|fault| PortError::refused(what.clone(), fault))?;
    let mut seen = String::new();
    let mut edns = true;
    let attempts = limits.attempts.max(1);
    for _ in 0..attempts {
        match once(server, &parsed, kind, edns, limits).await {
            // Servers from before EDNS stumble over it.
            Ok(answer) if edns && stumbles(&answer) => {
                edns = false;
                match once(server, &parsed, kind, edns, limits).await {
                    Ok(answer) => return Ok(Answer::read(&answer)),
                    Err(words) => seen = words,
                }
            }
            Ok(answer) => return Ok(Answer::read(&answer)),
            Err(words) => seen = words,
        }
        tracing::debug!(%server, name, %kind, seen, "asking again");
    }
    Err(PortError::not_sent(
        what,
        Fault::NoAnswer {
            attempts,
            limit: limits.answer,
            seen,
        },
    ))
}

/// Asks for the start of authority of a zone.
///
/// # Errors
///
/// As [`ask`]; refused when the server does not serve the zone with authority.
pub async fn soa(server: SocketAddr, zone: &str, limits: &Limits) -> Result<Soa, PortError> {
    let answer = ask(server, zone, Kind::Soa, limits).await?;
    let refused = |fault| PortError::refused(what(server, zone, Kind::Soa), fault);
    if answer.rcode != Rcode::NoError {
        return Err(refused(Fault::Rcode {
            rcode: answer.rcode.to_string(),
        }));
    }
    let found = answer.answers.iter().find_map(|record| match &record.data {
        Data::Soa(soa) if answer.aa => Some(soa.clone()),
        _ => None,
    });
    found.ok_or_else(|| {
        let expected = format!("the SOA of {zone} with authority");
        refused(Fault::Unexpected {
            found: answer.summary(),
            expected,
        })
    })
}

/// A question in words, for errors.
pub(crate) fn what(server: SocketAddr, name: &str, kind: Kind) -> String {
    format!("DNS server {server}: {kind} of {name}")
}

fn stumbles(answer: &Message) -> bool {
    matches!(
        answer.response_code,
        ResponseCode::FormErr | ResponseCode::NotImp
    ) || answer.response_code == ResponseCode::BADVERS
}

async fn once(
    server: SocketAddr,
    name: &hickory_proto::rr::Name,
    kind: Kind,
    edns: bool,
    limits: &Limits,
) -> Result<Message, String> {
    // With a random id; recursion is not desired unless it is set.
    let mut message = Message::query();
    message.metadata.recursion_desired = false;
    message.add_query(Query::query(name.clone(), kind.record_type()));
    if edns {
        let mut options = Edns::new();
        options.set_max_payload(PAYLOAD).set_version(0);
        message.set_edns(options);
    }
    let answer = exchange::over_udp(server, &message, limits.answer).await?;
    if !answer.truncation {
        return Ok(answer);
    }
    let bytes = message.to_vec().map_err(|error| error.to_string())?;
    let answer = exchange::over_tcp(server, &bytes, limits.answer)
        .await
        .map_err(|fault| format!("truncated over UDP, and over TCP {fault}"))?;
    exchange::read(&answer, &message).map_err(|words| format!("over TCP {words}"))
}
