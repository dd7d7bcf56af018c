//! What a finalized migration leaves, and that it never had two machines accept writes.

use xtask::lab::Machine;

use super::rig::Rig;
use super::sampler::{Sample, Sampler};
use super::trouble::{Tried, Trouble};

/// Files that a finalized migration leaves as it found them, with what can be told of them.
const PUT_BACK: &str = "stat --format '%n %a %U:%G' /root/.ssh/* /home/ops/.ssh/*; \
    sha256sum /root/.ssh/* /home/ops/.ssh/*; ls -A /var/pryv | grep -vE '^regmig-backup-[0-9a-f-]+$'";

/// How many containers are in which state with which restart policy.
const CONTAINERS: &str = "docker inspect --format '{{.State.Status}} {{.HostConfig.RestartPolicy.Name}}' \
    $(docker ps --all --quiet) | sort | uniq -c | sed 's/^ *//'";

/// The most that may pass from one look to the next, on average, milliseconds.
const A_LOOK_MS: i64 = 1000;

/// What a finalized migration has to leave as it was.
#[derive(Debug)]
pub struct Unfinished {
    source: String,
    dest: String,
}

impl Unfinished {
    /// Looks before anything is done.
    ///
    /// # Errors
    ///
    /// When a machine cannot be looked at.
    pub fn of(rig: &Rig) -> Tried<Self> {
        Ok(Self {
            source: rig.on(Machine::Source, PUT_BACK)?,
            dest: rig.on(
                Machine::Dest,
                &format!("{PUT_BACK}; sha256sum /var/pryv/reg-master.yml"),
            )?,
        })
    }

    /// Insists on what holds once a migration is finalized, however it came there.
    ///
    /// # Errors
    ///
    /// When it does not hold.
    pub fn expect_finalized(&self, rig: &Rig) -> Tried<()> {
        expect_equal("the state", "finalized", &rig.state()?)?;
        let now = Self::of(rig)?;
        expect_equal("source's keys and folder", &self.source, &now.source)?;
        expect_equal(
            "dest's keys, folder and compose file",
            &self.dest,
            &now.dest,
        )?;
        let source = rig.on(Machine::Source, CONTAINERS)?;
        expect_equal("source's containers", "5 exited no", &source)?;
        let dest = rig.on(Machine::Dest, CONTAINERS)?;
        expect_equal("dest's containers", "5 running always", &dest)?;
        rig.wait_until_serves(Machine::Dest)
    }
}

fn expect_equal(what: &str, expected: &str, found: &str) -> Tried<()> {
    if expected == found {
        return Ok(());
    }
    Err(Trouble::new(format!(
        "{what}: found\n{found}\nexpected\n{expected}"
    )))
}

/// In a migration that was finalized: first source accepted writes, in the end dest does, and never two machines but for dest's
/// trial launch, of which no client knows. How many looks there were says nothing, since a fast machine has less time for them; how
/// often it was looked does.
///
/// Returns how many looks were judged.
///
/// # Errors
///
/// When both did, when nobody looked often enough, when source was not seen to write before or dest not after, or when they could not
/// be asked.
pub fn expect_one_writer(rig: &Rig, sampler: Sampler) -> Tried<usize> {
    let samples = sampler.end()?;
    let trials = rig.journal().trials()?;
    if let Some(sample) = two_writers(&samples, &trials).first() {
        return Err(Trouble::new(format!(
            "both machines accepted writes at {} ms since the epoch",
            sample.from_ms
        )));
    }
    let begun = samples.first().map_or(0, |sample| sample.from_ms);
    let ended = samples.last().map_or(0, |sample| sample.to_ms);
    let looks = i64::try_from(samples.len()).unwrap_or(i64::MAX);
    if looks.saturating_mul(A_LOOK_MS) < ended - begun {
        return Err(Trouble::new(format!(
            "only {looks} looks in {} ms, expected one in {A_LOOK_MS} ms on average",
            ended - begun
        )));
    }
    let judged: Vec<&Sample> = samples
        .iter()
        .filter(|sample| !sample.is_within(&trials))
        .collect();
    for (when, look, writer) in [
        ("first", judged.first(), Machine::Source),
        ("last", judged.last(), Machine::Dest),
    ] {
        let found = look.map(|sample| &sample.writers[..]);
        if found != Some(&[writer]) {
            return Err(Trouble::new(format!(
                "of {} looks, the {when} found these machines accepting writes: {found:?}, expected {writer:?}",
                judged.len()
            )));
        }
    }
    Ok(judged.len())
}

/// The looks outside of trials at which both machines accepted writes.
pub fn two_writers<'s>(samples: &'s [Sample], trials: &[(i64, i64)]) -> Vec<&'s Sample> {
    samples
        .iter()
        .filter(|sample| sample.writers.len() > 1 && !sample.is_within(trials))
        .collect()
}
