//! Requests to a scripted HTTPS server on loopback.

use std::time::{Duration, Instant};

use super::server::{Authority, Identity, Script, serve};
use crate::{
    Fingerprint, HttpError, KeptConnection, Limits, Request, Response, Stage, Tls, TlsError,
    TlsTrust, peer_fingerprint_over_tcp, request_over_tcp,
};
use tokio::net::TcpListener;

const NAME: &str = "reg.example.test";
const YEARS: std::ops::Range<i32> = 2020..2120;

fn limits(total_ms: u64) -> Limits {
    Limits {
        total: Duration::from_millis(total_ms),
        body: 1024,
        ..Limits::default()
    }
}

fn post() -> Request {
    Request::post(format!("{NAME}:8443"), "/users?x=1", r#"{"a":1}"#)
        .header("Authorization", "the-key")
}

/// Asks a server with the certificate of `identity`, trusting `authority`.
async fn ask(
    authority: &Authority,
    identity: &Identity,
    name: &str,
    script: Script,
    total_ms: u64,
) -> Result<Response, HttpError> {
    let address = serve(identity, script).await;
    let trust = TlsTrust::from_ca_pem(authority.pem().as_bytes()).unwrap();
    let tls = Tls {
        trust: &trust,
        server_name: name,
    };
    request_over_tcp(address, Some(tls), &post(), &limits(total_ms)).await
}

/// The same with everything in order but the script.
async fn ask_trusted(script: Script, total_ms: u64) -> Result<Response, HttpError> {
    let authority = Authority::new();
    let identity = authority.issue(NAME, YEARS);
    ask(&authority, &identity, NAME, script, total_ms).await
}

fn is_sent(result: Result<Response, HttpError>) -> bool {
    result.unwrap_err().sent()
}

#[tokio::test]
async fn a_request_arrives_as_given_and_its_answer_is_returned() {
    let authority = Authority::new();
    let identity = authority.issue(NAME, YEARS);
    let response = ask(&authority, &identity, NAME, Script::Echo, 5000)
        .await
        .unwrap();
    assert_eq!(response.status, 200);
    assert_eq!(response.peer, Some(identity.fingerprint()));
    let said = String::from_utf8(response.body.to_vec()).unwrap();
    assert!(said.starts_with("POST /users?x=1 HTTP/1.1\r\n"), "{said}");
    assert!(said.ends_with("\r\n\r\n{\"a\":1}"), "{said}");
    let lower = said.to_lowercase();
    for header in [
        "host: reg.example.test:8443",
        "authorization: the-key",
        "connection: close",
    ] {
        assert!(
            lower.contains(&format!("\r\n{header}\r\n")),
            "{header} is not in {said}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let script = Script::Answer(
        b"HTTP/1.1 302 Found\r\nLocation: https://core1.example.test/\r\nContent-Length: 0\r\n\r\n",
    );
    let response = ask_trusted(script, 5000).await.unwrap();
    assert_eq!(response.status, 302);
    assert_eq!(
        response.header("location"),
        Some("https://core1.example.test/")
    );
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_before_anything_is_sent() {
    let identity = Authority::new().issue(NAME, YEARS);
    let result = ask(&Authority::new(), &identity, NAME, Script::Echo, 5000).await;
    assert!(
        matches!(&result, Err(HttpError::Tls(TlsError::UnknownIssuer { name })) if name == NAME),
        "{result:?}"
    );
    assert!(!is_sent(result));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_and_says_for_which() {
    let authority = Authority::new();
    let identity = authority.issue("mail.example.test", YEARS);
    let result = ask(&authority, &identity, NAME, Script::Echo, 5000).await;
    let Err(HttpError::Tls(error @ TlsError::WrongName { .. })) = &result else {
        panic!("{result:?}");
    };
    let text = error.to_string();
    assert!(
        text.contains(NAME) && text.contains("mail.example.test"),
        "{text}"
    );
    assert!(!is_sent(result));
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let identity = authority.issue(NAME, 2000..2001);
    let result = ask(&authority, &identity, NAME, Script::Echo, 5000).await;
    assert!(
        matches!(
            result,
            Err(HttpError::Tls(TlsError::OutOfDate { expired: true, .. }))
        ),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_pin_accepts_its_certificate_and_no_other() {
    // Issuer, name and validity are all wrong: the pin alone decides.
    let identity = Authority::new().issue("other.example.test", 2000..2001);
    let address = serve(&identity, Script::Echo).await;
    let shown = peer_fingerprint_over_tcp(address, NAME, &limits(5000))
        .await
        .unwrap();
    assert_eq!(shown, identity.fingerprint());

    let right = TlsTrust::pinned(shown).unwrap();
    let tls = Tls {
        trust: &right,
        server_name: NAME,
    };
    let response = request_over_tcp(address, Some(tls), &post(), &limits(5000))
        .await
        .unwrap();
    assert_eq!(response.peer, Some(shown));

    let pinned = Fingerprint::of(b"another certificate");
    let wrong = TlsTrust::pinned(pinned).unwrap();
    let tls = Tls {
        trust: &wrong,
        server_name: NAME,
    };
    let result = request_over_tcp(address, Some(tls), &post(), &limits(5000)).await;
    let Err(HttpError::Tls(TlsError::NotThePinned {
        found,
        pinned: expected,
    })) = &result
    else {
        panic!("{result:?}");
    };
    assert_eq!((*found, *expected), (shown, pinned));
    assert!(!is_sent(result));
}

#[tokio::test]
async fn a_connection_closed_before_the_whole_answer_leaves_the_outcome_unknown() {
    for (bytes, seen) in [
        (&b""[..], None),
        (b"HTTP/1.1 20", None),
        (
            b"HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n12345",
            Some(201),
        ),
    ] {
        let result = ask_trusted(Script::Answer(bytes), 5000).await;
        let Err(HttpError::NoAnswer { status, .. }) = &result else {
            panic!("{bytes:?}: {result:?}");
        };
        assert_eq!(*status, seen);
        assert!(is_sent(result));
    }
    let result = ask_trusted(Script::Hang, 5000).await;
    assert!(
        matches!(result, Err(HttpError::NoAnswer { status: None, .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn what_is_not_http_or_too_long_is_refused() {
    let result = ask_trusted(Script::Answer(b"220 mail ready\r\n\r\n"), 5000).await;
    assert!(
        matches!(result, Err(HttpError::Malformed { .. })),
        "{result:?}"
    );

    static LONG: [u8; 4096] = [b'x'; 4096];
    let long = [&b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"[..], &LONG].concat();
    let result = ask_trusted(Script::Answer(long.leak()), 5000).await;
    assert!(
        matches!(
            result,
            Err(HttpError::TooLarge {
                status: 200,
                limit: 1024
            })
        ),
        "{result:?}"
    );
}

#[tokio::test]
async fn the_time_limit_tells_how_far_the_request_had_come() {
    for (script, expected) in [
        (Script::Silent, Stage::Answer),
        (Script::NoHandshake, Stage::Handshake),
    ] {
        let begun = Instant::now();
        let result = ask_trusted(script, 300).await;
        let Err(HttpError::TimeLimit { stage, .. }) = &result else {
            panic!("{script:?}: {result:?}");
        };
        assert_eq!(*stage, expected);
        assert_eq!(is_sent(result), expected == Stage::Answer);
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "took {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn a_server_without_tls_or_without_a_listener_received_nothing() {
    let result = ask_trusted(Script::NotTls, 5000).await;
    assert!(
        matches!(result, Err(HttpError::Tls(TlsError::Handshake { .. }))),
        "{result:?}"
    );
    assert!(!is_sent(result));

    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let result = request_over_tcp(gone, None, &post(), &limits(5000)).await;
    let Err(HttpError::Connect { address, .. }) = &result else {
        panic!("{result:?}")
    };
    assert_eq!(*address, gone);
    assert!(!is_sent(result));
}

#[tokio::test]
async fn a_kept_connection_carries_requests_until_the_server_closes_it() {
    let authority = Authority::new();
    let identity = authority.issue(NAME, YEARS);
    let address = serve(&identity, Script::EchoTwice).await;
    let trust = TlsTrust::from_ca_pem(authority.pem().as_bytes()).unwrap();
    let tls = Tls {
        trust: &trust,
        server_name: NAME,
    };
    let limits = limits(5000);
    let mut kept = KeptConnection::open(address, Some(tls), &limits)
        .await
        .unwrap();
    for path in ["/one", "/two"] {
        let request = Request::get(NAME, path);
        let response = kept.request(&request, &limits).await.unwrap();
        let said = String::from_utf8(response.body.to_vec()).unwrap();
        assert!(said.starts_with(&format!("GET {path} ")), "{said}");
        assert!(!said.contains("close"), "{said}");
    }
    let third = kept.request(&Request::get(NAME, "/three"), &limits).await;
    assert!(is_sent(third));
    assert!(!kept.is_open());
}
