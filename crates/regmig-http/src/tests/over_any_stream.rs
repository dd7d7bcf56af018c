//! Requests over a stream that is not a socket, as a channel of an SSH connection is not.

use super::server::{Authority, Script, play};
use crate::{HttpError, Limits, Request, Tls, TlsTrust, peer_fingerprint, request};

#[tokio::test]
async fn a_request_in_the_clear_runs_over_any_stream() {
    let (near, far) = tokio::io::duplex(64);
    let server = tokio::spawn(play(far, Script::Echo));
    let response = request(
        near,
        None,
        &Request::get("reg.example.test", "/"),
        &Limits::default(),
    )
    .await
    .unwrap();
    server.await.unwrap();
    assert_eq!((response.status, response.peer), (200, None));
    assert!(response.body.starts_with(b"GET / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_stream_that_is_already_closed_received_nothing() {
    let (near, far) = tokio::io::duplex(64);
    drop(far);
    let result = request(
        near,
        None,
        &Request::get("reg.example.test", "/"),
        &Limits::default(),
    )
    .await;
    let error = result.unwrap_err();
    assert!(matches!(error, HttpError::NotSent { .. }), "{error:?}");
    assert!(!error.sent());
}

#[tokio::test]
async fn a_request_that_cannot_be_written_is_refused_with_its_place() {
    for bad in [
        Request::get("reg.example.test\r\nX: y", "/"),
        Request::get("reg.example.test", "no-slash"),
        Request::get("reg.example.test", "/a b"),
        Request::get("reg.example.test", "/").header("X", "a\nb"),
    ] {
        let (near, _far) = tokio::io::duplex(64);
        let error = request(near, None, &bad, &Limits::default())
            .await
            .unwrap_err();
        assert!(matches!(error, HttpError::Invalid { .. }), "{error:?}");
        assert!(!error.sent());
    }
}

#[tokio::test]
async fn the_fingerprint_of_a_lost_or_silent_server_is_an_error() {
    let (near, far) = tokio::io::duplex(64);
    drop(far);
    let limit = Limits::default().total;
    let error = peer_fingerprint(near, "reg.example.test", limit)
        .await
        .unwrap_err();
    assert!(matches!(error, HttpError::Tls(_)), "{error:?}");

    let trust = TlsTrust::from_ca_pem(Authority::new().pem().as_bytes()).unwrap();
    let (near, _far) = tokio::io::duplex(64);
    let tls = Tls {
        trust: &trust,
        server_name: "not a name",
    };
    let error = request(near, Some(tls), &Request::get("x", "/"), &Limits::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "tls");
}
