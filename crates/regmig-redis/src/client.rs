//! One Redis server, reached through a dialer.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use redis::{Cmd, FromRedisValue, Pipeline, Value};
use regmig_core::port::PortError;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::fault::Fault;
use crate::info::{Info, parse_calls, parse_info};
use crate::limits::Limits;
use crate::session::Session;
use crate::transport::{BoxedStream, Dialer};

/// One Redis server.
///
/// It dials when it is first needed and again when the connection is lost.
/// Clones share one connection.
#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    dial: Dialer,
    password: Option<SecretString>,
    limits: Limits,
    session: Mutex<Option<Arc<Session>>>,
    own: Mutex<Option<Own>>,
}

/// A connection that one request has to itself: what it watches, and what is held back of it, is its own.
pub(crate) struct Own {
    pub(crate) session: Session,
    /// What the server calls it.
    pub(crate) id: u64,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("name", &self.shared.name)
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// A server that is reached by `dial` and called `name` in errors. Nothing is dialed yet.
    ///
    /// The dialer answers [`PortError::Refused`] when the far end itself says that
    /// nobody listens there, and [`PortError::NotSent`] for every other failure:
    /// [`Redis::shutdown_saved`] takes the former as the proof that Redis has gone.
    pub fn connect<D, F>(
        name: impl Into<String>,
        dial: D,
        password: Option<SecretString>,
        limits: Limits,
    ) -> Self
    where
        D: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<BoxedStream, PortError>> + Send + 'static,
    {
        let dial: Dialer = Arc::new(move || Box::pin(dial()));
        let session = Mutex::new(None);
        let own = Mutex::new(None);
        Self {
            shared: Arc::new(Shared {
                name: name.into(),
                dial,
                password,
                limits,
                session,
                own,
            }),
        }
    }

    /// What this server is called in errors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The time limits it was given.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.limits
    }

    /// Asks whether the server answers, with the password accepted.
    ///
    /// # Errors
    ///
    /// As every question: never with an unknown outcome.
    pub async fn ping(&self) -> Result<(), PortError> {
        let answer: String = self.ask(&redis::cmd("PING"), "PING").await?;
        if answer == "PONG" {
            return Ok(());
        }
        Err(self.refused(
            "PING",
            Fault::Unexpected {
                found: answer,
                expected: "PONG".to_owned(),
            },
        ))
    }

    /// Asks for everything that the server tells about itself.
    ///
    /// # Errors
    ///
    /// As every question: never with an unknown outcome.
    pub async fn info(&self) -> Result<Info, PortError> {
        let text: String = self.ask(&redis::cmd("INFO"), "INFO").await?;
        Ok(parse_info(&text))
    }

    /// How often the server has listed all its keys for somebody since it started: it answers nobody else during a `KEYS`.
    ///
    /// # Errors
    ///
    /// As every question: never with an unknown outcome.
    pub async fn listings(&self) -> Result<u64, PortError> {
        let mut command = redis::cmd("INFO");
        command.arg("commandstats");
        let text: String = self.ask(&command, "INFO commandstats").await?;
        Ok(parse_calls(&text, "keys"))
    }

    /// Puts a question, again over a fresh connection when one is lost.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        command: &Cmd,
        what: &str,
    ) -> Result<T, PortError> {
        let mut attempt = 1;
        loop {
            let fault = match self.once(command, what).await? {
                Ok(value) => return self.convert(value, what),
                Err(fault) => fault,
            };
            if !fault.ends_connection() {
                return Err(self.refused(what, fault));
            }
            if attempt >= self.shared.limits.attempts {
                return Err(self.not_sent(what, fault));
            }
            tracing::debug!(server = %self.shared.name, what, %fault, "asking again");
            attempt += 1;
        }
    }

    /// Sends a write, once.
    pub(crate) async fn tell<T: FromRedisValue>(
        &self,
        command: &Cmd,
        what: &str,
    ) -> Result<T, PortError> {
        match self.once(command, what).await? {
            Ok(value) => redis::from_redis_value(value).map_err(|error| {
                let expected = "another kind of answer".to_owned();
                self.unknown(
                    what,
                    Fault::Unexpected {
                        found: error.to_string(),
                        expected,
                    },
                )
            }),
            Err(fault) => Err(self.write_failed(what, fault)),
        }
    }

    /// Sends writes as one transaction, once.
    pub(crate) async fn tell_together(
        &self,
        commands: &Pipeline,
        what: &str,
    ) -> Result<(), PortError> {
        let session = self.session(what).await?;
        match session
            .transaction(commands, what, self.shared.limits.answer)
            .await
        {
            Ok(()) => Ok(()),
            Err(fault) => {
                self.forget_if_lost(&fault, &session).await;
                Err(self.write_failed(what, fault))
            }
        }
    }

    /// Sends one command once. The outer error says that it never left.
    pub(crate) async fn once(
        &self,
        command: &Cmd,
        what: &str,
    ) -> Result<Result<Value, Fault>, PortError> {
        let session = self.session(what).await?;
        let outcome = session
            .command(command, what, self.shared.limits.answer)
            .await;
        if let Err(fault) = &outcome {
            self.forget_if_lost(fault, &session).await;
        }
        Ok(outcome)
    }

    /// A connection of its own, for what must not share one.
    pub(crate) async fn open(&self, what: &str) -> Result<Session, PortError> {
        let limit = self.shared.limits.dial;
        let opening = async {
            let stream = (self.shared.dial)().await?;
            Session::open(stream, self.shared.password.as_ref())
                .await
                .map_err(|fault| {
                    if fault.ends_connection() {
                        self.not_sent(what, fault)
                    } else {
                        self.refused(what, fault)
                    }
                })
        };
        timeout(limit, opening)
            .await
            .unwrap_or_else(|_| Err(self.not_sent(what, Fault::NoAnswer { limit })))
    }

    /// The connection that an earlier request of this kind has left, or a fresh one.
    pub(crate) async fn take_own(&self, what: &str) -> Result<Own, PortError> {
        if let Some(own) = self.shared.own.lock().await.take()
            && !own.session.is_closed()
        {
            return Ok(own);
        }
        let session = self.open(what).await?;
        let mut command = redis::cmd("CLIENT");
        command.arg("ID");
        let limit = self.shared.limits.answer;
        match session.command(&command, "CLIENT ID", limit).await {
            Ok(id) => Ok(Own {
                session,
                id: self.convert(id, what)?,
            }),
            Err(fault) if fault.ends_connection() => Err(self.not_sent(what, fault)),
            Err(fault) => Err(self.refused(what, fault)),
        }
    }

    /// Leaves it to the next one. Only one that has had all its answers and watches nothing may be left.
    pub(crate) async fn keep_own(&self, own: Own) {
        *self.shared.own.lock().await = Some(own);
    }

    /// Dials and hangs up.
    pub(crate) async fn dial_only(&self) -> Result<(), PortError> {
        let limit = self.shared.limits.dial;
        match timeout(limit, (self.shared.dial)()).await {
            Ok(dialed) => dialed.map(drop),
            Err(_) => Err(self.not_sent("dialing", Fault::NoAnswer { limit })),
        }
    }

    async fn session(&self, what: &str) -> Result<Arc<Session>, PortError> {
        let mut slot = self.shared.session.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| !session.is_closed()) {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(self.open(what).await?);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Has the next request dial, unless another one has already done so.
    ///
    /// Requests that are still in flight on the lost session keep it until they end.
    async fn forget_if_lost(&self, fault: &Fault, lost: &Arc<Session>) {
        if fault.ends_connection() {
            let mut slot = self.shared.session.lock().await;
            slot.take_if(|session| Arc::ptr_eq(session, lost));
        }
    }

    pub(crate) fn convert<T: FromRedisValue>(
        &self,
        value: Value,
        what: &str,
    ) -> Result<T, PortError> {
        redis::from_redis_value(value).map_err(|error| {
            let expected = "another kind of answer".to_owned();
            self.refused(
                what,
                Fault::Unexpected {
                    found: error.to_string(),
                    expected,
                },
            )
        })
    }

    fn write_failed(&self, what: &str, fault: Fault) -> PortError {
        if fault.ends_connection() || matches!(fault, Fault::InPart { .. }) {
            self.unknown(what, fault)
        } else {
            self.refused(what, fault)
        }
    }

    pub(crate) fn refused(&self, what: &str, fault: Fault) -> PortError {
        PortError::refused(format!("{}: {what}", self.shared.name), fault)
    }

    pub(crate) fn not_sent(&self, what: &str, fault: Fault) -> PortError {
        PortError::not_sent(format!("{}: {what}", self.shared.name), fault)
    }

    pub(crate) fn unknown(&self, what: &str, fault: Fault) -> PortError {
        PortError::unknown(format!("{}: {what}", self.shared.name), fault)
    }
}
