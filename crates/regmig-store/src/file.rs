//! The journal file.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use regmig_core::journal::{FORMAT, Record};

use crate::{StoreError, io, line};

/// What a journal file holds.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Every record, in order.
    pub records: Vec<Record>,
    /// Bytes of a last line that was not written to its end, and is not a record.
    pub torn: u64,
    pub(crate) head: String,
    sound: u64,
}

pub(crate) fn read(path: &Path) -> Result<Option<Contents>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => parse(path, &bytes).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("cannot read", path)(error)),
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Contents, StoreError> {
    let mut contents = Contents {
        head: line::ORIGIN.to_owned(),
        ..Contents::default()
    };
    for (index, text) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(whole) = text.strip_suffix(b"\n") else {
            contents.torn = text.len() as u64;
            break;
        };
        let damaged = |reason| StoreError::Damaged {
            path: path.to_owned(),
            line: index + 1,
            offset: contents.sound,
            reason,
        };
        let (record, head) = line::open(&contents.head, whole).map_err(damaged)?;
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
        let record = line::read(record).map_err(damaged)?;
        contents.records.push(record);
        contents.head = head;
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

impl JournalFile {
    pub(crate) fn open(path: &Path) -> Result<(Self, Contents), StoreError> {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io("cannot open", path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(io("cannot read", path))?;
        let contents = parse(path, &bytes)?;
        if contents.torn > 0 {
            tracing::warn!(
                bytes = contents.torn,
                "the journal's last line was torn; it is dropped"
            );
            file.set_len(contents.sound)
                .map_err(io("cannot cut off the torn end of", path))?;
        }
        file.sync_all().map_err(io("cannot sync", path))?;
        if let Some(folder) = path.parent() {
            // A new file's name is durable only once its folder is.
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(io("cannot sync", folder))?;
        }
        let journal = Self {
            path: path.to_owned(),
            file,
            head: contents.head.clone(),
            end: contents.sound,
        };
        Ok((journal, contents))
    }

    /// Appends a record, syncs, and returns the new head.
    pub(crate) fn append(&mut self, record: &Record) -> Result<String, StoreError> {
        let (text, head) = line::write(&self.head, record)
            .map_err(|error| io("cannot write a record of", &self.path)(error.into()))?;
        // Written from the end of what is sound, so that a write that failed half way is overwritten.
        self.file
            .seek(SeekFrom::Start(self.end))
            .map_err(io("cannot seek in", &self.path))?;
        self.file
            .write_all(text.as_bytes())
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
        Ok(head)
    }
}
