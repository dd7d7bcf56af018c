//! What a server has loaded, as far as it can be told without reading a key.

use futures::future::{try_join, try_join_all};
use regmig_core::facts::{Loaded, LoadedKeys};
use regmig_core::port::PortError;

use crate::client::Redis;
use crate::fault::{Fault, fault_of};
use crate::info::{Flavour, Keyspace};

/// The settings that decide which files a server loads, and what it keeps of them.
const LOADED_BY: [&str; 6] = [
    "dir",
    "appendonly",
    "appendfilename",
    "appenddirname",
    "maxmemory",
    "maxmemory-policy",
];

/// A value as `DUMP` answers it ends in the version of its format, two bytes, little-endian, and a checksum of eight bytes.
const FOOTER: usize = 10;

/// How often a key may be gone before it is dumped, or be too large.
const TRIES: u32 = 5;

/// A key of more bytes is not dumped: the server answers nobody else meanwhile.
const MOST: u64 = 64 << 10;

impl Redis {
    /// The version of the format in which the server writes its data, into files and to replicas, read from a key's dump: no
    /// server tells it. A server that is older than another may not read that one's.
    ///
    /// Returns none where the server has no key in its first database, where those that it offers are large, or it does not
    /// know the commands.
    ///
    /// # Errors
    ///
    /// As every question: never with an unknown outcome.
    pub async fn rdb_version(&self) -> Result<Option<u64>, PortError> {
        match self.dumped_version().await {
            Err(error) if matches!(fault_of(&error), Some(Fault::UnknownCommand { .. })) => {
                Ok(None)
            }
            told => told,
        }
    }

    async fn dumped_version(&self) -> Result<Option<u64>, PortError> {
        for _ in 0..TRIES {
            let key: Option<Vec<u8>> = self.ask(&redis::cmd("RANDOMKEY"), "RANDOMKEY").await?;
            let Some(key) = key else {
                return Ok(None);
            };
            let mut usage = redis::cmd("MEMORY");
            // Of many elements one is looked at, and the others are taken to be as large.
            usage.arg("USAGE").arg(&key).arg("SAMPLES").arg(1);
            let bytes: Option<u64> = self.ask(&usage, "MEMORY USAGE").await?;
            if bytes.is_none_or(|bytes| bytes > MOST) {
                continue;
            }
            let mut dump = redis::cmd("DUMP");
            dump.arg(key);
            let dumped: Option<Vec<u8>> = self.ask(&dump, "DUMP").await?;
            let footer = dumped
                .as_ref()
                .and_then(|dumped| dumped.last_chunk::<FOOTER>());
            if let Some([low, high, ..]) = footer {
                return Ok(Some(u64::from(u16::from_le_bytes([*low, *high]))));
            }
        }
        Ok(None)
    }

    /// What the server has loaded: two that tell the same, and were started on the same files, hold the same data.
    ///
    /// # Errors
    ///
    /// As every question: never with an unknown outcome.
    pub async fn loaded(&self) -> Result<Loaded, PortError> {
        let settings = LOADED_BY.map(|name| async move {
            let value = self.config_get(name).await?;
            Ok(value.map(|value| (name.to_owned(), value)))
        });
        let (info, settings) = try_join(self.info(), try_join_all(settings)).await?;
        let keys = |found: &Keyspace| LoadedKeys {
            keys: found.keys,
            expires: found.expires,
        };
        Ok(Loaded {
            version: match info.flavour {
                Flavour::Redis => format!("Redis {}", info.version),
                Flavour::Valkey(own) => format!("Valkey {own}"),
            },
            settings: settings.into_iter().flatten().collect(),
            databases: info
                .keyspace
                .iter()
                .map(|(number, found)| (*number, keys(found)))
                .collect(),
        })
    }
}
