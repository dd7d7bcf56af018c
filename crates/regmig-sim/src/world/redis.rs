//! A Redis process: its data set in memory, its append-only file, and replication.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::files::{Content, Data, Op};

/// How long a written command takes to reach a replica, milliseconds.
const LAG_MS: i64 = 35;
/// How long a full resync takes, milliseconds.
const RESYNC_MS: i64 = 150;
/// How much one command moves the replication offset, bytes.
const OP_BYTES: i64 = 40;

/// A command in the replication backlog.
#[derive(Debug, Clone)]
struct Sent {
    offset: i64,
    at_ms: i64,
    op: Op,
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
    pub(crate) offset: i64,
    /// Which history the offset counts in; stands for the replication id.
    pub(crate) history: u64,
    backlog: Arc<Vec<Sent>>,
    /// The append-only file it holds open; nothing once that was deleted beneath it.
    pub(crate) log: Option<Arc<str>>,
}

impl Redis {
    pub(crate) fn new(data: Data, log: Arc<str>, loading_until: i64, history: u64) -> Self {
        Self {
            data: Arc::new(data),
            loading_until,
            primary: None,
            link: Link::Down,
            read_only: true,
            paused_until: 0,
            offset: 0,
            history,
            backlog: Arc::default(),
            log: Some(log),
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
            self.offset += OP_BYTES;
            Arc::make_mut(&mut self.backlog).push(Sent {
                offset: self.offset,
                at_ms: now,
                op: op.clone(),
            });
        }
        put(Arc::make_mut(&mut self.data), op);
    }

    /// Starts to follow a primary, or no one.
    pub(crate) fn follow(&mut self, primary: Option<(String, u16)>, new_history: u64) {
        if self.primary == primary {
            return;
        }
        if primary.is_none() {
            self.history = new_history;
            self.backlog = Arc::default();
        }
        self.link = Link::Down;
        self.primary = primary;
    }

    /// What this replica does now about its primary, where that can be reached: commands to take over, or everything.
    pub(crate) fn replicate(&mut self, primary: Option<&Self>, now: i64) -> Replicated {
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
                let partial = self.history == primary.history && self.offset <= primary.offset;
                self.link = if partial {
                    Link::Up
                } else {
                    Link::Syncing(now + RESYNC_MS)
                };
                Replicated::Nothing
            }
            Link::Syncing(until) if until > now => Replicated::Nothing,
            Link::Syncing(_) => {
                self.link = Link::Up;
                self.data = Arc::clone(&primary.data);
                self.offset = primary.offset;
                self.history = primary.history;
                Replicated::Everything
            }
            // A pause on a replica also holds what its primary sends.
            Link::Up if self.paused_until > now => Replicated::Nothing,
            Link::Up if self.offset == primary.offset => Replicated::Nothing,
            Link::Up => {
                let due: Vec<Op> = primary
                    .backlog
                    .iter()
                    .filter(|sent| sent.offset > self.offset && sent.at_ms + LAG_MS <= now)
                    .map(|sent| sent.op.clone())
                    .collect();
                let data = Arc::make_mut(&mut self.data);
                for op in &due {
                    put(data, op);
                    self.offset += OP_BYTES;
                }
                Replicated::Some(due)
            }
        }
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

fn put(data: &mut Data, op: &Op) {
    match &op.value {
        Some(value) => data.insert(op.key.clone(), value.clone()),
        None => data.remove(&op.key),
    };
}

/// The data set that an append-only file holds.
pub(crate) fn load(content: Option<&Content>) -> Data {
    let mut data = Data::new();
    if let Some(Content::Log(ops)) = content {
        for op in &**ops {
            put(&mut data, op);
        }
    }
    data
}

/// The shortest append-only file that holds a data set.
pub(crate) fn rewritten(data: &Data) -> Content {
    let op = |(key, value): (&Arc<str>, &Arc<str>)| Op {
        key: key.clone(),
        value: Some(value.clone()),
    };
    Content::Log(Arc::new(data.iter().map(op).collect()))
}
