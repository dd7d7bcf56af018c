//! The journal file.

use std::fs::File;
use std::io::{ErrorKind, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use regmig_core::journal::{FORMAT, Record};

use crate::checkpoints::Known;
use crate::error::{StoreError, io};
use crate::line::{self, Tail};

/// What a journal file holds.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Every record, in order.
    pub records: Vec<Record>,
    /// Bytes of a last line that was not written to its end, and is not a record.
    pub torn: u64,
    /// Whether the last record was cut off after it had been acknowledged, and put back from the index.
    pub restored: bool,
    /// The head after each record.
    heads: Vec<String>,
    /// How many bytes of the file stay as they are.
    sound: u64,
    /// What has to follow them for every record to be a whole line.
    missing: Vec<u8>,
}

impl Contents {
    /// The head that the next record follows.
    pub(crate) fn head(&self) -> &str {
        self.heads.last().map_or(line::ORIGIN, String::as_str)
    }

    /// The head after so many records.
    pub(crate) fn head_after(&self, records: u64) -> Option<&str> {
        match records.checked_sub(1) {
            None => Some(line::ORIGIN),
            Some(last) => self
                .heads
                .get(usize::try_from(last).ok()?)
                .map(String::as_str),
        }
    }

    /// The last record's line, as it stands in a sound journal; nothing where there is none.
    pub(crate) fn last_line(&self) -> Vec<u8> {
        let before = self.head_after((self.records.len() as u64).saturating_sub(1));
        match (before, self.records.last()) {
            (Some(head), Some(record)) => line::write(head, record).map(|(line, _)| line),
            _ => return Vec::new(),
        }
        .unwrap_or_default()
    }

    fn push(&mut self, record: &[u8], head: String) -> Result<(), String> {
        self.records.push(line::read(record)?);
        self.heads.push(head);
        Ok(())
    }

    /// Puts back the one record that the index knows and the file has lost from its end.
    ///
    /// Returns whether it could: the index keeps no more than the last line, and what the file ends
    /// in must be the beginning of it.
    pub(crate) fn restore(&mut self, bytes: &[u8], known: &Known) -> bool {
        let end = bytes.split_at_checked(usize::try_from(self.sound).unwrap_or(usize::MAX));
        let Some(whole) = known.last.strip_suffix(b"\n") else {
            return false;
        };
        let Ok((record, head)) = line::open(self.head(), self.records.len(), whole) else {
            return false;
        };
        let cut = self.missing.is_empty() && end.is_some_and(|(_, end)| whole.starts_with(end));
        if !cut || head != known.head || self.push(record, head).is_err() {
            return false;
        }
        self.missing.clone_from(&known.last);
        self.torn = 0;
        self.restored = true;
        true
    }
}

/// The bytes of a file; nothing if there is none.
pub(crate) fn bytes(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("cannot read", path)(error)),
    }
}

/// Reads a journal from its bytes; the path is for the messages.
///
/// # Errors
///
/// [`StoreError::Damaged`] at the first line that is not as it was written,
/// [`StoreError::Newer`] where a regmig to come wrote it.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Contents, StoreError> {
    let mut contents = Contents::default();
    for (index, text) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let offset = contents.sound;
        let damaged = |reason| StoreError::Damaged {
            path: path.to_owned(),
            line: index + 1,
            offset,
            reason,
        };
        let opened = match text.strip_suffix(b"\n") {
            Some(whole) => line::open(contents.head(), index, whole).map(Some),
            None => match line::tail(contents.head(), index, text) {
                Ok(Tail::Whole(record, head, missing)) => {
                    contents.missing = missing.into();
                    Ok(Some((record, head)))
                }
                Ok(Tail::Torn) => Ok(None),
                Err(reason) => Err(reason),
            },
        };
        let Some((record, head)) = opened.map_err(damaged)? else {
            contents.torn = text.len() as u64;
            break;
        };
        // Asked of a line whose hash is right: a flipped bit must not pass for a newer format.
        if let (0, Some(found)) = (
            index,
            line::format(record).filter(|format| *format > FORMAT),
        ) {
            return Err(StoreError::Newer {
                path: path.to_owned(),
                found,
            });
        }
        contents.push(record, head).map_err(damaged)?;
        contents.sound += text.len() as u64;
    }
    Ok(contents)
}

#[derive(Debug)]
pub(crate) struct JournalFile {
    path: PathBuf,
    file: File,
    head: String,
    end: u64,
}

/// A journal file that is there, opened for writing.
#[derive(Debug)]
pub(crate) struct Existing {
    path: PathBuf,
    file: File,
}

impl Existing {
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        match File::options().write(true).open(path) {
            Ok(file) => Ok(Some(Self {
                path: path.to_owned(),
                file,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("cannot open", path)(error)),
        }
    }

    /// Whether it is now this process's alone to write.
    pub(crate) fn lock(&self, patience: Duration) -> Result<bool, StoreError> {
        crate::take(&self.file, patience).map_err(io("cannot lock", &self.path))
    }

    fn create(path: &Path) -> Result<Self, StoreError> {
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(io("cannot create", path))?;
        let path = path.to_owned();
        let created = Self { path, file };
        created.lock(Duration::ZERO)?;
        Ok(created)
    }
}

impl JournalFile {
    /// Goes on with the file that holds these contents, or a new one, and makes its end what it has to be.
    pub(crate) fn open(
        path: &Path,
        existing: Option<Existing>,
        contents: &Contents,
    ) -> Result<Self, StoreError> {
        let mut file = match existing {
            Some(existing) => existing.file,
            None => Existing::create(path)?.file,
        };
        if contents.torn > 0 {
            tracing::debug!(
                bytes = contents.torn,
                "the journal's last line was torn; it is dropped"
            );
            file.set_len(contents.sound)
                .map_err(io("cannot cut off the torn end of", path))?;
        }
        file.seek(SeekFrom::Start(contents.sound))
            .and_then(|_| file.write_all(&contents.missing))
            .map_err(io("cannot mend the end of", path))?;
        file.sync_all().map_err(io("cannot sync", path))?;
        if let Some(folder) = path.parent() {
            // A new file's name is durable only once its folder is.
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(io("cannot sync", folder))?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            head: contents.head().to_owned(),
            end: contents.sound + contents.missing.len() as u64,
        })
    }

    /// Appends a record, syncs, and returns its line and the new head.
    pub(crate) fn append(&mut self, record: &Record) -> Result<(Vec<u8>, String), StoreError> {
        let (text, head) = line::write(&self.head, record)
            .map_err(|error| io("cannot write a record of", &self.path)(error.into()))?;
        self.is_in_place()?;
        // Written from the end of what is sound, so that a write that failed half way is overwritten.
        self.file
            .seek(SeekFrom::Start(self.end))
            .map_err(io("cannot seek in", &self.path))?;
        self.file
            .write_all(&text)
            .map_err(io("cannot append to", &self.path))?;
        let end = self.end + text.len() as u64;
        self.file
            .set_len(end)
            .map_err(io("cannot set the length of", &self.path))?;
        self.file
            .sync_data()
            .map_err(io("cannot sync", &self.path))?;
        self.end = end;
        self.head.clone_from(&head);
        Ok((text, head))
    }

    /// Refuses to write to a file that nobody could find afterwards.
    fn is_in_place(&self) -> Result<(), StoreError> {
        let own = self
            .file
            .metadata()
            .map_err(io("cannot look at", &self.path))?;
        match std::fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == (own.dev(), own.ino()) => Ok(()),
            Ok(_) => Err(StoreError::Replaced {
                path: self.path.clone(),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::Replaced {
                path: self.path.clone(),
            }),
            Err(error) => Err(io("cannot look at", &self.path)(error)),
        }
    }
}
