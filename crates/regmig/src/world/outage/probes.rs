//! The three probes: a registration, a look for a user, a question to DNS.

use std::net::SocketAddr;
use std::time::Duration;

use regmig_http::{HttpError, KeptConnection, Limits, Request, Response, Tls, TlsTrust};

/// How long a connection may take: longer than a slow network, so that only a machine that is not there fails.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an answer may take. A request that is held meanwhile has not failed.
const TOTAL: Duration = Duration::from_secs(10);
/// How long DNS may take.
const DNS: Duration = Duration::from_secs(1);

/// Something that is served or not.
pub(super) trait Probe: Send + 'static {
    /// Whether it is served now.
    fn is_served(&mut self) -> impl Future<Output = bool> + Send;
}

fn limits() -> Limits {
    Limits {
        connect: CONNECT,
        total: TOTAL,
        body: 64 * 1024,
    }
}

/// One request again and again through source's public HTTPS, on a connection that is kept as a browser keeps one.
pub(super) struct Https {
    pub(super) address: SocketAddr,
    pub(super) trust: TlsTrust,
    pub(super) server_name: String,
    pub(super) request: Request,
    /// The status of an answer that serves.
    pub(super) served: u16,
    pub(super) kept: Option<KeptConnection>,
}

impl Probe for Https {
    async fn is_served(&mut self) -> bool {
        let answer = self.ask().await;
        answer.is_ok_and(|response| response.status == self.served)
    }
}

impl Https {
    async fn ask(&mut self) -> Result<Response, HttpError> {
        let limits = limits();
        if let Some(mut kept) = self.kept.take().filter(KeptConnection::is_open) {
            match kept.request(&self.request, &limits).await {
                Ok(response) => {
                    self.kept = Some(kept);
                    return Ok(response);
                }
                Err(error @ HttpError::TimeLimit { .. }) => return Err(error),
                // A server may close an idle connection at any moment; a client opens another one then.
                Err(_) => {}
            }
        }
        let tls = Tls {
            trust: &self.trust,
            server_name: &self.server_name,
        };
        let mut fresh = KeptConnection::open(self.address, Some(tls), &limits).await?;
        let response = fresh.request(&self.request, &limits).await?;
        self.kept = Some(fresh);
        Ok(response)
    }
}

/// One question again and again.
pub(super) struct Dns {
    pub(super) server: SocketAddr,
    pub(super) name: String,
    pub(super) kind: regmig_dns::Kind,
}

impl Probe for Dns {
    async fn is_served(&mut self) -> bool {
        let limits = regmig_dns::Limits {
            answer: DNS,
            attempts: 1,
        };
        regmig_dns::ask(self.server, &self.name, self.kind, &limits)
            .await
            .is_ok_and(|answer| !answer.answers.is_empty())
    }
}
