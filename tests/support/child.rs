//! A program that runs beside the test, and ends with it at the latest.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::trouble::{Tried, Trouble};

/// A running program whose output goes to two files.
///
/// A test that fails leaves nothing behind: what still runs is killed, by its process id.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// How a program ended, and what it wrote.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What it was, for messages.
    pub name: String,
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Running {
    /// Starts a program; its output goes to `LOG.out` and `LOG.err`.
    ///
    /// # Errors
    ///
    /// When it cannot be started or the files cannot be made.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Tried<Self> {
        let (out, err) = (log.with_extension("out"), log.with_extension("err"));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&out)?)
            .stderr(File::create(&err)?)
            .spawn()
            .map_err(|error| Trouble::new(format!("cannot start {name}: {error}")))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            out,
            err,
        })
    }

    /// Sends a signal to it.
    ///
    /// # Errors
    ///
    /// When the system refuses; a program that has ended already is no error.
    pub fn signal(&mut self, signal: Signal) -> Tried<()> {
        if self.child.try_wait()?.is_none() {
            let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            let id = id.ok_or_else(|| Trouble::new(format!("{} has no process id", self.name)))?;
            kill_process(id, signal)?;
        }
        Ok(())
    }

    /// Kills it as a loss of power would, and says whether it was still running.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn kill(mut self) -> Tried<bool> {
        let ran = self.child.try_wait()?.is_none();
        if ran {
            self.child.kill()?;
        }
        self.child.wait()?;
        Ok(ran)
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    ///
    /// When the system cannot say.
    pub fn has_ended(&mut self) -> Tried<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// What it has written to standard output and standard error until now.
    ///
    /// # Errors
    ///
    /// When the files cannot be read.
    pub fn said(&self) -> Tried<String> {
        Ok(std::fs::read_to_string(&self.out)? + &std::fs::read_to_string(&self.err)?)
    }

    /// Waits until its output contains some words.
    ///
    /// # Errors
    ///
    /// When it ends or the limit passes before it does.
    pub fn wait_until_it_says(&mut self, words: &str, limit: Duration) -> Tried<()> {
        let begun = Instant::now();
        loop {
            let ended = self.has_ended()?;
            let said = self.said()?;
            if said.contains(words) {
                return Ok(());
            }
            if ended || begun.elapsed() > limit {
                let how = if ended { "ended" } else { "still runs" };
                return Err(Trouble::new(format!(
                    "{} {how} and never said `{words}`; it said:\n{said}",
                    self.name
                )));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When it is still running after the limit; it is killed then.
    pub fn wait(mut self, limit: Duration) -> Tried<Ended> {
        let begun = Instant::now();
        let status: ExitStatus = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if begun.elapsed() > limit {
                return Err(Trouble::new(format!(
                    "{} was still running after {} s; it said:\n{}",
                    self.name,
                    limit.as_secs(),
                    self.said()?
                )));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        Ok(Ended {
            name: self.name.clone(),
            code: status.code(),
            stdout: std::fs::read_to_string(&self.out)?,
            stderr: std::fs::read_to_string(&self.err)?,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Insists on an exit code.
    ///
    /// # Errors
    ///
    /// When it ended otherwise; shows everything that it wrote.
    pub fn expect_code(self, code: i32) -> Tried<Self> {
        if self.code == Some(code) {
            return Ok(self);
        }
        Err(Trouble::new(format!(
            "{} ended with {:?}, expected {code}; it said:\n{}",
            self.name,
            self.code,
            self.said()
        )))
    }

    /// Everything that it wrote.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Insists on words in what it wrote.
    ///
    /// # Errors
    ///
    /// When they are not there; shows everything that it wrote.
    pub fn expect_words(self, words: &str) -> Tried<Self> {
        if self.said().contains(words) {
            return Ok(self);
        }
        Err(Trouble::new(format!(
            "{} did not say `{words}`; it said:\n{}",
            self.name,
            self.said()
        )))
    }
}
