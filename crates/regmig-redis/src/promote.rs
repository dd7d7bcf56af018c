//! The one key by which two sides decide which of them wins, and the promotion that depends on it.

use std::time::Duration;

use redis::Value;
use regmig_core::port::PortError;
use regmig_core::position::Position;
use tokio::time::{Instant, sleep};

use crate::client::{Own, Redis};
use crate::fault::Fault;
use crate::info::{Role, parse_info};

/// How often a replica's position is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(3);

/// A script that sets the key `KEYS[1]` to `ARGV[1]` if it says `ARGV[2]`, or is absent where that is not given.
/// It tells what the key says then.
pub const SWAP: &str = "local says = redis.call('GET', KEYS[1]) or nil \
    if says == ARGV[2] then redis.call('SET', KEYS[1], ARGV[1]) says = ARGV[1] end \
    return says";

/// A replica that shall become a primary, unless a key says that it shall not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The key.
    pub key: String,
    /// What it must say before.
    pub armed: String,
    /// What it says from the promotion on.
    pub promoted: String,
    /// What the replica must have carried out.
    pub upto: Position,
    /// How long to wait for that.
    pub within: Duration,
}

impl Redis {
    /// Sets a string key if it says `from`, or is absent where that is `None`, and returns what it says then.
    ///
    /// # Errors
    ///
    /// Refused by the server, as a read-only replica does; with an unknown outcome when the answer was lost.
    pub async fn swap(
        &self,
        key: &str,
        from: Option<&str>,
        to: &str,
    ) -> Result<Option<String>, PortError> {
        let mut command = redis::cmd("EVAL");
        command.arg(SWAP).arg(1).arg(key).arg(to).arg(from);
        self.tell(&command, &format!("EVAL … {key}")).await
    }

    /// Makes a replica a primary and has a key say so, both in one transaction. One that is promoted already is left alone.
    ///
    /// What the replica's clients wait for is two round trips: the key is watched and read, and the position
    /// compared, in the first, and the transaction is the second.
    ///
    /// # Errors
    ///
    /// Refused, with nothing changed, where the key says something else or is changed meanwhile, where the server is no
    /// replica, and where it has not got there in time. With an unknown outcome when the answer was lost.
    pub async fn promote(&self, promotion: &Promotion) -> Result<(), PortError> {
        let what = "promoting it";
        let mut attempt = 1;
        loop {
            let own = self.take_own(what).await?;
            match self.may_promote(&own, promotion, what).await {
                Ok(true) => {
                    self.promote_now(&own, promotion, what).await?;
                    self.keep_own(own).await;
                    return Ok(());
                }
                // It watches the key: nobody else may have this connection, and its end is the watch's.
                Ok(false) => return Ok(()),
                Err(PortError::NotSent { .. }) if attempt < self.limits().attempts => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Watches the key until the position is reached; `false` where there is nothing left to do.
    async fn may_promote(
        &self,
        own: &Own,
        promotion: &Promotion,
        what: &str,
    ) -> Result<bool, PortError> {
        let mut look = redis::pipe();
        look.cmd("WATCH").arg(&promotion.key);
        look.cmd("GET").arg(&promotion.key);
        look.cmd("INFO").arg("replication");
        let begun = Instant::now();
        loop {
            let answers = own.session.each(&look, what, self.limits().answer).await;
            let answers = answers.map_err(|fault| self.not_sent(what, fault))?;
            let [_, says, info] = self.all(answers, what)?;
            let says: Option<String> = self.convert(says, what)?;
            let info: String = self.convert(info, what)?;
            let replication = parse_info(&info).replication;
            if says.as_ref() == Some(&promotion.promoted) && replication.role == Some(Role::Primary)
            {
                return Ok(false);
            }
            if says.as_ref() != Some(&promotion.armed) {
                return Err(self.refused(what, promotion.says(says)));
            }
            if replication.role != Some(Role::Replica) {
                return Err(self.refused(what, Fault::NoReplica));
            }
            let Some(lack) = replication.position().lacks(&promotion.upto) else {
                return Ok(true);
            };
            if begun.elapsed() >= promotion.within {
                let behind = Fault::Behind {
                    lack,
                    limit: promotion.within,
                };
                return Err(self.refused(what, behind));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn promote_now(
        &self,
        own: &Own,
        promotion: &Promotion,
        what: &str,
    ) -> Result<(), PortError> {
        let mut commands = redis::pipe();
        commands.cmd("MULTI");
        // First, so that what the replicas of a primary are told of the transaction is all of it.
        commands.cmd("REPLICAOF").arg("NO").arg("ONE");
        commands
            .cmd("SET")
            .arg(&promotion.key)
            .arg(&promotion.promoted);
        commands.cmd("EXEC");
        commands.cmd("INFO").arg("replication");
        let limit = self.limits().answer;
        let answers = own.session.each(&commands, what, limit).await;
        let answers = answers.map_err(|fault| self.unknown(what, fault))?;
        let [_, _, _, done, info] = self.all(answers, what)?;
        match done {
            // Somebody has changed the key.
            Value::Nil => {
                let says = self.get(&promotion.key).await?;
                let says = says.map(|says| String::from_utf8_lossy(&says).into_owned());
                return Err(self.refused(what, promotion.says(says)));
            }
            done => done.extract_error().map_err(|error| {
                let words = Fault::read(&error, what).to_string();
                self.unknown(what, Fault::InPart { words })
            })?,
        };
        let info: String = self.convert(info, what)?;
        if parse_info(&info).replication.role == Some(Role::Primary) {
            return Ok(());
        }
        let fault = Fault::Unexpected {
            found: "role:slave".to_owned(),
            expected: "role:master".to_owned(),
        };
        Err(self.unknown(what, fault))
    }

    /// All the answers, in order, where none of them is a no.
    fn all<const N: usize>(
        &self,
        answers: Vec<Value>,
        what: &str,
    ) -> Result<[Value; N], PortError> {
        for answer in &answers {
            if let Value::ServerError(error) = answer {
                return Err(self.refused(what, Fault::read(&error.clone().into(), what)));
            }
        }
        answers.try_into().map_err(|answers: Vec<Value>| {
            let fault = Fault::Unexpected {
                found: format!("{} answers", answers.len()),
                expected: N.to_string(),
            };
            self.refused(what, fault)
        })
    }
}

impl Promotion {
    /// What is wrong where the key says this.
    fn says(&self, found: Option<String>) -> Fault {
        Fault::Says {
            key: self.key.clone(),
            found: found.unwrap_or_else(|| "nothing".to_owned()),
            expected: self.armed.clone(),
        }
    }
}
