//! Walks a server and collects the items of one slice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use redis::Cmd;
use regmig_core::port::PortError;

use crate::client::Redis;
use crate::digest::item::{ITEM_DIGITS, Item};
use crate::digest::kept::Part;
use crate::digest::script::{Call, Script, Slice};
use crate::digest::{DigestOptions, DigestProgress, Pace, pieces};
use crate::fault::Fault;
use crate::reader::Reader;

/// An answer may take so much longer than the quickest so far before its server is left alone: a client waits as long for one
/// of these calls in any case. Two servers on one host slow each other down by less.
const ALLOWANCE: Duration = Duration::from_millis(3);

/// A server is left alone for no longer than this at a time.
const LONGEST_REST: Duration = Duration::from_millis(20);

/// How long a server is left alone after each answer to calls of one kind, where its clients come first.
///
/// For as long as the answer took longer than the quickest so far and the allowance: that is the time in which others were served,
/// here, on the way or on the machine. The congestion control of LEDBAT (RFC 6817) takes what is left over in the same way; the
/// allowance is its target.
#[derive(Debug, Default)]
struct Rest {
    quickest: Option<Duration>,
}

impl Rest {
    fn after(&mut self, took: Duration) -> Duration {
        let quickest = self.quickest.map_or(took, |quickest| quickest.min(took));
        self.quickest = Some(quickest);
        took.saturating_sub(quickest + ALLOWANCE).min(LONGEST_REST)
    }
}

/// How many names one call asks for.
const NAMES: u32 = 1000;

/// Keys by name, as Redis has them.
pub(crate) type Keys = Vec<Vec<u8>>;

/// Reads one server for a digest.
pub(crate) struct Collector {
    redis: Redis,
    reader: Reader,
    script: Script,
    databases: Vec<u32>,
    keys: u64,
    pace: Pace,
    rests: BTreeMap<&'static str, Rest>,
    progress: DigestProgress,
}

impl Collector {
    /// Looks at what there is to read.
    pub(crate) async fn start(redis: &Redis, options: &DigestOptions) -> Result<Self, PortError> {
        let mut reader = Reader::new(redis);
        let info = reader.info().await?;
        Ok(Self {
            redis: redis.clone(),
            reader,
            script: Script::new(&info, options),
            databases: info.keyspace.keys().copied().collect(),
            keys: info.keys(),
            pace: options.pace,
            rests: BTreeMap::new(),
            progress: DigestProgress {
                done: 0,
                total: info.keys(),
            },
        })
    }

    /// The number of keys that the server counted at the start.
    pub(crate) fn keys(&self) -> u64 {
        self.keys
    }

    /// The run of the server: what a cursor means ends with it.
    pub(crate) fn run_id(&self) -> &str {
        self.reader.run_id()
    }

    /// Slices of at most about `most` keys each.
    pub(crate) fn slices(&mut self, most: u64) -> Vec<Slice> {
        let slices = Slice::cut(self.keys.div_ceil(most.max(1)));
        self.expect_passes(slices.len());
        slices
    }

    /// Tells how often everything will be walked, for the progress.
    pub(crate) fn expect_passes(&mut self, passes: usize) {
        let passes = u64::try_from(passes).unwrap_or(u64::MAX);
        self.progress.total = self.keys.saturating_mul(passes);
    }

    /// Counts slices as read that were compared before.
    pub(crate) fn pass_over(&mut self, slices: usize) {
        let slices = u64::try_from(slices).unwrap_or(u64::MAX);
        self.progress.done = self.keys.saturating_mul(slices);
    }

    /// The items of one slice, sorted, each once.
    pub(crate) async fn items(
        &mut self,
        slice: &Slice,
        part: &Part<'_>,
        progress: &mut (dyn FnMut(DigestProgress) + Send),
    ) -> Result<Vec<Item>, PortError> {
        let share = u64::from(slice.high - slice.low) + 1;
        let expected = (self.keys.saturating_mul(share) >> 16).saturating_add(self.keys >> 8);
        let mut items = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        let mut seen = 0;
        let batch = self.pace.keys();
        let mut cursors = BTreeMap::new();
        for answer in part.answers() {
            items.extend(&answer.items);
            cursors.insert(answer.database, answer.next);
            seen += u64::from(batch);
            self.progress.done += u64::from(batch);
        }
        for database in self.databases.clone() {
            self.reader.select(database);
            let mut cursor = match cursors.get(&database) {
                Some(0) => continue,
                Some(next) => *next,
                None => 0,
            };
            loop {
                let before = items.len();
                let call = self.script.scan(database, slice, cursor, batch);
                let (next, digits, later, big): (u64, String, Keys, Keys) = self.ask(&call).await?;
                self.read_items(&digits, &mut items)?;
                self.read_later(database, later, &mut items).await?;
                self.read_big(database, big, &mut items).await?;
                part.keep(database, next, items.get(before..).unwrap_or_default());
                seen += u64::from(batch);
                self.progress.done += u64::from(batch);
                progress(self.capped(seen));
                if next == 0 {
                    break;
                }
                cursor = next;
            }
        }
        self.progress.done = self.progress.done - seen + self.keys;
        progress(self.capped(self.keys));
        items.sort_unstable();
        items.dedup();
        Ok(items)
    }

    /// The items of keys by name, sorted; absent keys have none.
    pub(crate) async fn named(
        &mut self,
        database: u32,
        keys: Keys,
    ) -> Result<Vec<Item>, PortError> {
        self.reader.select(database);
        let mut items = Vec::new();
        self.read_later(database, keys, &mut items).await?;
        items.sort_unstable();
        Ok(items)
    }

    /// The names of some keys, and the cursor of the next ones; 0 after the last.
    pub(crate) async fn names(
        &mut self,
        database: u32,
        cursor: u64,
    ) -> Result<(u64, Keys), PortError> {
        self.reader.select(database);
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("COUNT").arg(NAMES);
        self.put("names", &command, "SCAN").await
    }

    /// One call of the script on the server that is being read.
    pub(crate) async fn ask<T: redis::FromRedisValue>(
        &mut self,
        call: &Call,
    ) -> Result<T, PortError> {
        self.put(call.mode, &call.command, self.script.what()).await
    }

    async fn put<T: redis::FromRedisValue>(
        &mut self,
        kind: &'static str,
        command: &Cmd,
        what: &str,
    ) -> Result<T, PortError> {
        let asked = Instant::now();
        let answer = self.reader.ask(command, what).await?;
        if self.pace == Pace::Gentle {
            let rest = self.rests.entry(kind).or_default();
            tokio::time::sleep(rest.after(asked.elapsed())).await;
        }
        Ok(answer)
    }

    pub(crate) fn script(&self) -> &Script {
        &self.script
    }

    pub(crate) fn databases(&self) -> &[u32] {
        &self.databases
    }

    pub(crate) fn refused(&self, fault: Fault) -> PortError {
        self.redis.refused(self.script.what(), fault)
    }

    async fn read_later(
        &mut self,
        database: u32,
        mut later: Keys,
        items: &mut Vec<Item>,
    ) -> Result<(), PortError> {
        while !later.is_empty() {
            let call = self.script.keys(database, &later);
            let (digits, rest, big): (String, Keys, Keys) = self.ask(&call).await?;
            self.read_items(&digits, items)?;
            self.read_big(database, big, items).await?;
            later = rest;
        }
        Ok(())
    }

    async fn read_big(
        &mut self,
        database: u32,
        big: Keys,
        items: &mut Vec<Item>,
    ) -> Result<(), PortError> {
        for key in big {
            items.extend(pieces::read(self, database, &key).await?);
        }
        Ok(())
    }

    fn read_items(&self, digits: &str, items: &mut Vec<Item>) -> Result<(), PortError> {
        let mut rest = digits;
        while !rest.is_empty() {
            let one = rest.split_at_checked(ITEM_DIGITS);
            let Some((item, after)) = one.and_then(|(one, after)| Some((Item::read(one)?, after)))
            else {
                return Err(self.refused(Fault::Unexpected {
                    found: format!("{} digits", rest.len()),
                    expected: format!("items of {ITEM_DIGITS} hexadecimal digits"),
                }));
            };
            items.push(item);
            rest = after;
        }
        Ok(())
    }

    /// The progress, with this walk counted as no more than there are keys.
    fn capped(&self, seen: u64) -> DigestProgress {
        let over = seen.saturating_sub(self.keys);
        DigestProgress {
            done: self
                .progress
                .done
                .saturating_sub(over)
                .min(self.progress.total),
            total: self.progress.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_left_alone_for_as_long_as_it_was_others_turn() {
        let mut rest = Rest::default();
        let mut after = |ms| rest.after(Duration::from_millis(ms)).as_millis();
        assert_eq!([after(7), after(10), after(12)], [0, 0, 2]);
        assert_eq!([after(5), after(12), after(500)], [0, 4, 20]);
    }
}
