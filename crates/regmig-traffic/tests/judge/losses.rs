//! Losses made on purpose, and none made up.

use regmig_traffic::error::TrafficError;
use regmig_traffic::event::Event;

use crate::rig::{Rig, nobody};

#[tokio::test]
async fn a_dropped_key_is_exactly_one_lost() {
    let rig = Rig::new().await;
    rig.run().await;
    rig.state.lock().unwrap().users.remove("trf000007").unwrap();
    let audit = rig.audit(&[("dest", rig.address)]).await.unwrap();
    assert_eq!((audit.lost, audit.unknown), (1, 0));
    let lost = &audit.machines[0].lost[0];
    assert_eq!((lost.user.as_str(), &lost.found), ("trf000007", &None));
    assert_eq!(audit.machines[0].found, audit.acknowledged - 1);
}

#[tokio::test]
async fn a_user_on_another_core_is_lost() {
    let rig = Rig::new().await;
    rig.run().await;
    let wrong = "core9.example.test".to_owned();
    rig.state
        .lock()
        .unwrap()
        .users
        .insert("trf000007".to_owned(), wrong.clone())
        .unwrap();
    let audit = rig.audit(&[("dest", rig.address)]).await.unwrap();
    assert_eq!((audit.lost, audit.unknown), (1, 0));
    let lost = &audit.machines[0].lost[0];
    assert_eq!(
        (lost.core.as_str(), &lost.found),
        ("core1.example.test", &Some(wrong))
    );
}

#[tokio::test]
async fn a_loss_on_one_of_two_machines_is_a_loss() {
    let rig = Rig::new().await;
    rig.run().await;
    let (other, copy) = rig.identity.serve("127.0.0.1:0".parse().unwrap()).await;
    copy.lock().unwrap().users = rig.state.lock().unwrap().users.clone();
    copy.lock().unwrap().users.remove("trf000003").unwrap();
    rig.state.lock().unwrap().users.remove("trf000004").unwrap();
    let audit = rig
        .audit(&[("source", rig.address), ("dest", other)])
        .await
        .unwrap();
    assert_eq!(audit.lost, 2);
    let lost = |place: usize| audit.machines[place].lost[0].user.clone();
    assert_eq!(
        (lost(0), lost(1)),
        ("trf000004".to_owned(), "trf000003".to_owned())
    );
}

#[tokio::test]
async fn neither_a_moment_of_errors_nor_a_single_404_makes_a_loss() {
    let rig = Rig::new().await;
    rig.run().await;
    {
        let mut state = rig.state.lock().unwrap();
        state.refuse = Some((10, 503));
        state.forget = 5;
    }
    let audit = rig.audit(&[("dest", rig.address)]).await.unwrap();
    assert_eq!((audit.lost, audit.unknown), (0, 0), "{audit:?}");
}

#[tokio::test]
async fn a_machine_that_does_not_answer_is_unknown_and_not_lost() {
    let rig = Rig::new().await;
    let acknowledged = rig.run().await.acknowledged;
    let audit = rig
        .audit(&[("source", rig.address), ("dest", nobody().await)])
        .await
        .unwrap();
    assert_eq!((audit.lost, audit.unknown), (0, acknowledged));
    assert_eq!(audit.machines[0].found, acknowledged);
    let unknown = &audit.machines[1].unknown;
    assert!(unknown[0].detail.contains("connect"), "{:?}", unknown[0]);
    let given_up = unknown
        .iter()
        .filter(|unknown| unknown.detail.contains("not asked"));
    assert!(given_up.count() > 0, "it is not asked for ever");
}

#[tokio::test]
async fn a_prefix_that_is_in_use_is_refused() {
    let rig = Rig::new().await;
    let user = ("trf000001".to_owned(), "core1.example.test".to_owned());
    rig.state.lock().unwrap().users.extend([user]);
    let error = rig.run_while(rig.options(), async {}).await.unwrap_err();
    assert!(matches!(&error, TrafficError::PrefixInUse { user, .. } if user == "trf000001"));
    assert_eq!(rig.events(), Vec::new());
}

#[tokio::test]
async fn a_second_run_in_the_same_log_uses_other_users() {
    let rig = Rig::new().await;
    let first = rig.run().await;
    let second = rig.run().await;
    let report = rig.report();
    assert_eq!(
        report.acknowledged,
        first.acknowledged + second.acknowledged
    );
    assert_eq!(
        rig.state.lock().unwrap().users.len() as u64,
        report.acknowledged
    );
    assert_eq!(report.runs, 2);
    let starts: Vec<u64> = rig
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::Start { first, .. } => Some(*first),
            _ => None,
        })
        .collect();
    assert!(starts[1] > starts[0] + first.acknowledged, "{starts:?}");
}
