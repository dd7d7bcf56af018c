//! Measures the digest of a data set made up for it, on a `redis-server` that this program starts and ends.
//!
//! `cargo run --release -p regmig-redis --example digest_speed -- [KEYS]` prints time, memory of this
//! process, and how long single calls took the server, at each pace without rests.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use regmig_core::port::PortError;
use regmig_redis::{BoxedStream, DigestOptions, Limits, Pace, Redis};
use tokio::net::UnixStream;

#[tokio::main]
async fn main() {
    let keys: usize = std::env::args()
        .nth(1)
        .map_or(1_000_000, |text| text.parse().unwrap());
    let dir = tempfile::TempDir::new().unwrap();
    let socket = dir.path().join("redis.sock");
    let program = std::env::var("REGMIG_TEST_REDIS").unwrap_or_else(|_| "redis-server".to_owned());
    let mut server = Command::new(program)
        .args([
            "--port",
            "0",
            "--save",
            "",
            "--slowlog-log-slower-than",
            "1000",
        ])
        .args(["--slowlog-max-len", "100000", "--unixsocket"])
        .arg(&socket)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while UnixStream::connect(&socket).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut raw = connect(&socket).await;
    fill(&mut raw, keys).await;
    let path = socket.clone();
    let dial = move || {
        let path = path.clone();
        async move {
            match UnixStream::connect(path).await {
                Ok(stream) => Ok(Box::new(stream) as BoxedStream),
                Err(error) => Err(PortError::not_sent("dialing", error)),
            }
        }
    };
    let redis = Redis::connect("the example's Redis", dial, None, Limits::default());
    let mut out = std::io::stdout();
    for pace in [Pace::Steady, Pace::Alone] {
        for (command, what) in [("SLOWLOG", "RESET"), ("CONFIG", "RESETSTAT")] {
            let _: redis::Value = redis::cmd(command)
                .arg(what)
                .query_async(&mut raw)
                .await
                .unwrap();
        }
        // Forgets the peak of what came before.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let memory_before = peak_memory();
        let options = DigestOptions {
            pace,
            ..DigestOptions::default()
        };
        let began = Instant::now();
        let digest = redis.digest(&options, &mut |_| {}).await.unwrap();
        let took = began.elapsed();
        writeln!(
            out,
            "{pace:?}: {} keys in {:.2} s: {}",
            digest.keys,
            took.as_secs_f64(),
            digest.sum
        )
        .unwrap();
        writeln!(
            out,
            "peak memory {memory_before} kB before, {} kB after",
            peak_memory()
        )
        .unwrap();
        let stats: String = redis::cmd("INFO")
            .arg("commandstats")
            .query_async(&mut raw)
            .await
            .unwrap();
        for line in stats.lines().filter(|line| line.contains("eval")) {
            writeln!(out, "{line}").unwrap();
        }
        let mut times = slow_calls(&mut raw).await;
        times.sort_unstable();
        for limit in [1_000, 2_000, 3_000, 5_000, 10_000] {
            let over = times.iter().filter(|time| **time > limit).count();
            writeln!(out, "{over} calls over {limit} µs").unwrap();
        }
        writeln!(
            out,
            "the slowest: {:?} µs",
            times.iter().rev().take(10).collect::<Vec<_>>()
        )
        .unwrap();
    }
    let _ = raw
        .send_packed_command(redis::cmd("SHUTDOWN").arg("NOSAVE"))
        .await;
    server.wait().unwrap();
}

async fn connect(socket: &std::path::Path) -> redis::aio::MultiplexedConnection {
    let stream = UnixStream::connect(socket).await.unwrap();
    let setup = redis::RedisConnectionInfo::default();
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let (connection, pump) =
        redis::aio::MultiplexedConnection::new_with_config(&setup, stream, config)
            .await
            .unwrap();
    tokio::spawn(pump);
    connection
}

/// Three keys a user, as the register has them, and one large set.
async fn fill(raw: &mut redis::aio::MultiplexedConnection, keys: usize) {
    let mut pipe = redis::pipe();
    for user in 0..keys.div_ceil(3) {
        let email = format!("user{user}@example.org");
        pipe.cmd("HSET").arg(format!("user{user}:users"));
        for (field, value) in [
            ("username", format!("user{user}")),
            ("email", email.clone()),
        ] {
            pipe.arg(field).arg(value);
        }
        for field in [
            "language",
            "invitationToken",
            "id",
            "appid",
            "registeredTimestamp",
        ] {
            pipe.arg(field).arg(user);
        }
        pipe.cmd("SET")
            .arg(format!("user{user}:server"))
            .arg("core-1.example.org");
        pipe.cmd("SET")
            .arg(format!("{email}:email"))
            .arg(format!("user{user}"));
        if user % 2_000 == 1_999 {
            let _: redis::Value = pipe.query_async(raw).await.unwrap();
            pipe = redis::pipe();
        }
    }
    for member in 0..124_542 {
        pipe.cmd("SADD")
            .arg("reservedwords:list")
            .arg(format!("word{member}"));
    }
    let _: redis::Value = pipe.query_async(raw).await.unwrap();
}

/// Calls that took the server more than 1 ms, in µs.
async fn slow_calls(raw: &mut redis::aio::MultiplexedConnection) -> Vec<u64> {
    let entries: Vec<Vec<redis::Value>> = redis::cmd("SLOWLOG")
        .arg("GET")
        .arg(100_000)
        .query_async(raw)
        .await
        .unwrap();
    entries
        .into_iter()
        .filter_map(|entry| redis::from_redis_value(entry.into_iter().nth(2)?).ok())
        .collect()
}

/// The most memory this process has had, kB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next())
        .map_or(0, |number| number.parse().unwrap())
}
