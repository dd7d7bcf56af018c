//! Asks both engines, again and again, on which machine a client's write could be accepted.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// Answers each line that it is sent with the containers that run, as one line of JSON.
const ANSWER: &str = "while read -r _; do \
    curl --silent --unix-socket /var/run/docker.sock http://docker/containers/json || echo '[]'; echo; done";

/// One look at both machines.
#[derive(Debug, Clone)]
pub struct Sample {
    /// When it began, in milliseconds since the epoch.
    pub from_ms: i64,
    /// When it ended.
    pub to_ms: i64,
    /// Machines that accept writes.
    pub writers: Vec<Machine>,
}

/// A thread that looks at both machines until it is told to end.
#[derive(Debug)]
pub struct Sampler {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Tried<Vec<Sample>>>>,
}

impl Sampler {
    /// Starts to look.
    ///
    /// # Errors
    ///
    /// When a machine cannot be asked.
    pub fn start(rig: &Rig) -> Tried<Self> {
        let machines = [Machine::Source, Machine::Dest];
        let mut asked = Vec::new();
        for machine in machines {
            asked.push((machine, Asked::start(&machine.container(&rig.config))?));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut samples = Vec::new();
            while !told.load(Ordering::Relaxed) {
                samples.push(look(&mut asked)?);
                std::thread::sleep(EVERY);
            }
            Ok(samples)
        });
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Ends looking and returns what was seen.
    ///
    /// # Errors
    ///
    /// When a machine could not be asked at some time.
    pub fn end(mut self) -> Tried<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(samples)) => samples,
            _ => Err(Trouble::new("the sampler's thread has panicked")),
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn look(asked: &mut [(Machine, Asked)]) -> Tried<Sample> {
    let from_ms = now_ms();
    for (_, one) in &mut *asked {
        one.ask()?;
    }
    let mut writers = Vec::new();
    for (machine, one) in asked {
        let running = one.answer()?;
        if WRITERS
            .iter()
            .all(|service| running.iter().any(|name| name == service))
        {
            writers.push(*machine);
        }
    }
    Ok(Sample {
        from_ms,
        to_ms: now_ms(),
        writers,
    })
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

    fn ask(&mut self) -> Tried<()> {
        if let Some(questions) = &mut self.questions {
            questions.write_all(b"\n")?;
            questions.flush()?;
        }
        Ok(())
    }

    /// The compose services that run.
    fn answer(&mut self) -> Tried<Vec<String>> {
        let mut line = String::new();
        while line.trim().is_empty() {
            line.clear();
            if self.answers.read_line(&mut line)? == 0 {
                return Err(Trouble::new("a machine does not answer any more"));
            }
        }
        let containers: Vec<Value> = serde_json::from_str(&line)?;
        let running = containers
            .iter()
            .filter(|container| container.get("State").and_then(Value::as_str) == Some("running"));
        Ok(running
            .filter_map(|container| container.pointer("/Labels/com.docker.compose.service"))
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect())
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
