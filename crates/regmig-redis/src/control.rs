//! Replication, fencing and settings of a running server.

use std::collections::HashMap;
use std::time::Duration;

use regmig_core::port::PortError;
use secrecy::{ExposeSecret, SecretString};

use crate::client::Redis;
use crate::fault::Fault;

impl Redis {
    /// Makes every client's write wait, for at most `limit` or until [`Redis::unpause`].
    ///
    /// Reads are answered, and the offset stands still: that is what makes it a fence. Its end is
    /// bounded by the server itself, so that a fence whose holder dies falls. On a
    /// *replica* it stops the stream of the primary as well.
    ///
    /// # Errors
    ///
    /// Refused below Redis 6.2, which can pause everything only.
    pub async fn pause_writes(&self, limit: Duration) -> Result<(), PortError> {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("CLIENT");
        command.arg("PAUSE").arg(millis).arg("WRITE");
        let answer = self.tell(&command, "CLIENT PAUSE … WRITE").await;
        self.explain(answer, "pausing writes alone").await
    }

    /// Ends a pause; without one, nothing changes.
    ///
    /// # Errors
    ///
    /// Refused below Redis 6.2, where a pause ends by its time limit only.
    pub async fn unpause(&self) -> Result<(), PortError> {
        let mut command = redis::cmd("CLIENT");
        command.arg("UNPAUSE");
        let answer = self.tell(&command, "CLIENT UNPAUSE").await;
        self.explain(answer, "ending a pause").await
    }

    /// Says so when it is its age that made a server refuse.
    ///
    /// Looked at afterwards, so that a fence costs one round trip and not two.
    async fn explain(
        &self,
        answer: Result<(), PortError>,
        feature: &'static str,
    ) -> Result<(), PortError> {
        let Err(PortError::Refused { .. }) = answer else {
            return answer;
        };
        match self.info().await {
            Ok(info) if !info.version.can_pause_writes() => {
                let found = info.version.to_string();
                Err(self.refused(
                    feature,
                    Fault::TooOld {
                        feature,
                        needed: "6.2",
                        found,
                    },
                ))
            }
            _ => answer,
        }
    }

    /// Makes this server a replica of another. Its own data are replaced by the other's.
    ///
    /// # Errors
    ///
    /// Refused by the server, or with an unknown outcome when the answer was lost.
    pub async fn replica_of(&self, host: &str, port: u16) -> Result<(), PortError> {
        let mut command = redis::cmd("REPLICAOF");
        command.arg(host).arg(port);
        self.tell(&command, &format!("REPLICAOF {host} {port}"))
            .await
    }

    /// Makes this server a primary with the data that it has.
    ///
    /// # Errors
    ///
    /// Refused by the server, or with an unknown outcome when the answer was lost.
    pub async fn replica_of_no_one(&self) -> Result<(), PortError> {
        let mut command = redis::cmd("REPLICAOF");
        command.arg("NO").arg("ONE");
        self.tell(&command, "REPLICAOF NO ONE").await
    }

    /// Reads one setting; `None` when the server has none of that name.
    ///
    /// # Errors
    ///
    /// As every question: never with an unknown outcome.
    pub async fn config_get(&self, name: &str) -> Result<Option<String>, PortError> {
        let mut command = redis::cmd("CONFIG");
        command.arg("GET").arg(name);
        let mut found: HashMap<String, String> =
            self.ask(&command, &format!("CONFIG GET {name}")).await?;
        Ok(found.remove(name))
    }

    /// Changes one setting until the server stops; its file is not written.
    ///
    /// # Errors
    ///
    /// Refused by the server, or with an unknown outcome when the answer was lost.
    pub async fn config_set(&self, name: &str, value: &str) -> Result<(), PortError> {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg(name).arg(value);
        self.tell(&command, &format!("CONFIG SET {name}")).await
    }

    /// Changes one setting whose value is secret, such as `masterauth`.
    ///
    /// # Errors
    ///
    /// As [`Redis::config_set`]; the value is in no error.
    pub async fn config_set_secret(
        &self,
        name: &str,
        value: &SecretString,
    ) -> Result<(), PortError> {
        self.config_set(name, value.expose_secret()).await
    }
}
