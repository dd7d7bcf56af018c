//! A scripted HTTPS server on loopback, with a certificate authority of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::Fingerprint;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// One certificate authority.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a name, valid in the given years.
    pub(super) fn issue(&self, name: &str, years: std::ops::Range<i32>) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }
}

/// A server's certificate and key.
pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }
}

/// What the server does with a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Script {
    /// Reads the request, writes these bytes, closes.
    Answer(&'static [u8]),
    /// Reads the request and says it back as the body of a 200.
    Echo,
    /// Says back one request and one more on the same connection, which it closes then.
    EchoTwice,
    /// Reads the request and closes without a word.
    Hang,
    /// Reads the request and stays silent.
    Silent,
    /// Accepts the connection and never answers the handshake.
    NoHandshake,
    /// Answers the handshake with something else.
    NotTls,
}

/// Starts a server; it ends with the test's runtime.
pub(super) async fn serve(identity: &Identity, script: Script) -> SocketAddr {
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())
            .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match script {
                    Script::NoHandshake => tokio::time::sleep(Duration::from_secs(60)).await,
                    Script::NotTls => {
                        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                    }
                    _ => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            play(stream, script).await;
                        }
                    }
                }
            });
        }
    });
    address
}

/// Plays a script on one open stream.
pub(super) async fn play<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, script: Script) {
    let Some(request) = read_request(&mut stream).await else {
        return;
    };
    match script {
        Script::Answer(bytes) => {
            let _ = stream.write_all(bytes).await;
        }
        Script::Echo => echo(&mut stream, &request).await,
        Script::EchoTwice => {
            echo(&mut stream, &request).await;
            if let Some(request) = read_request(&mut stream).await {
                echo(&mut stream, &request).await;
            }
        }
        Script::Silent => tokio::time::sleep(Duration::from_secs(60)).await,
        Script::Hang | Script::NoHandshake | Script::NotTls => {}
    }
    let _ = stream.shutdown().await;
}

async fn echo<S: AsyncWrite + Unpin>(stream: &mut S, request: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        request.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(request).await;
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |value| value.trim().parse().unwrap());
            if body.len() >= length {
                return Some(bytes);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
