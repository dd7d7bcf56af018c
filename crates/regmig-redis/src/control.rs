//! Replication and settings of a running server.

use std::collections::HashMap;

use regmig_core::port::PortError;
use secrecy::{ExposeSecret, SecretString};

use crate::client::Redis;

impl Redis {
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
