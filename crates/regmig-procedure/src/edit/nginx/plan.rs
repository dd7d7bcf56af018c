//! What is wanted of an nginx file.

use std::net::SocketAddr;

use super::super::error::quote;
use super::super::{EditError, EditErrorKind, Marker};

/// A file that is not edited, but has to be seen to edit another one safely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFile {
    /// Its name: for an included file exactly what stands behind `include`.
    pub path: String,
    /// Its text; for a pattern, the texts of all files that it matches, one after the other.
    pub text: String,
}

/// Which upstreams go to dest, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPlan {
    /// The file to be edited, for messages; its last part also tells it apart among the main file's includes.
    pub file: String,
    /// The names of the upstreams that go to dest.
    pub upstreams: Vec<String>,
    /// The services of the stack that will not run on source: nothing may name them afterwards,
    /// since nginx resolves names when it loads and would refuse the file.
    pub services: Vec<String>,
    /// Where dest's nginx listens for TLS.
    pub dest: SocketAddr,
    /// The certificates that dest's is verified against, as a path inside the container.
    ///
    /// A certificate authority's, or dest's own certificate when it is self-signed. OpenSSL accepts a
    /// pinned certificate that somebody else signed only together with its signers.
    pub trusted_certificate: String,
    /// The name to ask for and to verify. It is always the same one: nginx keeps a session for an address and would resume it
    /// under another name. dest finds its server by the `Host` of the client.
    pub tls_name: String,
    /// The main configuration that includes the file, for the headers that are set there.
    pub main: Option<SeenFile>,
    /// Other included files.
    pub included: Vec<SeenFile>,
    /// Marks the edit.
    pub marker: Marker,
}

impl ProxyPlan {
    /// Whether a name is one of the upstreams that go to dest; nginx does not tell cases apart.
    pub(super) fn names(&self, upstream: &str) -> bool {
        self.upstreams
            .iter()
            .any(|name| name.eq_ignore_ascii_case(upstream))
    }

    /// Whether a host is a service that will not run.
    pub(super) fn stops(&self, host: &str) -> bool {
        self.services
            .iter()
            .any(|name| name.eq_ignore_ascii_case(host))
    }

    /// Refuses a plan whose words could not stand in a file of nginx.
    pub(super) fn check(&self) -> Result<(), EditError> {
        let refuse = |found: String, expected: &str| {
            let hint = "Correct [proxy] in regmig.toml.";
            Err(EditError::new(
                EditErrorKind::Request,
                found,
                expected,
                hint,
            ))
        };
        if self.upstreams.is_empty() {
            return refuse(
                "no upstream to send to dest".into(),
                "the name of at least one",
            );
        }
        let path = &self.trusted_certificate;
        let plain =
            |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@' | ',');
        if !path.starts_with('/') || !path.chars().all(plain) {
            return refuse(
                format!("the trusted certificate {}", quote(path)),
                "an absolute path inside the container, without blanks, quotes and variables",
            );
        }
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.tls_name.is_empty() || !self.tls_name.chars().all(word) {
            return refuse(
                format!("the TLS name {}", quote(&self.tls_name)),
                "a host name",
            );
        }
        Ok(())
    }
}
