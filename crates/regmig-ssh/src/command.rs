//! What is run on a machine.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::quote::quote;

/// A command that ignores SIGTERM at its time limit gets SIGKILL this much later.
pub const KILL_AFTER: Duration = Duration::from_secs(5);

/// What is granted to a request for its way to the machine and for the start of the command.
pub const LANDING_MARGIN: Duration = Duration::from_secs(2);

/// Most of either output stream that is kept, unless a command says otherwise: 8 MiB.
const OUTPUT_LIMIT: usize = 8 << 20;

/// Most of a command line that messages repeat, in characters.
const DESCRIBED: usize = 160;

/// Whether a command runs as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sudo {
    /// As the host says.
    #[default]
    Inherit,
    /// As the user that logged in.
    Never,
}

/// A program with its arguments, input and limits.
///
/// Arguments are quoted for the remote shell by this crate. They and the environment can be
/// seen by every user of the machine: secrets go through [`stdin`](Self::stdin).
#[derive(Clone)]
pub struct Command {
    argv: Vec<String>,
    stdin: Bytes,
    env: Vec<(String, String)>,
    time_limit: Option<Duration>,
    sudo: Sudo,
    output_limit: usize,
    name: Option<String>,
    query: bool,
}

impl Command {
    /// A program without arguments.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            argv: vec![program.into()],
            stdin: Bytes::new(),
            env: Vec::new(),
            time_limit: None,
            sudo: Sudo::Inherit,
            output_limit: OUTPUT_LIMIT,
            name: None,
            query: false,
        }
    }

    /// A script for `sh`, with arguments that it finds in `$1`, `$2` and so on.
    pub fn shell<A: Into<String>>(script: &str, arguments: impl IntoIterator<Item = A>) -> Self {
        Self::new("sh")
            .arg("-c")
            .arg(script)
            .arg("regmig")
            .args(arguments)
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.argv.push(argument.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<A: Into<String>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.argv.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// What the command reads; nothing at first.
    #[must_use]
    pub fn stdin(mut self, content: impl Into<Bytes>) -> Self {
        self.stdin = content.into();
        self
    }

    /// Sets a variable of the command's environment; not for secrets.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Ends the command on the machine after this long.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Chooses whether the command runs as root.
    #[must_use]
    pub fn sudo(mut self, sudo: Sudo) -> Self {
        self.sudo = sudo;
        self
    }

    /// Most bytes of either output stream that are kept; the rest is read and dropped.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// What messages call the command in place of its command line.
    #[must_use]
    pub fn called(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says that the command changes nothing.
    ///
    /// A lost answer then means asking once more, and after that `NotSent`: the outcome
    /// of a question is never unknown.
    #[must_use]
    pub fn query(mut self) -> Self {
        self.query = true;
        self
    }

    /// Whether the command changes nothing.
    pub fn is_query(&self) -> bool {
        self.query
    }

    /// How long after it was asked for the command may still take effect, given the limit
    /// that applies where it names none.
    pub fn lands_within(&self, default_limit: Duration) -> Duration {
        self.limit(default_limit) + KILL_AFTER + LANDING_MARGIN
    }

    pub(crate) fn limit(&self, default_limit: Duration) -> Duration {
        self.time_limit.unwrap_or(default_limit)
    }

    pub(crate) fn input(&self) -> Bytes {
        self.stdin.clone()
    }

    pub(crate) fn kept_output(&self) -> usize {
        self.output_limit
    }

    pub(crate) fn uses_sudo(&self, host_sudo: bool) -> bool {
        host_sudo && self.sudo == Sudo::Inherit
    }

    /// Everything that is started on the machine, outermost program first.
    pub(crate) fn wrapped(&self, host_sudo: bool, limit: Option<Duration>) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        if self.uses_sudo(host_sudo) {
            words.extend(["env", "LC_ALL=C", "sudo", "-n", "--"].map(String::from));
        }
        if let Some(limit) = limit {
            let seconds = limit.as_secs_f64().max(0.001);
            words.extend([
                "timeout".into(),
                "-k".into(),
                KILL_AFTER.as_secs().to_string(),
                format!("{seconds:.3}"),
            ]);
        }
        words.extend(["env".into(), "LC_ALL=C".into()]);
        words.extend(
            self.env
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        words.extend(self.argv.iter().cloned());
        words
    }

    /// The same as one line for a shell.
    pub(crate) fn line(&self, host_sudo: bool, limit: Option<Duration>) -> String {
        let words: Vec<String> = self
            .wrapped(host_sudo, limit)
            .iter()
            .map(|w| quote(w))
            .collect();
        words.join(" ")
    }

    /// Whether some word holds a NUL, which no command line can carry.
    pub(crate) fn holds_nul(&self) -> bool {
        let in_env = self
            .env
            .iter()
            .any(|(name, value)| name.contains('\0') || value.contains('\0'));
        in_env || self.argv.iter().any(|word| word.contains('\0'))
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            return f.write_str(name);
        }
        let words: Vec<String> = self.argv.iter().map(|w| quote(w)).collect();
        let line = words.join(" ");
        match line.char_indices().nth(DESCRIBED) {
            Some((end, _)) => write!(f, "{}…", line.get(..end).unwrap_or_default()),
            None => f.write_str(&line),
        }
    }
}

impl fmt::Debug for Command {
    /// Without input and environment, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({self}, {} bytes of input)", self.stdin.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_and_sudo_wrap_the_command() {
        let command = Command::new("redis-cli")
            .arg("it's")
            .env("A", "b c")
            .time_limit(Duration::from_millis(1500));
        assert_eq!(
            command.line(false, Some(command.limit(Duration::ZERO))),
            r"timeout -k 5 1.500 env 'LC_ALL=C' 'A=b c' redis-cli 'it'\''s'"
        );
        assert!(
            command
                .line(true, None)
                .starts_with("env 'LC_ALL=C' sudo -n -- env ")
        );
        assert!(
            !command
                .clone()
                .sudo(Sudo::Never)
                .line(true, None)
                .contains("sudo")
        );
        assert_eq!(
            command.lands_within(Duration::ZERO),
            Duration::from_millis(8500)
        );
    }

    #[test]
    fn no_limit_of_zero_reaches_timeout_which_takes_it_for_none() {
        let command = Command::new("true").time_limit(Duration::ZERO);
        assert!(
            command
                .line(false, Some(Duration::ZERO))
                .starts_with("timeout -k 5 0.001 ")
        );
    }

    #[test]
    fn input_and_environment_are_not_described() {
        let command = Command::new("auth")
            .stdin("hunter2")
            .env("PASSWORD", "hunter3");
        let shown = format!("{command} {command:?}");
        assert!(!shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn long_lines_are_clipped_between_characters() {
        let shown = Command::new("é".repeat(400)).to_string();
        assert_eq!(shown.chars().count(), DESCRIBED + 1);
    }
}
