//! Saving and stopping real servers.

use std::time::{Duration, Instant};

use regmig_core::port::PortError;
use regmig_redis::info::Persistence;
use regmig_redis::{Fault, Limits, Redis, SaveProgress, Shutdown, fault_of};

use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_save_is_waited_for() {
    let server = Server::start(&["--rdb-key-save-delay", "2000"]).await;
    server.populate(300).await;
    let mut seen = Vec::new();
    let redis = server.redis();
    let saved = redis
        .save_and_wait(&mut |now| seen.push(now), LIMIT)
        .await
        .unwrap();
    assert!(seen.contains(&SaveProgress::Saving), "{seen:?}");
    let now = redis.info().await.unwrap().persistence;
    assert_eq!(now.last_save_time, Some(saved.at));
    assert_eq!(now.changes_since_last_save, Some(0));
    assert!(server.dir.path().join("dump.rdb").exists());
}

#[tokio::test]
async fn a_save_that_began_earlier_does_not_count() {
    let server = Server::start(&["--rdb-key-save-delay", "2000"]).await;
    server.populate(300).await;
    let redis = server.redis();
    redis.bgsave().await.unwrap();
    assert!(matches!(
        redis.bgsave().await,
        Err(PortError::Refused { .. })
    ));
    server.run(&["SET late 1"]).await;
    let mut seen = Vec::new();
    redis
        .save_and_wait(&mut |now| seen.push(now), LIMIT)
        .await
        .unwrap();
    assert_eq!(seen[0], SaveProgress::Waiting);
    assert_eq!(
        redis
            .info()
            .await
            .unwrap()
            .persistence
            .changes_since_last_save,
        Some(0)
    );
}

#[tokio::test]
async fn a_save_that_fails_says_so() {
    let server = Server::start(&[]).await;
    // A folder of that name stands where the dump would be renamed to.
    std::fs::create_dir_all(server.dir.path().join("dump.rdb/in-the-way")).unwrap();
    server.run(&["SET k v"]).await;
    let error = server
        .redis()
        .save_and_wait(&mut |_| {}, LIMIT)
        .await
        .unwrap_err();
    assert!(
        matches!(fault_of(&error), Some(Fault::SaveFailed { .. })),
        "{:?}",
        error.chain()
    );
}

#[tokio::test]
async fn a_save_that_takes_too_long_says_so() {
    let server = Server::start(&["--rdb-key-save-delay", "100000"]).await;
    server.populate(300).await;
    let limit = Duration::from_millis(300);
    let error = server
        .redis()
        .save_and_wait(&mut |_| {}, limit)
        .await
        .unwrap_err();
    assert_eq!(fault_of(&error), Some(&Fault::SaveTooSlow { limit }));
}

#[tokio::test]
async fn a_server_is_stopped_with_its_data_saved() {
    let mut server = Server::start(&[]).await;
    server.run(&["SET k v"]).await;
    assert_eq!(
        server.redis().shutdown_saved(LIMIT).await.unwrap(),
        Shutdown::Gone
    );
    assert!(server.has_ended());
    server.restart(&[]).await;
    let found = server.redis().get("k").await.unwrap();
    assert_eq!(found.as_deref(), Some(b"v".as_slice()));
}

#[tokio::test]
async fn no_dump_is_written_where_all_is_in_the_append_only_file() {
    let settings = ["--appendonly", "yes"];
    let mut server = Server::start(&settings).await;
    server.run(&["SET k v"]).await;
    let redis = server.redis();
    until(&redis, Persistence::all_is_logged).await;
    assert_eq!(redis.shutdown_saved(LIMIT).await.unwrap(), Shutdown::Gone);
    assert!(server.has_ended());
    assert!(!server.dir.path().join("dump.rdb").exists());
    server.restart(&settings).await;
    let redis = server.redis();
    until(&redis, |now| !now.loading).await;
    let found = redis.get("k").await.unwrap();
    assert_eq!(found.as_deref(), Some(b"v".as_slice()));
}

/// Waits until this holds of what a server says.
pub(crate) async fn until(redis: &Redis, holds: impl Fn(&Persistence) -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds(&redis.info().await.unwrap().persistence) {
        assert!(Instant::now() < end, "not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_server_that_cannot_save_goes_on() {
    let server = Server::start(&[]).await;
    std::fs::create_dir_all(server.dir.path().join("dump.rdb/in-the-way")).unwrap();
    server.run(&["SET k v"]).await;
    let redis = server.redis();
    let error = redis.shutdown_saved(LIMIT).await.unwrap_err();
    assert!(
        matches!(error, PortError::Refused { .. }),
        "{:?}",
        error.chain()
    );
    redis.ping().await.unwrap();
}

#[tokio::test]
async fn a_lost_connection_does_not_prove_a_shutdown() {
    let server = Server::start(&[]).await;
    let limits = Limits {
        dial: Duration::from_millis(300),
        answer: Duration::from_millis(300),
        attempts: 1,
    };
    let lossy = crate::faults::behind_a_relay_that_breaks_at(b"SHUTDOWN", &server, limits);
    let error = lossy
        .shutdown_saved(Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(
        matches!(error, PortError::OutcomeUnknown { .. }),
        "{:?}",
        error.chain()
    );
    server.redis().ping().await.unwrap();
}
