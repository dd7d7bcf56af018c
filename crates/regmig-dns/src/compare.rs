//! Whether two servers answer alike.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use futures::{Stream, StreamExt};
use regmig_core::port::PortError;
use serde::{Deserialize, Serialize};

use crate::answer::{Answer, Rcode};
use crate::ask::ask;
use crate::limits::Limits;
use crate::question::Question;

/// How many questions are compared, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompareOptions {
    /// The limits of each question.
    pub limits: Limits,
    /// How many questions are under way at a time; each takes two sockets.
    pub concurrency: usize,
    /// How many differences are kept by name.
    pub named: usize,
    /// After how many questions without an answer the comparison ends with that error.
    pub unanswered: u64,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            concurrency: 32,
            named: 100,
            unanswered: 10,
        }
    }
}

/// How far a comparison has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompareProgress {
    /// Questions that both servers have answered, or one of them has not.
    pub asked: u64,
    /// Those of them that were answered differently.
    pub different: u64,
    /// Those of them that were not answered.
    pub unanswered: u64,
}

/// The result of many questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many questions were put.
    pub asked: u64,
    /// How many were answered differently.
    pub different: u64,
    /// How many were not answered by one of the servers.
    pub unanswered: u64,
    /// Some of the differences.
    pub differences: Vec<Difference>,
    /// Some of the errors of those not answered, outermost words first.
    pub errors: Vec<String>,
}

impl Comparison {
    /// Whether every question was answered, and alike.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.different == 0 && self.unanswered == 0
    }
}

/// One question that two servers, `a` and `b`, answer differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The question.
    pub question: Question,
    /// What `a` answers.
    pub a: Seen,
    /// What `b` answers.
    pub b: Seen,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} against {}", self.question, self.a, self.b)
    }
}

/// What counts of an answer: neither the order of its records nor how long they may be cached.
///
/// Authority and additional records do not count, since servers are free to add them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The response code.
    pub rcode: Rcode,
    /// Whether the server is authoritative.
    pub aa: bool,
    /// The records that answer the question.
    pub records: BTreeSet<String>,
}

impl Seen {
    /// What counts of this answer.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        let text = |record: &crate::Record| format!("{} {}", record.name, record.data);
        let records = answer.answers.iter().map(text).collect();
        Self {
            rcode: answer.rcode,
            aa: answer.aa,
            records,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rcode)?;
        if !self.aa {
            f.write_str(" without authority")?;
        }
        if self.records.is_empty() {
            return f.write_str(" and no record");
        }
        let records: Vec<&str> = self.records.iter().map(String::as_str).collect();
        write!(f, " [{}]", records.join(", "))
    }
}

/// Asks two servers the same question and tells how their answers differ, if they do.
///
/// # Errors
///
/// As [`ask`], of the server that did not answer.
pub async fn compare(
    a: SocketAddr,
    b: SocketAddr,
    question: &Question,
    limits: &Limits,
) -> Result<Option<Difference>, PortError> {
    let (of_a, of_b) = futures::try_join!(
        ask(a, &question.name, question.kind, limits),
        ask(b, &question.name, question.kind, limits)
    )?;
    let (a, b) = (Seen::of(&of_a), Seen::of(&of_b));
    Ok((a != b).then(|| Difference {
        question: question.clone(),
        a,
        b,
    }))
}

/// Asks two servers many questions, a bounded number at a time.
///
/// Memory does not grow with the number of questions.
///
/// # Errors
///
/// The error of the stream of questions, at once; that of a server, once more than
/// [`CompareOptions::unanswered`] questions have had no answer.
pub async fn compare_all<S>(
    a: SocketAddr,
    b: SocketAddr,
    questions: S,
    options: &CompareOptions,
    progress: &mut (dyn FnMut(CompareProgress) + Send),
) -> Result<Comparison, PortError>
where
    S: Stream<Item = Result<Question, PortError>> + Send,
{
    let mut total = Comparison {
        asked: 0,
        different: 0,
        unanswered: 0,
        differences: Vec::new(),
        errors: Vec::new(),
    };
    let limits = options.limits;
    let compared = questions.map(|question| async move {
        let question = question?;
        Ok::<_, PortError>(compare(a, b, &question, &limits).await)
    });
    let mut compared = std::pin::pin!(compared.buffer_unordered(options.concurrency.max(1)));
    while let Some(one) = compared.next().await {
        total.asked += 1;
        match one? {
            Ok(None) => {}
            Ok(Some(difference)) => {
                total.different += 1;
                if total.differences.len() < options.named {
                    total.differences.push(difference);
                }
            }
            Err(error) => {
                total.unanswered += 1;
                if total.unanswered > options.unanswered {
                    return Err(error);
                }
                total.errors.push(error.one_line());
            }
        }
        let Comparison {
            asked,
            different,
            unanswered,
            ..
        } = total;
        progress(CompareProgress {
            asked,
            different,
            unanswered,
        });
    }
    Ok(total)
}
