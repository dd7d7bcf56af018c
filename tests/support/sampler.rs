//! Asks both engines, again and again, on which machine a client's write could be accepted.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use xtask::lab::Machine;

use super::rig::Rig;
use super::trouble::{Tried, Trouble};

/// The time between two looks.
const EVERY: Duration = Duration::from_millis(300);

/// What has to run on a machine so that it accepts a client's write.
const WRITERS: [&str; 3] = ["register", "reverse_proxy", "redis"];

/// Answers each line that it is sent, which is the address of Redis or `-`, with four lines: the containers that run, as
/// JSON; what that Redis says of its role; how often nginx's file names the other machine; and the containers once more. What is
/// held between two of these questions, and Redis opened after it, would look like a register before a Redis that takes writes.
const ANSWER: &str = r#"containers() {
    printf '%s\n' "$(curl --silent --unix-socket /var/run/docker.sock http://docker/containers/json || echo '[]')"
  }
  while read -r redis; do
    containers
    role=
    if [ "$redis" != - ]; then
      role=$(timeout 2 bash -c 'exec 3<>/dev/tcp/$0/6379 && printf "INFO replication\r\nQUIT\r\n" >&3 && cat <&3' "$redis" 2> /dev/null \
        | tr -d '\r' | grep -E '^(role|slave_read_only):' | tr '\n' ' ')
    fi
    printf '%s\n' "$role"
    grep -c 'server .*:443' /var/pryv/reg-master/nginx/conf/site.conf || true
    containers
  done"#;

/// One look at both machines.
#[derive(Debug, Clone)]
pub struct Sample {
    /// When it began, in milliseconds since the epoch.
    pub from_ms: i64,
    /// When it ended.
    pub to_ms: i64,
    /// Machines that accept writes.
    pub writers: Vec<Machine>,
    /// Machines that did not answer: switched off, or just being switched on.
    pub silent: Vec<Machine>,
}

impl Sample {
    /// Whether it was taken, in part at least, within one of these times.
    pub fn is_within(&self, times: &[(i64, i64)]) -> bool {
        times
            .iter()
            .any(|(from, to)| self.to_ms >= *from && self.from_ms <= *to)
    }
}

/// A thread that looks at both machines until it is told to end.
#[derive(Debug)]
pub struct Sampler {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Sample>>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Starts to look.
    ///
    /// # Errors
    ///
    /// When a machine cannot be asked.
    pub fn start(rig: &Rig) -> Tried<Self> {
        let mut asked = Vec::new();
        for machine in [Machine::Dest, Machine::Source] {
            asked.push(Eye::open(machine, machine.container(&rig.config))?);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (told, kept) = (Arc::clone(&stop), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                let sample = look(&mut asked);
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(sample);
                std::thread::sleep(EVERY);
            }
        });
        Ok(Self {
            stop,
            seen,
            thread: Some(thread),
        })
    }

    /// What was seen since the last time that somebody asked.
    ///
    /// # Errors
    ///
    /// When nobody looks any more.
    pub fn take(&self) -> Tried<Vec<Sample>> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(Trouble::new("the sampler's thread has ended"));
        }
        Ok(std::mem::take(
            &mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    /// Ends looking and returns what was seen.
    ///
    /// # Errors
    ///
    /// When a machine could not be asked at some time.
    pub fn end(mut self) -> Tried<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        if self
            .thread
            .take()
            .is_none_or(|thread| thread.join().is_err())
        {
            return Err(Trouble::new("the sampler's thread has panicked"));
        }
        let samples =
            std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        match samples.iter().find(|sample| !sample.silent.is_empty()) {
            Some(sample) => Err(Trouble::new(format!(
                "{:?} did not answer at {} ms since the epoch",
                sample.silent, sample.from_ms
            ))),
            None => Ok(samples),
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Asks dest, then source: one that took over from the other in between is not taken for a second one. What does not answer
/// is asked anew the next time.
fn look(eyes: &mut [Eye]) -> Sample {
    let from_ms = now_ms();
    let (mut writers, mut silent) = (Vec::new(), Vec::new());
    for eye in eyes {
        match eye.accepts() {
            None => silent.push(eye.machine),
            Some(true) => writers.push(eye.machine),
            Some(false) => {}
        }
    }
    Sample {
        from_ms,
        to_ms: now_ms(),
        writers,
        silent,
    }
}

/// One machine, and the shell on it; none while it is switched off.
#[derive(Debug)]
struct Eye {
    machine: Machine,
    container: String,
    shell: Option<Asked>,
    /// Where its Redis was the last time.
    redis: Option<String>,
}

impl Eye {
    fn open(machine: Machine, container: String) -> Tried<Self> {
        let shell = Some(Asked::start(&container)?);
        Ok(Self {
            machine,
            container,
            shell,
            redis: None,
        })
    }

    /// Whether a client's write could be accepted; nothing while the machine does not answer.
    fn accepts(&mut self) -> Option<bool> {
        // Where Redis is, is known from the answer before.
        for _ in 0..2 {
            let seen = self.see()?;
            let runs = |service: &&str| seen.running.iter().any(|name| name == service);
            if !WRITERS.iter().all(runs) {
                // Nobody answers at the address of a Redis that is gone: each look would wait there.
                self.redis = seen.redis;
                return Some(false);
            }
            if seen.redis == self.redis {
                return Some(seen.takes_writes && !seen.proxies);
            }
            self.redis = seen.redis;
        }
        Some(false)
    }

    fn see(&mut self) -> Option<Seen> {
        if self.shell.is_none() {
            self.shell = Asked::start(&self.container).ok();
        }
        let redis = self.redis.as_deref().unwrap_or("-");
        let seen = self.shell.as_mut()?.ask(redis);
        if seen.is_err() {
            self.shell = None;
        }
        seen.ok()
    }
}

/// What a machine is like.
#[derive(Debug)]
struct Seen {
    /// The compose services that ran before everything else was asked, and after it.
    running: Vec<String>,
    /// The address of the container of Redis.
    redis: Option<String>,
    /// Whether the Redis that was asked takes clients' writes.
    takes_writes: bool,
    /// Whether nginx's file sends clients elsewhere.
    proxies: bool,
}

impl Seen {
    /// Reads the four lines of an answer.
    fn read(before: &str, role: &str, proxies: &str, after: &str) -> Tried<Self> {
        let mut running = running(before)?;
        let still = self::running(after)?;
        running.retain(|service, _| still.contains_key(service));
        Ok(Self {
            redis: running.get("redis").cloned().flatten(),
            takes_writes: role.contains("role:master") || role.contains("slave_read_only:0"),
            proxies: proxies != "0",
            running: running.into_keys().collect(),
        })
    }
}

/// The compose services that run and are not held, each with its container's address, by Docker's listing.
fn running(listing: &str) -> Tried<BTreeMap<String, Option<String>>> {
    let containers: Vec<Value> = serde_json::from_str(listing)?;
    let runs = |it: &&Value| it.get("State").and_then(Value::as_str) == Some("running");
    let named = containers.iter().filter(runs).filter_map(|it| {
        let service = it.pointer("/Labels/com.docker.compose.service")?.as_str()?;
        let networks = it.pointer("/NetworkSettings/Networks");
        let first = networks.and_then(|all| all.as_object()?.values().next());
        let address = first.and_then(|one| one.get("IPAddress")?.as_str());
        Some((service.to_owned(), address.map(str::to_owned)))
    });
    Ok(named.collect())
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// A shell on a machine that answers until its input ends.
#[derive(Debug)]
struct Asked {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Asked {
    fn start(container: &str) -> Tried<Self> {
        let mut child = Command::new("docker")
            .args(["exec", "--interactive", container, "bash", "-c", ANSWER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let answers = child
            .stdout
            .take()
            .ok_or_else(|| Trouble::new("docker exec has no output"))?;
        Ok(Self {
            questions: child.stdin.take(),
            answers: BufReader::new(answers),
            child,
        })
    }

    fn line(&mut self) -> Tried<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(Trouble::new("a machine does not answer any more"));
        }
        Ok(line.trim().to_owned())
    }

    fn ask(&mut self, redis: &str) -> Tried<Seen> {
        if let Some(questions) = &mut self.questions {
            questions.write_all(format!("{redis}\n").as_bytes())?;
            questions.flush()?;
        }
        let [before, role, proxies, after] =
            [self.line()?, self.line()?, self.line()?, self.line()?];
        Seen::read(&before, &role, &proxies, &after)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // The shell on the machine ends with its input; a machine that is gone is no longer waited for.
        self.questions.take();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listing(state: &str) -> String {
        let container = |service: &str, state: &str| {
            json!({
                "State": state,
                "Labels": { "com.docker.compose.service": service },
                "NetworkSettings": { "Networks": { "a": { "IPAddress": "172.18.0.2" } } },
            })
        };
        json!([container("redis", "running"), container("register", state)]).to_string()
    }

    #[test]
    fn what_is_held_during_a_look_does_not_run() {
        let seen = |before: &str, after: &str| {
            Seen::read(
                &listing(before),
                "role:slave slave_read_only:0",
                "0",
                &listing(after),
            )
            .unwrap()
        };
        assert_eq!(
            seen("running", "running").running,
            ["redis".to_owned(), "register".to_owned()]
        );
        for (before, after) in [("running", "paused"), ("paused", "running")] {
            let seen = seen(before, after);
            assert_eq!(seen.running, ["redis".to_owned()]);
            assert_eq!(seen.redis.as_deref(), Some("172.18.0.2"));
            assert!(seen.takes_writes && !seen.proxies);
        }
    }
}
