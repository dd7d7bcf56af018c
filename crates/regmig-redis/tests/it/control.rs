//! Replication, fences and settings on real servers.

use std::time::{Duration, Instant};

use regmig_core::port::PortError;
use regmig_redis::info::{Flavour, LinkStatus, Role, Version};
use regmig_redis::{Fault, Limits, Write, fault_of};
use secrecy::SecretString;

use crate::server::Server;

fn set(key: &str, value: &str) -> [Write; 1] {
    [Write::Set {
        key: key.to_owned(),
        value: value.to_owned(),
    }]
}

fn hasty() -> Limits {
    Limits {
        answer: Duration::from_millis(300),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_server_tells_how_often_it_has_listed_its_keys() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    server.run(&["SET a 1", "SCAN 0"]).await;
    assert_eq!(redis.listings().await.unwrap(), 0);
    server.run(&["KEYS *", "KEYS *:users"]).await;
    assert_eq!(redis.listings().await.unwrap(), 2);
}

#[tokio::test]
async fn a_server_tells_about_itself() {
    let server = Server::start(&["--appendonly", "yes", "--maxmemory-policy", "noeviction"]).await;
    server
        .run(&["SET a 1", "SET b 2 EX 1000", "SELECT 2", "SET c 3"])
        .await;
    let info = server.redis().info().await.unwrap();
    assert!(info.version >= Version::new(6, 0, 0), "{}", info.version);
    let program = std::env::var("REGMIG_TEST_REDIS").unwrap_or_default();
    assert_eq!(
        matches!(info.flavour, Flavour::Valkey(_)),
        program.contains("valkey")
    );
    assert_eq!(info.tcp_port, Some(server.port));
    assert_eq!(info.replication.role, Some(Role::Primary));
    assert_eq!(info.replication.link, None);
    assert!(info.persistence.aof_enabled);
    assert!(!info.persistence.loading);
    assert_eq!(
        info.persistence.aof_last_write_status.as_deref(),
        Some("ok")
    );
    assert_eq!(info.maxmemory_policy.as_deref(), Some("noeviction"));
    assert_eq!(info.keys(), 3);
    assert_eq!(info.keyspace[&0].expires, 1);
    assert_eq!(info.run_id.len(), 40);
}

#[tokio::test]
async fn a_replica_follows_and_is_promoted_with_all_writes() {
    let (primary, replica) = tokio::join!(Server::start(&[]), Server::start(&[]));
    let (source, dest) = (primary.redis(), replica.redis());
    source.write_atomically(&set("k", "v")).await.unwrap();
    dest.replica_of("127.0.0.1", primary.port).await.unwrap();
    replica.wait_until_linked().await;
    source.write_atomically(&set("k", "w")).await.unwrap();
    if source.info().await.unwrap().version.can_pause_writes() {
        source.pause_writes(Duration::from_secs(60)).await.unwrap();
    }
    let fence = source.info().await.unwrap().replication.offset.unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let link = dest.info().await.unwrap().replication.link.unwrap();
        assert_eq!((link.host.as_str(), link.port), ("127.0.0.1", primary.port));
        assert_eq!(link.status, LinkStatus::Up);
        assert_eq!(link.read_only, Some(true));
        if link.offset >= Some(fence) {
            break;
        }
        assert!(Instant::now() < end, "{link:?} against {fence}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seen = source.info().await.unwrap().replication;
    assert_eq!(seen.connected_replicas, Some(1));
    assert_eq!(seen.replicas[0].state, "online");
    assert_eq!(seen.replicas[0].port, replica.port);
    dest.replica_of_no_one().await.unwrap();
    assert_eq!(
        dest.info().await.unwrap().replication.role,
        Some(Role::Primary)
    );
    assert_eq!(
        dest.get("k").await.unwrap().as_deref(),
        Some(b"w".as_slice())
    );
    assert!(dest.info().await.unwrap().replication.offset.unwrap() >= fence);
}

#[tokio::test]
async fn a_write_to_a_fenced_server_has_an_unknown_outcome_and_a_read_is_answered() {
    let server = Server::start(&[]).await;
    let redis = server.redis_with(None, hasty());
    redis.write_atomically(&set("k", "before")).await.unwrap();
    if !redis.info().await.unwrap().version.can_pause_writes() {
        for error in [
            redis.pause_writes(Duration::from_secs(60)).await,
            redis.unpause().await,
        ] {
            let error = error.unwrap_err();
            assert!(
                matches!(fault_of(&error), Some(Fault::TooOld { .. })),
                "{:?}",
                error.chain()
            );
        }
        return;
    }
    redis.pause_writes(Duration::from_secs(60)).await.unwrap();
    let error = redis
        .write_atomically(&set("k", "after"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, PortError::OutcomeUnknown { .. }),
        "{:?}",
        error.chain()
    );
    assert_eq!(
        redis.get("k").await.unwrap().as_deref(),
        Some(b"before".as_slice())
    );
    redis.unpause().await.unwrap();
    redis.unpause().await.unwrap();
    redis.write_atomically(&set("k", "last")).await.unwrap();
    assert_eq!(
        redis.get("k").await.unwrap().as_deref(),
        Some(b"last".as_slice())
    );
}

#[tokio::test]
async fn settings_are_changed_and_read() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    redis.config_set("replica-read-only", "no").await.unwrap();
    let found = redis.config_get("replica-read-only").await.unwrap();
    assert_eq!(found.as_deref(), Some("no"));
    assert_eq!(redis.config_get("no-such-setting").await.unwrap(), None);
    redis
        .config_set_secret("masterauth", &SecretString::from("hush"))
        .await
        .unwrap();
    assert_eq!(
        redis.config_get("masterauth").await.unwrap().as_deref(),
        Some("hush")
    );
}

#[tokio::test]
async fn a_replica_that_does_not_reach_its_primary_says_so() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    // Port 1 of loopback: nobody listens there.
    redis.replica_of("127.0.0.1", 1).await.unwrap();
    let replication = redis.info().await.unwrap().replication;
    assert_eq!(replication.role, Some(Role::Replica));
    let link = replication.link.clone().unwrap();
    assert_eq!(
        (link.status, link.last_io_seconds),
        (LinkStatus::Down, None)
    );
    assert!(!replication.is_linked());
}
