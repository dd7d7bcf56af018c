//! What can go wrong with a DNS server.

use std::net::SocketAddr;
use std::time::Duration;

use regmig_core::port::PortError;

/// Why a DNS server did not tell or do what it was asked; the cause behind every [`PortError`] of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// This cannot be a domain name.
    #[error("{name:?} is not a domain name: {words}")]
    BadName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        words: String,
    },
    /// No usable answer came.
    #[error("no usable answer in {attempts} attempts of {:.1} s ({seen}); is a DNS server running there, and do firewalls let UDP and TCP through?", limit.as_secs_f64())]
    NoAnswer {
        /// How often it was asked.
        attempts: u32,
        /// The time limit of each.
        limit: Duration,
        /// What came instead, last attempt first to speak.
        seen: String,
    },
    /// The server could not be reached over TCP.
    #[error("no TCP connection: {words}")]
    NoConnection {
        /// The system's words.
        words: String,
    },
    /// The connection broke before the answer came.
    #[error("the answer was lost: {words}")]
    AnswerLost {
        /// How it was noticed.
        words: String,
    },
    /// The server answered with an error.
    #[error("the server answers {rcode}{}", advice(rcode))]
    Rcode {
        /// The response code.
        rcode: String,
    },
    /// The answer is not what was asked for.
    #[error("the answer was {found}, and {expected} was expected")]
    Unexpected {
        /// What came.
        found: String,
        /// What should have come.
        expected: String,
    },
    /// The parent does not delegate the domain.
    #[error("{domain} is not delegated there: {found}")]
    NotDelegated {
        /// The domain.
        domain: String,
        /// What the parent answered.
        found: String,
    },
    /// No zone above the domain is served there.
    #[error(
        "{server} is not authoritative for any zone above {domain}; give the address of the parent zone's primary server"
    )]
    NotAuthoritative {
        /// The server.
        server: SocketAddr,
        /// The domain.
        domain: String,
    },
    /// A name server below the domain has no address.
    #[error("the name server {name} lies in {domain} itself and needs at least one address")]
    GlueNeeded {
        /// The name server.
        name: String,
        /// The domain.
        domain: String,
    },
    /// A delegation needs name servers.
    #[error("no name server is given for {domain}")]
    NoServers {
        /// The domain.
        domain: String,
    },
    /// The delegation is not what it was expected to be; nothing was changed.
    #[error(
        "the delegation of {domain} is not what was expected, so nothing was changed: expected {expected}, found {found}"
    )]
    Drifted {
        /// The domain.
        domain: String,
        /// What the update was to replace.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The server did not accept the signature.
    #[error(
        "the server does not accept the signature: {words}; compare key name, algorithm, secret and clocks"
    )]
    Signature {
        /// The server's words.
        words: String,
    },
    /// A message could not be written.
    #[error("the message could not be built: {words}")]
    Unwritable {
        /// What is wrong.
        words: String,
    },
}

fn advice(rcode: &str) -> &'static str {
    match rcode {
        "REFUSED" => " (it does not serve this zone, or not to this address)",
        "SERVFAIL" => " (it failed; look at its log)",
        "NOTIMP" => " (it cannot do that)",
        "NOTAUTH" => " (it is not the primary server of this zone, or does not know the key)",
        _ => "",
    }
}

/// The [`Fault`] behind an error of this crate, if it has one.
#[must_use]
pub fn fault_of(error: &PortError) -> Option<&Fault> {
    std::error::Error::source(error)?.downcast_ref()
}
