//! What a server answers.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{self, RData};
use serde::{Deserialize, Serialize};

use crate::question::Question;
use crate::{exchange, name};

/// One answer, of whatever response code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The response code.
    pub rcode: Rcode,
    /// Whether the server says that it is authoritative for the name.
    pub aa: bool,
    /// The records that answer the question.
    pub answers: Vec<Record>,
    /// Those that tell who would know, or that nobody does.
    pub authority: Vec<Record>,
    /// Those that may help, such as glue.
    pub additional: Vec<Record>,
}

impl Answer {
    /// Reads an answer from its bytes; it must answer this very question.
    ///
    /// # Errors
    ///
    /// In words, what came instead.
    pub fn from_wire(bytes: &[u8], id: u16, question: &Question) -> Result<Self, String> {
        let name = name::parse(&question.name).map_err(|fault| fault.to_string())?;
        let mut asked = Message::new(id, MessageType::Query, OpCode::Query);
        asked.add_query(Query::query(name, question.kind.record_type()));
        exchange::read(bytes, &asked).map(|message| Self::read(&message))
    }

    pub(crate) fn read(message: &Message) -> Self {
        let records = |records: &[rr::Record]| records.iter().map(Record::read).collect();
        Self {
            rcode: Rcode::read(message.response_code),
            aa: message.authoritative,
            answers: records(&message.answers),
            authority: records(&message.authorities),
            additional: records(&message.additionals),
        }
    }

    /// What came, in a few words.
    pub(crate) fn summary(&self) -> String {
        let list = |records: &[Record]| {
            let texts: Vec<String> = records
                .iter()
                .map(|record| format!("{} {}", record.name, record.data))
                .collect();
            texts.join(", ")
        };
        let mut parts = vec![self.rcode.to_string()];
        if !self.answers.is_empty() {
            parts.push(format!("answer {}", list(&self.answers)));
        }
        if !self.authority.is_empty() {
            parts.push(format!("authority {}", list(&self.authority)));
        }
        if self.answers.is_empty() && self.authority.is_empty() {
            parts.push("no records".to_owned());
        }
        parts.join("; ")
    }
}

/// A response code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Rcode {
    /// All is well, even when there is no such record.
    NoError,
    /// The server did not understand the question.
    FormErr,
    /// The server failed.
    ServFail,
    /// There is no such name.
    NxDomain,
    /// The server cannot do that.
    NotImp,
    /// The server will not do that.
    Refused,
    /// Another one, by its number.
    Other(u16),
}

impl Rcode {
    fn read(code: ResponseCode) -> Self {
        match code {
            ResponseCode::NoError => Self::NoError,
            ResponseCode::FormErr => Self::FormErr,
            ResponseCode::ServFail => Self::ServFail,
            ResponseCode::NXDomain => Self::NxDomain,
            ResponseCode::NotImp => Self::NotImp,
            ResponseCode::Refused => Self::Refused,
            other => Self::Other(other.into()),
        }
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoError => f.write_str("NOERROR"),
            Self::FormErr => f.write_str("FORMERR"),
            Self::ServFail => f.write_str("SERVFAIL"),
            Self::NxDomain => f.write_str("NXDOMAIN"),
            Self::NotImp => f.write_str("NOTIMP"),
            Self::Refused => f.write_str("REFUSED"),
            Self::Other(number) => write!(f, "RCODE{number}"),
        }
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record {
    /// Whose it is: lower case, with the final dot.
    pub name: String,
    /// How long it may be cached, seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

impl Record {
    fn read(record: &rr::Record) -> Self {
        Self {
            name: name::text(&record.name),
            ttl: record.ttl,
            data: Data::read(&record.data),
        }
    }
}

/// What a record says. Names are in lower case, with the final dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A name server.
    Ns(String),
    /// The name that this is an alias of.
    Cname(String),
    /// The start of authority.
    Soa(Soa),
    /// A mail exchanger.
    Mx {
        /// The lower, the sooner.
        preference: u16,
        /// Its name.
        exchange: String,
    },
    /// Texts, with replacement characters where they are not UTF-8.
    Txt(Vec<String>),
    /// Another type, as it is written in a zone file.
    Other {
        /// The type.
        kind: String,
        /// What it says.
        text: String,
    },
}

impl Data {
    fn read(data: &RData) -> Self {
        match data {
            RData::A(address) => Self::A(address.0),
            RData::AAAA(address) => Self::Aaaa(address.0),
            RData::NS(server) => Self::Ns(name::text(&server.0)),
            RData::CNAME(target) => Self::Cname(name::text(&target.0)),
            RData::SOA(soa) => Self::Soa(Soa {
                mname: name::text(&soa.mname),
                rname: name::text(&soa.rname),
                serial: soa.serial,
                refresh: soa.refresh,
                retry: soa.retry,
                expire: soa.expire,
                minimum: soa.minimum,
            }),
            RData::MX(mx) => Self::Mx {
                preference: mx.preference,
                exchange: name::text(&mx.exchange),
            },
            RData::TXT(txt) => Self::Txt(
                txt.txt_data
                    .iter()
                    .map(|part| String::from_utf8_lossy(part).into_owned())
                    .collect(),
            ),
            other => Self::Other {
                kind: other.record_type().to_string(),
                text: other.to_string(),
            },
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(address) => write!(f, "A {address}"),
            Self::Aaaa(address) => write!(f, "AAAA {address}"),
            Self::Ns(server) => write!(f, "NS {server}"),
            Self::Cname(target) => write!(f, "CNAME {target}"),
            Self::Soa(soa) => write!(f, "SOA {soa}"),
            Self::Mx {
                preference,
                exchange,
            } => write!(f, "MX {preference} {exchange}"),
            Self::Txt(parts) => {
                f.write_str("TXT")?;
                parts.iter().try_for_each(|part| write!(f, " {part:?}"))
            }
            Self::Other { kind, text } => write!(f, "{kind} {text}"),
        }
    }
}

/// A start of authority.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Soa {
    /// The primary server.
    pub mname: String,
    /// The mailbox of whoever is responsible.
    pub rname: String,
    /// Counts the changes of the zone.
    pub serial: u32,
    /// Seconds between looks of a secondary server.
    pub refresh: i32,
    /// Seconds before it looks again after a failure.
    pub retry: i32,
    /// Seconds after which it gives up the zone.
    pub expire: i32,
    /// Seconds for which an absence may be cached.
    pub minimum: u32,
}

impl fmt::Display for Soa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mname,
            rname,
            serial,
            refresh,
            retry,
            expire,
            minimum,
        } = self;
        write!(
            f,
            "{mname} {rname} {serial} {refresh} {retry} {expire} {minimum}"
        )
    }
}

/// The name of a response code.
pub(crate) fn rcode_text(code: ResponseCode) -> String {
    Rcode::read(code).to_string()
}
