//! The two ways out of the engine: looking ([`Observe`]) and acting ([`Act`]).

use std::future::Future;
use std::pin::Pin;

use crate::effect::{Answer, Effect, Query};

/// A boxed future, so that the traits below can be used as trait objects.
pub type Fut<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The error behind a [`PortError`], as found by an executor.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Answers questions about the machines and changes nothing on them.
///
/// Implementations retry lost connections themselves: a question can always be asked again.
pub trait Observe: Sync {
    /// Asks one question.
    fn observe<'a>(&'a self, query: &'a Query) -> Fut<'a, Result<Answer, PortError>>;
}

/// Carries out effects. Every effect states what shall be true, so that
/// repeating one that has already taken place changes nothing.
pub trait Act: Observe {
    /// Carries out one effect and waits for its end.
    fn act<'a>(&'a self, effect: &'a Effect) -> Fut<'a, Result<Answer, PortError>>;
}

/// Why a machine did not do, or did not tell, what it was asked.
///
/// The three kinds matter to whoever decides what comes next. The message of
/// the cause is not repeated in `Display`; print the chain.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The request never reached the machine: nothing has changed, ask again.
    #[error("{what}")]
    NotSent {
        /// What was to be done, and where.
        what: String,
        /// What stood in the way.
        #[source]
        source: Option<Cause>,
    },
    /// The machine answered, and the answer was no.
    #[error("{what}")]
    Refused {
        /// What was to be done, and where.
        what: String,
        /// The machine's own words.
        #[source]
        source: Option<Cause>,
    },
    /// The request was sent and no answer came: it may have taken place, or may yet.
    #[error("{what}")]
    OutcomeUnknown {
        /// What was to be done, and where.
        what: String,
        /// How the answer was lost.
        #[source]
        source: Option<Cause>,
    },
}

impl PortError {
    /// A request that never left, with its cause.
    pub fn not_sent(what: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::NotSent {
            what: what.into(),
            source: Some(source.into()),
        }
    }

    /// A refusal, with the machine's words.
    pub fn refused(what: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Refused {
            what: what.into(),
            source: Some(source.into()),
        }
    }

    /// A lost answer, with how it was lost.
    pub fn unknown(what: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::OutcomeUnknown {
            what: what.into(),
            source: Some(source.into()),
        }
    }

    /// This error and everything beneath it, outermost first, one line each.
    pub fn chain(&self) -> Vec<String> {
        let mut lines = vec![self.to_string()];
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            lines.push(error.to_string());
            next = error.source();
        }
        lines
    }

    /// The same in one line.
    pub fn one_line(&self) -> String {
        self.chain().join(": ")
    }
}
