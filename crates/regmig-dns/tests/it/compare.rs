//! Comparisons of two servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, stream};
use hickory_proto::op::{Message, ResponseCode};
use regmig_core::port::PortError;
use regmig_dns::{
    CompareOptions, CompareProgress, Kind, Limits, Question, Rcode, compare, compare_all,
};

use crate::fake::{Fake, Reply, a, answer, code, ns};
use crate::questions::hasty;

fn first_label(question: &Message) -> String {
    question.queries[0]
        .name()
        .to_ascii()
        .split('.')
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn order_ttl_and_additions_do_not_matter() {
    let one = Fake::start(|question, _| {
        let mut answer = answer(question);
        answer.add_answer(a("ann.example.", 1));
        answer.add_answer(a("ann.example.", 2));
        answer.into()
    })
    .await;
    let two = Fake::start(|question, _| {
        let mut answer = answer(question);
        let mut second = a("ANN.example.", 2);
        second.ttl = 5;
        answer.add_answer(second);
        answer.add_answer(a("ann.example.", 1));
        answer.add_authority(ns("example.", "ns.example."));
        answer.into()
    })
    .await;
    let question = Question::new("ann.example", Kind::A);
    let found = compare(one.address, two.address, &question, &hasty())
        .await
        .unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn another_record_code_or_authority_is_a_difference() {
    let one = Fake::start(|question, _| {
        let mut answer = answer(question);
        answer.add_answer(a("ann.example.", 1));
        answer.into()
    })
    .await;
    let two = Fake::start(|question, _| match first_label(question).as_str() {
        "other" => {
            let mut answer = answer(question);
            answer.add_answer(a("ann.example.", 2));
            answer.into()
        }
        "nobody" => code(question, ResponseCode::NXDomain).into(),
        _ => {
            let mut answer = answer(question);
            answer.metadata.authoritative = false;
            answer.add_answer(a("ann.example.", 1));
            answer.into()
        }
    })
    .await;
    let ask = async |name: &str| {
        let question = Question::new(name, Kind::A);
        compare(one.address, two.address, &question, &hasty())
            .await
            .unwrap()
            .unwrap()
    };
    assert_eq!(
        ask("other.example").await.to_string(),
        "other.example A: NOERROR [ann.example. A 192.0.2.1] against NOERROR [ann.example. A 192.0.2.2]"
    );
    assert_eq!(ask("nobody.example").await.b.rcode, Rcode::NxDomain);
    assert!(!ask("lame.example").await.b.aa);
}

/// Answers every name with an address made of its number; some numbers otherwise or not at all.
async fn numbered(other: Vec<usize>, silent: Vec<usize>) -> Fake {
    Fake::start(move |question, _| {
        let number: usize = first_label(question)
            .trim_start_matches('u')
            .parse()
            .unwrap();
        if silent.contains(&number) {
            return Reply::Nothing;
        }
        let shift = usize::from(other.contains(&number));
        let mut answer = answer(question);
        let owner = question.queries[0].name().to_ascii();
        answer.add_answer(a(&owner, u8::try_from((number + shift) % 250).unwrap()));
        answer.into()
    })
    .await
}

fn questions(count: usize) -> impl futures::Stream<Item = Result<Question, PortError>> + Send {
    stream::iter(0..count).map(|index| Ok(Question::new(format!("u{index}.example"), Kind::A)))
}

#[tokio::test]
async fn many_users_are_compared_and_differences_counted_and_named() {
    let one = numbered(vec![], vec![]).await;
    let two = numbered(vec![7, 1_500, 1_999], vec![]).await;
    let mut last = None;
    let mut progress = |now: CompareProgress| last = Some(now);
    let options = CompareOptions {
        named: 2,
        ..CompareOptions::default()
    };
    let all = compare_all(
        one.address,
        two.address,
        questions(2_000),
        &options,
        &mut progress,
    );
    let found = all.await.unwrap();
    assert_eq!(
        (found.asked, found.different, found.unanswered),
        (2_000, 3, 0)
    );
    assert_eq!(found.differences.len(), 2);
    assert!(!found.is_equal());
    assert_eq!(
        last,
        Some(CompareProgress {
            asked: 2_000,
            different: 3,
            unanswered: 0
        })
    );
}

#[tokio::test]
async fn a_few_lost_answers_are_counted_and_many_end_it() {
    let limits = Limits {
        attempts: 1,
        ..hasty()
    };
    let options = CompareOptions {
        limits,
        unanswered: 2,
        ..CompareOptions::default()
    };
    let one = numbered(vec![], vec![]).await;
    let two = numbered(vec![], vec![3, 50]).await;
    let all = compare_all(
        one.address,
        two.address,
        questions(100),
        &options,
        &mut |_| {},
    )
    .await;
    let found = all.unwrap();
    assert_eq!(
        (found.asked, found.different, found.unanswered),
        (100, 0, 2)
    );
    assert_eq!(found.errors.len(), 2);
    assert!(!found.is_equal());
    let dead = numbered(vec![], (0..100_000).collect()).await;
    let all = compare_all(
        one.address,
        dead.address,
        questions(100_000),
        &options,
        &mut |_| {},
    )
    .await;
    let error = all.unwrap_err();
    assert!(
        matches!(error, PortError::NotSent { .. }),
        "{:?}",
        error.chain()
    );
    assert!(
        dead.asked() < 200,
        "{} questions to a dead server",
        dead.asked()
    );
}

#[tokio::test]
async fn only_so_many_questions_are_under_way() {
    let one = numbered(vec![], vec![]).await;
    let (drawn, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let most = Arc::new(AtomicUsize::new(0));
    let watched = {
        let (drawn, answered, most) =
            (Arc::clone(&drawn), Arc::clone(&answered), Arc::clone(&most));
        questions(3_000).inspect(move |_| {
            let open = drawn.fetch_add(1, Ordering::SeqCst) + 1 - answered.load(Ordering::SeqCst);
            most.fetch_max(open, Ordering::SeqCst);
        })
    };
    let options = CompareOptions {
        concurrency: 16,
        ..CompareOptions::default()
    };
    let mut progress = |_| {
        answered.fetch_add(1, Ordering::SeqCst);
    };
    let all = compare_all(one.address, one.address, watched, &options, &mut progress);
    assert!(all.await.unwrap().is_equal());
    assert!(
        most.load(Ordering::SeqCst) <= 17,
        "{} under way",
        most.load(Ordering::SeqCst)
    );
}

#[tokio::test]
async fn an_error_of_the_questions_ends_it() {
    let one = numbered(vec![], vec![]).await;
    let broken = questions(5).chain(stream::once(async {
        Err(PortError::not_sent(
            "reading the users",
            std::io::Error::other("gone"),
        ))
    }));
    let options = CompareOptions::default();
    let error = compare_all(one.address, one.address, broken, &options, &mut |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "reading the users");
}
