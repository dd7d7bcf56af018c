//! Questions to servers that answer badly.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hickory_proto::op::ResponseCode;
use regmig_core::port::PortError;
use regmig_dns::{Data, Fault, Kind, Limits, Origin, Rcode, ask, delegation, fault_of, soa};

use crate::fake::{Fake, Over, Reply, a, answer, code, name, ns};

pub(crate) fn hasty() -> Limits {
    Limits {
        answer: Duration::from_millis(200),
        attempts: 3,
    }
}

fn no_answer(error: &PortError) -> &str {
    assert!(
        matches!(error, PortError::NotSent { .. }),
        "{:?}",
        error.chain()
    );
    match fault_of(error) {
        Some(Fault::NoAnswer {
            attempts: 3, seen, ..
        }) => seen,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_is_read_whole() {
    let fake = Fake::start(|question, _| {
        assert!(!question.recursion_desired, "recursion is never asked for");
        assert_eq!(question.edns.as_ref().unwrap().max_payload(), 1232);
        let mut answer = answer(question);
        answer.add_answer(a("Ann.Example.Org.", 7));
        answer.add_authority(ns("example.org.", "NS1.example.org."));
        answer.add_additional(a("ns1.example.org.", 8));
        answer.into()
    })
    .await;
    let found = ask(fake.address, "ann.example.org", Kind::A, &hasty())
        .await
        .unwrap();
    assert_eq!((found.rcode, found.aa), (Rcode::NoError, true));
    assert_eq!(found.answers[0].name, "ann.example.org.");
    assert_eq!(found.answers[0].data, Data::A([192, 0, 2, 7].into()));
    assert_eq!(found.answers[0].ttl, 300);
    assert_eq!(
        found.authority[0].data,
        Data::Ns("ns1.example.org.".to_owned())
    );
    assert_eq!(found.additional[0].data, Data::A([192, 0, 2, 8].into()));
    assert_eq!(fake.asked(), 1);
}

#[tokio::test]
async fn silence_is_asked_three_times_with_new_ids() {
    let ids: &Mutex<BTreeSet<u16>> = Box::leak(Box::default());
    let fake = Fake::start(|question, _| {
        ids.lock().unwrap().insert(question.id);
        Reply::Nothing
    })
    .await;
    let before = Instant::now();
    let error = ask(fake.address, "ann.example.org", Kind::A, &hasty())
        .await
        .unwrap_err();
    assert!(before.elapsed() >= Duration::from_millis(600));
    assert!(before.elapsed() < Duration::from_secs(5));
    assert_eq!(no_answer(&error), "silence");
    assert_eq!(fake.asked(), 3);
    assert_eq!(ids.lock().unwrap().len(), 3);
    let first = &error.chain()[0];
    assert_eq!(
        *first,
        format!("DNS server {}: A of ann.example.org", fake.address)
    );
}

#[tokio::test]
async fn nobody_there_is_told_at_once() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = ask(free, "example.org", Kind::Ns, &hasty())
        .await
        .unwrap_err();
    assert!(no_answer(&error).contains("refused"), "{:?}", error.chain());
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let fake = Fake::start({
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |question, _| {
            if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
                return Reply::Nothing;
            }
            answer(question).into()
        }
    })
    .await;
    let found = ask(fake.address, "example.org", Kind::A, &hasty())
        .await
        .unwrap();
    assert!(found.answers.is_empty());
    assert_eq!(fake.asked(), 2);
}

#[tokio::test]
async fn an_answer_with_another_id_or_question_is_passed_over() {
    let fake = Fake::start(|question, _| {
        let mut forged = answer(question);
        forged.metadata.id = question.id.wrapping_add(1);
        forged.add_answer(a("example.org.", 66));
        let mut other = answer(question);
        other.queries[0].set_name(name("elsewhere.org."));
        other.add_answer(a("elsewhere.org.", 66));
        let mut right = answer(question);
        right.add_answer(a("example.org.", 1));
        Reply::Messages(vec![forged, other, question.clone(), right])
    })
    .await;
    let found = ask(fake.address, "example.org", Kind::A, &hasty())
        .await
        .unwrap();
    assert_eq!(found.answers[0].data, Data::A([192, 0, 2, 1].into()));
    assert_eq!(fake.asked(), 1);
}

#[tokio::test]
async fn only_forged_answers_are_no_answer() {
    let fake = Fake::start(|question, _| {
        let mut forged = answer(question);
        forged.metadata.id = question.id.wrapping_add(1);
        forged.into()
    })
    .await;
    let error = ask(fake.address, "example.org", Kind::A, &hasty())
        .await
        .unwrap_err();
    assert!(no_answer(&error).contains("id"), "{:?}", error.chain());
    let garbage = Fake::start(|_, _| Reply::Bytes(vec![1, 2, 3])).await;
    let error = ask(garbage.address, "example.org", Kind::A, &hasty())
        .await
        .unwrap_err();
    assert!(
        no_answer(&error).contains("unreadable"),
        "{:?}",
        error.chain()
    );
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_over_tcp() {
    let fake = Fake::start(|question, over| {
        let mut answer = answer(question);
        match over {
            Over::Udp => answer.metadata.truncation = true,
            Over::Tcp => {
                answer.add_answers((0..100).map(|last| a("example.org.", last)));
            }
        }
        answer.into()
    })
    .await;
    let found = ask(fake.address, "example.org", Kind::A, &hasty())
        .await
        .unwrap();
    assert_eq!(found.answers.len(), 100);
    assert_eq!(fake.asked(), 2);
}

#[tokio::test]
async fn a_truncated_answer_without_tcp_is_no_answer() {
    let fake = Fake::start(|question, over| {
        let mut answer = answer(question);
        answer.metadata.truncation = true;
        answer.add_answer(a("example.org.", 1));
        if over == Over::Tcp {
            Reply::Nothing
        } else {
            answer.into()
        }
    })
    .await;
    let error = ask(fake.address, "example.org", Kind::A, &hasty())
        .await
        .unwrap_err();
    assert!(
        no_answer(&error).contains("truncated over UDP"),
        "{:?}",
        error.chain()
    );
}

#[tokio::test]
async fn a_server_from_before_edns_is_asked_without_it() {
    let fake = Fake::start(|question, _| {
        if question.edns.is_some() {
            return code(question, ResponseCode::FormErr).into();
        }
        let mut answer = answer(question);
        answer.add_answer(a("example.org.", 1));
        answer.into()
    })
    .await;
    let found = ask(fake.address, "example.org", Kind::A, &hasty())
        .await
        .unwrap();
    assert_eq!((found.rcode, found.answers.len()), (Rcode::NoError, 1));
}

#[tokio::test]
async fn an_error_code_is_an_answer_and_no_delegation() {
    for (sent, rcode, words) in [
        (ResponseCode::ServFail, Rcode::ServFail, "SERVFAIL"),
        (ResponseCode::Refused, Rcode::Refused, "REFUSED"),
    ] {
        let fake = Fake::start(move |question, _| code(question, sent).into()).await;
        let found = ask(fake.address, "example.org", Kind::Ns, &hasty())
            .await
            .unwrap();
        assert_eq!(found.rcode, rcode);
        let fault = Fault::Rcode {
            rcode: words.to_owned(),
        };
        let error = delegation(fake.address, "example.org", &hasty())
            .await
            .unwrap_err();
        assert!(matches!(error, PortError::Refused { .. }));
        assert_eq!(fault_of(&error), Some(&fault));
        let error = soa(fake.address, "example.org", &hasty())
            .await
            .unwrap_err();
        assert_eq!(fault_of(&error), Some(&fault));
    }
}

#[tokio::test]
async fn a_referral_is_a_delegation_with_or_without_glue() {
    let fake = Fake::start(|question, _| {
        let mut answer = answer(question);
        answer.metadata.authoritative = false;
        answer.add_authority(ns("plat.example.", "NS1.plat.example."));
        answer.add_authority(ns("plat.example.", "ns.elsewhere.net."));
        answer.add_additional(a("ns1.plat.example.", 1));
        answer.add_additional(a("ns1.plat.example.", 2));
        answer.add_additional(a("stranger.example.", 3));
        answer.into()
    })
    .await;
    let found = delegation(fake.address, "Plat.example", &hasty())
        .await
        .unwrap();
    assert_eq!(found.from, Origin::Referral);
    assert_eq!(found.ttl, 3600);
    assert_eq!(
        found.to_string(),
        "ns.elsewhere.net., ns1.plat.example. (192.0.2.1, 192.0.2.2)"
    );
}

#[tokio::test]
async fn a_referral_for_something_else_is_no_delegation() {
    let fake = Fake::start(|question, _| {
        let mut answer = answer(question);
        answer.metadata.authoritative = false;
        answer.add_authority(ns("example.", "ns1.example."));
        answer.into()
    })
    .await;
    let error = delegation(fake.address, "plat.example", &hasty())
        .await
        .unwrap_err();
    let Some(Fault::NotDelegated { domain, found }) = fault_of(&error) else {
        panic!("{error:?}")
    };
    assert_eq!(domain, "plat.example.");
    assert!(found.contains("example. NS ns1.example."), "{found}");
}

#[tokio::test]
async fn what_is_no_name_is_refused_before_anything_is_sent() {
    let fake = Fake::start(|question, _| answer(question).into()).await;
    let error = ask(fake.address, "a..b", Kind::A, &hasty())
        .await
        .unwrap_err();
    assert!(matches!(error, PortError::Refused { .. }));
    assert!(matches!(fault_of(&error), Some(Fault::BadName { .. })));
    assert_eq!(fake.asked(), 0);
}
