//! The clients: regmig-traffic as a child of the demo.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Endpoint, Lab};
use crate::program::{Program, ProgramError};
use crate::workspace;

use super::DemoError;

/// How long the clients may take to end once told to: the time limit of one request, and some more.
const END_LIMIT: Duration = Duration::from_secs(30);

/// The clients end by themselves after this many seconds, should nobody be left to tell them.
const AT_MOST_S: u32 = 3600;

/// How long the audit of all acknowledged users may take.
const AUDIT_LIMIT: Duration = Duration::from_secs(600);

/// Exit codes of an audit that came to a verdict: nothing lost, something lost, something unknown.
const VERDICTS: [i32; 3] = [0, 3, 4];

/// Clients at work.
#[derive(Debug)]
pub(super) struct Traffic {
    child: Child,
    folder: PathBuf,
}

impl Traffic {
    /// Starts clients that use source, and follow the parent's delegation from there.
    pub(super) fn start(lab: &Lab, folder: &Path, rate: f64) -> Result<Self, DemoError> {
        let key = folder.join("register.key");
        let written = crate::program::write_private(&key, lab.register_key.as_bytes());
        written.map_err(DemoError::file("write", &key))?;
        let said = said(folder);
        let output = File::create(&said).map_err(DemoError::file("write", &said))?;
        let errors = output
            .try_clone()
            .map_err(DemoError::file("write", &said))?;
        let mut command = Command::new(path()?);
        command
            .args(["run", "--target", &https(&lab.source)])
            .args(["--host", &lab.register_host, "--rate", &rate.to_string()])
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
        let child = command.spawn().map_err(DemoError::Traffic)?;
        Ok(Self {
            child,
            folder: folder.to_owned(),
        })
    }

    /// How many writes have been acknowledged.
    ///
    /// # Errors
    ///
    /// When the clients have ended, or their log cannot be read.
    pub(super) fn acknowledged(&mut self) -> Result<usize, DemoError> {
        if let Some(status) = self.child.try_wait().map_err(DemoError::Traffic)? {
            let said = fs::read_to_string(said(&self.folder)).unwrap_or_default();
            let said = said.trim().to_owned();
            return Err(DemoError::TrafficEnded { status, said });
        }
        let log = log(&self.folder);
        // It is not there until the first event.
        let text = match fs::read_to_string(&log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            read => read.map_err(DemoError::file("read", &log))?,
        };
        Ok(text.matches("\"event\":\"ack\"").count())
    }

    /// Tells the clients to end and waits until they have; those that do not are ended.
    pub(super) fn stop(mut self) -> Result<(), DemoError> {
        let file = stop_file(&self.folder);
        let told = File::create(&file);
        let begun = Instant::now();
        while told.is_ok() && begun.elapsed() < END_LIMIT {
            if self.child.try_wait().map_err(DemoError::Traffic)?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.child.kill().map_err(DemoError::Traffic)?;
        self.child.wait().map_err(DemoError::Traffic)?;
        told.map(drop).map_err(DemoError::file("write", &file))
    }
}

/// Asks one machine for every acknowledged user, and returns all figures of the traffic.
pub(super) fn judge(
    lab: &Lab,
    folder: &Path,
    name: &str,
    at: &Endpoint,
) -> Result<Value, DemoError> {
    let (audit, figures) = (folder.join("audit.json"), folder.join("traffic.json"));
    let asked = Program::new(path()?)
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
        return Err(DemoError::Program(ProgramError::Failed {
            command: asked.line(),
            status: output.status,
            quoted: format!("\n    {}", output.stderr.trim()),
        }));
    }
    Program::new(path()?)
        .args([
            "report".into(),
            "--log".into(),
            log(folder).into_os_string(),
        ])
        .args(["--audit".into(), audit.into_os_string()])
        .args(["--json".into(), figures.clone().into_os_string()])
        .done()?;
    let text = fs::read(&figures).map_err(DemoError::file("read", &figures))?;
    serde_json::from_slice(&text).map_err(DemoError::json("the figures of regmig-traffic"))
}

fn path() -> Result<PathBuf, DemoError> {
    workspace::program("regmig-traffic").map_err(DemoError::Here)
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
