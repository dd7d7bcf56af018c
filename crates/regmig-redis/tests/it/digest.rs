//! The digest: what it sees, and what it must not see.

use std::collections::BTreeSet;
use std::time::Duration;

use regmig_redis::{
    Difference, Differences, Digest, DigestOptions, Expiry, KeyDifference, Limits, diff, diff_again,
};

use crate::server::Server;

pub(crate) async fn digest(server: &Server) -> Digest {
    digest_with(server, &DigestOptions::default()).await
}

pub(crate) async fn digest_with(server: &Server, options: &DigestOptions) -> Digest {
    server.redis().digest(options, &mut |_| {}).await.unwrap()
}

pub(crate) async fn differences(a: &Server, b: &Server) -> Differences {
    let options = DigestOptions::default();
    diff(&a.redis(), &b.redis(), &options, 10, None, &mut |_| {})
        .await
        .unwrap()
}

async fn two() -> (Server, Server) {
    tokio::join!(Server::start(&[]), Server::start_other(&[]))
}

/// One key of each type.
const EVERY_TYPE: [&str; 10] = [
    "SET s text",
    "HSET h a 1 b 2 c 3",
    "SADD set x y z",
    "SADD numbers 1 2 3",
    "RPUSH l one two three",
    "ZADD z 0.1 a 2 b -inf c",
    "XADD x 1-1 f v",
    "XADD x 2-1 g w",
    "SET leaving 1",
    "PEXPIREAT leaving 4102444800000",
];

#[tokio::test]
async fn the_same_data_give_the_same_digest_on_two_servers() {
    let (a, b) = two().await;
    a.run(&EVERY_TYPE).await;
    let mut backwards = EVERY_TYPE;
    backwards.reverse();
    // Two pairs of lines must keep their order.
    backwards.swap(0, 1);
    backwards.swap(2, 3);
    b.run(&backwards).await;
    let (x, y) = (digest(&a).await, digest(&b).await);
    assert_eq!(x, y);
    assert_eq!(x.keys, 8);
    assert_eq!(x.expiring, 1);
    let types: Vec<(&str, u64)> = x
        .by_type
        .iter()
        .map(|(name, n)| (name.as_str(), *n))
        .collect();
    assert_eq!(
        types,
        [
            ("hash", 1),
            ("list", 1),
            ("set", 2),
            ("stream", 1),
            ("string", 2),
            ("zset", 1)
        ]
    );
    assert_eq!(
        differences(&a, &b).await,
        Differences {
            total: 0,
            named: vec![],
            went_on: false,
        }
    );
}

#[tokio::test]
async fn how_the_server_stores_a_value_does_not_show() {
    let (a, b) = two().await;
    b.run(&[
        "CONFIG SET hash-max-ziplist-entries 0",
        "CONFIG SET set-max-intset-entries 0",
        "CONFIG SET zset-max-ziplist-entries 0",
        "CONFIG SET list-max-ziplist-size 1",
    ])
    .await;
    a.run(&EVERY_TYPE).await;
    let shuffled = [
        "HSET h c 3 a 1 b 2",
        "SADD set z x y",
        "SADD numbers 3 1 2",
        "ZADD z -inf c 0.1 a 2 b",
        "RPUSH l one two three",
        "SET s text",
        "SET leaving 1",
        "PEXPIREAT leaving 4102444800000",
        "XADD x 1-1 f v",
        "XADD x 2-1 g w",
    ];
    b.run(&shuffled).await;
    for key in ["h", "numbers", "z"] {
        let (mut raw_a, mut raw_b) = (a.raw().await, b.raw().await);
        let words = ["OBJECT", "ENCODING", key];
        assert_ne!(
            raw_a.words(&words).await,
            raw_b.words(&words).await,
            "{key}"
        );
    }
    assert_eq!(digest(&a).await, digest(&b).await);
}

/// Changes one thing on one of two equal servers and tells how that shows.
async fn changed(change: &[&str]) -> Vec<KeyDifference> {
    let (a, b) = two().await;
    a.run(&EVERY_TYPE).await;
    b.run(&EVERY_TYPE).await;
    b.run(change).await;
    let (x, y) = (digest(&a).await, digest(&b).await);
    assert_ne!(x.sum, y.sum, "{change:?} does not show");
    assert!(!x.same_data(&y));
    let found = differences(&a, &b).await;
    assert_eq!(found.total, u64::try_from(found.named.len()).unwrap());
    found.named
}

fn only(key: &str, difference: Difference) -> Vec<KeyDifference> {
    vec![KeyDifference {
        database: 0,
        name: key.into(),
        difference,
    }]
}

#[tokio::test]
async fn every_single_change_shows_and_is_named() {
    for (change, key) in [
        ("SET s Text", "s"),
        ("HSET h b 3", "h"),
        ("HDEL h b", "h"),
        ("SADD set w", "set"),
        ("SREM numbers 2", "numbers"),
        ("LSET l 1 drei", "l"),
        ("ZADD z 0.2 a", "z"),
        ("XADD x 3-1 f v", "x"),
        ("XDEL x 1-1", "x"),
        ("XGROUP CREATE x readers 0", "x"),
        ("XSETID x 9-9", "x"),
    ] {
        assert_eq!(
            changed(&[change]).await,
            only(key, Difference::Value),
            "{change}"
        );
    }
}

#[tokio::test]
async fn the_order_of_a_list_shows() {
    let change = ["DEL l", "RPUSH l two one three"];
    assert_eq!(changed(&change).await, only("l", Difference::Value));
}

#[tokio::test]
async fn values_that_move_between_fields_show() {
    assert_eq!(
        changed(&["HSET h a 2 b 1"]).await,
        only("h", Difference::Value)
    );
}

#[tokio::test]
async fn keys_that_come_and_go_are_named() {
    assert_eq!(
        changed(&["SET more 1"]).await,
        only("more", Difference::OnlyInB)
    );
    assert_eq!(changed(&["DEL s"]).await, only("s", Difference::OnlyInA));
    let renamed = changed(&["RENAME s t"]).await;
    let keys: BTreeSet<_> = renamed.iter().map(|one| one.key().into_owned()).collect();
    assert_eq!(keys, BTreeSet::from(["s", "t"].map(str::to_owned)));
}

#[tokio::test]
async fn another_type_with_the_same_members_shows() {
    let difference = Difference::Type {
        a: "set".to_owned(),
        b: "list".to_owned(),
    };
    let change = ["DEL set", "RPUSH set x y z"];
    assert_eq!(changed(&change).await, only("set", difference));
}

#[tokio::test]
async fn one_millisecond_of_expiry_shows() {
    let change = ["PEXPIREAT leaving 4102444800001"];
    assert_eq!(changed(&change).await, only("leaving", Difference::Expiry));
    assert_eq!(
        changed(&["PERSIST leaving"]).await,
        only("leaving", Difference::Expiry)
    );
    assert_eq!(
        changed(&["PEXPIREAT s 4102444800000"]).await,
        only("s", Difference::Expiry)
    );
}

#[tokio::test]
async fn expiry_can_be_left_out() {
    let (a, b) = two().await;
    a.run(&["SET k v", "PEXPIREAT k 4102444800000"]).await;
    b.run(&["SET k v", "PEXPIREAT k 4102444800777"]).await;
    let options = DigestOptions {
        expiry: Expiry::Ignored,
        ..DigestOptions::default()
    };
    assert_eq!(
        digest_with(&a, &options).await,
        digest_with(&b, &options).await
    );
    b.run(&["SET k w", "PEXPIREAT k 4102444800777"]).await;
    assert_ne!(
        digest_with(&a, &options).await,
        digest_with(&b, &options).await
    );
}

#[tokio::test]
async fn a_key_in_another_database_is_another_key() {
    let (a, b) = two().await;
    a.run(&["SET k v", "SELECT 3", "SET k v"]).await;
    b.run(&["SET k v"]).await;
    let x = digest(&a).await;
    assert_eq!(x.keys, 2);
    assert_ne!(x.sum, digest(&b).await.sum);
    let difference = Difference::OnlyInA;
    let found = differences(&a, &b).await;
    assert_eq!(
        found.named,
        [KeyDifference {
            database: 3,
            name: "k".into(),
            difference
        }]
    );
}

#[tokio::test]
async fn excluded_keys_are_counted_apart() {
    let (a, b) = two().await;
    a.run(&[
        "SET alice:server c1",
        "SET wactiv:server c1",
        "HSET wactiv:users a 1",
    ])
    .await;
    b.run(&["SET alice:server c1", "SET wactiv:server c2"])
        .await;
    let options = DigestOptions {
        excluded: vec!["wactiv:*".into()],
        ..DigestOptions::default()
    };
    let (x, y) = (
        digest_with(&a, &options).await,
        digest_with(&b, &options).await,
    );
    assert!(x.same_data(&y));
    assert_eq!((x.keys, x.excluded), (1, 2));
    assert_eq!((y.keys, y.excluded), (1, 1));
    let found = diff(&a.redis(), &b.redis(), &options, 10, None, &mut |_| {})
        .await
        .unwrap();
    assert_eq!(found.total, 0);
}

#[tokio::test]
async fn what_merely_lagged_does_not_differ_at_the_second_look() {
    let (a, b) = two().await;
    a.run(&["SET same 1", "SET late 2", "SET other 3", "SET gone 4"])
        .await;
    b.run(&["SET same 1", "SET late 1", "SET other 1"]).await;
    let options = DigestOptions::default();
    let found = differences(&a, &b).await;
    let keys: Vec<_> = found.named.iter().map(KeyDifference::key).collect();
    assert_eq!(keys, ["gone", "late", "other"]);
    b.run(&["SET late 2"]).await;
    a.run(&["DEL gone"]).await;
    let still = diff_again(&a.redis(), &b.redis(), &options, &found.named)
        .await
        .unwrap();
    assert_eq!(still, only("other", Difference::Value));
}

#[tokio::test]
async fn names_and_values_of_any_bytes_are_read() {
    let (a, b) = two().await;
    let all: Vec<u8> = (0..=255).collect();
    for server in [&a, &b] {
        let mut raw = server.raw().await;
        raw.words(&[b"SET".as_slice(), all.as_slice(), all.as_slice()])
            .await;
        raw.words(&[
            b"HSET".as_slice(),
            b"h".as_slice(),
            all.as_slice(),
            b"".as_slice(),
        ])
        .await;
        raw.words(&[b"SET".as_slice(), b"".as_slice(), b"".as_slice()])
            .await;
    }
    assert_eq!(digest(&a).await.keys, 3);
    assert_eq!(digest(&a).await, digest(&b).await);
    let mut other = all.clone();
    other[128] = b'x';
    b.raw()
        .await
        .words(&[b"SET".as_slice(), all.as_slice(), other.as_slice()])
        .await;
    assert_eq!(differences(&a, &b).await.total, 1);
}

#[tokio::test]
async fn a_replica_is_read_like_its_primary() {
    let (a, b) = two().await;
    a.run(&EVERY_TYPE).await;
    b.redis().replica_of("127.0.0.1", a.port).await.unwrap();
    b.wait_until_linked().await;
    assert_eq!(digest(&a).await, digest(&b).await);
}

#[tokio::test]
async fn a_fenced_server_is_read() {
    let (a, b) = two().await;
    a.run(&EVERY_TYPE).await;
    b.run(&EVERY_TYPE).await;
    let limits = Limits {
        answer: Duration::from_millis(500),
        ..Limits::default()
    };
    let fenced = a.redis_with(None, limits);
    if fenced.info().await.unwrap().version.has_read_only_scripts() {
        fenced.pause_writes(Duration::from_secs(60)).await.unwrap();
        let found = fenced
            .digest(&DigestOptions::default(), &mut |_| {})
            .await
            .unwrap();
        assert_eq!(found, digest(&b).await);
    }
}

#[tokio::test]
async fn an_empty_server_has_a_digest() {
    let (a, b) = two().await;
    let empty = digest(&a).await;
    assert_eq!(empty.keys, 0);
    assert_eq!(empty, digest(&b).await);
    b.run(&["SET k v"]).await;
    assert_ne!(empty.sum, digest(&b).await.sum);
}

#[tokio::test]
async fn globs_exclude_what_redis_would_match() {
    let server = Server::start(&[]).await;
    let mut raw = server.raw().await;
    let names = [
        "wactiv:users",
        "wactiv@pryv.io:email",
        "dbversion",
        "reservedwords:list",
        "a.b",
        "aXb",
        "a*b",
        "a-b",
        "a%b",
        "b1",
        "b2",
        "bx",
        "b]",
        "b^",
        "",
    ];
    for name in names {
        raw.words(&["SET", name, "1"]).await;
    }
    let globs = [
        "wactiv:*",
        "wactiv*",
        "*words*",
        "a.b",
        "a?b",
        r"a\*b",
        "b[12]",
        "b[0-9]",
        "b[^1]",
        "b[]",
        "b[^]",
        "a%b",
        "*",
        "dbversion",
        "b",
        r"b\]",
        "[ab]?[b]",
        "**b",
    ];
    for glob in globs {
        let options = DigestOptions {
            excluded: vec![glob.to_owned()],
            ..DigestOptions::default()
        };
        let found = digest_with(&server, &options).await;
        assert_eq!(
            found.excluded,
            server.redis().count(glob).await.unwrap(),
            "{glob}"
        );
        assert_eq!(found.excluded + found.keys, 15, "{glob}");
    }
}

#[tokio::test]
async fn a_field_that_expires_shows() {
    let (a, b) = two().await;
    for server in [&a, &b] {
        let info = server.redis().info().await.unwrap();
        let asked = ["COMMAND", "INFO", "HPEXPIREAT"];
        let answer = server.raw().await.words(&asked).await;
        let known = answer != redis::Value::Array(vec![redis::Value::Nil]);
        assert_eq!(info.flavour.has_field_expiry(info.version), known);
        if !known {
            // Such a server has no field that expires, and nothing to show.
            return;
        }
    }
    let hash = ["HSET h a 1 b 2", "HPEXPIREAT h 4102444800000 FIELDS 1 a"];
    a.run(&hash).await;
    b.run(&hash).await;
    assert_eq!(digest(&a).await, digest(&b).await);
    b.run(&["HPEXPIREAT h 4102444800001 FIELDS 1 a"]).await;
    assert_eq!(
        differences(&a, &b).await.named,
        only("h", Difference::Expiry)
    );
}

#[tokio::test]
async fn no_more_differences_are_named_than_wanted() {
    let (a, b) = two().await;
    a.populate(500).await;
    let options = DigestOptions {
        keys_in_memory: 100,
        ..DigestOptions::default()
    };
    let found = diff(&a.redis(), &b.redis(), &options, 7, None, &mut |_| {})
        .await
        .unwrap();
    assert_eq!((found.total, found.named.len()), (500, 7));
}

#[tokio::test]
async fn progress_ends_at_the_total() {
    let server = Server::start(&[]).await;
    server.populate(3_000).await;
    for keys_in_memory in [1_000_000, 1_000] {
        let options = DigestOptions {
            keys_in_memory,
            ..DigestOptions::default()
        };
        let mut seen = Vec::new();
        server
            .redis()
            .digest(&options, &mut |now| seen.push(now))
            .await
            .unwrap();
        assert!(
            seen.windows(2).all(|pair| pair[0].done <= pair[1].done),
            "{seen:?}"
        );
        let last = seen.last().unwrap();
        let passes = if keys_in_memory == 1_000 { 3 } else { 1 };
        assert_eq!((last.done, last.total), (3_000 * passes, 3_000 * passes));
        assert!(seen.len() > 10);
    }
}
