//! A cutover between real servers: fenced, promoted, and followed back without a full resync.

use std::time::{Duration, Instant};

use regmig_core::port::PortError;
use regmig_core::position::{Lack, Position};
use regmig_redis::info::Role;
use regmig_redis::{Fault, Promotion, Redis, Write, fault_of};

use crate::server::Server;

const KEY: &str = "regmig:epoch";

fn promotion(upto: Position) -> Promotion {
    Promotion {
        key: KEY.to_owned(),
        armed: "armed e1".to_owned(),
        promoted: "promoted e1".to_owned(),
        upto,
        within: Duration::from_millis(500),
    }
}

async fn set(redis: &Redis, key: &str, value: &str) {
    let write = [Write::Set {
        key: key.to_owned(),
        value: value.to_owned(),
    }];
    redis.write_atomically(&write).await.unwrap();
}

async fn says(redis: &Redis) -> Option<String> {
    let says = redis.get(KEY).await.unwrap();
    says.map(|says| String::from_utf8(says).unwrap())
}

async fn position(redis: &Redis) -> Position {
    redis.info().await.unwrap().replication.position()
}

async fn role(redis: &Redis) -> Role {
    redis.info().await.unwrap().replication.role.unwrap()
}

/// Nothing was changed, and this is why.
async fn refusal(redis: &Redis, promotion: &Promotion) -> Fault {
    let error = redis.promote(promotion).await.unwrap_err();
    assert!(
        matches!(error, PortError::Refused { .. }),
        "{:?}",
        error.chain()
    );
    fault_of(&error).unwrap().clone()
}

/// A primary with some data, and a replica of it that takes writes of its own.
///
/// After a full sync the primary may hold the stream back until the replica's next acknowledgement, up to a second
/// later, while the replica calls its link up: a write that has arrived is the proof.
async fn pair() -> (Server, Server) {
    let settings = ["--repl-diskless-sync-delay", "0"];
    let (primary, replica) = tokio::join!(Server::start(&settings), Server::start(&settings));
    primary.populate(1000).await;
    let dest = replica.redis();
    dest.replica_of("127.0.0.1", primary.port).await.unwrap();
    replica.wait_until_linked().await;
    set(&primary.redis(), "streamed", "").await;
    arrives(&dest, "streamed").await;
    dest.config_set("replica-read-only", "no").await.unwrap();
    (primary, replica)
}

async fn arrives(redis: &Redis, key: &str) {
    let end = Instant::now() + Duration::from_secs(5);
    while redis.get(key).await.unwrap().is_none() {
        assert!(Instant::now() < end, "the write of {key} does not arrive");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn stat(server: &Server, name: &str) -> u64 {
    let info = server.raw().await.words(&["INFO", "stats"]).await;
    let text: String = redis::from_redis_value(info).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap()
        .trim_start_matches(':')
        .trim()
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_key_is_changed_only_where_it_says_what_is_expected() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    let swap = async |from, to| redis.swap(KEY, from, to).await.unwrap();
    assert_eq!(swap(Some("a"), "b").await, None);
    assert_eq!(redis.get(KEY).await.unwrap(), None);
    assert_eq!(swap(None, "a").await.as_deref(), Some("a"));
    assert_eq!(swap(None, "b").await.as_deref(), Some("a"));
    assert_eq!(swap(Some("b"), "c").await.as_deref(), Some("a"));
    assert_eq!(swap(Some("a"), "b").await.as_deref(), Some("b"));
    assert_eq!(says(&redis).await.as_deref(), Some("b"));
}

#[tokio::test]
async fn a_cutover_loses_nothing_and_costs_no_full_resync() {
    let (primary, replica) = pair().await;
    let (source, dest) = (primary.redis(), replica.redis());
    if !source.info().await.unwrap().version.can_pause_writes() {
        return;
    }
    dest.swap(KEY, None, "armed e1").await.unwrap();
    set(&source, "last", "v").await;
    source.pause_writes(Duration::from_secs(60)).await.unwrap();
    let fence = position(&source).await;
    let full = stat(&replica, "sync_full").await;

    dest.promote(&promotion(fence.clone())).await.unwrap();
    assert_eq!(role(&dest).await, Role::Primary);
    assert_eq!(says(&dest).await.as_deref(), Some("promoted e1"));
    assert_eq!(dest.get("last").await.unwrap().unwrap(), b"v");
    // Once more, as after a lost answer.
    dest.promote(&promotion(fence)).await.unwrap();
    assert_eq!(
        dest.swap(KEY, Some("armed e1"), "withdrawn e1")
            .await
            .unwrap()
            .as_deref(),
        Some("promoted e1")
    );
    set(&dest, "after", "w").await;

    source.replica_of("127.0.0.1", replica.port).await.unwrap();
    source.unpause().await.unwrap();
    primary.wait_until_linked().await;
    assert_eq!(stat(&replica, "sync_full").await, full);
    assert_eq!(stat(&replica, "sync_partial_ok").await, 1);
    arrives(&source, "after").await;
    assert_eq!(source.get("last").await.unwrap().unwrap(), b"v");
    assert_eq!(says(&source).await.as_deref(), Some("promoted e1"));
    let keys = |redis: Redis| async move { redis.info().await.unwrap().keys() };
    assert_eq!(keys(source).await, 1004);
    assert_eq!(keys(dest).await, 1004);
}

/// What a primary counts while it holds writes back: the `PING`s to its replicas, which may come as seldom as in 68 years.
#[tokio::test]
async fn a_paused_primary_counts_pings_unless_it_sends_none() {
    let (primary, _replica) = pair().await;
    let source = primary.redis();
    if !source.info().await.unwrap().version.can_pause_writes() {
        return;
    }
    let every = async |period| {
        source
            .config_set("repl-ping-replica-period", period)
            .await
            .unwrap();
        let at = position(&source).await.offset;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        position(&source).await.offset - at
    };
    source.pause_writes(Duration::from_secs(30)).await.unwrap();
    let counted = every("1").await;
    assert!(counted >= 14, "{counted} bytes");
    assert_eq!(every("2147483647").await, 0);
}

#[tokio::test]
async fn what_must_not_be_promoted_is_not() {
    let (primary, replica) = pair().await;
    let dest = replica.redis();
    let start = Position {
        offset: 0,
        ..position(&dest).await
    };
    let at_start = || promotion(start.clone());
    let says_nothing = refusal(&dest, &at_start()).await;
    assert!(matches!(says_nothing, Fault::Says { found, .. } if found == "nothing"));
    dest.swap(KEY, None, "withdrawn e1").await.unwrap();
    let withdrawn = refusal(&dest, &at_start()).await;
    assert!(matches!(withdrawn, Fault::Says { found, .. } if found == "withdrawn e1"));
    dest.swap(KEY, Some("withdrawn e1"), "armed e1")
        .await
        .unwrap();
    let begun = Instant::now();
    let mut future = start.clone();
    future.offset = i64::MAX;
    let behind = refusal(&dest, &promotion(future)).await;
    let bytes = |fault: &Fault| {
        matches!(
            fault,
            Fault::Behind {
                lack: Lack::Bytes(_),
                ..
            }
        )
    };
    assert!(bytes(&behind), "{behind}");
    assert!(begun.elapsed() >= at_start().within);
    dest.config_set("replica-read-only", "yes").await.unwrap();
    assert_eq!(refusal(&dest, &at_start()).await, Fault::ReadOnly);
    assert_eq!(role(&dest).await, Role::Replica);
    assert_eq!(says(&dest).await.as_deref(), Some("armed e1"));
    dest.config_set("replica-read-only", "no").await.unwrap();
    dest.promote(&at_start()).await.unwrap();

    let source = primary.redis();
    source.swap(KEY, None, "armed e1").await.unwrap();
    assert_eq!(refusal(&source, &at_start()).await, Fault::NoReplica);
}

/// A primary that was restarted counts from nothing: what its former replica has reached is more, and says nothing.
#[tokio::test]
async fn offsets_of_another_history_do_not_promote() {
    let (primary, replica) = pair().await;
    let dest = replica.redis();
    let reached = position(&dest).await;
    assert_eq!(reached.history, position(&primary.redis()).await.history);
    drop(primary);
    let restarted = Server::start(&[]).await;
    let source = restarted.redis();
    set(&source, "unheard of", "").await;
    let fence = position(&source).await;
    assert!(fence.offset < reached.offset, "{fence:?}, {reached:?}");
    dest.swap(KEY, None, "armed e1").await.unwrap();
    let refused = refusal(&dest, &promotion(fence)).await;
    let other = matches!(
        &refused,
        Fault::Behind {
            lack: Lack::Unknown,
            ..
        }
    );
    assert!(other, "{refused}");
    assert_eq!(role(&dest).await, Role::Replica);
}

#[tokio::test]
async fn of_a_promotion_and_a_withdrawal_at_the_same_time_one_takes_place() {
    let (primary, replica) = pair().await;
    let dest = replica.redis();
    let mut seen = [0; 2];
    for round in 0..40_u32 {
        dest.replica_of("127.0.0.1", primary.port).await.unwrap();
        replica.wait_until_linked().await;
        dest.del(&[KEY]).await.unwrap();
        dest.swap(KEY, None, "armed e1").await.unwrap();
        let other = replica.redis();
        let withdrawing = async {
            tokio::time::sleep(Duration::from_micros(100) * round).await;
            other.swap(KEY, Some("armed e1"), "withdrawn e1").await
        };
        let wanted = promotion(position(&primary.redis()).await);
        let (promoted, withdrawn) = tokio::join!(dest.promote(&wanted), withdrawing);
        let (role, says) = (role(&dest).await, says(&dest).await);
        assert_eq!(withdrawn.unwrap(), says);
        if promoted.is_ok() {
            assert_eq!(
                (role, says.as_deref()),
                (Role::Primary, Some("promoted e1"))
            );
            seen[0] += 1;
        } else {
            assert_eq!(
                (role, says.as_deref()),
                (Role::Replica, Some("withdrawn e1"))
            );
            seen[1] += 1;
        }
    }
    assert!(seen[0] > 0, "{seen:?}");
}
