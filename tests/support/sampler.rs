//! Asks both engines, again and again, on which machine a client's write could be accepted.

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
        for machine in [Machine::Source, Machine::Dest] {
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

/// Asks both at the same time; what does not answer is asked anew the next time.
fn look(eyes: &mut [Eye]) -> Sample {
    let from_ms = now_ms();
    for eye in &mut *eyes {
        eye.ask();
    }
    let (mut writers, mut silent) = (Vec::new(), Vec::new());
    for eye in eyes {
        match eye.answer() {
            None => silent.push(eye.machine),
            Some(running) => {
                let runs = |service: &&str| running.iter().any(|name| name == service);
                if WRITERS.iter().all(runs) {
                    writers.push(eye.machine);
                }
            }
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
}

impl Eye {
    fn open(machine: Machine, container: String) -> Tried<Self> {
        let shell = Some(Asked::start(&container)?);
        Ok(Self {
            machine,
            container,
            shell,
        })
    }

    fn ask(&mut self) {
        if self.shell.is_none() {
            self.shell = Asked::start(&self.container).ok();
        }
        if self
            .shell
            .as_mut()
            .is_some_and(|shell| shell.ask().is_err())
        {
            self.shell = None;
        }
    }

    fn answer(&mut self) -> Option<Vec<String>> {
        let answer = self.shell.as_mut()?.answer();
        if answer.is_err() {
            self.shell = None;
        }
        answer.ok()
    }
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
