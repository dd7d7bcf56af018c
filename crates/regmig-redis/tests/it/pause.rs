//! Whether writes are paused, asked of real servers.

use std::time::Duration;

use regmig_core::port::PortError;
use regmig_redis::{Fault, Write, fault_of};

use crate::server::Server;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_pause_of_writes_is_seen_as_long_as_it_lasts_and_by_asking_nothing_changes() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    if !redis.info().await.unwrap().version.can_pause_writes() {
        let error = redis.writes_paused().await.unwrap_err();
        assert!(
            matches!(fault_of(&error), Some(Fault::TooOld { .. })),
            "{:?}",
            error.chain()
        );
        return;
    }
    let set = [Write::Set {
        key: "k".into(),
        value: "v".into(),
    }];
    redis.write_atomically(&set).await.unwrap();
    let before = redis.info().await.unwrap();
    for _ in 0..3 {
        assert!(!redis.writes_paused().await.unwrap());
        redis.pause_writes(LONG).await.unwrap();
        assert!(redis.writes_paused().await.unwrap());
        assert!(redis.writes_paused().await.unwrap());
        redis.unpause().await.unwrap();
    }
    assert!(!redis.writes_paused().await.unwrap());
    redis
        .pause_writes(Duration::from_millis(200))
        .await
        .unwrap();
    assert!(redis.writes_paused().await.unwrap());
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(!redis.writes_paused().await.unwrap());
    let after = redis.info().await.unwrap();
    assert_eq!(after.keys(), before.keys());
    assert_eq!(after.replication.offset, before.replication.offset);
}

#[tokio::test]
async fn a_replica_tells_whether_it_is_paused_whether_it_takes_writes_or_not() {
    let (primary, replica) = tokio::join!(Server::start(&[]), Server::start(&[]));
    let redis = replica.redis();
    if !redis.info().await.unwrap().version.can_pause_writes() {
        return;
    }
    redis.replica_of("127.0.0.1", primary.port).await.unwrap();
    replica.wait_until_linked().await;
    for read_only in ["yes", "no"] {
        redis
            .config_set("replica-read-only", read_only)
            .await
            .unwrap();
        assert!(!redis.writes_paused().await.unwrap());
        redis.pause_writes(LONG).await.unwrap();
        assert!(redis.writes_paused().await.unwrap());
        redis.unpause().await.unwrap();
    }
}

#[tokio::test]
async fn the_connection_that_was_kept_is_replaced_where_it_was_lost() {
    let mut server = Server::start(&[]).await;
    let redis = server.redis();
    if !redis.info().await.unwrap().version.can_pause_writes() {
        return;
    }
    assert!(!redis.writes_paused().await.unwrap());
    server.run(&["CLIENT KILL TYPE normal SKIPME yes"]).await;
    assert!(!redis.writes_paused().await.unwrap());
    server.restart(&[]).await;
    assert!(!redis.writes_paused().await.unwrap());
    server.kill();
    let error = redis.writes_paused().await.unwrap_err();
    assert!(
        !matches!(error, PortError::OutcomeUnknown { .. }),
        "{:?}",
        error.chain()
    );
}
