//! Progress of long work, for whoever watches.

/// Where progress is shown.
pub(crate) trait Progress: Send + Sync {
    /// Long work begins.
    fn begin(&self, what: &str) -> Box<dyn Meter>;
}

/// One piece of long work; it ends when this is dropped.
pub(crate) trait Meter: Send + Sync {
    /// So many keys of so many are done.
    fn keys(&self, done: u64, total: u64);
    /// So many bytes are done, and in the tool's own words: rate, remaining.
    fn bytes(&self, done: u64, percent: u8, words: &str);
}
