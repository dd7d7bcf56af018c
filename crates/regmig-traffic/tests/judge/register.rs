//! A register in memory, over TLS on loopback, whose faults can be switched on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

pub(crate) const HOST: &str = "reg.example.test";
pub(crate) const KEY: &str = "the-key";

/// What the register knows, and what is wrong with it.
#[derive(Default)]
pub(crate) struct State {
    /// User name to core host.
    pub(crate) users: BTreeMap<String, String>,
    /// The next so many requests are answered with this status.
    pub(crate) refuse: Option<(u32, u16)>,
    /// The next so many reads are answered with 404.
    pub(crate) forget: u32,
    /// No request is answered before this instant.
    pub(crate) frozen_until: Option<Instant>,
}

pub(crate) type Shared = Arc<Mutex<State>>;

/// A certificate authority and the configuration of a server that it vouches for.
pub(crate) struct Identity {
    pub(crate) ca_pem: String,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![HOST.to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        Self {
            ca_pem: authority.pem(),
            config: Arc::new(config),
        }
    }

    /// Starts a register on an address; it ends with the test's runtime.
    pub(crate) async fn serve(&self, address: SocketAddr) -> (SocketAddr, Shared) {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Shared::default();
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let Some(request) = read_request(&mut stream).await else {
                        return;
                    };
                    let frozen = state.lock().unwrap().frozen_until;
                    if let Some(until) = frozen {
                        tokio::time::sleep_until(until).await;
                    }
                    let answer = answer(&mut state.lock().unwrap(), &request);
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        (address, state)
    }
}

/// Freezes a register for a while from now on.
pub(crate) fn freeze(state: &Shared, time: Duration) {
    state.lock().unwrap().frozen_until = Some(Instant::now() + time);
}

fn answer(state: &mut State, request: &str) -> String {
    let plain = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
    if let Some((left, status)) = state.refuse {
        state.refuse = Some((left - 1, status)).filter(|(left, _)| *left > 0);
        return plain(&format!("{status} Refused"));
    }
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let path = head.split(' ').nth(1).unwrap();
    if head.starts_with("POST /users ") {
        if !head
            .to_lowercase()
            .contains(&format!("authorization: {KEY}\r\n"))
        {
            return plain("401 Unauthorized");
        }
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["unique"], serde_json::json!(["email"]));
        for field in ["email", "language", "appId", "invitationToken", "id"] {
            assert!(
                body["user"][field].is_string(),
                "{field} is missing in {body}"
            );
        }
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        state
            .users
            .insert(text(&body["user"]["username"]), text(&body["host"]["name"]));
        return plain("201 Created");
    }
    let user = path
        .trim_start_matches('/')
        .strip_suffix("/server")
        .unwrap();
    if state.forget > 0 {
        state.forget -= 1;
        return plain("404 Not Found");
    }
    match state.users.get(user) {
        Some(core) => format!(
            "HTTP/1.1 302 Found\r\nLocation: https://{core}/?username={user}\r\nContent-Length: 0\r\n\r\n"
        ),
        None => plain("404 Not Found"),
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned))
                .map_or(0, |value| value.trim().parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
