//! Clients that follow the delegation from one machine to the other.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use regmig_traffic::event::{Event, Operation};
use regmig_traffic::run::{DnsOptions, RunOptions};

use crate::name_server::{parent, platform};
use crate::rig::{Rig, after_ms};

#[tokio::test]
async fn traffic_goes_where_the_parent_delegates() {
    let rig = Rig::new().await;
    let source = rig.address;
    // The second machine has an address of its own and the same ports.
    let at_dest = |port| SocketAddr::from(([127, 0, 0, 2], port));
    let (dest, dest_users) = rig.identity.serve(at_dest(source.port())).await;
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let source_dns = platform(any, rig.state.clone(), [127, 0, 0, 1].into()).await;
    let dest_dns = platform(
        at_dest(source_dns.port()),
        dest_users.clone(),
        [127, 0, 0, 2].into(),
    )
    .await;
    let delegated_to = Arc::new(Mutex::new([127, 0, 0, 1].into()));
    let options = RunOptions {
        dns: Some(DnsOptions {
            server: source_dns,
            per_second: 20.0,
        }),
        follow: Some(parent(Arc::clone(&delegated_to)).await),
        ..rig.options()
    };
    let change = async {
        after_ms(500).await;
        // What dest would have by replication.
        let users = rig.state.lock().unwrap().users.clone();
        dest_users.lock().unwrap().users.extend(users);
        *delegated_to.lock().unwrap() = [127, 0, 0, 2].into();
        after_ms(1500).await;
    };
    rig.run_while(options, change).await.unwrap();
    let report = rig.report();
    let used: Vec<SocketAddr> = report.targets.iter().map(|used| used.target).collect();
    assert_eq!(used, vec![source, dest]);
    assert!(report.targets[1].acknowledged >= 20, "{:?}", report.targets);
    let asked = |server: SocketAddr| {
        rig.events().iter().any(|event| {
            matches!(event, Event::Ok { op: Operation::Dns, target, .. } if *target == server)
        })
    };
    assert!(asked(source_dns) && asked(dest_dns));
    assert!(
        report.failed_requests.is_empty(),
        "{:?}",
        report.failed_requests
    );
    assert!(
        report.failed_follow.is_empty(),
        "{:?}",
        report.failed_follow
    );
    // Users that source acknowledged between the copy and the change are on source alone.
    let audit = rig.audit(&[("dest", dest)]).await.unwrap();
    let missing = rig
        .state
        .lock()
        .unwrap()
        .users
        .keys()
        .cloned()
        .collect::<Vec<_>>();
    let missing = missing
        .iter()
        .filter(|user| !dest_users.lock().unwrap().users.contains_key(*user));
    assert_eq!(audit.lost, missing.count() as u64);
}

#[tokio::test]
async fn a_parent_that_is_away_leaves_traffic_where_it_is() {
    let rig = Rig::new().await;
    let nobody = tokio::net::UdpSocket::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let options = RunOptions {
        follow: Some(nobody),
        ..rig.options()
    };
    let summary = rig.run_while(options, async {}).await.unwrap();
    let report = rig.report();
    assert!(summary.acknowledged >= 25, "{}", summary.acknowledged);
    assert!(
        report.failed_follow["dns-io"] >= 1,
        "{:?}",
        report.failed_follow
    );
    assert!(
        report.failed_requests.is_empty(),
        "{:?}",
        report.failed_requests
    );
}
