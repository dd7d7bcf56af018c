//! The digest of large keys and of many keys.

use std::time::Duration;

use regmig_redis::{Difference, Differences, DigestOptions, KeyDifference};

use crate::digest::{differences, digest, digest_with};
use crate::server::{Raw, Server};

async fn fill(raw: &mut Raw, count: usize, line: impl Fn(usize) -> Vec<String>) {
    let mut pipe = redis::pipe();
    for index in 0..count {
        pipe.add_command({
            let mut command = redis::Cmd::new();
            command.arg(line(index));
            command
        });
        if index % 5_000 == 4_999 || index + 1 == count {
            raw.pipe(&pipe).await;
            pipe = redis::pipe();
        }
    }
}

/// A collection of each type that is too large to be read at once, and a string in three pieces.
async fn large(server: &Server, backwards: bool) {
    let mut raw = server.raw().await;
    let many = 10_000;
    let at = |index: usize| if backwards { many - 1 - index } else { index };
    fill(&mut raw, many, |i| {
        vec!["HSET".into(), "h".into(), format!("f{}", at(i)), "v".into()]
    })
    .await;
    fill(&mut raw, many, |i| {
        vec!["SADD".into(), "s".into(), format!("m{}", at(i))]
    })
    .await;
    fill(&mut raw, many, |i| {
        vec![
            "ZADD".into(),
            "z".into(),
            format!("{}.1", at(i)),
            format!("m{}", at(i)),
        ]
    })
    .await;
    fill(&mut raw, many, |i| {
        vec!["RPUSH".into(), "l".into(), format!("e{i}")]
    })
    .await;
    fill(&mut raw, many, |i| {
        vec![
            "XADD".into(),
            "x".into(),
            format!("{}-1", i + 1),
            "f".into(),
            "v".into(),
        ]
    })
    .await;
    let text = "0123456789abcdef".repeat(10_000);
    raw.words(&["SET", "text", &text]).await;
    raw.words(&["SET", "even", &"ab".repeat(65_536)]).await;
}

#[tokio::test]
async fn large_keys_are_compared_in_pieces() {
    let (a, b) = tokio::join!(Server::start(&[]), Server::start(&[]));
    large(&a, false).await;
    large(&b, true).await;
    let x = digest(&a).await;
    assert_eq!(x.keys, 7);
    assert_eq!(x, digest(&b).await);
    let changes = [
        ("HSET h f777 w", "h"),
        ("SREM s m9999", "s"),
        ("ZADD z 3.15 m3", "z"),
        ("LSET l 7001 other", "l"),
        ("XDEL x 2345-1", "x"),
        ("SETRANGE text 99999 !", "text"),
        ("APPEND even x", "even"),
    ];
    let mut expected = Vec::new();
    for (change, key) in changes {
        b.run(&[change]).await;
        let difference = Difference::Value;
        expected.push(KeyDifference {
            database: 0,
            key: key.to_owned(),
            difference,
        });
    }
    expected.sort();
    assert_eq!(
        differences(&a, &b).await,
        Differences {
            total: 7,
            named: expected
        }
    );
}

#[tokio::test]
async fn slices_do_not_show_in_the_digest() {
    let server = Server::start(&[]).await;
    server.populate(5_000).await;
    let whole = digest(&server).await;
    assert_eq!(whole.keys, 5_000);
    for keys_in_memory in [1, 700, 4_999] {
        let options = DigestOptions {
            keys_in_memory,
            ..DigestOptions::default()
        };
        if keys_in_memory > 1 {
            assert_eq!(
                digest_with(&server, &options).await,
                whole,
                "{keys_in_memory} at a time"
            );
        }
    }
}

#[tokio::test]
async fn a_key_that_scan_gives_twice_counts_once() {
    let server = Server::start(&[]).await;
    let mut raw = server.raw().await;
    fill(&mut raw, 20_000, |i| {
        vec!["SET".into(), format!("k{i}"), "v".into()]
    })
    .await;
    fill(&mut raw, 19_000, |i| {
        vec!["DEL".into(), format!("k{}", i + 1_000)]
    })
    .await;
    // The table shrinks now, while it is walked in small steps.
    let options = DigestOptions {
        batch: 1,
        ..DigestOptions::default()
    };
    let walked = digest_with(&server, &options).await;
    assert_eq!(walked.keys, 1_000);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(digest(&server).await, walked);
}

#[tokio::test]
async fn no_call_blocks_the_server_for_long() {
    let server = Server::start(&["--slowlog-log-slower-than", "20000"]).await;
    large(&server, false).await;
    let mut raw = server.raw().await;
    // Hashes that are each small enough to be read at once, and heavy together.
    for key in 0..50 {
        fill(&mut raw, 900, |i| {
            vec![
                "HSET".into(),
                format!("hash{key}"),
                format!("f{i}"),
                "v".into(),
            ]
        })
        .await;
    }
    // A hash of few fields that weighs 20 MB.
    for field in 0..200 {
        let value = "x".repeat(100_000);
        raw.words(&["HSET", "heavy", &format!("f{field}"), &value])
            .await;
    }
    // Other programs on this machine make some call of a run look slow; a key that is read in too large
    // steps makes a call of every run slow: 30 ms and more for each of those above.
    let mut slowest = Vec::new();
    for _ in 0..20 {
        raw.words(&["SLOWLOG", "RESET"]).await;
        digest(&server).await;
        match slow_calls(&mut raw).await.into_iter().max() {
            Some(time) => slowest.push(time),
            None => return,
        }
    }
    panic!("the slowest call of each run, in µs: {slowest:?}");
}

/// How long slow calls of the script took, in µs.
async fn slow_calls(raw: &mut Raw) -> Vec<u64> {
    let log = raw.words(&["SLOWLOG", "GET", "100"]).await;
    let log: Vec<Vec<redis::Value>> = redis::from_redis_value(log).unwrap();
    let script = |entry: &Vec<redis::Value>| format!("{:?}", entry[3]).contains("EVAL");
    let time = |entry: Vec<redis::Value>| redis::from_redis_value(entry[2].clone()).unwrap();
    log.into_iter().filter(script).map(time).collect()
}
