//! Answers of DNS servers.

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, CNAME, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use regmig_dns::{Answer, Delegation, Kind, Question, Seen, canonical};

const DOMAIN: &str = "register.test.";
const KINDS: [Kind; 7] = [
    Kind::Ns,
    Kind::A,
    Kind::Aaaa,
    Kind::Soa,
    Kind::Cname,
    Kind::Mx,
    Kind::Txt,
];

/// A message, behind one byte that says what had been asked.
///
/// It answers that question or is refused; the order of records never counts; and a delegation names
/// its servers in the way in which this program compares names.
pub fn answer(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    let Some(kind) = KINDS.get(usize::from(*kind) % KINDS.len()) else {
        return;
    };
    let question = Question::new(DOMAIN, *kind);
    let id = bytes.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
    let other = Answer::from_wire(bytes, !id, &question);
    assert!(other.is_err(), "an answer to another question");
    let Ok(answer) = Answer::from_wire(bytes, id, &question) else {
        return;
    };
    let mut turned = answer.clone();
    for records in [
        &mut turned.answers,
        &mut turned.authority,
        &mut turned.additional,
    ] {
        records.reverse();
    }
    assert_eq!(Seen::of(&answer), Seen::of(&turned));
    let shown = Seen::of(&answer).to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let kept = serde_json::to_vec(&answer).unwrap_or_default();
    assert!(serde_json::from_slice::<Answer>(&kept).is_ok_and(|again| again == answer));
    let (Ok(found), Ok(again)) = (
        Delegation::read(&answer, DOMAIN),
        Delegation::read(&turned, DOMAIN),
    ) else {
        assert!(Delegation::read(&turned, DOMAIN).is_err());
        return;
    };
    assert_eq!(found, again);
    assert!(!found.ns.is_empty() && found.domain == DOMAIN && found.same_servers(&again));
    for server in found.ns.keys().filter(|server| is_plain(server)) {
        assert_eq!(canonical(server).ok().as_ref(), Some(server));
    }
}

/// Whether a name is one that a machine can have.
fn is_plain(name: &str) -> bool {
    name.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_'))
}

/// Answers of every kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let message = |index: u8, answers: &[RData], authority: &[RData], additional: &[RData]| {
        let domain = Name::from_ascii(DOMAIN).ok()?;
        let kind = KINDS.get(usize::from(index))?;
        let asked = match kind {
            Kind::Ns => RecordType::NS,
            Kind::A => RecordType::A,
            Kind::Aaaa => RecordType::AAAA,
            Kind::Soa => RecordType::SOA,
            Kind::Cname => RecordType::CNAME,
            Kind::Mx => RecordType::MX,
            Kind::Txt => RecordType::TXT,
        };
        let mut message = Message::new(7, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(domain.clone(), asked));
        let server = Name::from_ascii("dns1.register.test.").ok()?;
        for data in answers {
            message.add_answer(Record::from_rdata(domain.clone(), 60, data.clone()));
        }
        for data in authority {
            message.add_authority(Record::from_rdata(domain.clone(), 60, data.clone()));
        }
        for data in additional {
            message.add_additional(Record::from_rdata(server.clone(), 60, data.clone()));
        }
        let bytes = message.to_vec().ok()?;
        Some([&[index], bytes.as_slice()].concat())
    };
    let name = |name: &str| Name::from_ascii(name).unwrap_or_default();
    let servers = [
        RData::NS(NS(name("dns1.register.test."))),
        RData::NS(NS(name("DNS2.elsewhere.test."))),
    ];
    let glue = [RData::A(A::new(192, 0, 2, 10))];
    let soa = SOA::new(
        name("dns1.register.test."),
        name("ops.register.test."),
        1,
        2,
        3,
        4,
        5,
    );
    let texts = TXT::new(vec!["one".to_owned(), "t\u{e9}o".to_owned()]);
    [
        message(0, &[], &servers, &glue),
        message(0, &servers, &[], &[]),
        message(1, &glue, &[], &[]),
        message(3, &[RData::SOA(soa)], &[], &[]),
        message(
            4,
            &[RData::CNAME(CNAME(name("core.register.test.")))],
            &[],
            &[],
        ),
        message(6, &[RData::TXT(texts)], &[], &[]),
    ]
    .into_iter()
    .flatten()
    .collect()
}
