//! Real Redis servers, started by a test and ended by it.
//!
//! `REGMIG_TEST_REDIS` names another server program, to run the same tests on another version, and
//! `REGMIG_TEST_REDIS_OTHER` that of the second server where two are compared.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use regmig_core::port::PortError;
use regmig_redis::{BoxedStream, Limits, Redis};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

pub(crate) struct Server {
    program: String,
    child: Child,
    pub(crate) port: u16,
    socket: PathBuf,
    pub(crate) dir: TempDir,
}

impl Server {
    /// A server without persistence, with these settings on top.
    pub(crate) async fn start(settings: &[&str]) -> Self {
        Self::start_program(program("REGMIG_TEST_REDIS"), settings).await
    }

    /// The second of two servers.
    pub(crate) async fn start_other(settings: &[&str]) -> Self {
        let other = program("REGMIG_TEST_REDIS_OTHER");
        Self::start_program(other.or_else(|| program("REGMIG_TEST_REDIS")), settings).await
    }

    async fn start_program(program: Option<String>, settings: &[&str]) -> Self {
        let program = program.unwrap_or_else(|| "redis-server".to_owned());
        let dir = TempDir::new().unwrap();
        let (child, port) = spawn(&program, dir.path(), settings);
        let socket = socket(dir.path());
        let server = Self {
            program,
            child,
            port,
            socket,
            dir,
        };
        server.wait().await;
        server
    }

    /// Waits until it answers, if only that it is loading: it listens before it has looked at its data.
    async fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while !self.answers().await {
            assert!(Instant::now() < end, "redis-server did not come up in 10 s");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn answers(&self) -> bool {
        let Ok(mut stream) = UnixStream::connect(&self.socket).await else {
            return false;
        };
        stream.write_all(b"PING\r\n").await.is_ok()
            && stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0)
    }

    /// Ends the server and starts another on the same socket and data.
    pub(crate) async fn restart(&mut self, settings: &[&str]) {
        self.kill();
        let _ = std::fs::remove_file(&self.socket);
        (self.child, self.port) = spawn(&self.program, self.dir.path(), settings);
        self.wait().await;
    }

    /// Ends it at once, as a power loss would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// Waits until it is a replica in step with its primary.
    pub(crate) async fn wait_until_linked(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let replication = self.redis().info().await.unwrap().replication;
            if replication.is_linked() {
                return;
            }
            assert!(Instant::now() < end, "not linked in 20 s: {replication:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn redis(&self) -> Redis {
        self.redis_with(None, Limits::default())
    }

    pub(crate) fn redis_with(&self, password: Option<&str>, limits: Limits) -> Redis {
        let socket = self.socket.clone();
        let dial = move || dial(socket.clone());
        Redis::connect(
            "the test's Redis",
            dial,
            password.map(SecretString::from),
            limits,
        )
    }

    /// Sends commands as `redis-cli` would, one a line, words split at spaces.
    pub(crate) async fn run(&self, lines: &[&str]) {
        let mut raw = self.raw().await;
        for line in lines {
            raw.words(&line.split(' ').collect::<Vec<_>>()).await;
        }
    }

    /// Sets that many strings.
    pub(crate) async fn populate(&self, count: usize) {
        let mut raw = self.raw().await;
        let mut pipe = redis::pipe();
        for index in 0..count {
            pipe.cmd("SET")
                .arg(format!("key:{index}"))
                .arg(format!("value {index}"));
        }
        raw.pipe(&pipe).await;
    }

    /// A bare connection, for what the crate under test does not do.
    pub(crate) async fn raw(&self) -> Raw {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let setup = redis::RedisConnectionInfo::default();
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let (connection, pump) =
            redis::aio::MultiplexedConnection::new_with_config(&setup, stream, config)
                .await
                .unwrap();
        tokio::spawn(pump);
        Raw { connection }
    }
}

fn program(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("redis.sock")
}

fn spawn(program: &str, dir: &Path, settings: &[&str]) -> (Child, u16) {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = Command::new(program)
        .args(["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"])
        .args(["--port", &port.to_string()])
        .arg("--unixsocket")
        .arg(socket(dir))
        .arg("--dir")
        .arg(dir)
        .args(settings)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is missing: install the package `redis-server`");
    (child, port)
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked first, since a killed Redis leaves the child that writes a dump behind.
        if let Ok(mut stream) = std::os::unix::net::UnixStream::connect(&self.socket) {
            let _ = stream.write_all(b"SHUTDOWN NOSAVE\r\n");
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let _ = stream.read(&mut [0; 64]);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn dial(socket: PathBuf) -> Result<BoxedStream, PortError> {
    match UnixStream::connect(&socket).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(PortError::refused("dialing the test's Redis", error))
        }
        // Redis removes its socket when it ends.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(PortError::refused("dialing the test's Redis", error))
        }
        Err(error) => Err(PortError::not_sent("dialing the test's Redis", error)),
    }
}

/// A bare connection.
pub(crate) struct Raw {
    connection: redis::aio::MultiplexedConnection,
}

impl Raw {
    pub(crate) async fn words<W: redis::ToRedisArgs>(&mut self, words: &[W]) -> redis::Value {
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query_async(&mut self.connection).await.unwrap()
    }

    pub(crate) async fn pipe(&mut self, pipe: &redis::Pipeline) {
        let _: redis::Value = pipe.query_async(&mut self.connection).await.unwrap();
    }
}
