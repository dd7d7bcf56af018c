//! Requests and responses as plain values.

use bytes::Bytes;

use crate::fingerprint::Fingerprint;

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads, and changes nothing.
    Get,
    /// Sends a body for the server to act upon.
    Post,
}

/// One request: what is sent, and to which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The value of the `Host` header: a name, with `:PORT` where the port is not the usual one.
    pub host: String,
    /// Path and query, from the first slash on.
    pub path: String,
    /// Further headers. `Host`, `Connection` and `Content-Length` are set by [`crate::request`].
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Bytes,
}

impl Request {
    /// A `GET` of a path.
    pub fn get(host: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            host: host.into(),
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A `POST` of a body to a path.
    pub fn post(host: impl Into<String>, path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            method: Method::Post,
            body: body.into(),
            ..Self::get(host, path)
        }
    }

    /// The same request with one header more.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// All headers in the order received, names in lower case; bytes of a value that are not
    /// UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body, never longer than [`crate::Limits::body`].
    pub body: Bytes,
    /// The fingerprint of the server's certificate, where the answer came over TLS.
    pub peer: Option<Fingerprint>,
}

impl Response {
    /// The first value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}
