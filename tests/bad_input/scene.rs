//! A lab that is not as it should be, what regmig says of it, and eyes on both machines.

use std::fs;
use std::io::ErrorKind;
use std::sync::{Mutex, PoisonError};

use regmig_tests::support::{Ended, Rig, Scope, Snapshot, Tried, Trouble};
use xtask::lab::Machine;

/// A lab in its starting state with an operator's folder.
pub(crate) struct Scene {
    pub(crate) rig: Rig,
    good: String,
    /// Both machines as they were at the beginning.
    start: Looks,
}

/// Both machines at one time.
pub(crate) struct Looks([Snapshot; 2]);

const BOTH: [Machine; 2] = [Machine::Source, Machine::Dest];

/// The scene that the last test left behind.
static LEFT: Mutex<Option<Scene>> = Mutex::new(None);

/// Runs a test on a lab in its starting state.
///
/// Making the machines anew takes longer than most tests, so that a lab which is just as it
/// was at the beginning (but for since when its containers run) serves the next test as well.
pub(crate) fn on_scene(test: impl FnOnce(&Scene) -> Tried<()>) -> Tried<()> {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    let mut usable = None;
    if let Some(mut scene) = left.take() {
        let now = scene.look()?;
        if scene.start.but_times() == now.but_times() {
            scene.start = now;
            scene.tidy()?;
            usable = Some(scene);
        }
    }
    let scene = match usable {
        Some(scene) => scene,
        None => Scene::new()?,
    };
    // A test that fails leaves no scene behind.
    test(&scene)?;
    *left = Some(scene);
    Ok(())
}

impl Scene {
    fn new() -> Tried<Self> {
        let rig = Rig::new("bad-input")?;
        // What the seed has changed is saved now, so that Redis does not do it in the middle of a test.
        rig.on(Machine::Source, "docker exec pryv_redis_1 redis-cli save")?;
        let good = fs::read_to_string(&rig.toml)?;
        let start = look(&rig)?;
        Ok(Self { rig, good, start })
    }

    /// Clears the operator's folder of what the last test left in it.
    fn tidy(&self) -> Tried<()> {
        self.correct()?;
        match fs::remove_dir_all(self.rig.store()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Looks at both machines.
    pub(crate) fn look(&self) -> Tried<Looks> {
        look(&self.rig)
    }

    /// Insists that both machines are as they were at the beginning of the test.
    pub(crate) fn expect_start(&self) -> Tried<()> {
        self.expect_same(&self.start)
    }

    /// Insists that nothing has changed since.
    pub(crate) fn expect_same(&self, before: &Looks) -> Tried<()> {
        let Looks(after) = self.look()?;
        for ((machine, before), after) in BOTH.iter().zip(&before.0).zip(&after) {
            before.expect_same(after, machine.name())?;
        }
        Ok(())
    }

    /// Writes the configuration with every `from` in it replaced; `section` limits that to one of its sections.
    pub(crate) fn configure(&self, section: &str, from: &str, to: &str) -> Tried<()> {
        let head = format!("[{section}]\n");
        let (before, rest) = self
            .good
            .split_once(&head)
            .ok_or_else(|| Trouble::new(format!("there is no [{section}] in:\n{}", self.good)))?;
        let (within, after) = match rest.find("\n[") {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        };
        if !within.contains(from) {
            return Err(Trouble::new(format!(
                "[{section}] has no `{from}`:\n{within}"
            )));
        }
        let within = within.replace(from, to);
        fs::write(&self.rig.toml, format!("{before}{head}{within}{after}"))?;
        Ok(())
    }

    /// Writes the configuration with further lines; a section that is not there yet is begun.
    pub(crate) fn add(&self, section: &str, lines: &str) -> Tried<()> {
        let head = format!("[{section}]\n");
        let text = if self.good.contains(&head) {
            self.good.replacen(&head, &format!("{head}{lines}\n"), 1)
        } else {
            format!("{}\n{head}{lines}\n", self.good)
        };
        fs::write(&self.rig.toml, text)?;
        Ok(())
    }

    /// Writes the configuration as it should be.
    pub(crate) fn correct(&self) -> Tried<()> {
        fs::write(&self.rig.toml, &self.good)?;
        Ok(())
    }

    /// Insists that `check` and `run` are both refused, in the same words, and returns these.
    ///
    /// No migration has begun then, so that a corrected configuration will be accepted.
    pub(crate) fn refused(&self) -> Tried<String> {
        let check = self.rig.regmig(["check"]).end()?.expect_code(3)?;
        let run = self.rig.regmig(["run", "--yes"]).end()?.expect_code(3)?;
        let (check, run) = (self.plain(&check), self.plain(&run));
        if check != run {
            return Err(Trouble::new(format!(
                "`check` says:\n{check}\nand `run`:\n{run}"
            )));
        }
        let records = self.rig.journal().records()?;
        if !records.is_empty() {
            return Err(Trouble::new(format!(
                "the journal has begun: {}",
                self.rig.journal().last()?
            )));
        }
        Ok(run)
    }

    /// The same while a script has changed a machine, and until another has mended it.
    ///
    /// Nothing may change meanwhile on either machine.
    pub(crate) fn refused_while(
        &self,
        machine: Machine,
        change: &str,
        mend: &str,
    ) -> Tried<String> {
        self.rig.on(machine, &format!("set -e\n{change}"))?;
        let before = self.look()?;
        let told = self.refused()?;
        self.expect_same(&before)?;
        self.rig.on(machine, &format!("set -e\n{mend}"))?;
        Ok(told)
    }

    /// What regmig wrote to standard error, without what differs from lab to lab.
    pub(crate) fn plain(&self, ended: &Ended) -> String {
        let lab = &self.rig.lab;
        let mut text = ended.stderr.clone();
        let path = |path: &std::path::Path| path.display().to_string();
        for (found, name) in [
            (path(&self.rig.folder), "[folder]"),
            (path(&lab.identity_refused), "[refused key]"),
            (path(&lab.identity), "[key]"),
            (path(&lab.known_hosts), "[known hosts]"),
            (lab.source.address.to_string(), "[source]"),
            (lab.dest.address.to_string(), "[dest]"),
            (lab.parent.address.to_string(), "[parent]"),
        ] {
            text = text.replace(&found, name);
        }
        let base64 = |c: char| c.is_ascii_alphanumeric() || "+/".contains(c);
        let number = |c: char| c.is_ascii_digit();
        let text = without(&text, "SHA256:", base64);
        without(
            &without(&text, "clock of dest: found ", number),
            "(± ",
            number,
        )
    }
}

impl Looks {
    /// The same without since when containers run.
    fn but_times(&self) -> [Snapshot; 2] {
        self.0.clone().map(Snapshot::without_times)
    }
}

fn look(rig: &Rig) -> Tried<Looks> {
    let [source, dest] = std::thread::scope(|scope| {
        BOTH.map(|machine| scope.spawn(move || Snapshot::of(rig, machine, Scope::All)))
            .map(|look| look.join().unwrap())
    });
    Ok(Looks([source?, dest?]))
}

/// Replaces what follows some words by three dots, as far as the characters are such as `are`.
pub(crate) fn without(text: &str, words: &str, are: impl Fn(char) -> bool) -> String {
    let mut parts = text.split(words);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(words);
        plain.push('…');
        plain.push_str(part.trim_start_matches(&are));
    }
    plain
}
