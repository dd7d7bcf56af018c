//! Clients of the register, and their verdict.

use std::cell::{Ref, RefCell};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use xtask::lab::Machine;
use xtask::program::Program;

use super::child::Running;
use super::rig::Rig;
use super::trouble::{Tried, Trouble};
use crate::program;

/// Writes per second: enough that every instant of a migration has one under way.
const RATE: u32 = 20;

/// Reads and DNS questions per second.
const OTHER_RATE: &str = "3";

/// How long the clients may take to end once they are told to.
const END_LIMIT: Duration = Duration::from_secs(30);

/// How long asking one machine for every user may take.
const AUDIT_LIMIT: Duration = Duration::from_secs(300);

/// Clients that register users through source's public address, or wherever the domain's name servers say.
#[derive(Debug)]
pub struct Traffic<'r> {
    rig: &'r Rig,
    log: PathBuf,
    clients: Option<Running>,
    read: RefCell<Read>,
}

/// What has been read of the log.
#[derive(Debug, Default)]
struct Read {
    to: u64,
    acknowledged: Vec<String>,
}

/// What an audit found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// How many writes were acknowledged.
    pub acknowledged: u64,
    /// How many of them the machine has lost.
    pub lost: u64,
    /// How many could not be asked for.
    pub unknown: u64,
}

impl Read {
    /// Reads what has been added to the log, as far as its last whole line.
    fn on(&mut self, log: &Path) -> Tried<()> {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(self.to))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        for line in text
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| line.ends_with(b"\n"))
        {
            let event: Value = serde_json::from_slice(line)?;
            let text = |name: &str| event.get(name).and_then(Value::as_str);
            if let (Some("ack"), Some(user)) = (text("event"), text("user")) {
                self.acknowledged.push(user.to_owned());
            }
        }
        self.to = self.to.saturating_add(whole as u64);
        Ok(())
    }
}

impl<'r> Traffic<'r> {
    /// Starts clients that ask the parent zone where the platform is, as those of real platforms do.
    ///
    /// They follow the name servers to dest, so that source grows quiet.
    ///
    /// # Errors
    ///
    /// When they cannot be started, or source acknowledges nothing.
    pub fn start(rig: &'r Rig) -> Tried<Self> {
        Self::start_at(rig, RATE)
    }

    /// The same at another rate.
    ///
    /// # Errors
    ///
    /// As [`Traffic::start`].
    pub fn start_at(rig: &'r Rig, rate: u32) -> Tried<Self> {
        let lab = &rig.lab;
        let log = rig.folder.join("traffic.log");
        let mut command = Command::new(program("regmig-traffic"));
        command
            .args(["run", "--host", &lab.register_host, "--ca"])
            .arg(&lab.ca)
            .args(["--key-file", "register.key", "--rate", &rate.to_string()])
            .args(["--reads-rate", OTHER_RATE, "--dns-rate", OTHER_RATE])
            .args(["--target", &format!("{}:443", lab.source.address)])
            .args(["--follow-parent", &format!("{}:53", lab.parent.address)])
            .arg("--log")
            .arg(&log)
            .current_dir(&rig.config.folder);
        let clients = Running::start("regmig-traffic run", &mut command, &rig.log("traffic"))?;
        let mut traffic = Self {
            rig,
            log,
            clients: Some(clients),
            read: RefCell::default(),
        };
        traffic.wait_for_acknowledgements(5)?;
        Ok(traffic)
    }

    /// The users whose registration has been acknowledged until now, in order.
    fn users(&self) -> Ref<'_, Vec<String>> {
        // A log that cannot be read now is read the next time, and whoever waits says so in the end.
        let _ = self.read.borrow_mut().on(&self.log);
        Ref::map(self.read.borrow(), |read| &read.acknowledged)
    }

    /// How many writes have been acknowledged until now.
    pub fn acknowledged(&self) -> usize {
        self.users().len()
    }

    /// The user who was registered last.
    ///
    /// # Errors
    ///
    /// When there is none yet.
    pub fn last_user(&self) -> Tried<String> {
        let last = self.users().last().cloned();
        last.ok_or_else(|| Trouble::new("no write has been acknowledged yet"))
    }

    /// Waits until so many more writes have been acknowledged.
    ///
    /// # Errors
    ///
    /// When that takes longer than a minute, or the clients have ended.
    pub fn wait_for_acknowledgements(&mut self, more: usize) -> Tried<()> {
        if self.acknowledges(more, Duration::from_secs(60))? {
            return Ok(());
        }
        Err(Trouble::new(format!(
            "{more} more writes were not acknowledged within a minute"
        )))
    }

    /// Whether so many more writes are acknowledged within a limit; waits until they are.
    ///
    /// # Errors
    ///
    /// When the clients have ended.
    pub fn acknowledges(&mut self, more: usize, limit: Duration) -> Tried<bool> {
        let wanted = self.acknowledged().saturating_add(more);
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if self.acknowledged() >= wanted {
                return Ok(true);
            }
            if let Some(clients) = &mut self.clients
                && clients.has_ended()?
            {
                return Err(Trouble::new(format!(
                    "the clients have ended:\n{}",
                    clients.said()?
                )));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(false)
    }

    /// Stops the clients.
    ///
    /// # Errors
    ///
    /// When they do not end well.
    pub fn stop(&mut self) -> Tried<()> {
        if let Some(mut clients) = self.clients.take() {
            clients.signal(Signal::INT)?;
            clients.wait(END_LIMIT)?.expect_code(0)?;
        }
        Ok(())
    }

    /// Asks a machine for every acknowledged user, while clients go on or after.
    ///
    /// # Errors
    ///
    /// When no verdict can be had.
    pub fn audit(&self, machine: Machine) -> Tried<Audit> {
        let lab = &self.rig.lab;
        let json = self.rig.folder.join("audit.json");
        let mut command = Command::new(program("regmig-traffic"));
        command
            .args(["audit", "--host", &lab.register_host, "--ca"])
            .arg(&lab.ca)
            .arg("--log")
            .arg(&self.log)
            .arg("--json")
            .arg(&json)
            .args([
                "--at",
                &format!("{machine}={}:443", lab.endpoint(machine).address),
            ]);
        let log = self.rig.log("audit");
        let ended =
            Running::start("regmig-traffic audit", &mut command, &log)?.wait(AUDIT_LIMIT)?;
        // 3 and 4 are verdicts too: the caller judges the figures.
        if !matches!(ended.code, Some(0 | 3 | 4)) {
            return Err(Trouble::new(format!("no verdict: {}", ended.said())));
        }
        let audit: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
        let figure = |name: &str| {
            audit
                .get(name)
                .and_then(Value::as_u64)
                .ok_or_else(|| Trouble::new(format!("the audit has no `{name}`: {audit}")))
        };
        Ok(Audit {
            acknowledged: figure("acknowledged")?,
            lost: figure("lost")?,
            unknown: figure("unknown")?,
        })
    }

    /// Asks a machine's Redis for every user acknowledged until now, while clients go on; returns who is not there.
    ///
    /// It takes a moment where an audit over HTTPS takes a minute.
    ///
    /// # Errors
    ///
    /// When Redis cannot be asked.
    pub fn missing(&self, machine: Machine) -> Tried<Vec<String>> {
        let users = self.users().clone();
        let questions: String = users
            .iter()
            .map(|user| format!("EXISTS {user}:server\n"))
            .collect();
        let file = self.rig.folder.join("questions");
        std::fs::write(&file, questions)?;
        let answers = Program::new("docker")
            .args([
                "exec",
                "--interactive",
                &machine.container(&self.rig.config),
            ])
            .args(["docker", "exec", "--interactive", "pryv_redis_1", "sh"])
            .args(["-c", "exec $(command -v redis-cli || echo valkey-cli)"])
            .input(&file)
            .text()?;
        let answers: Vec<&str> = answers.lines().collect();
        if answers.len() != users.len()
            || answers.iter().any(|answer| !matches!(*answer, "0" | "1"))
        {
            let odd = answers.iter().find(|answer| !matches!(**answer, "0" | "1"));
            return Err(Trouble::new(format!(
                "asked Redis on {machine} for {} users, was told {} answers{}",
                users.len(),
                answers.len(),
                odd.map_or(String::new(), |odd| format!(", such as `{odd}`"))
            )));
        }
        let gone = users
            .into_iter()
            .zip(answers)
            .filter(|(_, answer)| *answer == "0");
        Ok(gone.map(|(user, _)| user).collect())
    }

    /// Insists that a machine has every acknowledged user.
    ///
    /// # Errors
    ///
    /// When one is lost, or could not be asked for.
    pub fn expect_nothing_lost(&self, machine: Machine) -> Tried<Audit> {
        let audit = self.audit(machine)?;
        if (audit.lost, audit.unknown) != (0, 0) {
            return Err(Trouble::new(format!(
                "{machine} does not have every acknowledged user: {audit:?}; see {}",
                self.rig.folder.display()
            )));
        }
        Ok(audit)
    }
}
