//! Single keys, small transactions, and walks over many keys.

use std::collections::{BTreeMap, hash_map::DefaultHasher};
use std::hash::{Hash, Hasher};

use futures::stream::{self, Stream};
use futures::{StreamExt, TryStreamExt};
use regmig_core::port::PortError;

use crate::client::Redis;
use crate::reader::Reader;

/// How many keys the server looks at for one batch; about 0.5 ms of its time.
const BATCH: u32 = 1000;

/// One write of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a string.
    Set {
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
    /// Sets fields of a hash, leaving its other fields.
    HSet {
        /// The key.
        key: String,
        /// The fields; at least one.
        fields: BTreeMap<String, String>,
    },
    /// Removes a key, if it is there.
    Del {
        /// The key.
        key: String,
    },
}

impl Redis {
    /// Reads a string; `None` when the key is absent.
    ///
    /// # Errors
    ///
    /// Refused when the key holds something else than a string.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        let mut command = redis::cmd("GET");
        command.arg(key);
        self.ask(&command, &format!("GET {key}")).await
    }

    /// Reads all fields of a hash; empty when the key is absent.
    ///
    /// # Errors
    ///
    /// Refused when the key holds something else than a hash.
    pub async fn hash(&self, key: &str) -> Result<BTreeMap<String, String>, PortError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(key);
        self.ask(&command, &format!("HGETALL {key}")).await
    }

    /// Counts how many of these keys exist.
    ///
    /// # Errors
    ///
    /// As every question: never with an unknown outcome.
    pub async fn exists(&self, keys: &[&str]) -> Result<u64, PortError> {
        let mut command = redis::cmd("EXISTS");
        command.arg(keys);
        self.ask(&command, &format!("EXISTS {}", keys.join(" ")))
            .await
    }

    /// Removes keys and tells how many there were.
    ///
    /// # Errors
    ///
    /// Refused by the server, or with an unknown outcome when the answer was lost.
    pub async fn del(&self, keys: &[&str]) -> Result<u64, PortError> {
        let mut command = redis::cmd("DEL");
        command.arg(keys);
        self.tell(&command, &format!("DEL {}", keys.join(" ")))
            .await
    }

    /// Carries out writes as one transaction: all of them, or none.
    ///
    /// # Errors
    ///
    /// Refused by the server before any took place; with an unknown outcome when the
    /// answer was lost, or when single writes failed inside the transaction.
    pub async fn write_atomically(&self, writes: &[Write]) -> Result<(), PortError> {
        let mut commands = redis::pipe();
        commands.atomic();
        for write in writes {
            match write {
                Write::Set { key, value } => commands.cmd("SET").arg(key).arg(value),
                Write::HSet { key, fields } => {
                    commands.cmd("HSET").arg(key);
                    for (field, value) in fields {
                        commands.arg(field).arg(value);
                    }
                    &mut commands
                }
                Write::Del { key } => commands.cmd("DEL").arg(key),
            };
        }
        self.tell_together(&commands, "MULTI … EXEC").await
    }

    /// Walks all keys that match a glob, in bounded batches that do not block the server.
    ///
    /// Each key that is there from beginning to end comes at least once; it can come twice when
    /// the server resizes its table meanwhile. Keys that are not UTF-8 come with replacement characters.
    pub fn keys(
        &self,
        pattern: &str,
    ) -> impl Stream<Item = Result<Vec<String>, PortError>> + Send + use<> {
        self.raw_keys(pattern).map_ok(|batch| {
            batch
                .iter()
                .map(|key| String::from_utf8_lossy(key).into_owned())
                .collect()
        })
    }

    /// Counts the keys that match a glob, each once.
    ///
    /// Takes 8 bytes of memory a key that matches.
    ///
    /// # Errors
    ///
    /// As every question: never with an unknown outcome.
    pub async fn count(&self, pattern: &str) -> Result<u64, PortError> {
        let mut marks = Vec::new();
        let mut batches = std::pin::pin!(self.raw_keys(pattern));
        while let Some(batch) = batches.next().await {
            marks.extend(batch?.iter().map(|key| {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                hasher.finish()
            }));
        }
        marks.sort_unstable();
        marks.dedup();
        Ok(u64::try_from(marks.len()).unwrap_or(u64::MAX))
    }

    fn raw_keys(
        &self,
        pattern: &str,
    ) -> impl Stream<Item = Result<Vec<Vec<u8>>, PortError>> + Send + use<> {
        let start = Some((Reader::new(self), pattern.to_owned(), 0_u64));
        stream::try_unfold(start, |walk| async move {
            let Some((mut redis, pattern, cursor)) = walk else {
                return Ok(None);
            };
            let mut command = redis::cmd("SCAN");
            command
                .arg(cursor)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(BATCH);
            let (next, batch): (u64, Vec<Vec<u8>>) = redis
                .ask(&command, &format!("SCAN … MATCH {pattern}"))
                .await?;
            let rest = (next != 0).then_some((redis, pattern, next));
            Ok(Some((batch, rest)))
        })
    }
}
