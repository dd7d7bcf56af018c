//! Files of a machine: read, replaced and removed, each in one round trip.
//!
//! Contents travel by standard input and output, never on a command line. A file is replaced by
//! renaming a complete and durable one over it, so that no reader and no power loss ever
//! sees half of it. What was bind-mounted into a container as a single *file* keeps showing the replaced one there;
//! bind-mounted folders show the new one.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use regmig_core::port::PortError;
use ring::digest::{SHA256, digest};

use crate::command::Command;
use crate::host::Host;
use crate::outcome::CommandFailed;
use crate::output::{Output, Status};

/// Most of a file that is read at once: 4 MiB. Configurations are a thousand times smaller.
const LARGEST: usize = 4 << 20;

/// How often a file that changes while it is read is read again.
const READS: usize = 3;

/// The status by which the scripts say that something else was found than expected.
const UNEXPECTED: Status = Status::Code(73);

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// All of it.
    pub content: Vec<u8>,
    /// Permission bits, such as `0o640`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When its content changed last, nanoseconds since the epoch.
    pub mtime_ns: i128,
}

impl FileState {
    /// SHA-256 of the content, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        sha256(&self.content)
    }
}

/// What has to be there for a change to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Whatever there is.
    Any,
    /// Nothing.
    Absent,
    /// A file with this SHA-256, in hexadecimal digits.
    Sha256(String),
}

impl Expect {
    /// A file with this content.
    pub fn content(content: &[u8]) -> Self {
        Self::Sha256(sha256(content))
    }

    fn word(&self) -> &str {
        match self {
            Self::Any => "any",
            Self::Absent => "absent",
            Self::Sha256(sum) => sum,
        }
    }
}

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The machine has changed.
    Changed,
    /// Everything was as it shall be.
    AlreadyThere,
}

/// A file as it shall be.
#[derive(Clone)]
pub struct FileWrite {
    path: String,
    content: Bytes,
    mode: Option<u32>,
    owner: Option<(u32, u32)>,
    mtime_ns: Option<i128>,
    expect: Expect,
}

impl FileWrite {
    /// A file at an absolute path; mode and owner stay as they are, or are 0600 and the user's own for a new file.
    pub fn new(path: impl Into<String>, content: impl Into<Bytes>) -> Self {
        let (path, content) = (path.into(), content.into());
        Self {
            path,
            content,
            mode: None,
            owner: None,
            mtime_ns: None,
            expect: Expect::Any,
        }
    }

    /// A file exactly as it was found earlier, its owner, mode and time included.
    pub fn restoring(path: impl Into<String>, state: &FileState) -> Self {
        let write = Self::new(path, state.content.clone());
        write
            .mode(state.mode)
            .owner(state.uid, state.gid)
            .mtime_ns(state.mtime_ns)
    }

    /// Permission bits, such as `0o640`.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Owner and group.
    #[must_use]
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        self.owner = Some((uid, gid));
        self
    }

    /// The time that the file shall say it was changed, nanoseconds since the epoch.
    #[must_use]
    pub fn mtime_ns(mut self, nanoseconds: i128) -> Self {
        self.mtime_ns = Some(nanoseconds);
        self
    }

    /// What has to be there before.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }
}

impl std::fmt::Debug for FileWrite {
    /// Without the content, which may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "FileWrite({}, {} bytes, expecting {:?})",
            self.path,
            self.content.len(),
            self.expect
        )
    }
}

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Something else was there.
    #[error(
        "{path} is not as expected: expected {expected}, found {found}; somebody else has changed it since it was read"
    )]
    Unexpected {
        /// Which file.
        path: String,
        /// `absent`, or a SHA-256.
        expected: String,
        /// `absent`, or a SHA-256.
        found: String,
    },
    /// The path leads from nowhere in particular.
    #[error("{path} is not an absolute path")]
    Relative {
        /// Which path.
        path: String,
    },
    /// It was never the same before and after the reading.
    #[error("{path} kept changing while it was read")]
    Restless {
        /// Which file.
        path: String,
    },
    /// The machine's tools answered something else than they should.
    #[error("{path}: the answer of the machine cannot be understood: {answer}")]
    Answer {
        /// Which file.
        path: String,
        /// Its beginning.
        answer: String,
    },
}

impl Host {
    /// Reads a file of up to 4 MiB with its attributes; nothing where there is none. Links are followed.
    ///
    /// # Errors
    ///
    /// `NotSent` when the machine could not be asked; `Refused` when it is no regular file, is too large,
    /// or may not be read.
    pub async fn read_file(&self, path: &str) -> Result<Option<FileState>, PortError> {
        let name = format!("read {path}");
        absolute(path).map_err(|error| PortError::not_sent(self.what(&name), error))?;
        let command = Command::shell(
            include_str!("read.sh"),
            [path.to_owned(), LARGEST.to_string()],
        )
        .called(name.clone())
        .output_limit(LARGEST + 4096)
        .query();
        for _ in 0..READS {
            let output = self
                .exec(&command)
                .await?
                .success_or_refused(self.what(&name))?;
            match parsed(path, &output.stdout) {
                Ok(Read::Absent) => return Ok(None),
                Ok(Read::Present(state)) => return Ok(Some(state)),
                Ok(Read::Changing) => {}
                Err(error) => return Err(PortError::refused(self.what(&name), error)),
            }
        }
        Err(PortError::refused(
            self.what(&name),
            FileError::Restless {
                path: path.to_owned(),
            },
        ))
    }

    /// Puts a file in place, atomically and durably, or finds that it is there already.
    ///
    /// Content that is as it shall be counts as done whatever was expected, so that a repeated call
    /// with the same arguments succeeds. Between the comparison with what was expected and the renaming
    /// there are a few milliseconds in which somebody else's change would be lost. Links are followed.
    ///
    /// # Errors
    ///
    /// `Refused` with [`FileError::Unexpected`] beneath when something else was there, and as [`exec`](Self::exec).
    pub async fn write_file(&self, file: &FileWrite) -> Result<Written, PortError> {
        let name = format!("write {}", file.path);
        absolute(&file.path).map_err(|error| PortError::not_sent(self.what(&name), error))?;
        let mode = file
            .mode
            .map(|mode| format!("{mode:04o}"))
            .unwrap_or_default();
        let owner = file
            .owner
            .map(|(uid, gid)| format!("{uid}:{gid}"))
            .unwrap_or_default();
        let mtime = file.mtime_ns.map(seconds).unwrap_or_default();
        let arguments = [
            file.path.clone(),
            sha256(&file.content),
            file.expect.word().to_owned(),
            mode,
            owner,
            mtime,
        ];
        let command = Command::shell(include_str!("write.sh"), arguments)
            .stdin(file.content.clone())
            .called(name);
        self.change(&command, &file.path, &file.expect).await
    }

    /// Removes a regular file, or finds that there is none. Links are not followed but refused.
    ///
    /// # Errors
    ///
    /// As [`write_file`](Self::write_file).
    pub async fn remove_file(&self, path: &str, expect: &Expect) -> Result<Written, PortError> {
        let name = format!("remove {path}");
        absolute(path).map_err(|error| PortError::not_sent(self.what(&name), error))?;
        let command = Command::shell(include_str!("remove.sh"), [path, expect.word()]).called(name);
        self.change(&command, path, expect).await
    }

    async fn change(
        &self,
        command: &Command,
        path: &str,
        expect: &Expect,
    ) -> Result<Written, PortError> {
        let output = self.exec(command).await?;
        match (&output.status, output.stdout_text().trim()) {
            (Status::Code(0), "changed") => Ok(Written::Changed),
            (Status::Code(0), "same") => Ok(Written::AlreadyThere),
            (status, found) if *status == UNEXPECTED => {
                let (path, expected, found) =
                    (path.to_owned(), expect.word().to_owned(), found.to_owned());
                Err(PortError::refused(
                    self.what(command),
                    FileError::Unexpected {
                        path,
                        expected,
                        found,
                    },
                ))
            }
            // Killed between the renaming and its last word, it may have changed the file.
            (Status::Signal(_), _) => Err(PortError::unknown(
                self.what(command),
                CommandFailed::of(&output),
            )),
            (Status::Code(0), _) => Err(PortError::unknown(
                self.what(command),
                answer(path, &output),
            )),
            _ => Err(PortError::refused(
                self.what(command),
                CommandFailed::of(&output),
            )),
        }
    }
}

fn absolute(path: &str) -> Result<(), FileError> {
    if path.starts_with('/') {
        Ok(())
    } else {
        Err(FileError::Relative {
            path: path.to_owned(),
        })
    }
}

fn sha256(content: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, content).as_ref())
}

/// Nanoseconds as `touch -d @` reads them.
fn seconds(nanoseconds: i128) -> String {
    let (whole, rest) = (
        nanoseconds.div_euclid(1_000_000_000),
        nanoseconds.rem_euclid(1_000_000_000),
    );
    if whole < 0 && rest > 0 {
        // "-1.25" counts downwards from -1.
        return format!("-{}.{:09}", -(whole + 1), 1_000_000_000 - rest);
    }
    format!("{whole}.{rest:09}")
}

/// The inverse of [`seconds`], for what `stat` prints.
fn nanoseconds(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.')?;
    let rest: i128 = fraction.parse().ok().filter(|_| fraction.len() == 9)?;
    let units: i128 = whole.parse::<i128>().ok()? * 1_000_000_000;
    Some(if whole.starts_with('-') {
        units - rest
    } else {
        units + rest
    })
}

fn answer(path: &str, output: &Output) -> FileError {
    unclear(path, &output.stdout)
}

fn unclear(path: &str, bytes: &[u8]) -> FileError {
    let beginning = bytes.get(..bytes.len().min(80)).unwrap_or_default();
    FileError::Answer {
        path: path.to_owned(),
        answer: String::from_utf8_lossy(beginning).into_owned(),
    }
}

/// What a reading came to.
enum Read {
    Absent,
    Present(FileState),
    Changing,
}

fn parsed(path: &str, stdout: &[u8]) -> Result<Read, FileError> {
    if stdout == b"absent\n" {
        return Ok(Read::Absent);
    }
    let misunderstood = || unclear(path, stdout);
    let end = stdout
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or_else(misunderstood)?;
    let (head, rest) = stdout.split_at(end + 1);
    let line = String::from_utf8_lossy(head);
    let mut words = line.split_ascii_whitespace();
    let mut word = || words.next().ok_or_else(misunderstood);
    let mode = u32::from_str_radix(word()?, 8).map_err(|_| misunderstood())?;
    let uid = word()?.parse().map_err(|_| misunderstood())?;
    let gid = word()?.parse().map_err(|_| misunderstood())?;
    let size: usize = word()?.parse().map_err(|_| misunderstood())?;
    let mtime_ns = nanoseconds(word()?).ok_or_else(misunderstood)?;
    let Some((content, tail)) = rest.split_at_checked(size) else {
        return Ok(Read::Changing);
    };
    if tail.strip_prefix(b"\n") != Some(head) {
        return Ok(Read::Changing);
    }
    Ok(Read::Present(FileState {
        content: content.to_vec(),
        mode,
        uid,
        gid,
        mtime_ns,
    }))
}

#[cfg(test)]
mod tests;
