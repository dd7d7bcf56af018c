//! A server that follows a script, over pipes in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use regmig_core::port::PortError;
use regmig_docker::{Docker, DockerLimits};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

/// What the server does about one request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers, and keeps the connection or ends it.
    Answer {
        status: u16,
        body: String,
        last: bool,
    },
    /// Ends the connection.
    Close,
    /// Ends the connection in the middle of an answer.
    Half,
    /// Does nothing.
    Hang,
}

impl Act {
    pub(crate) fn answer(status: u16, body: &str) -> Self {
        Self::Answer {
            status,
            body: body.to_owned(),
            last: false,
        }
    }

    pub(crate) fn last(status: u16) -> Self {
        Self::Answer {
            status,
            body: String::new(),
            last: true,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    acts: VecDeque<Act>,
    paths: Vec<String>,
    connections: usize,
}

pub(crate) struct Server {
    state: Arc<Mutex<State>>,
    ping: Act,
    version: Option<String>,
}

impl Server {
    pub(crate) fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::speaking("1.41", acts)
    }

    pub(crate) fn speaking(version: &str, acts: impl IntoIterator<Item = Act>) -> Self {
        Self {
            version: Some(version.to_owned()),
            ..Self::with_ping(Act::answer(200, "OK"), acts)
        }
    }

    pub(crate) fn with_ping(ping: Act, acts: impl IntoIterator<Item = Act>) -> Self {
        let state = State {
            acts: acts.into_iter().collect(),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            ping,
            version: None,
        }
    }

    pub(crate) fn docker(&self) -> Docker {
        let (state, ping, version) = (
            Arc::clone(&self.state),
            self.ping.clone(),
            self.version.clone(),
        );
        let limits = DockerLimits {
            connect: Duration::from_millis(300),
            answer: Duration::from_millis(300),
        };
        Docker::new("there", limits, move || {
            let (near, far) = tokio::io::duplex(64 << 10);
            state.lock().unwrap().connections += 1;
            tokio::spawn(serve(
                far,
                Arc::clone(&state),
                ping.clone(),
                version.clone(),
            ));
            async move { Ok::<_, PortError>(near) }
        })
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.state.lock().unwrap().paths.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }
}

async fn serve(stream: DuplexStream, state: Arc<Mutex<State>>, ping: Act, version: Option<String>) {
    let mut stream = BufReader::new(stream);
    loop {
        let Some(path) = request(&mut stream).await else {
            return;
        };
        let act = {
            let mut state = state.lock().unwrap();
            state.paths.push(path.clone());
            if path == "/_ping" {
                ping.clone()
            } else {
                state.acts.pop_front().unwrap()
            }
        };
        match act {
            Act::Answer { status, body, last } => {
                let version = version
                    .iter()
                    .map(|v| format!("Api-Version: {v}\r\n"))
                    .collect::<String>();
                let length = if status == 204 || status == 304 {
                    String::new()
                } else {
                    format!("Content-Length: {}\r\n", body.len())
                };
                let answer = format!(
                    "HTTP/1.1 {status} X\r\n{version}{length}Content-Type: application/json\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                if last {
                    return;
                }
            }
            Act::Close => return,
            Act::Half => {
                let whole =
                    "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 100\r\n\r\n{\"Id\":";
                let answer = if path.ends_with("/start") {
                    "HTTP/1.1 2"
                } else {
                    whole
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
                return;
            }
            Act::Hang => std::future::pending::<()>().await,
        }
    }
}

/// Reads one request and returns its path without the query.
async fn request(stream: &mut BufReader<DuplexStream>) -> Option<String> {
    let mut first = String::new();
    stream.read_line(&mut first).await.ok()?;
    let path = first.split(' ').nth(1)?.split('?').next()?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0_u8; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(path)
}
