//! Why a test could not be carried on.

use std::error::Error;
use std::fmt;

/// What a helper of the tests returns.
pub type Tried<T> = Result<T, Trouble>;

/// A message with its causes; a test that returns one has failed.
///
/// It is not an [`Error`] itself, so that every error becomes one through `?`.
pub struct Trouble(String);

impl Trouble {
    /// A message of its own.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl<E: Error> From<E> for Trouble {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            text.push_str(&format!("\n  because: {cause}"));
            next = cause.source();
        }
        Self(text)
    }
}

/// What the test harness prints of a test that returned it.
impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
