//! A Redis process: its data set in memory, its append-only file, and replication.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use regmig_core::position::Position;

use super::files::{Content, Data, Op};

/// How long a written command takes to reach a replica, milliseconds.
const LAG_MS: i64 = 35;
/// How long a full resync takes, milliseconds.
const RESYNC_MS: i64 = 150;
/// How much one command moves the replication offset, bytes.
const OP_BYTES: i64 = 40;
/// And a `PING`.
const PING_BYTES: i64 = 14;
/// The setting of how often one is sent.
pub(crate) const PING_PERIOD: &str = "repl-ping-replica-period";

/// A command in the replication backlog.
#[derive(Debug, Clone)]
struct Sent {
    /// The offset before it.
    from: i64,
    /// The one after it.
    upto: i64,
    at_ms: i64,
    /// Nothing for a `PING`.
    op: Option<Op>,
}

/// A replica's link to its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not connected.
    Down,
    /// A full resync is under way, until then.
    Syncing(i64),
    /// Commands flow.
    Up,
}

/// A running Redis.
#[derive(Debug, Clone)]
pub(crate) struct Redis {
    pub(crate) data: Arc<Data>,
    pub(crate) loading_until: i64,
    pub(crate) primary: Option<(String, u16)>,
    pub(crate) link: Link,
    pub(crate) read_only: bool,
    pub(crate) paused_until: i64,
    /// How often it sends its replicas a `PING`, seconds; a pause does not hold that back.
    pub(crate) ping_s: i64,
    /// When it last did.
    pub(crate) pinged_ms: i64,
    pub(crate) offset: i64,
    /// Which history the offset counts in; stands for the replication id.
    pub(crate) history: u64,
    /// The history before, and how far it counts: whoever followed that one can go on with this.
    previous: Option<(u64, i64)>,
    backlog: Arc<Vec<Sent>>,
    /// How often somebody has listed all its keys.
    pub(crate) listings: u64,
    /// And how often of these while clients were let in, who had to wait meanwhile.
    pub(crate) listings_amid_clients: u64,
    /// The append-only file it holds open; nothing once that was deleted beneath it.
    pub(crate) log: Option<Arc<str>>,
}

impl Redis {
    pub(crate) fn new(data: Arc<Data>, log: Arc<str>, loading_until: i64, history: u64) -> Self {
        Self {
            data,
            loading_until,
            primary: None,
            link: Link::Down,
            read_only: true,
            paused_until: 0,
            ping_s: 10,
            pinged_ms: loading_until,
            offset: 0,
            history,
            previous: None,
            backlog: Arc::default(),
            listings: 0,
            listings_amid_clients: 0,
            log: Some(log),
        }
    }

    pub(crate) fn position(&self) -> Position {
        Position {
            history: self.history.to_string(),
            offset: self.offset,
        }
    }

    /// Whether a client's write is taken now.
    pub(crate) fn takes_writes(&self, now: i64) -> bool {
        self.loading_until <= now
            && self.paused_until <= now
            && (self.primary.is_none() || !self.read_only)
    }

    /// Applies a command; as a primary, replicas are told.
    pub(crate) fn apply(&mut self, op: &Op, now: i64) {
        if self.primary.is_none() {
            self.count(Some(op), now);
        }
        op.apply(Arc::make_mut(&mut self.data));
    }

    /// A primary with a replica sends it a `PING` when that is due.
    pub(crate) fn ping(&mut self, now: i64) {
        let (since, period) = (now - self.pinged_ms, self.ping_s * 1000);
        if self.primary.is_none() && since >= period {
            self.pinged_ms = now - since % period;
            self.count(None, now);
        }
    }

    /// A command of this history, whoever began it.
    fn count(&mut self, op: Option<&Op>, now: i64) {
        let from = self.offset;
        self.offset += op.map_or(PING_BYTES, |_| OP_BYTES);
        Arc::make_mut(&mut self.backlog).push(Sent {
            from,
            upto: self.offset,
            at_ms: now,
            op: op.cloned(),
        });
    }

    /// Starts to follow a primary, or no one.
    pub(crate) fn follow(&mut self, primary: Option<(String, u16)>, new_history: u64) {
        if self.primary == primary {
            return;
        }
        if primary.is_none() {
            self.previous = Some((self.history, self.offset));
            self.history = new_history;
        }
        self.link = Link::Down;
        self.primary = primary;
    }

    /// What this replica does now about its primary, where that can be reached: commands to take over, or everything.
    pub(crate) fn replicate(
        &mut self,
        primary: Option<&Self>,
        has_room: bool,
        now: i64,
    ) -> Replicated {
        let Some(primary) = primary.filter(|primary| primary.loading_until <= now) else {
            self.link = Link::Down;
            return Replicated::Nothing;
        };
        if self.link == Link::Up && self.history != primary.history {
            // It ended and was started again: the connection went with it.
            self.link = Link::Down;
        }
        match self.link {
            Link::Down => {
                self.link = if self.can_go_on(primary) {
                    if self.history != primary.history {
                        self.previous = Some((self.history, self.offset));
                        self.history = primary.history;
                    }
                    Link::Up
                } else {
                    Link::Syncing(now + RESYNC_MS)
                };
                Replicated::Nothing
            }
            Link::Syncing(until) if until > now => Replicated::Nothing,
            // What came cannot be written down.
            Link::Syncing(_) if !has_room => {
                self.link = Link::Syncing(now + RESYNC_MS);
                Replicated::Nothing
            }
            Link::Syncing(_) => {
                self.link = Link::Up;
                self.data = Arc::clone(&primary.data);
                self.offset = primary.offset;
                self.history = primary.history;
                self.previous = None;
                self.backlog = Arc::default();
                Replicated::Everything
            }
            // A pause on a replica also holds what its primary sends.
            Link::Up if self.paused_until > now => Replicated::Nothing,
            Link::Up if self.offset == primary.offset => Replicated::Nothing,
            Link::Up => {
                let due: Vec<Option<Op>> = primary
                    .backlog
                    .iter()
                    .filter(|sent| sent.upto > self.offset && sent.at_ms + LAG_MS <= now)
                    .map(|sent| sent.op.clone())
                    .collect();
                for op in &due {
                    self.count(op.as_ref(), now);
                }
                let ops: Vec<Op> = due.into_iter().flatten().collect();
                for op in &ops {
                    op.apply(Arc::make_mut(&mut self.data));
                }
                Replicated::Some(ops)
            }
        }
    }

    /// Whether what this replica lacks is all that its primary has to send.
    fn can_go_on(&self, primary: &Self) -> bool {
        let same = self.history == primary.history && self.offset <= primary.offset;
        let before = |(history, until)| self.history == history && self.offset <= until;
        let kept = match primary.backlog.first() {
            Some(first) => first.from,
            None => primary.offset,
        };
        (same || primary.previous.is_some_and(before)) && self.offset >= kept
    }

    /// Whether it last went on from where its primary was promoted, and has not had to take everything anew.
    #[cfg(test)]
    pub(crate) fn went_on(&self) -> bool {
        self.previous.is_some()
    }

    /// An order-independent digest of the data set without some keys.
    pub(crate) fn digest(&self, excluded: &[String]) -> (u64, u64, String) {
        let (mut keys, mut left_out, mut sum) = (0, 0, 0u64);
        for (key, value) in &*self.data {
            if excluded.iter().any(|name| **name == **key) {
                left_out += 1;
                continue;
            }
            let mut hasher = DefaultHasher::new();
            (key, value).hash(&mut hasher);
            sum = sum.wrapping_add(hasher.finish());
            keys += 1;
        }
        (keys, left_out, format!("{sum:016x}"))
    }
}

/// What a replica took from its primary.
pub(crate) enum Replicated {
    /// Nothing.
    Nothing,
    /// These commands.
    Some(Vec<Op>),
    /// The whole data set, in place of its own.
    Everything,
}

/// The data set that an append-only file holds.
pub(crate) fn load(content: Option<&Content>) -> Arc<Data> {
    match content {
        Some(Content::Log(log)) => log.load(),
        _ => Arc::default(),
    }
}

/// The shortest append-only file that holds a data set.
pub(crate) fn rewritten(data: &Data) -> Content {
    let op = |(key, value): (&Arc<str>, &Arc<str>)| Op {
        key: key.clone(),
        value: Some(value.clone()),
    };
    Content::Log(Arc::new(data.iter().map(op).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(history: u64) -> Redis {
        Redis::new(Arc::default(), "log".into(), 0, history)
    }

    fn write(redis: &mut Redis, key: &str, now: i64) {
        let op = Op {
            key: key.into(),
            value: Some("value".into()),
        };
        redis.apply(&op, now);
    }

    fn primary() -> Option<(String, u16)> {
        Some(("tunnel".to_owned(), 1))
    }

    /// Follows until there is nothing more to take; how often everything was taken anew.
    fn catch_up(replica: &mut Redis, primary: &Redis, now: i64) -> u32 {
        let mut anew = 0;
        for later in 0..50 {
            let taken = replica.replicate(Some(primary), true, now + later * 50);
            anew += u32::from(matches!(taken, Replicated::Everything));
        }
        assert_eq!((replica.link, replica.offset), (Link::Up, primary.offset));
        anew
    }

    #[test]
    fn a_former_primary_goes_on_where_its_replica_was_promoted() {
        let (mut source, mut dest) = (redis(1), redis(2));
        write(&mut source, "a", 0);
        dest.follow(primary(), 0);
        assert_eq!(catch_up(&mut dest, &source, 100), 1);
        write(&mut source, "b", 5_000);
        // A replica's own key, which no replica of it hears of.
        write(&mut dest, "own", 5_000);
        assert_eq!(catch_up(&mut dest, &source, 6_000), 0);
        dest.follow(None, 3);
        source.follow(primary(), 0);
        write(&mut dest, "c", 10_000);
        assert_eq!(catch_up(&mut source, &dest, 11_000), 0);
        let keys: Vec<&str> = source.data.keys().map(|key| &**key).collect();
        assert_eq!(keys, ["a", "b", "c"]);
    }

    #[test]
    fn a_former_primary_with_writes_of_its_own_takes_everything_anew() {
        let (mut source, mut dest) = (redis(1), redis(2));
        dest.follow(primary(), 0);
        catch_up(&mut dest, &source, 0);
        dest.follow(None, 3);
        write(&mut source, "late", 5_000);
        write(&mut dest, "own", 5_000);
        source.follow(primary(), 0);
        assert_eq!(catch_up(&mut source, &dest, 6_000), 1);
        let keys: Vec<&str> = source.data.keys().map(|key| &**key).collect();
        assert_eq!(keys, ["own"]);
    }
}
