//! The same over a TCP connection of its own.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::error::{HttpError, Stage};
use crate::exchange::{first_stage, on_stream, peer_fingerprint, within};
use crate::fingerprint::Fingerprint;
use crate::limits::Limits;
use crate::message::{Request, Response};
use crate::progress::Progress;
use crate::tls::Tls;

/// Connects to an address, sends one request and reads the whole answer, within `limits`.
///
/// The names in the request and in `tls` need not resolve to the address: that is how a machine is
/// asked before the world's clients are sent to it.
pub async fn request_over_tcp(
    address: SocketAddr,
    tls: Option<Tls<'_>>,
    request: &Request,
    limits: &Limits,
) -> Result<Response, HttpError> {
    let progress = Progress::starting_at(Stage::Connect);
    let work = async {
        let stream = connect(address, limits.connect).await?;
        progress.enter(first_stage(tls));
        on_stream(stream, tls, request, limits.body, &progress).await
    };
    within(limits.total, &progress, work).await
}

/// Connects to an address and asks for the fingerprint of the certificate shown for a name.
pub async fn peer_fingerprint_over_tcp(
    address: SocketAddr,
    server_name: &str,
    limits: &Limits,
) -> Result<Fingerprint, HttpError> {
    let stream = connect(address, limits.connect).await?;
    peer_fingerprint(stream, server_name, limits.total).await
}

pub(crate) async fn connect(address: SocketAddr, limit: Duration) -> Result<TcpStream, HttpError> {
    let stream = match tokio::time::timeout(limit, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(source)) => return Err(HttpError::Connect { address, source }),
        Err(_) => {
            return Err(HttpError::TimeLimit {
                stage: Stage::Connect,
                limit,
            });
        }
    };
    // Without it a small request could wait for an acknowledgement of the handshake's last bytes.
    stream
        .set_nodelay(true)
        .map_err(|source| HttpError::Connect { address, source })?;
    Ok(stream)
}
