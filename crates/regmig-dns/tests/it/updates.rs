//! Changes of a delegation, on a real server and on fake ones that lose the answer.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{RData, Record, RecordType};
use regmig_core::port::PortError;
use regmig_dns::{
    Data, Delegation, Fault, Kind, Limits, TsigKey, Updated, ask, delegation, fault_of,
    update_delegation,
};

use crate::bind::{Bind, KEY};
use crate::fake::{Fake, Over, Reply, answer, code, name, ns};
use crate::questions::hasty;

const DOMAIN: &str = "plat.example";

fn to(servers: &[(&str, &[&str])]) -> Delegation {
    let addresses = |list: &[&str]| {
        list.iter()
            .map(|one| one.parse::<IpAddr>().unwrap())
            .collect()
    };
    let servers = servers
        .iter()
        .map(|(server, list)| (server, addresses(list)));
    Delegation::wanted("Plat.example", servers, 600).unwrap()
}

fn on_bind() -> Delegation {
    to(&[
        ("ns1.plat.example.", &["192.0.2.1", "2001:db8::53"]),
        ("ns2.elsewhere.net.", &[]),
    ])
}

fn on_dest() -> Delegation {
    to(&[
        ("dns1.plat.example.", &["192.0.2.31"]),
        ("ns1.plat.example.", &["192.0.2.32"]),
        ("ns.example.", &["127.0.0.1"]),
    ])
}

/// One update with the right key.
async fn update(
    server: SocketAddr,
    expected: &Delegation,
    desired: &Delegation,
    limits: Limits,
) -> Result<Updated, PortError> {
    update_delegation(server, &Bind::key(), expected, desired, &limits).await
}

#[tokio::test]
async fn a_delegation_is_replaced_and_brought_back() {
    let bind = Bind::start().await;
    let limits = Limits::default();
    let update = async |expected: &Delegation, desired: &Delegation| {
        update(bind.address, expected, desired, limits).await
    };
    let before = delegation(bind.address, DOMAIN, &limits).await.unwrap();
    assert_eq!(update(&before, &on_dest()).await.unwrap(), Updated::Changed);
    let now = delegation(bind.address, DOMAIN, &limits).await.unwrap();
    assert!(now.same_servers(&on_dest()), "{now}");
    assert_eq!(now.ttl, 600);
    assert_eq!(
        update(&before, &on_dest()).await.unwrap(),
        Updated::AlreadySo
    );
    // The address of a server outside the domain is not the domain's to change.
    let other = ask(bind.address, "ns.example", Kind::A, &limits)
        .await
        .unwrap();
    assert_eq!(other.answers[0].data, Data::A([127, 0, 0, 1].into()));
    assert_eq!(update(&now, &before).await.unwrap(), Updated::Changed);
    assert_eq!(
        delegation(bind.address, DOMAIN, &limits).await.unwrap(),
        before
    );
}

#[tokio::test]
async fn a_delegation_that_is_not_as_expected_is_left_alone() {
    let bind = Bind::start().await;
    let limits = Limits::default();
    for expected in [
        to(&[("ns1.plat.example.", &["192.0.2.1", "2001:db8::53"])]),
        to(&[
            ("ns1.plat.example.", &["192.0.2.1"]),
            ("ns2.elsewhere.net.", &[]),
        ]),
    ] {
        let update = update(bind.address, &expected, &on_dest(), limits).await;
        let error = update.unwrap_err();
        assert!(matches!(error, PortError::Refused { .. }));
        assert!(
            matches!(fault_of(&error), Some(Fault::Drifted { .. })),
            "{:?}",
            error.chain()
        );
    }
    let now = delegation(bind.address, DOMAIN, &limits).await.unwrap();
    assert!(now.same_servers(&on_bind()), "{now}");
}

/// A proxy that answers questions as `stale` says and hands updates to the real server.
async fn stale(bind: SocketAddr, stale: Delegation) -> Fake {
    Fake::start(move |question, over| {
        if question.op_code == OpCode::Update {
            return Reply::Bytes(hand_on(bind, question));
        }
        assert_eq!(over, Over::Udp);
        parent(question, &stale)
    })
    .await
}

fn hand_on(bind: SocketAddr, update: &Message) -> Vec<u8> {
    let bytes = update.to_vec().unwrap();
    let mut stream = std::net::TcpStream::connect(bind).unwrap();
    stream
        .write_all(&u16::try_from(bytes.len()).unwrap().to_be_bytes())
        .unwrap();
    stream.write_all(&bytes).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).unwrap();
    answer
}

/// Answers as the parent zone would with this delegation in it.
fn parent(question: &Message, delegated: &Delegation) -> Reply {
    let mut answer = answer(question);
    if question.queries[0].query_type() == RecordType::SOA {
        let data = SOA::new(
            name("ns.example."),
            name("admin.example."),
            7,
            3600,
            600,
            86_400,
            60,
        );
        answer.add_answer(Record::from_rdata(name("example."), 60, RData::SOA(data)));
        return answer.into();
    }
    answer.metadata.authoritative = false;
    for (server, addresses) in &delegated.ns {
        answer.add_authority(ns("plat.example.", server));
        for address in addresses {
            let data = match address {
                IpAddr::V4(address) => RData::A((*address).into()),
                IpAddr::V6(address) => RData::AAAA((*address).into()),
            };
            answer.add_additional(Record::from_rdata(name(server), 600, data));
        }
    }
    answer.into()
}

#[tokio::test]
async fn a_change_between_the_look_and_the_update_is_noticed_by_the_server() {
    let bind = Bind::start().await;
    for seen in [
        to(&[("ns1.plat.example.", &["192.0.2.1", "2001:db8::53"])]),
        to(&[
            ("ns1.plat.example.", &["192.0.2.1"]),
            ("ns2.elsewhere.net.", &[]),
        ]),
        to(&[
            ("ns1.plat.example.", &["192.0.2.77", "2001:db8::53"]),
            ("ns2.elsewhere.net.", &[]),
        ]),
    ] {
        let proxy = stale(bind.address, seen.clone()).await;
        let limits = Limits::default();
        let update = update(proxy.address, &seen, &on_dest(), limits).await;
        let error = update.unwrap_err();
        assert!(
            matches!(error, PortError::Refused { .. }),
            "{:?}",
            error.chain()
        );
        assert!(
            matches!(fault_of(&error), Some(Fault::Drifted { .. })),
            "{:?}",
            error.chain()
        );
        let now = delegation(bind.address, DOMAIN, &limits).await.unwrap();
        assert!(now.same_servers(&on_bind()), "{now}");
    }
    let proxy = stale(bind.address, on_bind()).await;
    let update = update(proxy.address, &on_bind(), &on_dest(), Limits::default()).await;
    assert_eq!(update.unwrap(), Updated::Changed);
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_or_believe_is_refused() {
    let bind = Bind::start().await;
    let limits = Limits::default();
    for text in [KEY.replace("move", "stranger"), KEY.replace("c2Vj", "d2Vj")] {
        let key = TsigKey::parse(&text, None).unwrap();
        let (expected, desired) = (on_bind(), on_dest());
        let update = update_delegation(bind.address, &key, &expected, &desired, &limits);
        let update = update.await;
        let error = update.unwrap_err();
        assert!(
            matches!(error, PortError::Refused { .. }),
            "{:?}",
            error.chain()
        );
        assert!(
            matches!(fault_of(&error), Some(Fault::Signature { .. })),
            "{:?}",
            error.chain()
        );
    }
    let now = delegation(bind.address, DOMAIN, &limits).await.unwrap();
    assert!(now.same_servers(&on_bind()), "{now}");
}

#[tokio::test]
async fn a_domain_that_the_parent_server_serves_itself_is_left_alone() {
    let bind = Bind::start().await;
    let limits = Limits::default();

    let mut desired = to(&[("ns.elsewhere.net.", &[])]);
    desired.domain = "child.example.".to_owned();
    let expected = delegation(bind.address, "child.example", &limits)
        .await
        .unwrap();
    let key = Bind::key();
    let update = update_delegation(bind.address, &key, &expected, &desired, &limits);
    let error = update.await.unwrap_err();
    // Served there as well as its parent: the parent zone itself does not delegate it.
    assert!(
        matches!(fault_of(&error), Some(Fault::Drifted { .. })),
        "{:?}",
        error.chain()
    );
}

#[tokio::test]
async fn a_delegation_that_leads_nowhere_is_refused_before_anything_is_sent() {
    let fake = Fake::start(|question, _| code(question, ResponseCode::Refused).into()).await;
    let refusal = async |desired: &Delegation| {
        fault_of(
            &update(fake.address, &on_bind(), desired, hasty())
                .await
                .unwrap_err(),
        )
        .cloned()
    };
    assert!(matches!(
        refusal(&to(&[])).await,
        Some(Fault::NoServers { .. })
    ));
    let without_glue = to(&[("ns1.plat.example.", &[])]);
    assert!(matches!(
        refusal(&without_glue).await,
        Some(Fault::GlueNeeded { .. })
    ));
    assert_eq!(fake.asked(), 0);
}

#[tokio::test]
async fn an_update_without_a_trustworthy_answer_has_an_unknown_outcome() {
    let silent = Fake::start(|question, _| match question.op_code {
        OpCode::Update => Reply::Nothing,
        _ => parent(question, &on_bind()),
    })
    .await;
    let unsigned = Fake::start(|question, _| match question.op_code {
        OpCode::Update => answer(question).into(),
        _ => parent(question, &on_bind()),
    })
    .await;
    let forged = Fake::start(|question, _| match question.op_code {
        OpCode::Update => {
            let mut answer = answer(question);
            answer.metadata.id = question.id.wrapping_add(1);
            answer.into()
        }
        _ => parent(question, &on_bind()),
    })
    .await;
    for fake in [silent, unsigned, forged] {
        let update = update(fake.address, &on_bind(), &on_dest(), hasty()).await;
        let error = update.unwrap_err();
        assert!(
            matches!(error, PortError::OutcomeUnknown { .. }),
            "{:?}",
            error.chain()
        );
    }
}

#[tokio::test]
async fn a_server_that_is_no_parent_is_told_from_one_that_refuses() {
    let lame = Fake::start(|question, _| {
        if question.queries[0].query_type() == RecordType::SOA {
            return code(question, ResponseCode::Refused).into();
        }
        parent(question, &on_bind())
    })
    .await;
    let updated = update(lame.address, &on_bind(), &on_dest(), hasty()).await;
    let error = updated.unwrap_err();
    assert!(
        matches!(fault_of(&error), Some(Fault::NotAuthoritative { .. })),
        "{:?}",
        error.chain()
    );
    let refusing = Fake::start(|question, _| match question.op_code {
        OpCode::Update => code(question, ResponseCode::Refused).into(),
        _ => parent(question, &on_bind()),
    })
    .await;
    let updated = update(refusing.address, &on_bind(), &on_dest(), hasty()).await;
    let error = updated.unwrap_err();
    assert_eq!(
        fault_of(&error),
        Some(&Fault::Rcode {
            rcode: "REFUSED".to_owned()
        })
    );
}
