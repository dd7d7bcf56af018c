//! One open connection, with its password given.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, Pipeline, RedisConnectionInfo, RedisError,
    ServerErrorKind, Value,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::fault::Fault;
use crate::transport::BoxedStream;

/// One open connection to one Redis.
pub(crate) struct Session {
    connection: MultiplexedConnection,
    /// Moves the bytes; ends with the stream, and with this value.
    driver: AbortHandle,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session {
    /// Opens a session on a fresh stream. The caller bounds the time.
    pub(crate) async fn open(
        stream: BoxedStream,
        password: Option<&SecretString>,
    ) -> Result<Self, Fault> {
        let setup = RedisConnectionInfo::default().set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_connection_timeout(None);
        let (connection, pump) = MultiplexedConnection::new_with_config(&setup, stream, config)
            .await
            .map_err(|error| Fault::read(&error, "(connection set-up)"))?;
        let driver = tokio::spawn(pump).abort_handle();
        let session = Self { connection, driver };
        if let Some(password) = password {
            let mut auth = redis::cmd("AUTH");
            auth.arg(password.expose_secret());
            session.send(&auth, "AUTH").await?;
        }
        Ok(session)
    }

    /// Whether the other side has closed the stream.
    pub(crate) fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }

    /// Sends one command and waits for its answer.
    pub(crate) async fn command(
        &self,
        command: &Cmd,
        name: &str,
        limit: Duration,
    ) -> Result<Value, Fault> {
        timeout(limit, self.send(command, name))
            .await
            .unwrap_or(Err(Fault::NoAnswer { limit }))
    }

    /// Sends commands as one transaction and waits for all its answers.
    pub(crate) async fn transaction(
        &self,
        commands: &Pipeline,
        name: &str,
        limit: Duration,
    ) -> Result<(), Fault> {
        let mut connection = self.connection.clone();
        match timeout(limit, commands.query_async::<Value>(&mut connection)).await {
            Err(_) => Err(Fault::NoAnswer { limit }),
            Ok(Err(error)) => Err(transaction_fault(&error, name)),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// Sends commands in one go and waits for all their answers, each in its place. What the server says no to is one
    /// of them: only the loss of the connection is a fault.
    pub(crate) async fn each(
        &self,
        commands: &Pipeline,
        name: &str,
        limit: Duration,
    ) -> Result<Vec<Value>, Fault> {
        let mut connection = self.connection.clone();
        let sent = connection.send_packed_commands(commands, 0, commands.len());
        match timeout(limit, sent).await {
            Err(_) => Err(Fault::NoAnswer { limit }),
            Ok(answers) => answers.map_err(|error| Fault::read(&error, name)),
        }
    }

    async fn send(&self, command: &Cmd, name: &str) -> Result<Value, Fault> {
        let mut connection = self.connection.clone();
        let answer = connection.send_packed_command(command).await;
        answer
            .and_then(Value::extract_error)
            .map_err(|error| Fault::read(&error, name))
    }
}

/// Tells a transaction that never ran from one of which a part ran.
fn transaction_fault(error: &RedisError, name: &str) -> Fault {
    let fault = Fault::read(error, name);
    let ran = error.kind() != ErrorKind::Server(ServerErrorKind::ExecAbort);
    if ran && !fault.ends_connection() {
        return Fault::InPart {
            words: fault.to_string(),
        };
    }
    fault
}
