//! What a server has loaded, as far as it can be told without reading a key.

use futures::future::{try_join, try_join_all};
use regmig_core::facts::{Loaded, LoadedKeys};
use regmig_core::port::PortError;

use crate::client::Redis;
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

impl Redis {
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
