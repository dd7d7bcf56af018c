//! The digest of large keys and of many keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use regmig_redis::{
    BoxedStream, Difference, Differences, DigestOptions, KeyDifference, Limits, Pace, Redis,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;

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
            name: key.into(),
            difference,
        });
    }
    expected.sort();
    assert_eq!(
        differences(&a, &b).await,
        Differences {
            total: 7,
            named: expected,
            went_on: false,
        }
    );
}

#[tokio::test]
async fn neither_slices_nor_pace_show_in_the_digest() {
    let server = Server::start(&[]).await;
    server.populate(5_000).await;
    let whole = digest(&server).await;
    assert_eq!(whole.keys, 5_000);
    for keys_in_memory in [700, 4_999] {
        let options = DigestOptions {
            keys_in_memory,
            ..DigestOptions::default()
        };
        assert_eq!(
            digest_with(&server, &options).await,
            whole,
            "{keys_in_memory} at a time"
        );
    }
    for pace in [Pace::Gentle, Pace::Alone] {
        let options = DigestOptions {
            pace,
            ..DigestOptions::default()
        };
        assert_eq!(digest_with(&server, &options).await, whole, "{pace:?}");
    }
}

/// A Redis of this process that gives these batches of items, one for each call of the script.
fn scripted(batches: &'static [(&str, &[&str])]) -> Redis {
    let dial = move || async move {
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::spawn(play(far, batches));
        Ok(Box::new(near) as BoxedStream)
    };
    Redis::connect("a scripted Redis", dial, None, Limits::default())
}

async fn play(mut stream: DuplexStream, batches: &[(&str, &[&str])]) {
    let info = "redis_version:7.0.0\r\nrun_id:1\r\ndb0:keys=3,expires=0";
    let mut batches = batches.iter();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        let answer = match String::from_utf8_lossy(&buffer[..read]).contains("EVAL_RO") {
            _ if read == 0 => return,
            false => format!("${}\r\n{info}\r\n", info.len()),
            true => {
                let (cursor, items) = batches.next().unwrap();
                let items = items.concat();
                let items = format!("${}\r\n{items}\r\n", items.len());
                format!("*4\r\n${}\r\n{cursor}\r\n{items}*0\r\n*0\r\n", cursor.len())
            }
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

const ONE: &str = "00000000000000010000000000000000";
const TWO: &str = "00000000000000020000000000000001";
const THREE: &str = "0000000000000003000000000000000a";

#[tokio::test]
async fn a_key_that_scan_gives_twice_counts_once() {
    let twice = scripted(&[("5", &[ONE, TWO]), ("0", &[TWO, THREE])]);
    let once = scripted(&[("5", &[THREE]), ("7", &[ONE]), ("0", &[TWO])]);
    let options = DigestOptions::default();
    let twice = twice.digest(&options, &mut |_| {}).await.unwrap();
    assert_eq!((twice.keys, twice.expiring), (3, 1));
    assert_eq!(twice.by_type.values().sum::<u64>(), 3);
    assert_eq!(twice, once.digest(&options, &mut |_| {}).await.unwrap());
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

/// A way to a server that breaks after that many bytes of answers, the first time.
fn breaking(server: &Server, bytes: u64) -> Redis {
    let (port, broken) = (server.port, Arc::new(AtomicBool::new(false)));
    let dial = move || {
        let first = !broken.swap(true, Ordering::SeqCst);
        async move {
            let upstream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            if !first {
                return Ok(Box::new(upstream) as BoxedStream);
            }
            let (near, far) = tokio::io::duplex(1 << 16);
            tokio::spawn(async move {
                let (mut near_in, mut near_out) = tokio::io::split(far);
                let (far_in, mut far_out) = upstream.into_split();
                let mut far_in = far_in.take(bytes);
                tokio::select! {
                    _ = tokio::io::copy(&mut near_in, &mut far_out) => {}
                    _ = tokio::io::copy(&mut far_in, &mut near_out) => {}
                }
            });
            Ok(Box::new(near) as BoxedStream)
        }
    };
    Redis::connect("Redis on a bad line", dial, None, Limits::default())
}

#[tokio::test]
async fn a_digest_goes_on_over_a_fresh_connection() {
    let server = Server::start(&[]).await;
    server.populate(5_000).await;
    let expected = digest(&server).await;
    for bytes in [20_000, 60_000, 100_000] {
        let redis = breaking(&server, bytes);
        let found = redis
            .digest(&DigestOptions::default(), &mut |_| {})
            .await
            .unwrap();
        assert_eq!(found, expected);
    }
}
