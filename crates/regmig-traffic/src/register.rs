//! The two requests that a client makes to a register.

use std::net::SocketAddr;

use regmig_http::{HttpError, Limits, Request, Response, Tls, TlsTrust, request_over_tcp};

use crate::error::chain;
use crate::user::User;

/// A register's public HTTPS, wherever it is: each request goes to an address of its own choice.
#[derive(Debug, Clone)]
pub struct Register {
    /// The name of the register, for `Host` and TLS.
    pub host: String,
    /// How it proves who it is.
    pub trust: TlsTrust,
    /// What one request may take.
    pub limits: Limits,
}

/// Why a request counts as failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind, for counting: `connect`, `timeout`, `http-500`, `missing`, …
    pub kind: String,
    /// The failure in words.
    pub detail: String,
}

/// What a register says about a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It lives on this core.
    On(String),
    /// There is no such user.
    Absent,
}

impl Register {
    /// Registers a user: `Ok` when the register has acknowledged it with status 201, and only then.
    pub async fn create(&self, target: SocketAddr, key: &str, user: &User) -> Result<(), Failure> {
        let request = Request::post(self.host.clone(), "/users", payload(user).to_string())
            .header("Authorization", key)
            .header("Content-Type", "application/json");
        let response = self.send(target, &request).await?;
        match response.status {
            201 => Ok(()),
            _ => Err(unexpected(&response)),
        }
    }

    /// Asks on which core a user lives.
    pub async fn find(&self, target: SocketAddr, name: &str) -> Result<Found, Failure> {
        let request = Request::get(self.host.clone(), format!("/{name}/server"));
        let response = self.send(target, &request).await?;
        match (
            response.status,
            response.header("location").and_then(host_of),
        ) {
            (302, Some(core)) => Ok(Found::On(core.to_owned())),
            (404, _) => Ok(Found::Absent),
            _ => Err(unexpected(&response)),
        }
    }

    async fn send(&self, target: SocketAddr, request: &Request) -> Result<Response, Failure> {
        let tls = Tls {
            trust: &self.trust,
            server_name: &self.host,
        };
        request_over_tcp(target, Some(tls), request, &self.limits)
            .await
            .map_err(Failure::from)
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self {
            kind: error.kind().to_owned(),
            detail: chain(&error),
        }
    }
}

fn unexpected(response: &Response) -> Failure {
    let start: String = String::from_utf8_lossy(&response.body)
        .chars()
        .take(200)
        .collect();
    Failure {
        kind: format!("http-{}", response.status),
        detail: start,
    }
}

fn payload(user: &User) -> serde_json::Value {
    serde_json::json!({
        "user": {
            "username": user.name,
            "email": format!("{}@traffic.example", user.name),
            "language": "en",
            "appId": "regmig-traffic",
            "invitationToken": "no-token",
            "id": format!("id-{}", user.name),
        },
        "host": { "name": user.core },
        "unique": ["email"],
    })
}

/// The host of an absolute URL.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#', ':'])
        .next()
        .filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_is_the_host_of_the_redirect() {
        for (url, host) in [
            (
                "https://core1.example.test/?username=u",
                Some("core1.example.test"),
            ),
            ("https://core1.example.test", Some("core1.example.test")),
            (
                "http://core1.example.test:3000?u=1",
                Some("core1.example.test"),
            ),
            ("/relative", None),
            ("https:///x", None),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }
}
