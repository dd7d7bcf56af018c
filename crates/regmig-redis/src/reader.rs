//! A connection of its own for a long walk over one data set.

use redis::{Cmd, FromRedisValue};
use regmig_core::port::PortError;

use crate::client::Redis;
use crate::fault::Fault;
use crate::info::{Info, parse_info};
use crate::session::Session;

/// Reads one server over a connection of its own, through lost connections but not through restarts.
///
/// A cursor of `SCAN` means nothing to a server that was started anew: going on with
/// it would pass over keys without a word.
pub(crate) struct Reader {
    redis: Redis,
    session: Option<Session>,
    run_id: Option<String>,
    database: u32,
}

impl Reader {
    /// A reader of database 0. Nothing is dialed yet.
    pub(crate) fn new(redis: &Redis) -> Self {
        Self {
            redis: redis.clone(),
            session: None,
            run_id: None,
            database: 0,
        }
    }

    /// The run of the server that is read; nothing before the first question.
    pub(crate) fn run_id(&self) -> &str {
        self.run_id.as_deref().unwrap_or_default()
    }

    /// Asks for everything that the server tells about itself.
    pub(crate) async fn info(&mut self) -> Result<Info, PortError> {
        let text: String = self.ask(&redis::cmd("INFO"), "INFO").await?;
        Ok(parse_info(&text))
    }

    /// Reads from another database from now on.
    pub(crate) fn select(&mut self, database: u32) {
        if self.database != database {
            self.database = database;
            self.session = None;
        }
    }

    /// Puts a question, again over a fresh connection when one is lost.
    pub(crate) async fn ask<T: FromRedisValue>(
        &mut self,
        command: &Cmd,
        what: &str,
    ) -> Result<T, PortError> {
        let mut attempt = 1;
        loop {
            let fault = match self.once(command, what).await? {
                Ok(value) => return self.redis.convert(value, what),
                Err(fault) => fault,
            };
            if !fault.ends_connection() {
                return Err(self.redis.refused(what, fault));
            }
            self.session = None;
            if attempt >= self.redis.limits().attempts {
                return Err(self.redis.not_sent(what, fault));
            }
            attempt += 1;
        }
    }

    async fn once(
        &mut self,
        command: &Cmd,
        what: &str,
    ) -> Result<Result<redis::Value, Fault>, PortError> {
        let limit = self.redis.limits().answer;
        let session = match self.session.take() {
            Some(session) => session,
            None => match self.open(what).await? {
                Ok(session) => session,
                Err(fault) => return Ok(Err(fault)),
            },
        };
        let outcome = session.command(command, what, limit).await;
        self.session = Some(session);
        Ok(outcome)
    }

    /// Dials, makes sure that it is still the same run of the server, and selects the database.
    async fn open(&mut self, what: &str) -> Result<Result<Session, Fault>, PortError> {
        let session = self.redis.open(what).await?;
        match self.greet(&session).await {
            Ok(run_id) => match self.run_id.clone() {
                Some(before) if before != run_id => Err(self.redis.refused(
                    what,
                    Fault::Restarted {
                        before,
                        after: run_id,
                    },
                )),
                _ => {
                    self.run_id = Some(run_id);
                    Ok(Ok(session))
                }
            },
            Err(fault) => Ok(Err(fault)),
        }
    }

    async fn greet(&self, session: &Session) -> Result<String, Fault> {
        let limit = self.redis.limits().answer;
        let mut info = redis::cmd("INFO");
        info.arg("server");
        let text = session.command(&info, "INFO server", limit).await?;
        let text: String = redis::from_redis_value(text).map_err(|error| Fault::Unexpected {
            found: error.to_string(),
            expected: "the text of INFO".to_owned(),
        })?;
        if self.database != 0 {
            let mut select = redis::cmd("SELECT");
            select.arg(self.database);
            session.command(&select, "SELECT", limit).await?;
        }
        Ok(parse_info(&text).run_id)
    }
}
