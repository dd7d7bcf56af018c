//! A lab in its starting state, and the folder of the operator who will migrate its register.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use xtask::lab::{self, Lab, LabConfig, Machine};
use xtask::operator::{self, Wishes};
use xtask::program::Program;

use super::child::{Ended, Running};
use super::journal::Journal;
use super::trouble::{Tried, Trouble};
use crate::{lab_config, program};

/// How long source must be quiet in tests, unless one says otherwise.
const QUIET: Duration = Duration::from_secs(3);

/// So many users are compared at `verified`: every one takes four seconds of each run, and is what the demo is for.
const ASKED: u32 = 200;

/// How long one command of regmig may take before the test has failed.
const LIMIT: Duration = Duration::from_secs(180);

/// How long a machine may take to serve again.
const SERVES: Duration = Duration::from_secs(60);

/// A lab that no other test uses meanwhile, and an operator's folder of its own.
#[derive(Debug)]
pub struct Rig {
    /// Which lab.
    pub config: LabConfig,
    /// The lab.
    pub lab: Lab,
    /// The operator's folder, empty but for `regmig.toml` and the script that sets the name servers.
    pub folder: PathBuf,
    /// The configuration in it.
    pub toml: PathBuf,
    is_live: bool,
    started: AtomicU32,
    // Held for as long as the rig is there; the kernel lets go of it with the process.
    _alone: File,
}

impl Rig {
    /// Brings the lab back to its start and lays out a fresh folder, for strategy `copy`.
    ///
    /// The folder is beneath the lab's, not among temporary files: nothing that regmig needs may be there.
    ///
    /// # Errors
    ///
    /// When the lab cannot be reset or the folder cannot be written.
    pub fn new(name: &str) -> Tried<Self> {
        Self::with(name, Wishes::copy(QUIET))
    }

    /// The same for strategy `live`.
    ///
    /// # Errors
    ///
    /// As [`Rig::new`].
    pub fn live(name: &str) -> Tried<Self> {
        Self::with(name, Wishes::live(QUIET))
    }

    fn with(name: &str, wishes: Wishes) -> Tried<Self> {
        let wishes = Wishes {
            verify_sample: Some(ASKED),
            ..wishes
        };
        let config = lab_config();
        let tests = config.folder.join("tests");
        fs::create_dir_all(&tests)?;
        let alone = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(tests.join("lock"))?;
        alone.lock()?;
        let lab = lab::reset(&config)?;
        let folder = tests.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let toml = operator::lay_out(&lab, &folder, &wishes)?;
        for made in ["said", "tmp"] {
            fs::create_dir_all(folder.join(made))?;
        }
        Ok(Self {
            config,
            lab,
            folder,
            toml,
            is_live: wishes.strategy == "live",
            started: AtomicU32::new(0),
            _alone: alone,
        })
    }

    /// Whether a run that has halted has backed out of a cutover of strategy `live`, as it is meant to where too much time
    /// has passed: the migration rests at `warm`, and another run may do it.
    ///
    /// # Errors
    ///
    /// As [`Rig::status`].
    pub fn has_backed_out(&self, code: Option<i32>) -> Tried<bool> {
        Ok(self.is_live && code == Some(4) && self.state()? == "warm")
    }

    /// The store of the folder's migration.
    pub fn store(&self) -> PathBuf {
        self.toml.with_extension("state")
    }

    /// The journal of the folder's migration.
    pub fn journal(&self) -> Journal {
        Journal::of(&self.store())
    }

    /// A file name of its own, without extension, for what a program says.
    pub(crate) fn log(&self, what: &str) -> PathBuf {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        self.folder.join("said").join(format!("{number:02}-{what}"))
    }

    /// A call of regmig in the operator's folder.
    pub fn regmig<I>(&self, words: I) -> Invocation
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        let verb = words
            .iter()
            .find_map(|word| word.to_str().filter(|word| !word.contains(['-', '/'])))
            .unwrap_or("regmig");
        Invocation {
            log: self.log(verb),
            words,
            folder: self.folder.clone(),
            temporary: self.folder.join("tmp"),
            limit: LIMIT,
            points: None,
        }
    }

    /// What `regmig status --json` says, from the journal alone.
    ///
    /// # Errors
    ///
    /// When it does not end well or says no JSON.
    pub fn status(&self) -> Tried<Value> {
        let ended = self.regmig(["status", "--json", "--offline"]).done()?;
        Ok(serde_json::from_str(&ended.stdout)?)
    }

    /// The state in which the migration rests.
    ///
    /// # Errors
    ///
    /// As [`Rig::status`].
    pub fn state(&self) -> Tried<String> {
        let status = self.status()?;
        let state = status.get("state").and_then(Value::as_str);
        Ok(state
            .ok_or_else(|| Trouble::new(format!("status has no state: {status}")))?
            .to_owned())
    }

    /// Runs a script as root on a machine and returns what it wrote.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn on(&self, machine: Machine, script: &str) -> Tried<String> {
        let container = machine.container(&self.config);
        Ok(Program::new("docker")
            .args(["exec", &container, "bash", "-c", script])
            .text()?)
    }

    /// Switches a machine off and on again.
    ///
    /// # Errors
    ///
    /// When the engine refuses or the machine's own engine does not come back.
    pub fn reboot(&self, machine: Machine) -> Tried<()> {
        let container = machine.container(&self.config);
        Program::new("docker")
            .args(["restart", &container])
            .limit(Duration::from_secs(120))
            .done()?;
        self.on(
            machine,
            "for i in $(seq 600); do docker info > /dev/null 2>&1 && exit; sleep 0.1; done; exit 1",
        )
        .map(drop)
    }

    /// Waits until a machine's public services answer for a seed user.
    ///
    /// # Errors
    ///
    /// When they do not within a minute.
    pub fn wait_until_serves(&self, machine: Machine) -> Tried<()> {
        Ok(self.lab.wait_healthy(machine, SERVES)?)
    }

    /// Whether regmig has left anything among temporary files.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn temporary_files(&self) -> Tried<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.folder.join("tmp"))? {
            found.push(entry?.path());
        }
        Ok(found)
    }
}

/// A call of regmig that has not been made yet.
#[derive(Debug)]
pub struct Invocation {
    words: Vec<OsString>,
    folder: PathBuf,
    temporary: PathBuf,
    log: PathBuf,
    limit: Duration,
    points: Option<(String, PathBuf)>,
}

impl Invocation {
    /// Makes it from another folder.
    #[must_use]
    pub fn from_folder(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// Has it kill itself at the first of these points (see `regmig-failpoints`), and list those that it passes.
    #[must_use]
    pub fn dying_at(mut self, points: &str, passed: &Path) -> Self {
        self.points = Some((points.to_owned(), passed.to_owned()));
        self
    }

    /// Starts it beside the test.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(self) -> Tried<Running> {
        let words: Vec<_> = self.words.iter().map(|w| w.to_string_lossy()).collect();
        let name = format!("regmig {}", words.join(" "));
        let mut command = Command::new(program(match self.points {
            None => "regmig",
            Some(_) => "regmig-failpoints",
        }));
        if let Some((points, passed)) = &self.points {
            command
                .env("REGMIG_FAILPOINT", points)
                .env("REGMIG_FAILPOINTS_LOG", passed);
        }
        command
            .args(&self.words)
            .current_dir(&self.folder)
            .env("TMPDIR", &self.temporary)
            .env_remove("REGMIG_CONFIG")
            .env_remove("REGMIG_STORE")
            .env_remove("REGMIG_LOG");
        Running::start(&name, &mut command, &self.log)
    }

    /// Makes it and waits for its end, whatever that is.
    ///
    /// # Errors
    ///
    /// When it cannot be started or exceeds the limit.
    pub fn end(self) -> Tried<Ended> {
        let limit = self.limit;
        self.start()?.wait(limit)
    }

    /// Makes it and insists that it does what it was asked for.
    ///
    /// # Errors
    ///
    /// When it ends with another exit code than 0.
    pub fn done(self) -> Tried<Ended> {
        self.end()?.expect_code(0)
    }
}
