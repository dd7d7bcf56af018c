//! Reads the text of `INFO`.

use std::collections::{BTreeMap, HashMap};

use crate::info::{
    Flavour, Info, Keyspace, LinkStatus, Persistence, Replica, ReplicaLink, Replication, Role,
    Version,
};

/// Reads the answer to `INFO`, of any version.
///
/// Unknown lines are skipped, since every version adds some.
#[must_use]
pub fn parse_info(text: &str) -> Info {
    let fields = Fields::read(text);
    Info {
        version: Version::read(fields.text("redis_version").unwrap_or_default()),
        flavour: flavour(&fields),
        run_id: fields.owned("run_id").unwrap_or_default(),
        uptime_seconds: fields.number("uptime_in_seconds"),
        tcp_port: fields
            .number("tcp_port")
            .and_then(|port| port.try_into().ok()),
        cluster_enabled: fields.flag("cluster_enabled"),
        replication: replication(&fields),
        persistence: persistence(&fields),
        used_memory: fields.number("used_memory"),
        maxmemory: fields.number("maxmemory"),
        maxmemory_policy: fields.owned("maxmemory_policy"),
        evicted_keys: fields.number("evicted_keys"),
        keyspace: keyspace(&fields),
    }
}

/// How often a command has run, read from the answer to `INFO commandstats`, of any version.
///
/// A command that has not run since the start has no line.
#[must_use]
pub fn parse_calls(text: &str, command: &str) -> u64 {
    Fields::read(text)
        .text(&format!("cmdstat_{command}"))
        .and_then(|value| parts(value).get("calls")?.parse().ok())
        .unwrap_or_default()
}

/// The lines `name:value` of the text.
struct Fields<'a>(HashMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Self {
        Self(
            text.lines()
                .filter_map(|line| line.trim_end().split_once(':'))
                .collect(),
        )
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied()
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// A number; negative ones mean "none" wherever this reads.
    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("1")
    }
}

/// The parts `name=value` of one line.
fn parts(value: &str) -> HashMap<&str, &str> {
    value
        .split(',')
        .filter_map(|part| part.split_once('='))
        .collect()
}

fn flavour(fields: &Fields<'_>) -> Flavour {
    fields
        .text("valkey_version")
        .map_or(Flavour::Redis, |own| Flavour::Valkey(Version::read(own)))
}

fn replication(fields: &Fields<'_>) -> Replication {
    let role = match fields.text("role") {
        Some("master") => Some(Role::Primary),
        Some("slave") => Some(Role::Replica),
        _ => None,
    };
    Replication {
        role,
        replid: fields.owned("master_replid"),
        offset: fields.number("master_repl_offset"),
        connected_replicas: fields.number("connected_slaves"),
        replicas: (0_u32..)
            .map_while(|index| fields.text(&format!("slave{index}")))
            .filter_map(replica)
            .collect(),
        link: link(fields),
    }
}

fn replica(line: &str) -> Option<Replica> {
    let parts = parts(line);
    Some(Replica {
        ip: (*parts.get("ip")?).to_owned(),
        port: parts.get("port")?.parse().ok()?,
        state: (*parts.get("state")?).to_owned(),
        offset: parts.get("offset")?.parse().ok()?,
        lag: parts.get("lag").and_then(|lag| lag.parse().ok()),
    })
}

fn link(fields: &Fields<'_>) -> Option<ReplicaLink> {
    let up = fields.text("master_link_status") == Some("up");
    Some(ReplicaLink {
        host: fields.owned("master_host")?,
        port: fields.number("master_port")?.try_into().ok()?,
        status: if up { LinkStatus::Up } else { LinkStatus::Down },
        last_io_seconds: fields.number("master_last_io_seconds_ago"),
        sync_in_progress: fields.flag("master_sync_in_progress"),
        sync_read_bytes: fields.number("master_sync_read_bytes"),
        sync_left_bytes: fields.number("master_sync_left_bytes"),
        down_seconds: down_seconds(fields),
        offset: fields.number("slave_repl_offset"),
        read_only: fields.text("slave_read_only").map(|value| value == "1"),
    })
}

/// Redis 6 that has never been linked counts from 1970.
fn down_seconds(fields: &Fields<'_>) -> Option<u64> {
    let uptime = fields.number("uptime_in_seconds").unwrap_or(u64::MAX);
    fields
        .number("master_link_down_since_seconds")
        .filter(|seconds| *seconds <= uptime)
}

fn persistence(fields: &Fields<'_>) -> Persistence {
    Persistence {
        loading: fields.flag("loading"),
        changes_since_last_save: fields.number("rdb_changes_since_last_save"),
        bgsave_in_progress: fields.flag("rdb_bgsave_in_progress"),
        last_bgsave_status: fields.owned("rdb_last_bgsave_status"),
        last_save_time: fields.number("rdb_last_save_time"),
        aof_enabled: fields.flag("aof_enabled"),
        aof_rewrite_in_progress: fields.flag("aof_rewrite_in_progress"),
        aof_rewrite_scheduled: fields.flag("aof_rewrite_scheduled"),
        aof_last_rewrite_status: fields.owned("aof_last_bgrewrite_status"),
        aof_last_write_status: fields.owned("aof_last_write_status"),
        aof_buffered_bytes: fields.number("aof_buffer_length"),
    }
}

fn keyspace(fields: &Fields<'_>) -> BTreeMap<u32, Keyspace> {
    let database = |(name, line): (&&str, &&str)| {
        let number = name.strip_prefix("db")?.parse().ok()?;
        let parts = parts(line);
        let keys = parts.get("keys")?.parse().ok()?;
        let expires = parts
            .get("expires")
            .and_then(|expires| expires.parse().ok())
            .unwrap_or(0);
        Some((number, Keyspace { keys, expires }))
    };
    fields.0.iter().filter_map(database).collect()
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
