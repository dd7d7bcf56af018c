//! The script that reads keys on the server, and how it is called.

use redis::Cmd;

use crate::digest::glob::lua_pattern;
use crate::digest::{DigestOptions, Expiry, Pace};
use crate::info::Info;

const SCRIPT: &str = include_str!("digest.lua");

/// One call of the script.
pub(crate) struct Call {
    pub(crate) mode: &'static str,
    pub(crate) command: Cmd,
}

/// Builds calls of the script for one server.
pub(crate) struct Script {
    /// `EVAL_RO` goes on while writes are paused; before Redis 7 there is only `EVAL`.
    command: &'static str,
    expiry: &'static str,
    field_expiry: bool,
    pace: Pace,
    excluded: Vec<Vec<u8>>,
}

/// The marks that one call is about, by their first four digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) low: u16,
    pub(crate) high: u16,
}

impl Slice {
    /// All marks.
    pub(crate) const WHOLE: Self = Self {
        low: 0,
        high: u16::MAX,
    };

    /// All marks in `count` slices of about the same size, in order.
    pub(crate) fn cut(count: u64) -> Vec<Self> {
        let count = count.clamp(1, 1 << 16);
        let bound = |index: u64| u32::try_from((index << 16) / count).unwrap_or(1 << 16);
        let ends = (0..count).map(|index| (bound(index), bound(index + 1)));
        ends.filter_map(|(low, end)| {
            Some(Self {
                low: low.try_into().ok()?,
                high: (end - 1).try_into().ok()?,
            })
        })
        .collect()
    }
}

impl Script {
    /// Chooses what this server can do.
    pub(crate) fn new(info: &Info, options: &DigestOptions) -> Self {
        let modern = info.version.has_read_only_scripts();
        Self {
            command: if modern { "EVAL_RO" } else { "EVAL" },
            expiry: match options.expiry {
                Expiry::Ignored => "none",
                Expiry::Exact if modern => "abs",
                Expiry::Exact => "derive",
            },
            field_expiry: info.flavour.has_field_expiry(info.version),
            pace: options.pace,
            excluded: options
                .excluded
                .iter()
                .map(|glob| lua_pattern(glob))
                .collect(),
        }
    }

    /// The name of the command, for errors.
    pub(crate) fn what(&self) -> &'static str {
        if self.command == "EVAL_RO" {
            "EVAL_RO (digest)"
        } else {
            "EVAL (digest)"
        }
    }

    /// A call for one batch of `SCAN`.
    pub(crate) fn scan(&self, database: u32, slice: &Slice, cursor: u64, count: u32) -> Call {
        let mut call = self.call("scan", database, slice);
        call.command.arg(cursor).arg(count);
        call
    }

    /// A call for keys by name.
    pub(crate) fn keys(&self, database: u32, keys: &[Vec<u8>]) -> Call {
        let mut call = self.call("keys", database, &Slice::WHOLE);
        call.command.arg(keys);
        call
    }

    /// A call for one piece of a large key.
    pub(crate) fn piece(&self, database: u32, key: &[u8], cursor: &str) -> Call {
        let mut call = self.call("piece", database, &Slice::WHOLE);
        call.command.arg(key).arg(cursor);
        call
    }

    /// A call that turns the sum of all pieces into an item.
    pub(crate) fn finish(&self, database: u32, key: &[u8], kind: &str, sum: [u64; 3]) -> Call {
        let mut call = self.call("finish", database, &Slice::WHOLE);
        call.command.arg(key).arg(kind).arg(&sum);
        call
    }

    fn call(&self, mode: &'static str, database: u32, slice: &Slice) -> Call {
        let mut command = redis::cmd(self.command);
        command.arg(SCRIPT).arg(0);
        command
            .arg(mode)
            .arg(database)
            .arg(self.expiry)
            .arg(u8::from(self.field_expiry))
            .arg(self.pace.work());
        command
            .arg(format!("{:04x}", slice.low))
            .arg(format!("{:04x}", slice.high));
        command.arg(self.excluded.len()).arg(&self.excluded);
        Call { mode, command }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_every_mark_once() {
        for count in [1, 2, 3, 7, 1000, 65_536, 100_000] {
            let slices = Slice::cut(count);
            assert_eq!(slices.first().unwrap().low, 0);
            assert_eq!(slices.last().unwrap().high, u16::MAX);
            for pair in slices.windows(2) {
                assert_eq!(
                    u32::from(pair[0].high) + 1,
                    u32::from(pair[1].low),
                    "{count} slices"
                );
            }
        }
    }
}
