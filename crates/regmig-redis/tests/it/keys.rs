//! Single keys, transactions and walks.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt};
use regmig_core::port::PortError;
use regmig_redis::{Fault, Write, fault_of};

use crate::server::Server;

#[tokio::test]
async fn a_transaction_writes_all_of_it() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    server.run(&["SET gone 1"]).await;
    let fields = BTreeMap::from([
        ("email".to_owned(), "a@b".to_owned()),
        ("id".to_owned(), "7".to_owned()),
    ]);
    let writes = [
        Write::HSet {
            key: "ann:users".to_owned(),
            fields: fields.clone(),
        },
        Write::Set {
            key: "ann:server".to_owned(),
            value: "core1".to_owned(),
        },
        Write::Del {
            key: "gone".to_owned(),
        },
    ];
    redis.write_atomically(&writes).await.unwrap();
    assert_eq!(redis.hash("ann:users").await.unwrap(), fields);
    assert_eq!(
        redis.get("ann:server").await.unwrap().as_deref(),
        Some(b"core1".as_slice())
    );
    assert_eq!(
        redis
            .exists(&["gone", "ann:users", "ann:server"])
            .await
            .unwrap(),
        2
    );
    assert_eq!(redis.del(&["ann:users", "gone"]).await.unwrap(), 1);
    assert_eq!(redis.get("ann:users").await.unwrap(), None);
    assert!(redis.hash("ann:users").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_transaction_of_which_a_part_failed_has_an_unknown_outcome() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    server.run(&["SET text 1"]).await;
    let fields = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
    let writes = [
        Write::Set {
            key: "k".to_owned(),
            value: "v".to_owned(),
        },
        Write::HSet {
            key: "text".to_owned(),
            fields,
        },
    ];
    let error = redis.write_atomically(&writes).await.unwrap_err();
    assert!(
        matches!(error, PortError::OutcomeUnknown { .. }),
        "{:?}",
        error.chain()
    );
    assert!(
        matches!(fault_of(&error), Some(Fault::InPart { .. })),
        "{:?}",
        error.chain()
    );
    assert_eq!(
        redis.get("k").await.unwrap().as_deref(),
        Some(b"v".as_slice())
    );
}

#[tokio::test]
async fn a_walk_gives_every_key_that_matches() {
    let server = Server::start(&[]).await;
    let mut raw = server.raw().await;
    let mut pipe = redis::pipe();
    for index in 0..5_000 {
        pipe.cmd("SET").arg(format!("user{index}:users")).arg(1);
        pipe.cmd("SET").arg(format!("user{index}:server")).arg(1);
    }
    raw.pipe(&pipe).await;
    let redis = server.redis();
    let batches: Vec<Vec<String>> = redis.keys("*:users").try_collect().await.unwrap();
    assert!(batches.len() > 5, "{} batches", batches.len());
    let names: BTreeSet<&String> = batches.iter().flatten().collect();
    assert_eq!(names.len(), 5_000);
    assert!(names.iter().all(|name| name.ends_with(":users")));
    assert_eq!(redis.count("*:users").await.unwrap(), 5_000);
    assert_eq!(redis.count("nobody:*").await.unwrap(), 0);
}

#[tokio::test]
async fn a_walk_does_not_go_on_in_another_run_of_the_server() {
    let mut server = Server::start(&[]).await;
    server.populate(5_000).await;
    let redis = server.redis();
    let mut walk = std::pin::pin!(redis.keys("*"));
    assert!(!walk.next().await.unwrap().unwrap().is_empty());
    server.restart(&[]).await;
    let error = walk.next().await.unwrap().unwrap_err();
    assert!(
        matches!(fault_of(&error), Some(Fault::Restarted { .. })),
        "{:?}",
        error.chain()
    );
}
