//! What can be wrong with a server, and how that reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use regmig_core::port::PortError;
use regmig_redis::{BoxedStream, DigestOptions, Fault, Limits, Redis, Write, fault_of};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;

use crate::server::Server;

fn hasty() -> Limits {
    Limits {
        dial: Duration::from_millis(300),
        answer: Duration::from_millis(300),
        attempts: 2,
    }
}

fn set() -> [Write; 1] {
    [Write::Set {
        key: "k".to_owned(),
        value: "v".to_owned(),
    }]
}

#[track_caller]
fn assert_refused(error: &PortError, fault: &Fault) {
    assert!(
        matches!(error, PortError::Refused { .. }),
        "{:?}",
        error.chain()
    );
    assert_eq!(fault_of(error), Some(fault), "{:?}", error.chain());
}

#[tokio::test]
async fn passwords_that_do_not_fit_are_told_apart() {
    let open = Server::start(&[]).await;
    let locked = Server::start(&["--requirepass", "right"]).await;
    let ping = async |server: &Server, password| {
        server.redis_with(password, Limits::default()).ping().await
    };
    ping(&open, None).await.unwrap();
    ping(&locked, Some("right")).await.unwrap();
    assert_refused(
        &ping(&locked, Some("wrong")).await.unwrap_err(),
        &Fault::WrongPassword,
    );
    assert_refused(
        &ping(&locked, None).await.unwrap_err(),
        &Fault::PasswordNeeded,
    );
    assert_refused(
        &ping(&open, Some("any")).await.unwrap_err(),
        &Fault::NoPasswordSet,
    );
}

#[tokio::test]
async fn no_error_and_no_debug_output_holds_a_secret() {
    let server = Server::start(&[
        "--rename-command",
        "AUTH",
        "",
        "--rename-command",
        "CONFIG",
        "",
    ])
    .await;
    let redis = server.redis_with(Some("hunter2"), Limits::default());
    let error = redis.ping().await.unwrap_err();
    let shown = format!("{error:?} {:?} {redis:?}", error.chain());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_refused(
        &error,
        &Fault::UnknownCommand {
            command: "AUTH".to_owned(),
        },
    );
    let secret = SecretString::from("hunter3");
    let error = server
        .redis()
        .config_set_secret("masterauth", &secret)
        .await
        .unwrap_err();
    let shown = format!("{error:?} {:?}", error.chain());
    assert!(!shown.contains("hunter3"), "{shown}");
}

#[tokio::test]
async fn a_user_without_rights_is_told_which() {
    let server = Server::start(&[]).await;
    server
        .run(&["ACL SETUSER default on nopass ~* +@all -config -@scripting"])
        .await;
    let redis = server.redis();
    let error = redis.config_get("maxmemory").await.unwrap_err();
    let Some(Fault::NoPermission { words }) = fault_of(&error) else {
        panic!("{error:?}")
    };
    assert!(words.contains("config"), "{words}");
    let error = redis.digest(&DigestOptions::default(), &mut |_| {}).await;
    // An empty server needs no script.
    assert_eq!(error.unwrap().keys, 0);
    server.run(&["SET k v"]).await;
    let error = redis
        .digest(&DigestOptions::default(), &mut |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(fault_of(&error), Some(Fault::NoPermission { .. })),
        "{:?}",
        error.chain()
    );
    server
        .run(&["ACL SETUSER default +@scripting -hlen", "HSET h f v"])
        .await;
    let error = redis
        .digest(&DigestOptions::default(), &mut |_| {})
        .await
        .unwrap_err();
    assert!(
        matches!(fault_of(&error), Some(Fault::NoPermission { .. })),
        "{:?}",
        error.chain()
    );
}

#[tokio::test]
async fn a_renamed_command_is_named() {
    let server = Server::start(&["--rename-command", "REPLICAOF", ""]).await;
    let error = server.redis().replica_of_no_one().await.unwrap_err();
    let command = "REPLICAOF NO ONE".to_owned();
    assert_refused(&error, &Fault::UnknownCommand { command });
}

#[tokio::test]
async fn a_server_that_loads_says_so() {
    let mut server = Server::start(&["--rdbcompression", "no"]).await;
    // Redis looks after its clients once for every 2 MB that it loads.
    let mut raw = server.raw().await;
    for index in 0..40 {
        raw.words(&["SET", &format!("key:{index}"), &"x".repeat(1 << 20)])
            .await;
    }
    server.run(&["SAVE"]).await;
    server.restart(&["--key-load-delay", "50000"]).await;
    let redis = server.redis();
    let info = redis.info().await.unwrap();
    assert!(info.persistence.loading);
    assert_refused(&redis.get("key:1").await.unwrap_err(), &Fault::Loading);
    assert_refused(
        &redis.write_atomically(&set()).await.unwrap_err(),
        &Fault::Loading,
    );
}

#[tokio::test]
async fn a_replica_refuses_writes_and_one_without_a_link_may_refuse_reads() {
    let server = Server::start(&["--replica-serve-stale-data", "no"]).await;
    let redis = server.redis();
    redis.replica_of("127.0.0.1", 1).await.unwrap();
    assert_refused(&redis.get("k").await.unwrap_err(), &Fault::PrimaryDown);
    redis
        .config_set("replica-serve-stale-data", "yes")
        .await
        .unwrap();
    assert_refused(
        &redis.write_atomically(&set()).await.unwrap_err(),
        &Fault::ReadOnly,
    );
    assert_refused(&redis.del(&["k"]).await.unwrap_err(), &Fault::ReadOnly);
}

#[tokio::test]
async fn a_server_at_its_memory_limit_says_so() {
    let server = Server::start(&["--maxmemory", "1"]).await;
    let error = server.redis().write_atomically(&set()).await.unwrap_err();
    assert_refused(&error, &Fault::OutOfMemory);
}

#[tokio::test]
async fn a_server_that_cannot_save_says_so() {
    let server = Server::start(&[]).await;
    let redis = server.redis();
    redis.config_set("save", "3600 1").await.unwrap();
    std::fs::create_dir_all(server.dir.path().join("dump.rdb/in-the-way")).unwrap();
    redis.write_atomically(&set()).await.unwrap();
    redis
        .save_and_wait(&mut |_| {}, Duration::from_secs(10))
        .await
        .unwrap_err();
    let error = redis.write_atomically(&set()).await.unwrap_err();
    assert!(
        matches!(fault_of(&error), Some(Fault::CannotSave { .. })),
        "{:?}",
        error.chain()
    );
}

#[tokio::test]
async fn a_server_that_is_gone_was_never_asked() {
    let mut server = Server::start(&[]).await;
    let redis = server.redis_with(None, hasty());
    redis.ping().await.unwrap();
    server.kill();
    tokio::time::sleep(Duration::from_millis(50)).await;
    // The socket of a killed Redis stays: the dialer says what a far end would say.
    assert!(matches!(redis.ping().await, Err(PortError::Refused { .. })));
    assert!(matches!(
        redis.write_atomically(&set()).await,
        Err(PortError::Refused { .. })
    ));
}

#[tokio::test]
async fn a_server_that_comes_back_is_asked_again() {
    let mut server = Server::start(&[]).await;
    let redis = server.redis();
    redis.ping().await.unwrap();
    server.restart(&[]).await;
    redis.ping().await.unwrap();
    redis.write_atomically(&set()).await.unwrap();
}

#[tokio::test]
async fn a_silent_server_fails_questions_as_not_sent_and_writes_as_unknown() {
    let dials = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&dials);
    let redis = Redis::connect(
        "a mute",
        move || {
            counter.fetch_add(1, Ordering::SeqCst);
            async {
                let (near, far) = tokio::io::duplex(1 << 16);
                tokio::spawn(swallow(far));
                Ok(Box::new(near) as BoxedStream)
            }
        },
        None,
        hasty(),
    );
    let error = redis.ping().await.unwrap_err();
    assert!(
        matches!(error, PortError::NotSent { .. }),
        "{:?}",
        error.chain()
    );
    assert_eq!(dials.load(Ordering::SeqCst), 2, "a question is put twice");
    assert_eq!(error.chain(), ["a mute: PING", "no answer within 0.3 s"]);
    let error = redis.replica_of_no_one().await.unwrap_err();
    assert!(
        matches!(error, PortError::OutcomeUnknown { .. }),
        "{:?}",
        error.chain()
    );
    assert_eq!(dials.load(Ordering::SeqCst), 3, "a write is sent once");
}

async fn swallow(mut stream: DuplexStream) {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_has_an_unknown_outcome() {
    let server = Server::start(&[]).await;
    let redis = behind_a_relay_that_breaks_at(b"REPLICAOF", &server, hasty());
    let error = redis.replica_of_no_one().await.unwrap_err();
    assert!(
        matches!(error, PortError::OutcomeUnknown { .. }),
        "{:?}",
        error.chain()
    );
    assert!(
        matches!(fault_of(&error), Some(Fault::ConnectionLost { .. })),
        "{:?}",
        error.chain()
    );
}

/// A way to a server that works until these bytes are sent on it, and breaks there for good.
pub(crate) fn behind_a_relay_that_breaks_at(
    trap: &'static [u8],
    server: &Server,
    limits: Limits,
) -> Redis {
    let port = server.port;
    let broken = Arc::new(AtomicU32::new(0));
    let dial = move || {
        let broken = Arc::clone(&broken);
        async move {
            if broken.load(Ordering::SeqCst) > 0 {
                let words = std::io::Error::other("the line is dead");
                return Err(PortError::not_sent("dialing through the relay", words));
            }
            let (near, far) = tokio::io::duplex(1 << 16);
            let upstream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(relay(trap, far, upstream, broken));
            Ok(Box::new(near) as BoxedStream)
        }
    };
    Redis::connect("Redis behind a relay", dial, None, limits)
}

async fn relay(trap: &[u8], near: DuplexStream, far: TcpStream, broken: Arc<AtomicU32>) {
    let (mut near_in, mut near_out) = tokio::io::split(near);
    let (mut far_in, mut far_out) = tokio::io::split(far);
    let there = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = near_in.read(&mut buffer).await.unwrap_or(0);
            let sent = &buffer[..read];
            if read == 0 || sent.windows(trap.len()).any(|part| part == trap) {
                broken.store(u32::from(read > 0), Ordering::SeqCst);
                return;
            }
            far_out.write_all(sent).await.unwrap();
        }
    };
    let back = tokio::io::copy(&mut far_in, &mut near_out);
    tokio::select! {
        () = there => {}
        _ = back => {}
    }
}

#[tokio::test]
async fn an_answer_that_is_not_of_redis_is_shown_as_such() {
    let redis = Redis::connect(
        "a web server",
        || async {
            let (near, mut far) = tokio::io::duplex(1 << 16);
            tokio::spawn(async move {
                let mut request = [0; 1024];
                assert!(far.read(&mut request).await.unwrap() > 0);
                far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    .await
                    .unwrap();
                swallow(far).await;
            });
            Ok(Box::new(near) as BoxedStream)
        },
        None,
        hasty(),
    );
    let error = redis.ping().await.unwrap_err();
    let chain = error.chain().join(" | ");
    assert!(matches!(error, PortError::NotSent { .. }), "{chain}");
    assert!(
        matches!(fault_of(&error), Some(Fault::Unreadable { .. })),
        "{chain}"
    );
}

#[tokio::test]
async fn a_write_whose_answer_is_cut_off_has_an_unknown_outcome() {
    let redis = Redis::connect(
        "a Redis on a bad line",
        || async {
            let (near, mut far) = tokio::io::duplex(1 << 16);
            tokio::spawn(async move {
                let mut request = [0; 1024];
                assert!(far.read(&mut request).await.unwrap() > 0);
                far.write_all(b"$5\r\nO").await.unwrap();
            });
            Ok(Box::new(near) as BoxedStream)
        },
        None,
        hasty(),
    );
    let error = redis.replica_of_no_one().await.unwrap_err();
    assert!(
        matches!(error, PortError::OutcomeUnknown { .. }),
        "{:?}",
        error.chain()
    );
}
