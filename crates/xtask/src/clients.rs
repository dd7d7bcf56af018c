//! Clients of a lab: regmig-traffic as a child, and its verdict.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::file_error::FileError;
use crate::lab::{Endpoint, Lab};
use crate::program::{Program, ProgramError};

/// How long the clients may take to end once told to: the time limit of one request, and some more.
const END_LIMIT: Duration = Duration::from_secs(30);

/// The clients end by themselves after this many seconds, should nobody be left to tell them.
const AT_MOST_S: u32 = 3600;

/// How long the audit of all acknowledged users may take.
const AUDIT_LIMIT: Duration = Duration::from_secs(600);

/// Exit codes of an audit that came to a verdict: nothing lost, something lost, something unknown.
const VERDICTS: [i32; 3] = [0, 3, 4];

/// How long the first acknowledgement may take: source is known to serve by then.
const FIRST_LIMIT: Duration = Duration::from_secs(30);

/// Why clients could not do what they are there for.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// A program did not do what it was started for.
    #[error("regmig-traffic failed")]
    Program(#[from] ProgramError),
    /// A file could not be read or written, or is not what was expected.
    #[error(transparent)]
    File(#[from] FileError),
    /// The clients could not be started or followed.
    #[error("cannot follow regmig-traffic")]
    Follow(#[source] io::Error),
    /// The clients ended before they were told to.
    #[error("regmig-traffic ended by itself with {status}: {said}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
    /// The register acknowledges nothing.
    #[error("no write was acknowledged within {seconds} s; see {}", log.display())]
    NoAcknowledgement {
        /// How long was waited.
        seconds: u64,
        /// What the clients saw.
        log: PathBuf,
    },
}

/// How clients write.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// So many writes a second, whether or not earlier ones have been answered.
    Rate(f64),
    /// So many clients, each of whom waits for its answer, and for 20 ms then.
    Writers(u16),
}

/// Clients at work.
#[derive(Debug)]
pub struct Clients {
    child: Child,
    folder: PathBuf,
}

impl Clients {
    /// Starts clients (`program` is regmig-traffic) that use source, and follow the parent's delegation from there. What they write down is in the folder.
    ///
    /// # Errors
    ///
    /// When they cannot be started.
    pub fn start(
        program: &Path,
        lab: &Lab,
        folder: &Path,
        pace: Pace,
    ) -> Result<Self, ClientsError> {
        let key = folder.join("register.key");
        let written = crate::program::write_private(&key, lab.register_key.as_bytes());
        written.map_err(FileError::io("write", &key))?;
        let said = said(folder);
        let output = File::create(&said).map_err(FileError::io("write", &said))?;
        let errors = output.try_clone().map_err(FileError::io("write", &said))?;
        let pace = match pace {
            Pace::Rate(rate) => ["--rate".to_owned(), rate.to_string()],
            Pace::Writers(writers) => ["--writers".to_owned(), writers.to_string()],
        };
        let mut command = Command::new(program);
        command
            .args(["run", "--target", &https(&lab.source)])
            .args(["--host", &lab.register_host])
            .args(pace)
            .args(["--dns-server", &format!("{}:53", lab.source.address)])
            .args(["--follow-parent", &format!("{}:53", lab.parent.address)])
            .args(["--duration", &AT_MOST_S.to_string()])
            .arg("--ca")
            .arg(&lab.ca)
            .arg("--key-file")
            .arg(&key)
            .arg("--log")
            .arg(log(folder))
            .arg("--stop-file")
            .arg(stop_file(folder))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let child = command.spawn().map_err(ClientsError::Follow)?;
        Ok(Self {
            child,
            folder: folder.to_owned(),
        })
    }

    /// Waits until writes are acknowledged, and at least so long.
    ///
    /// # Errors
    ///
    /// [`ClientsError::NoAcknowledgement`], and as [`Clients::acknowledged`].
    pub fn calm(&mut self, span: Duration) -> Result<(), ClientsError> {
        let begun = Instant::now();
        loop {
            let served = self.acknowledged()? > 0;
            if served && begun.elapsed() >= span {
                return Ok(());
            }
            if !served && begun.elapsed() > FIRST_LIMIT {
                return Err(ClientsError::NoAcknowledgement {
                    seconds: FIRST_LIMIT.as_secs(),
                    log: said(&self.folder),
                });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// How long acknowledged writes took that were answered within a time, in ms and in ascending order.
    ///
    /// # Errors
    ///
    /// When what the clients write down cannot be read.
    pub fn write_times(&self, from_ms: i64, to_ms: i64) -> Result<Vec<f64>, ClientsError> {
        let acks = self.acks()?.into_iter();
        let mut times: Vec<f64> = acks
            .filter(|(at_ms, _)| (from_ms..to_ms).contains(at_ms))
            .map(|(_, took_ms)| took_ms)
            .collect();
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// The longest time without an acknowledged write that reaches into a span, in ms; 0 for an empty span.
    ///
    /// # Errors
    ///
    /// When what the clients write down cannot be read.
    pub fn longest_gap_ms(&self, from_ms: i64, to_ms: i64) -> Result<u64, ClientsError> {
        let mut at: Vec<i64> = self.acks()?.into_iter().map(|(at_ms, _)| at_ms).collect();
        at.sort_unstable();
        let gaps = at.array_windows();
        let within = gaps.filter(|[begun, ended]| *begun < to_ms && from_ms < *ended);
        let longest = within.map(|[begun, ended]| ended.abs_diff(*begun)).max();
        Ok(longest.unwrap_or(0))
    }

    /// Acknowledged writes: when they were answered, and how long they took, both in ms.
    fn acks(&self) -> Result<Vec<(i64, f64)>, ClientsError> {
        let path = log(&self.folder);
        let text = fs::read_to_string(&path).map_err(FileError::io("read", &path))?;
        let events = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let acks = events
            .filter(|event| event.get("event").and_then(Value::as_str) == Some("ack"))
            .filter_map(|event| Some((event.get("at_ms")?.as_i64()?, event.get("ms")?.as_f64()?)));
        Ok(acks.collect())
    }

    /// How many writes have been acknowledged.
    ///
    /// # Errors
    ///
    /// When the clients have ended, or their log cannot be read.
    pub fn acknowledged(&mut self) -> Result<usize, ClientsError> {
        if let Some(status) = self.child.try_wait().map_err(ClientsError::Follow)? {
            let said = fs::read_to_string(said(&self.folder)).unwrap_or_default();
            let said = said.trim().to_owned();
            return Err(ClientsError::Ended { status, said });
        }
        let log = log(&self.folder);
        // It is not there until the first event.
        let text = match fs::read_to_string(&log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            read => read.map_err(FileError::io("read", &log))?,
        };
        Ok(text.matches("\"event\":\"ack\"").count())
    }

    /// Tells the clients to end and waits until they have; those that do not are ended.
    ///
    /// # Errors
    ///
    /// When they cannot be told, or ended.
    pub fn stop(mut self) -> Result<(), ClientsError> {
        let file = stop_file(&self.folder);
        let told = File::create(&file);
        let begun = Instant::now();
        while told.is_ok() && begun.elapsed() < END_LIMIT {
            if self
                .child
                .try_wait()
                .map_err(ClientsError::Follow)?
                .is_some()
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.child.kill().map_err(ClientsError::Follow)?;
        self.child.wait().map_err(ClientsError::Follow)?;
        told.map(drop).map_err(FileError::io("write", &file))?;
        Ok(())
    }
}

/// Has regmig-traffic, `program`, ask one machine for every acknowledged user, and returns all figures of the traffic.
///
/// # Errors
///
/// When it comes to no verdict.
pub fn judge(
    program: &Path,
    lab: &Lab,
    folder: &Path,
    name: &str,
    at: &Endpoint,
) -> Result<Value, ClientsError> {
    let (audit, figures) = (folder.join("audit.json"), folder.join("traffic.json"));
    let asked = Program::new(program)
        .args(["audit", "--host", &lab.register_host])
        .args(["--at", &format!("{name}={}", https(at))])
        .args(["--ca".into(), lab.ca.clone().into_os_string()])
        .args(["--log".into(), log(folder).into_os_string()])
        .args(["--json".into(), audit.clone().into_os_string()])
        .limit(AUDIT_LIMIT);
    let output = asked.run()?;
    if !output
        .status
        .code()
        .is_some_and(|code| VERDICTS.contains(&code))
    {
        return Err(ClientsError::Program(ProgramError::Failed {
            command: asked.line(),
            status: output.status,
            quoted: format!("\n    {}", output.stderr.trim()),
        }));
    }
    Program::new(program)
        .args([
            "report".into(),
            "--log".into(),
            log(folder).into_os_string(),
        ])
        .args(["--audit".into(), audit.into_os_string()])
        .args(["--json".into(), figures.clone().into_os_string()])
        .done()?;
    let text = fs::read(&figures).map_err(FileError::io("read", &figures))?;
    Ok(serde_json::from_slice(&text).map_err(FileError::json("the figures of regmig-traffic"))?)
}

fn https(machine: &Endpoint) -> String {
    format!("{}:443", machine.address)
}

fn log(folder: &Path) -> PathBuf {
    folder.join("traffic.log")
}

fn said(folder: &Path) -> PathBuf {
    folder.join("traffic.out")
}

fn stop_file(folder: &Path) -> PathBuf {
    folder.join("traffic.stop")
}
