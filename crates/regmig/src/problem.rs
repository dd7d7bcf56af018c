//! Why a command could not do its work, ready to be shown.

use regmig_core::edge::NoWay;
use regmig_core::engine::EngineError;
use regmig_core::port::PortError;
use regmig_core::step::StepError;
use regmig_store::StoreError;

use crate::exit_code::Code;

/// A message and the exit code that goes with it.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) text: String,
    pub(crate) code: Code,
}

impl Problem {
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: Code::Refused,
        }
    }
}

/// An error with its causes, one a line.
fn chained(lines: &[String]) -> String {
    let mut text = String::from("error: ");
    for (depth, line) in lines.iter().enumerate() {
        if depth > 0 {
            text.push_str("\n  because: ");
        }
        text.push_str(&line.replace('\n', "\n    "));
    }
    text
}

fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut lines = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        lines.push(error.to_string());
        next = error.source();
    }
    lines
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = if matches!(error, StoreError::InUse { .. }) {
            Code::Refused
        } else {
            Code::Internal
        };
        let hint = error
            .hint()
            .map_or(String::new(), |hint| format!("\n  hint: {hint}"));
        Self {
            text: format!("{}{hint}", chained(&causes(&error))),
            code,
        }
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        let code = match error {
            PortError::OutcomeUnknown { .. } => Code::OutcomeUnknown,
            _ => Code::Refused,
        };
        Self {
            text: chained(&error.chain()),
            code,
        }
    }
}

impl From<StepError> for Problem {
    fn from(error: StepError) -> Self {
        let hint = match &error {
            StepError::Refused(refusal) => format!("\n  hint: {}", refusal.hint),
            _ => String::new(),
        };
        Self {
            text: format!("{}{hint}", chained(&error.chain())),
            code: Code::Refused,
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let (code, hint) = match &error {
            EngineError::Journal(_) | EngineError::Nonsense(_) => (Code::Internal, ""),
            EngineError::RollingBack { .. } | EngineError::NoWay(NoWay::NotServed { .. }) => (
                Code::Refused,
                "\n  hint: `regmig resume` goes on with it; `regmig status` shows where it is",
            ),
            EngineError::NoWay(_) | EngineError::Never { .. } => (
                Code::Refused,
                "\n  hint: `regmig status` shows where going back is possible",
            ),
            EngineError::Port(_) => (Code::Refused, ""),
        };
        Self {
            text: format!("{}{hint}", chained(&causes(&error))),
            code,
        }
    }
}
