//! What a comparison has read so far, in a file, so that one that was interrupted is gone on with.
//!
//! The first line says what is compared, and in what those slices differ that have been; each line after it is an answer
//! about the slice that is being read. A cursor of `SCAN` means the same for as long as the server runs, whoever asks: what
//! the command promises of a full walk holds through a break. Lines that cannot be read, or are of another comparison, count
//! as nothing; an item that was changed in the file shows as a difference, and is asked for again. Nothing is lost but time
//! where the file cannot be written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::diff::Found;
use crate::digest::item::{Item, Mark};

/// After a longer break a comparison begins anew: what was read before it says less and less about data that clients change.
const LONGEST_BREAK: Duration = Duration::from_secs(600);

/// Where a comparison keeps what it has read.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The file. It is made, and removed once all is compared.
    pub path: PathBuf,
    /// What has to be the same for a comparison to go on, besides both servers' runs and what is compared.
    pub about: String,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) about: String,
    pub(crate) run_ids: [String; 2],
    pub(crate) slices: usize,
    pub(crate) excluded: Vec<String>,
    pub(crate) expiry: bool,
}

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    A,
    B,
}

/// How far a comparison has come, and in what the slices differ that it has compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// How many slices.
    pub(crate) slices: usize,
    /// How many keys differ.
    pub(crate) total: u64,
    /// What the servers have for some of them.
    pub(crate) found: BTreeMap<Mark, Found>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    subject: Subject,
    tally: Tally,
}

/// The items of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    side: Side,
    pub(crate) database: u32,
    /// The cursor of the next call; 0 after the last.
    pub(crate) next: u64,
    pub(crate) items: Vec<Item>,
}

/// A comparison under way.
pub(crate) struct Walk {
    path: PathBuf,
    subject: Subject,
    pub(crate) tally: Tally,
    /// Of the slice that is being read, from before the break.
    answers: Vec<Answer>,
    file: Mutex<Option<File>>,
}

impl Walk {
    /// Goes on with what the file holds, or begins anew.
    pub(crate) fn open(kept: Option<&Kept>, subject: Subject) -> Self {
        let path = kept.map(|kept| kept.path.clone()).unwrap_or_default();
        let mut walk = Self {
            path,
            subject,
            tally: Tally::default(),
            answers: Vec::new(),
            file: Mutex::new(None),
        };
        if kept.is_some() {
            if let Some((tally, answers)) = before(&walk.path, &walk.subject) {
                walk.tally = tally;
                walk.answers = answers;
            }
            walk.write();
        }
        walk
    }

    /// Whether another comparison is gone on with.
    pub(crate) fn goes_on(&self) -> bool {
        self.tally.slices > 0 || !self.answers.is_empty()
    }

    /// What one server tells about the slice that is next.
    pub(crate) fn part(&self, side: Side) -> Part<'_> {
        Part {
            walk: Some((self, side)),
        }
    }

    /// Takes note that a slice more has been compared; its answers are needed no more.
    pub(crate) fn compared(&mut self, tally: Tally) {
        self.tally = tally;
        self.answers.clear();
        if self.file().is_some() {
            self.write();
        }
    }

    /// Leaves nothing to go on with.
    pub(crate) fn end(self) {
        if self.file().take().is_some()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "what was compared is not removed");
        }
    }

    fn file(&self) -> std::sync::MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the file anew. Whoever is killed in the middle of it begins anew.
    fn write(&self) {
        let made = || -> std::io::Result<File> {
            let head = Head {
                subject: self.subject.clone(),
                tally: self.tally.clone(),
            };
            let mut text = line(&head)?;
            for answer in &self.answers {
                text.extend(line(answer)?);
            }
            let mut file = File::options()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&self.path)?;
            file.write_all(&text)?;
            Ok(file)
        };
        *self.file() = self.unless_it_fails(made());
    }

    fn keep(&self, answer: &Answer) {
        let mut file = self.file();
        let Some(open) = file.as_mut() else { return };
        // In one piece: whoever is killed meanwhile leaves half a line at the end, which is told from a whole one.
        let written = line(answer).and_then(|text| open.write_all(&text));
        if self.unless_it_fails(written).is_none() {
            *file = None;
        }
    }

    fn unless_it_fails<T>(&self, result: std::io::Result<T>) -> Option<T> {
        result
            .map_err(|error| {
                tracing::warn!(path = %self.path.display(), %error, "what is compared is not kept: once interrupted, it begins anew");
            })
            .ok()
    }
}

/// One server's part of a comparison; of a digest, which is not kept, nothing.
#[derive(Default)]
pub(crate) struct Part<'w> {
    walk: Option<(&'w Walk, Side)>,
}

impl Part<'_> {
    /// What it has answered before the break.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.walk.into_iter().flat_map(|(walk, side)| {
            let answers = walk.answers.iter();
            answers.filter(move |answer| answer.side == side)
        })
    }

    /// Keeps an answer.
    pub(crate) fn keep(&self, database: u32, next: u64, items: &[Item]) {
        if let Some((walk, side)) = self.walk {
            walk.keep(&Answer {
                side,
                database,
                next,
                items: items.to_vec(),
            });
        }
    }
}

fn line(of: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(of)?;
    text.push(b'\n');
    Ok(text)
}

/// What an interrupted comparison of the same has left.
fn before(path: &Path, subject: &Subject) -> Option<(Tally, Vec<Answer>)> {
    let paused = fs::metadata(path).and_then(|it| it.modified()).ok()?;
    if paused.elapsed().ok()? > LONGEST_BREAK {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let (whole, _) = text.rsplit_once('\n')?;
    let mut lines = whole.lines();
    let head: Head = serde_json::from_str(lines.next()?).ok()?;
    let answers = lines.map(serde_json::from_str).collect::<Result<_, _>>();
    (head.subject == *subject).then_some((head.tally, answers.ok()?))
}
