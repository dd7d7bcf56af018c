//! Why Docker Engine did not do or tell what it was asked.

use std::time::Duration;

use regmig_core::port::PortError;

use crate::transport::TransportError;

/// What stands behind a [`PortError`] of this crate.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// Docker Engine answered no.
    #[error("Docker says: {message} (HTTP status {status})")]
    Answered {
        /// HTTP status.
        status: u16,
        /// Docker's own words.
        message: String,
    },
    /// Nobody answers as Docker Engine should.
    #[error(
        "Docker Engine does not answer: {reason}; is it installed and running? look at: systemctl status docker"
    )]
    Silent {
        /// What was found instead.
        reason: String,
    },
    /// The connection was lost while an answer was expected.
    #[error("the connection to Docker was lost before its answer came: {reason}")]
    Lost {
        /// How it was lost.
        reason: String,
    },
    /// No answer in time.
    #[error("Docker did not answer within {limit:?}")]
    TimedOut {
        /// What was granted.
        limit: Duration,
    },
    /// An answer that cannot be read.
    #[error("the answer of Docker cannot be understood: {reason}")]
    Unclear {
        /// In what way.
        reason: String,
    },
    /// No container or image can be called that.
    #[error(
        "{name:?} is not a name that Docker gives; expected letters, digits, dots, dashes and underscores"
    )]
    Name {
        /// The name in question.
        name: String,
    },
    /// Whatever answers at the socket is not Docker Engine.
    #[error("what answered is not Docker Engine: {reason}")]
    Stranger {
        /// What it said.
        reason: String,
    },
    /// The container is not in the state that was to be reached.
    #[error("the container {name} is {found} although it shall be {wanted}")]
    State {
        /// Which container.
        name: String,
        /// What it shall be.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// There is a container of that name that was not made from this specification.
    #[error(
        "a container named {name} exists already and was made otherwise; look at it with: docker inspect {name}"
    )]
    Taken {
        /// Which name.
        name: String,
    },
    /// A command in a container was still running when its output ended.
    #[error("the command was still running when its output ended")]
    Unfinished,
}

/// Whether a request only asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It changes nothing: a lost answer is a request that was not sent.
    Question,
    /// It may change something: a lost answer is an unknown outcome.
    Change,
}

/// A failed request, before it is known what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    NotSent(PortError),
    Refused(DockerError),
    Lost(DockerError),
}

impl From<bollard::errors::Error> for Failure {
    fn from(error: bollard::errors::Error) -> Self {
        use bollard::errors::Error;
        match error {
            Error::DockerResponseServerError {
                status_code,
                message,
            } => Self::Refused(DockerError::Answered {
                status: status_code,
                message: message.trim().to_owned(),
            }),
            Error::JsonDataError { message, .. } => {
                Self::Refused(DockerError::Unclear { reason: message })
            }
            Error::JsonSerdeError { err } => Self::Refused(DockerError::Unclear {
                reason: err.to_string(),
            }),
            Error::DockerStreamError { error } => Self::Refused(DockerError::Answered {
                status: 200,
                message: error,
            }),
            Error::IOError { err } => match err.downcast::<TransportError>() {
                Ok(TransportError::NotSent(error)) => Self::NotSent(error),
                Ok(TransportError::Lost(reason)) => Self::Lost(DockerError::Lost { reason }),
                Err(err) => Self::Lost(DockerError::Lost {
                    reason: words(&err),
                }),
            },
            Error::HyperResponseError { err } => Self::Lost(DockerError::Lost {
                reason: http_words(&err),
            }),
            other => Self::Lost(DockerError::Lost {
                reason: words(&other),
            }),
        }
    }
}

impl Failure {
    /// The error for whoever asked.
    ///
    /// An answer that came but cannot be understood proves nothing about a change.
    pub(crate) fn of(self, what: String, kind: Kind) -> PortError {
        match (self, kind) {
            (Self::NotSent(error), _) => PortError::not_sent(what, error),
            (Self::Refused(error @ DockerError::Unclear { .. }), Kind::Change) => {
                PortError::unknown(what, error)
            }
            (Self::Refused(error), _) => PortError::refused(what, error),
            (Self::Lost(error), Kind::Question) => PortError::not_sent(what, error),
            (Self::Lost(error), Kind::Change) => PortError::unknown(what, error),
        }
    }
}

/// The HTTP status of Docker's no, where that is what an error is.
pub(crate) fn status(error: &PortError) -> Option<u16> {
    let PortError::Refused {
        source: Some(source),
        ..
    } = error
    else {
        return None;
    };
    match source.downcast_ref() {
        Some(DockerError::Answered { status, .. }) => Some(*status),
        _ => None,
    }
}

/// What the HTTP library has to say of a connection: the cause where it knows one.
pub(crate) fn http_words(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => words(source),
        None => error.to_string(),
    }
}

/// An error and its sources in one line, without saying anything twice.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        next = source.source();
    }
    line
}
