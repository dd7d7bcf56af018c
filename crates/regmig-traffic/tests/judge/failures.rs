//! Failures and gaps made on purpose, and none made up.

use std::time::Duration;

use regmig_traffic::error::TrafficError;
use regmig_traffic::run::{DnsOptions, Load, RunOptions};

use crate::name_server;
use crate::register::freeze;
use crate::rig::{Rig, after_ms, kept_its_rate, nobody};

#[tokio::test]
async fn a_run_without_a_fault_shows_no_loss_and_no_failure() {
    let rig = Rig::new().await;
    let dns = name_server::platform(
        "127.0.0.1:0".parse().unwrap(),
        rig.state.clone(),
        "127.0.0.1".parse().unwrap(),
    )
    .await;
    let options = RunOptions {
        reads_per_second: 30.0,
        dns: Some(DnsOptions {
            server: dns,
            per_second: 30.0,
        }),
        ..rig.options()
    };
    let summary = rig.run_while(options, async {}).await.unwrap();
    let report = rig.report();
    assert_eq!(summary.failed, 0, "{:?}", rig.events());
    assert!(kept_its_rate(&report), "{report:?}");
    assert_eq!(report.acknowledged, summary.acknowledged);
    assert!(
        report.latency_ms.read.unwrap().count >= 10,
        "{:?}",
        report.latency_ms
    );
    assert!(
        report.latency_ms.dns.unwrap().count >= 10,
        "{:?}",
        report.latency_ms
    );
    assert!(report.failed_requests.is_empty() && report.failed_dns.is_empty());
    assert_eq!(
        rig.state.lock().unwrap().users.len() as u64,
        report.acknowledged
    );

    let audit = rig
        .audit(&[("source", rig.address), ("dest", rig.address)])
        .await
        .unwrap();
    assert_eq!(
        (audit.acknowledged, audit.lost, audit.unknown),
        (report.acknowledged, 0, 0)
    );
    assert_eq!(audit.machines[1].found, audit.acknowledged);
}

#[tokio::test]
async fn refusals_are_counted_by_status_and_leave_a_gap() {
    let rig = Rig::new().await;
    // 20 refusals at 50 a second: 400 ms without an acknowledgement.
    let burst = async {
        after_ms(300).await;
        rig.state.lock().unwrap().refuse = Some((20, 500));
    };
    rig.run_while(rig.options(), burst).await.unwrap();
    let report = rig.report();
    assert_eq!(report.failed_requests.get("http-500"), Some(&20));
    assert_eq!(report.failed_writes.len(), 1);
    assert!(report.longest_gap_ms >= 350, "{}", report.longest_gap_ms);
    assert!(!report.gaps_ms.is_empty());
    assert_eq!(rig.audit(&[("dest", rig.address)]).await.unwrap().lost, 0);
}

#[tokio::test]
async fn a_stall_is_a_gap_without_a_failure() {
    let rig = Rig::new().await;
    let stall = async {
        after_ms(300).await;
        freeze(&rig.state, Duration::from_millis(400));
    };
    let summary = rig.run_while(rig.options(), stall).await.unwrap();
    let report = rig.report();
    assert_eq!(summary.failed, 0, "{:?}", rig.events());
    assert!(
        report.gaps_ms.iter().any(|gap| gap.length_ms >= 350),
        "{:?}",
        report.gaps_ms
    );
    // The rate did not give way: what was due meanwhile was sent, and waited.
    assert!(kept_its_rate(&report), "{report:?}");
    let write = report.latency_ms.write.unwrap();
    assert!(write.max >= 350.0 && write.p90 >= 250.0, "{write:?}");
}

#[tokio::test]
async fn a_judge_that_was_held_up_sends_what_was_due_and_counts_the_delay() {
    let rig = Rig::new().await;
    let hold_up = async {
        after_ms(200).await;
        // The one thread of this test stands still: clients, register and all.
        std::thread::sleep(Duration::from_millis(600));
    };
    rig.run_while(rig.options(), hold_up).await.unwrap();
    let report = rig.report();
    assert!(kept_its_rate(&report), "{report:?}");
    assert!(
        report.latency_ms.write.unwrap().max >= 550.0,
        "{:?}",
        report.latency_ms
    );
}

#[tokio::test]
async fn too_many_unanswered_requests_are_skipped_and_said_to_be() {
    let rig = Rig::new().await;
    let options = RunOptions {
        in_flight: 5,
        ..rig.options()
    };
    let stall = async {
        freeze(&rig.state, Duration::from_millis(600));
    };
    rig.run_while(options, stall).await.unwrap();
    let report = rig.report();
    assert!(report.skipped >= 15, "{} skipped", report.skipped);
    assert!(report.longest_gap_ms >= 500, "{}", report.longest_gap_ms);
}

#[tokio::test]
async fn a_request_out_of_time_is_a_timeout() {
    let rig = Rig::new().await;
    let mut options = rig.options();
    options.register.limits.total = Duration::from_millis(200);
    let stall = async {
        after_ms(200).await;
        freeze(&rig.state, Duration::from_secs(1));
    };
    rig.run_while(options, stall).await.unwrap();
    let report = rig.report();
    assert!(
        report.failed_requests["timeout"] >= 10,
        "{:?}",
        report.failed_requests
    );
    assert_eq!(
        report.failed_requests.len(),
        1,
        "{:?}",
        report.failed_requests
    );
}

#[tokio::test]
async fn a_register_that_is_away_is_counted_as_connect() {
    let rig = Rig::new().await;
    let options = RunOptions {
        target: nobody().await,
        ..rig.options()
    };
    let summary = rig.run_while(options, async {}).await.unwrap();
    let report = rig.report();
    assert_eq!((summary.acknowledged, report.acknowledged), (0, 0));
    assert!(
        report.failed_requests["connect"] >= 25,
        "{:?}",
        report.failed_requests
    );
    assert!(report.longest_gap_ms >= 1000, "{}", report.longest_gap_ms);
    let error = rig.audit(&[("dest", rig.address)]).await.unwrap_err();
    assert!(
        matches!(error, TrafficError::NothingAcknowledged { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn only_a_201_is_an_acknowledgement() {
    let rig = Rig::new().await;
    let options = RunOptions {
        key: "another".to_owned(),
        ..rig.options()
    };
    let summary = rig.run_while(options, async {}).await.unwrap();
    assert_eq!(summary.acknowledged, 0);
    assert!(rig.report().failed_requests["http-401"] >= 25);
}

#[tokio::test]
async fn an_acknowledged_user_that_cannot_be_read_back_is_noticed_during_the_run() {
    let rig = Rig::new().await;
    let dns = name_server::platform(
        "127.0.0.1:0".parse().unwrap(),
        rig.state.clone(),
        "127.0.0.1".parse().unwrap(),
    )
    .await;
    let options = RunOptions {
        reads_per_second: 50.0,
        dns: Some(DnsOptions {
            server: dns,
            per_second: 50.0,
        }),
        ..rig.options()
    };
    let wipe = async {
        after_ms(500).await;
        let state = &mut rig.state.lock().unwrap();
        let names: Vec<String> = state.users.keys().cloned().collect();
        for (place, name) in names.into_iter().enumerate() {
            if place % 2 == 0 {
                state.users.remove(&name);
            } else {
                state.users.insert(name, "core9.example.test".to_owned());
            }
        }
    };
    rig.run_while(options, wipe).await.unwrap();
    let report = rig.report();
    assert!(report.failed_reads["missing"] > 0 && report.failed_reads["wrong-core"] > 0);
    assert!(report.failed_dns["dns-missing"] > 0 && report.failed_dns["dns-wrong"] > 0);
    assert!(report.failed_writes.is_empty());
}

#[tokio::test]
async fn clients_that_wait_for_their_answers_are_also_judged() {
    let rig = Rig::new().await;
    let load = Load::Closed {
        writers: 3,
        think: Duration::from_millis(20),
    };
    let options = RunOptions {
        load,
        ..rig.options()
    };
    rig.run_while(options, async {}).await.unwrap();
    let report = rig.report();
    assert!(
        (10..=160).contains(&report.acknowledged),
        "{}",
        report.acknowledged
    );
    assert_eq!(rig.audit(&[("dest", rig.address)]).await.unwrap().lost, 0);
}
