//! What can be wrong with a Redis server, in words that say what to do.

use std::time::Duration;

use redis::RedisError;
use regmig_core::port::PortError;
use regmig_core::position::Lack;

/// Why Redis did not do what it was asked; the cause behind every [`PortError`] of this crate.
///
/// Nothing that was sent is repeated here, since a password may be among it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The password was refused.
    #[error("Redis refuses the password; set the one that its `requirepass` or ACL names")]
    WrongPassword,
    /// A password is needed and none was given.
    #[error(
        "Redis wants a password and none is configured; set the one that its `requirepass` names"
    )]
    PasswordNeeded,
    /// A password was given to a server that has none.
    #[error(
        "a password is configured, but this Redis has none; remove it from the configuration, or set `requirepass` in redis.conf"
    )]
    NoPasswordSet,
    /// The user that this connection has may not do it.
    #[error(
        "this Redis user may not: {words}; grant the command and all keys (`ACL SETUSER … +@all ~*`)"
    )]
    NoPermission {
        /// The server's words.
        words: String,
    },
    /// The server knows no such command, or knows it by another name.
    #[error(
        "this Redis does not know the command {command}: it is too old for it, or redis.conf renames it (`rename-command`)"
    )]
    UnknownCommand {
        /// The command, without its arguments.
        command: String,
    },
    /// The server still reads its data from disk.
    #[error(
        "Redis is still loading its data from disk; ask again when `INFO persistence` says loading:0"
    )]
    Loading,
    /// The server is a read-only replica.
    #[error(
        "this Redis is a read-only replica and takes no writes; write to its primary, or promote it first"
    )]
    ReadOnly,
    /// The server is a replica that has lost its primary and does not serve old data.
    #[error(
        "this replica has no link to its primary and `replica-serve-stale-data no` keeps it from answering; restore the link"
    )]
    PrimaryDown,
    /// A script blocks the server.
    #[error("a script runs on this Redis and blocks it; wait for its end")]
    Busy,
    /// The server takes no writes because its last save failed.
    #[error(
        "Redis takes no writes because it could not save: {words}; look at its log and its disk"
    )]
    CannotSave {
        /// The server's words.
        words: String,
    },
    /// The server is at its `maxmemory`.
    #[error("Redis is at its `maxmemory` and takes no more; raise the limit or free memory")]
    OutOfMemory,
    /// The server said no in a way that has no kind of its own.
    #[error("Redis says: {words}")]
    Other {
        /// The server's words.
        words: String,
    },
    /// No answer came within the time limit.
    #[error("no answer within {:.1} s", limit.as_secs_f64())]
    NoAnswer {
        /// The time limit.
        limit: Duration,
    },
    /// The connection broke before the answer came.
    #[error("the connection broke: {words}")]
    ConnectionLost {
        /// How it was noticed.
        words: String,
    },
    /// What came is no answer, or only a part of one.
    #[error(
        "what came cannot be read as an answer of Redis ({words}); was the connection cut, or is it another service that listens there?"
    )]
    Unreadable {
        /// The library's words.
        words: String,
    },
    /// The answer was not of the kind that was expected.
    #[error("the answer was {found} where {expected} was expected")]
    Unexpected {
        /// What came.
        found: String,
        /// What should have come.
        expected: String,
    },
    /// The server is too old for what was asked.
    #[error("this is Redis {found}, and {feature} needs {needed} or newer")]
    TooOld {
        /// What was wanted.
        feature: &'static str,
        /// The version that has it.
        needed: &'static str,
        /// The version found.
        found: String,
    },
    /// A transaction was carried out and some of its commands failed.
    #[error("only a part of the transaction took place: {words}")]
    InPart {
        /// The server's words about the first command that failed.
        words: String,
    },
    /// The server was restarted while it was being read.
    #[error(
        "Redis was restarted while it was being read (run id {before}, now {after}); start again"
    )]
    Restarted {
        /// The run id at the beginning.
        before: String,
        /// The run id now.
        after: String,
    },
    /// A key by which something is decided says something else.
    #[error("the key {key} says `{found}`, not `{expected}`")]
    Says {
        /// The key.
        key: String,
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
    /// The server is no replica.
    #[error("this Redis is no replica; find out what has restarted or promoted it")]
    NoReplica,
    /// A replica has not got in time to where it should be.
    #[error("this replica is {lack} after {limit:?}; look at its link")]
    Behind {
        /// What it lacks.
        lack: Lack,
        /// How long it was waited for.
        limit: Duration,
    },
    /// A key changed while it was being read in pieces.
    #[error("the key {key} changes while it is read; stop what writes to it")]
    Changing {
        /// The key.
        key: String,
    },
    /// The save did not end within the time limit.
    #[error("the save has not ended within {:.0} s and goes on; wait longer", limit.as_secs_f64())]
    SaveTooSlow {
        /// The time limit.
        limit: Duration,
    },
    /// The save that was waited for failed.
    #[error(
        "the background save failed (rdb_last_bgsave_status:{status}); look at the log of Redis and at its disk"
    )]
    SaveFailed {
        /// The status that the server reports.
        status: String,
    },
}

impl Fault {
    /// Reads the library's error. `command` is the name of what was sent, without arguments.
    pub(crate) fn read(error: &RedisError, command: &str) -> Self {
        let errors = error.clone().into_server_errors();
        let Some((_, first)) = errors.as_ref().and_then(|errors| errors.first()) else {
            return Self::not_of_the_server(error);
        };
        let (code, detail) = (first.code(), first.details().unwrap_or_default());
        let words = without_arguments(code, detail);
        match code {
            "WRONGPASS" => Self::WrongPassword,
            "NOAUTH" => Self::PasswordNeeded,
            "NOPERM" => Self::NoPermission { words },
            "LOADING" => Self::Loading,
            "READONLY" => Self::ReadOnly,
            "MASTERDOWN" => Self::PrimaryDown,
            "BUSY" => Self::Busy,
            "MISCONF" => Self::CannotSave { words },
            "OOM" => Self::OutOfMemory,
            "ERR" if detail.contains("without any password configured") => Self::NoPasswordSet,
            "ERR" if detail.contains("Client sent AUTH, but no password is set") => {
                Self::NoPasswordSet
            }
            "ERR" if detail.contains("invalid password") => Self::WrongPassword,
            "ERR" if detail.starts_with("unknown command") => Self::UnknownCommand {
                command: command.to_owned(),
            },
            _ => Self::nested(detail).unwrap_or(Self::Other { words }),
        }
    }

    /// Finds the refusal of a command inside a script, where the code is part of the text.
    fn nested(detail: &str) -> Option<Self> {
        // Redis 6 and 7.0; 7.2 and later.
        let acl = [
            "The user executing the script can't",
            "ACL failure in script",
        ];
        if acl.iter().any(|words| detail.contains(words)) {
            return Some(Self::NoPermission {
                words: without_arguments("", detail),
            });
        }
        if detail.contains("-LOADING ") {
            return Some(Self::Loading);
        }
        if detail.contains("-MASTERDOWN ") {
            return Some(Self::PrimaryDown);
        }
        if detail.contains("Unknown Redis command called from script") {
            return Some(Self::UnknownCommand {
                command: "called by the digest script".to_owned(),
            });
        }
        None
    }

    /// Everything that the server did not say means that the connection cannot be trusted any more: an
    /// answer that is cut off reads like one that is not of Redis.
    fn not_of_the_server(error: &RedisError) -> Self {
        let words = error.to_string().lines().collect::<Vec<_>>().join(" ");
        if error.is_io_error() {
            Self::ConnectionLost { words }
        } else {
            Self::Unreadable { words }
        }
    }

    /// Whether the connection that gave this must not be used again.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(
            self,
            Self::ConnectionLost { .. } | Self::Unreadable { .. } | Self::NoAnswer { .. }
        )
    }
}

/// The server's words, cut before it repeats arguments, which may be secret.
fn without_arguments(code: &str, detail: &str) -> String {
    let kept = detail
        .split(", with args beginning with")
        .next()
        .unwrap_or_default()
        .trim();
    if code.is_empty() {
        kept.to_owned()
    } else {
        format!("{code} {kept}")
    }
}

/// The [`Fault`] behind an error of this crate, if it has one.
#[must_use]
pub fn fault_of(error: &PortError) -> Option<&Fault> {
    std::error::Error::source(error)?.downcast_ref()
}
