//! What real servers let a client do that speaks plain Redis.

use regmig_core::facts::Access;

use crate::server::Server;

#[tokio::test]
async fn a_plain_server_has_nothing_in_the_way() {
    let server = Server::start(&[]).await;
    let plain = Access {
        open: true,
        ..Access::default()
    };
    assert_eq!(server.redis().access().await.unwrap(), plain);
}

#[tokio::test]
async fn what_is_in_the_way_is_named_whoever_has_said_it() {
    let renamed = [
        "--rename-command",
        "EVAL",
        "",
        "--rename-command",
        "CLIENT",
        "other",
    ];
    let server = Server::start(&renamed).await;
    server
        .run(&[
            "ACL SETUSER other on nopass",
            "CONFIG SET masterauth correct-horse",
        ])
        .await;
    let found = server.redis().access().await.unwrap();
    let expected = Access {
        open: true,
        users: vec!["other".to_owned()],
        unknown: vec!["CLIENT".to_owned(), "EVAL".to_owned()],
        settings: vec!["masterauth".to_owned()],
    };
    assert_eq!(found, expected);

    server.run(&["ACL SETUSER default -flushall"]).await;
    assert!(!server.redis().access().await.unwrap().open);
    server
        .run(&[
            "ACL SETUSER default +@all",
            "CONFIG SET requirepass battery-staple",
        ])
        .await;
    let redis = server.redis_with(Some("battery-staple"), regmig_redis::Limits::default());
    assert!(!redis.access().await.unwrap().open);
}

/// A server that hides more than that is told of as far as it can be.
#[tokio::test]
async fn what_cannot_be_asked_is_in_the_way() {
    let hidden = [
        "--rename-command",
        "ACL",
        "",
        "--rename-command",
        "CONFIG",
        "",
    ];
    let server = Server::start(&hidden).await;
    let found = server.redis().access().await.unwrap();
    assert_eq!(
        (found.open, found.unknown),
        (false, vec!["ACL".to_owned(), "CONFIG".to_owned()])
    );

    let server = Server::start(&["--rename-command", "COMMAND", ""]).await;
    let unknown = server.redis().access().await.unwrap().unknown;
    assert_eq!(unknown.first().map(String::as_str), Some("COMMAND"));
}

/// It has a port for plain clients beside the one for TLS.
#[tokio::test]
async fn a_port_for_tls_is_in_the_way() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let file = |name: &str, content: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let certificate = file("certificate", made.cert.pem());
    let key = file("key", made.signing_key.serialize_pem());
    let server = Server::start(&[
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &certificate,
        "--tls-replication",
        "yes",
    ])
    .await;
    let settings = server.redis().access().await.unwrap().settings;
    assert_eq!(settings, ["tls-replication"]);
}
