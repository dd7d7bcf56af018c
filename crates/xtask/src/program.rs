//! Running other programs, always with a time limit.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The limit of a program that names none.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

/// How much of a failed program's output an error quotes, in lines.
const QUOTED_LINES: usize = 15;

/// Why a program did not do what it was started for.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started.
    #[error("cannot start `{command}`")]
    Start {
        /// The command line.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its input, output or end could not be had.
    #[error("cannot follow `{command}`")]
    Follow {
        /// The command line.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ran for longer than its limit and was ended.
    #[error("`{command}` was still running after {seconds} s and was ended{quoted}")]
    TimeLimit {
        /// The command line.
        command: String,
        /// The limit.
        seconds: u64,
        /// The end of its output.
        quoted: String,
    },
    /// It ended with something else than success.
    #[error("`{command}` ended with {status}{quoted}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of its output.
        quoted: String,
    },
}

/// What a program left: its end and its output.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output; empty where it went to a file.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A program with its arguments, ready to run any number of times.
#[derive(Debug, Clone)]
pub struct Program {
    words: Vec<OsString>,
    limit: Duration,
    input: Option<PathBuf>,
    output: Option<PathBuf>,
}

impl Program {
    /// A program without arguments and with the default limit.
    pub fn new(name: impl Into<OsString>) -> Self {
        Self {
            words: vec![name.into()],
            limit: DEFAULT_LIMIT,
            input: None,
            output: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I>(mut self, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        self.words.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets how long it may run.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Reads standard input from a file instead of nothing.
    #[must_use]
    pub fn input(mut self, file: &Path) -> Self {
        self.input = Some(file.to_owned());
        self
    }

    /// Writes standard output to a new file instead of memory.
    #[must_use]
    pub fn output_to(mut self, file: &Path) -> Self {
        self.output = Some(file.to_owned());
        self
    }

    /// The program and its arguments, to be given to another program.
    pub fn words(&self) -> impl Iterator<Item = &OsStr> {
        self.words.iter().map(OsString::as_os_str)
    }

    /// The command line as a person would type it, without quoting.
    pub fn line(&self) -> String {
        let words: Vec<_> = self
            .words
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        words.join(" ")
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    ///
    /// When it cannot be started or followed, or exceeds its limit.
    pub fn run(&self) -> Result<Output, ProgramError> {
        let mut command = self.command();
        command.stdin(match &self.input {
            Some(path) => File::open(path).map_err(|e| self.start(e))?.into(),
            None => Stdio::null(),
        });
        command.stdout(match &self.output {
            Some(path) => File::create(path).map_err(|e| self.start(e))?.into(),
            None => Stdio::piped(),
        });
        command.stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| self.start(e))?;
        let stdout = child.stdout.take().map(Reader::start);
        let stderr = child.stderr.take().map(Reader::start);
        match self.wait_or(&mut child, || false)? {
            Ended::ByItself(status) => Ok(Output {
                status,
                stdout: stdout.map(Reader::all).unwrap_or_default(),
                stderr: stderr.map(Reader::all).unwrap_or_default(),
            }),
            Ended::Enough | Ended::AtLimit => Err(ProgramError::TimeLimit {
                command: self.line(),
                seconds: self.limit.as_secs(),
                quoted: quote(
                    &stdout.map(|reader| reader.sofar()).unwrap_or_default(),
                    &stderr.map(|reader| reader.sofar()).unwrap_or_default(),
                ),
            }),
        }
    }

    /// Runs it and returns its standard output without white space around it.
    ///
    /// # Errors
    ///
    /// As [`Program::run`], and when it does not end with success.
    pub fn text(&self) -> Result<String, ProgramError> {
        Ok(self.output()?.stdout.trim().to_owned())
    }

    /// Runs it and returns all that it said.
    ///
    /// # Errors
    ///
    /// As [`Program::text`].
    pub fn output(&self) -> Result<Output, ProgramError> {
        let output = self.run()?;
        if !output.status.success() {
            return Err(ProgramError::Failed {
                command: self.line(),
                status: output.status,
                quoted: quote(&output.stdout, &output.stderr),
            });
        }
        Ok(output)
    }

    /// Runs it for its effect.
    ///
    /// # Errors
    ///
    /// As [`Program::text`].
    pub fn done(&self) -> Result<(), ProgramError> {
        self.text().map(drop)
    }

    /// Tells whether it runs and ends with success.
    pub fn succeeds(&self) -> bool {
        self.run().is_ok_and(|output| output.status.success())
    }

    /// Runs it until the lines that it has said on standard error are enough, ends it then, and returns them; all of them
    /// where it ended by itself.
    ///
    /// # Errors
    ///
    /// As [`Program::run`].
    pub fn until(&self, mut enough: impl FnMut(&str) -> bool) -> Result<String, ProgramError> {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| self.start(e))?;
        let stderr = child.stderr.take().map(Reader::start);
        let mut lines = String::new();
        let ended = self.wait_or(&mut child, || {
            lines = stderr.as_ref().map(Reader::sofar).unwrap_or_default();
            // The last one may not be whole yet.
            lines.truncate(lines.rfind('\n').map_or(0, |end| end + 1));
            enough(&lines)
        })?;
        match ended {
            Ended::Enough => Ok(lines),
            Ended::ByItself(_) => Ok(stderr.map(Reader::all).unwrap_or_default()),
            Ended::AtLimit => Err(ProgramError::TimeLimit {
                command: self.line(),
                seconds: self.limit.as_secs(),
                quoted: quote("", &lines),
            }),
        }
    }

    /// Runs it on this process's own terminal, without a limit.
    ///
    /// # Errors
    ///
    /// When it cannot be started or followed.
    pub fn interactive(&self) -> Result<ExitStatus, ProgramError> {
        self.command().status().map_err(|e| self.start(e))
    }

    /// Starts it as a daemon of a session of its own, its output added to a file.
    ///
    /// # Errors
    ///
    /// When it cannot be started or the file cannot be opened.
    pub fn daemon(&self, log: &Path) -> Result<(), ProgramError> {
        let open = || File::options().create(true).append(true).open(log);
        let output = open().map_err(|e| self.start(e))?;
        let errors = open().map_err(|e| self.start(e))?;
        let mut command = Command::new("setsid");
        command.args(["--fork"]).args(&self.words);
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let mut child = command.spawn().map_err(|e| self.start(e))?;
        child.wait().map(drop).map_err(|e| self.follow(e))
    }

    fn command(&self) -> Command {
        let mut words = self.words.iter();
        let mut command = Command::new(words.next().map_or(OsStr::new(""), |w| w));
        command.args(words);
        command
    }

    /// Waits for the end; ends it when there is enough, and at the limit.
    fn wait_or(
        &self,
        child: &mut Child,
        mut enough: impl FnMut() -> bool,
    ) -> Result<Ended, ProgramError> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(status) = child.try_wait().map_err(|e| self.follow(e))? {
                return Ok(Ended::ByItself(status));
            }
            let ended = if enough() {
                Some(Ended::Enough)
            } else {
                (begun.elapsed() > self.limit).then_some(Ended::AtLimit)
            };
            if let Some(ended) = ended {
                child.kill().map_err(|e| self.follow(e))?;
                child.wait().map_err(|e| self.follow(e))?;
                return Ok(ended);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn start(&self, source: std::io::Error) -> ProgramError {
        ProgramError::Start {
            command: self.line(),
            source,
        }
    }

    fn follow(&self, source: std::io::Error) -> ProgramError {
        ProgramError::Follow {
            command: self.line(),
            source,
        }
    }
}

/// Why a program does not run any more.
#[derive(Debug)]
enum Ended {
    ByItself(ExitStatus),
    /// It had said enough.
    Enough,
    AtLimit,
}

/// Drains a pipe while the program runs, so that it never waits for us.
#[derive(Debug)]
struct Reader {
    thread: JoinHandle<()>,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Reader {
    fn start(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            // What was read before an error is still worth showing.
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                let new = chunk.get(..length).unwrap_or_default();
                shared
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(new);
            }
        });
        Self { thread, bytes }
    }

    /// Everything, once the pipe has ended.
    fn all(self) -> String {
        let Self { thread, bytes } = self;
        let _ = thread.join();
        text_of(&bytes)
    }

    /// What has come until now: a child of an ended program may hold the pipe for long.
    fn sofar(&self) -> String {
        text_of(&self.bytes)
    }
}

fn text_of(bytes: &Mutex<Vec<u8>>) -> String {
    let bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The last lines of both streams, each indented on a line of its own.
fn quote(stdout: &str, stderr: &str) -> String {
    let lines: Vec<&str> = stdout
        .lines()
        .chain(stderr.lines())
        .filter(|line| !line.trim().is_empty())
        .collect();
    let skipped = lines.len().saturating_sub(QUOTED_LINES);
    lines
        .iter()
        .skip(skipped)
        .map(|line| format!("\n    {line}"))
        .collect()
}

/// Writes a file that only its owner can read.
///
/// # Errors
///
/// What the system said.
pub fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_trimmed_standard_output() {
        assert_eq!(Program::new("echo").args(["a b"]).text().unwrap(), "a b");
    }

    #[test]
    fn failure_quotes_the_end_of_the_output() {
        let error = Program::new("sh")
            .args(["-c", "echo broken >&2; exit 3"])
            .text()
            .unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("exit status: 3"), "{shown}");
        assert!(shown.ends_with("\n    broken"), "{shown}");
    }

    #[test]
    fn a_program_over_its_limit_is_ended() {
        let begun = Instant::now();
        let sleeper = Program::new("sleep")
            .args(["30"])
            .limit(Duration::from_millis(50));
        assert!(matches!(sleeper.run(), Err(ProgramError::TimeLimit { .. })));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_program_that_has_said_enough_is_ended() {
        let begun = Instant::now();
        let program = Program::new("sh").args(["-c", "echo one >&2; echo two >&2; exec sleep 30"]);
        let said = program.until(|said| said.contains("two\n")).unwrap();
        assert_eq!(said, "one\ntwo\n");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_program_that_never_says_enough_is_ended_at_its_limit() {
        let program = Program::new("sh").args(["-c", "echo one >&2; exec sleep 30"]);
        let limited = program.limit(Duration::from_secs(2));
        let error = limited.until(|said| said.contains("two")).unwrap_err();
        assert!(error.to_string().ends_with("\n    one"), "{error}");
    }

    #[test]
    fn a_program_that_ends_by_itself_has_said_all_it_will() {
        let program = Program::new("sh").args(["-c", "printf one >&2"]);
        assert_eq!(program.until(|_| false).unwrap(), "one");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Program::new("regmig-no-such-program").text().unwrap_err();
        assert_eq!(error.to_string(), "cannot start `regmig-no-such-program`");
    }

    #[test]
    fn input_and_output_can_be_files() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, "abc").unwrap();
        Program::new("cat")
            .input(&from)
            .output_to(&to)
            .done()
            .unwrap();
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "abc");
    }
}
