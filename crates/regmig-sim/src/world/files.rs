//! A machine's disk: files with content, mode, owner and time, and the folders around them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use regmig_core::facts::FileState;

/// A key of Redis.
pub(crate) type Key = Arc<str>;
/// A data set. Every value is a string here, whatever its type in Redis.
pub(crate) type Data = BTreeMap<Key, Arc<str>>;

/// One command in an append-only file: a key set, or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Op {
    pub(crate) key: Key,
    pub(crate) value: Option<Arc<str>>,
}

impl Op {
    pub(crate) fn apply(&self, data: &mut Data) {
        match &self.value {
            Some(value) => data.insert(self.key.clone(), value.clone()),
            None => data.remove(&self.key),
        };
    }
}

/// Redis's append-only file. What it amounts to is kept once somebody has asked: every audit starts both Redis anew.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    ops: Vec<Op>,
    loaded: OnceLock<Arc<Data>>,
}

impl Log {
    pub(crate) fn append(&mut self, ops: &[Op]) {
        self.ops.extend_from_slice(ops);
        self.loaded = OnceLock::new();
    }

    /// The data set that it amounts to.
    pub(crate) fn load(&self) -> Arc<Data> {
        let load = || {
            let mut data = Data::new();
            for op in &self.ops {
                op.apply(&mut data);
            }
            Arc::new(data)
        };
        Arc::clone(self.loaded.get_or_init(load))
    }
}

impl FromIterator<Op> for Log {
    fn from_iter<I: IntoIterator<Item = Op>>(ops: I) -> Self {
        Self {
            ops: ops.into_iter().collect(),
            loaded: OnceLock::new(),
        }
    }
}

impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        self.ops == other.ops
    }
}

impl Eq for Log {}

impl Hash for Log {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ops.hash(state);
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Content {
    /// Text.
    Text(Arc<str>),
    /// Redis's append-only file.
    Log(Arc<Log>),
    /// Redis's snapshot.
    Dump(Arc<Data>),
}

impl Content {
    pub(crate) fn size(&self) -> u64 {
        let bytes = match self {
            Self::Text(text) => text.len(),
            Self::Log(log) => log
                .ops
                .iter()
                .map(|op| 4 + op.key.len() + op.value.as_ref().map_or(0, |value| value.len()))
                .sum(),
            Self::Dump(data) => data
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum(),
        };
        bytes as u64
    }

    /// Stands for SHA-256.
    pub(crate) fn sum(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) content: Content,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime_ns: i64,
}

impl File {
    pub(crate) fn text(text: &str, now_ms: i64) -> Self {
        Self {
            content: Content::Text(text.into()),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime_ns: now_ms * 1_000_000,
        }
    }

    /// As regmig sees it; nothing for what is no text.
    pub(crate) fn state(&self) -> Option<FileState> {
        let Content::Text(text) = &self.content else {
            return None;
        };
        Some(FileState {
            content: text.to_string(),
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            mtime_ns: self.mtime_ns,
        })
    }
}

/// A folder. Its time is not kept: replacing a file in it changes that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Everything on a machine's disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    pub(crate) files: BTreeMap<Arc<str>, File>,
    pub(crate) folders: BTreeMap<Arc<str>, Folder>,
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn is_beneath(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

impl Disk {
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        match &self.files.get(path)?.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Makes a folder and those around it.
    pub(crate) fn make_all(&mut self, path: &str, uid: u32) {
        let mut at = path;
        while !at.is_empty() {
            self.folders.entry(at.into()).or_insert(Folder {
                mode: 0o755,
                uid,
                gid: uid,
            });
            at = parent(at);
        }
    }

    /// The folder around a path.
    pub(crate) fn around(&self, path: &str) -> Option<Folder> {
        self.folders.get(parent(path)).copied()
    }

    /// Files beneath a folder, with their paths relative to it.
    pub(crate) fn beneath<'a>(
        &'a self,
        folder: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a File)> {
        self.files
            .range::<str, _>((Bound::Included(folder), Bound::Unbounded))
            .take_while(move |(path, _)| path.starts_with(folder))
            .filter_map(move |(path, file)| {
                Some((path.strip_prefix(folder)?.strip_prefix('/')?, file))
            })
    }

    /// Removes a folder with everything in it.
    pub(crate) fn remove_tree(&mut self, folder: &str) {
        self.empty(folder);
        self.folders.remove(folder);
    }

    /// Removes everything in a folder.
    pub(crate) fn empty(&mut self, folder: &str) {
        self.files.retain(|path, _| !is_beneath(path, folder));
        self.folders.retain(|path, _| !is_beneath(path, folder));
    }

    /// Renames a folder with everything in it.
    pub(crate) fn rename_tree(&mut self, from: &str, to: &str) {
        let moved = |path: &Arc<str>| -> Option<Arc<str>> {
            if &**path == from {
                Some(to.into())
            } else if is_beneath(path, from) {
                Some(format!("{to}{}", path.strip_prefix(from).unwrap_or_default()).into())
            } else {
                None
            }
        };
        let files: Vec<(Arc<str>, Arc<str>)> = self
            .files
            .keys()
            .filter_map(|path| Some((path.clone(), moved(path)?)))
            .collect();
        for (was, is) in files {
            if let Some(file) = self.files.remove(&was) {
                self.files.insert(is, file);
            }
        }
        let folders: Vec<(Arc<str>, Arc<str>)> = self
            .folders
            .keys()
            .filter_map(|path| Some((path.clone(), moved(path)?)))
            .collect();
        for (was, is) in folders {
            if let Some(folder) = self.folders.remove(&was) {
                self.folders.insert(is, folder);
            }
        }
    }
}
