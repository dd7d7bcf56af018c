//! The answers of several versions, shortened to what is read and a few lines that are not.

use super::*;

/// A primary of Redis 6.0 with two replicas, while it saves.
const REDIS_6: &str = "# Server\r
redis_version:6.0.16\r
redis_mode:standalone\r
run_id:1111111111111111111111111111111111111111\r
tcp_port:6379\r
uptime_in_seconds:777600\r
\r
# Memory\r
used_memory:200123456\r
used_memory_human:190.85M\r
maxmemory:0\r
maxmemory_policy:noeviction\r
\r
# Persistence\r
loading:0\r
rdb_changes_since_last_save:42\r
rdb_bgsave_in_progress:1\r
rdb_last_save_time:1700000000\r
rdb_last_bgsave_status:ok\r
aof_enabled:1\r
aof_rewrite_in_progress:0\r
aof_rewrite_scheduled:1\r
aof_last_bgrewrite_status:ok\r
aof_last_write_status:ok\r
aof_buffer_length:7\r
\r
# Stats\r
evicted_keys:0\r
\r
# Replication\r
role:master\r
connected_slaves:2\r
slave0:ip=172.18.0.1,port=6379,state=online,offset=900,lag=1\r
slave1:ip=fd00::7,port=6380,state=wait_bgsave,offset=0,lag=0\r
master_replid:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r
master_repl_offset:1000\r
second_repl_offset:-1\r
\r
# Cluster\r
cluster_enabled:0\r
\r
# Keyspace\r
db0:keys=4800003,expires=2,avg_ttl=0\r
db9:keys=1,expires=0,avg_ttl=0\r
";

/// A replica of Redis 7.0 in the middle of its first synchronisation.
const REDIS_7: &str = "# Server\r
redis_version:7.0.15\r
run_id:2222222222222222222222222222222222222222\r
uptime_in_seconds:12\r
\r
# Persistence\r
loading:1\r
async_loading:0\r
rdb_bgsave_in_progress:0\r
rdb_last_bgsave_status:err\r
aof_enabled:0\r
aof_last_write_status:err\r
\r
# Replication\r
role:slave\r
master_host:tunnel\r
master_port:7000\r
master_link_status:down\r
master_last_io_seconds_ago:-1\r
master_sync_in_progress:1\r
slave_read_repl_offset:0\r
slave_repl_offset:0\r
master_sync_total_bytes:1000000\r
master_sync_read_bytes:400000\r
master_sync_left_bytes:600000\r
master_sync_perc:40.00\r
master_link_down_since_seconds:-1\r
slave_read_only:0\r
connected_slaves:0\r
master_replid:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r
master_repl_offset:0\r
";

/// A replica of Redis 8.0 in step with its primary.
const REDIS_8: &str = "# Server\r
redis_version:8.0.2\r
run_id:3333333333333333333333333333333333333333\r
uptime_in_seconds:500\r
\r
# Persistence\r
loading:0\r
rdb_saves:0\r
aof_enabled:1\r
\r
# Replication\r
role:slave\r
master_host:10.0.0.7\r
master_port:6379\r
master_link_status:up\r
master_last_io_seconds_ago:3\r
master_sync_in_progress:0\r
slave_read_repl_offset:1234\r
slave_repl_offset:1230\r
replica_full_sync_buffer_size:0\r
slave_read_only:1\r
connected_slaves:0\r
master_repl_offset:1230\r
\r
# Keysizes\r
db0_distrib_strings_sizes:1=5,2=9\r
\r
# Keyspace\r
db0:keys=15,expires=15,avg_ttl=99,subexpiry=4\r
";

/// A primary of Valkey 8.1.
const VALKEY: &str = "# Server\r
redis_version:7.2.4\r
server_name:valkey\r
valkey_version:8.1.1\r
valkey_release_stage:ga\r
server_mode:standalone\r
run_id:4444444444444444444444444444444444444444\r
\r
# Replication\r
role:master\r
connected_slaves:1\r
slave0:ip=10.0.0.8,port=6379,state=online,offset=70,lag=0,type=replica\r
replicas_waiting_psync:0\r
master_repl_offset:70\r
";

#[test]
fn a_primary_of_redis_6_is_read() {
    let info = parse_info(REDIS_6);
    assert_eq!(info.version, Version::new(6, 0, 16));
    assert!(!info.version.can_pause_writes());
    assert_eq!(info.flavour, Flavour::Redis);
    assert_eq!(info.run_id, "1".repeat(40));
    assert_eq!(
        (info.tcp_port, info.uptime_seconds),
        (Some(6379), Some(777_600))
    );
    assert_eq!(
        (info.used_memory, info.maxmemory),
        (Some(200_123_456), Some(0))
    );
    assert_eq!(info.maxmemory_policy.as_deref(), Some("noeviction"));
    assert_eq!(info.evicted_keys, Some(0));
    assert!(!info.cluster_enabled);
    assert_eq!(info.keys(), 4_800_004);
    assert_eq!(
        info.keyspace[&0],
        Keyspace {
            keys: 4_800_003,
            expires: 2
        }
    );
    let persistence = info.persistence;
    assert!(persistence.bgsave_in_progress && persistence.aof_rewrite_scheduled);
    assert!(persistence.aof_enabled && !persistence.aof_rewrite_in_progress);
    assert_eq!(persistence.changes_since_last_save, Some(42));
    assert_eq!(persistence.last_save_time, Some(1_700_000_000));
    assert_eq!(persistence.aof_buffered_bytes, Some(7));
    let replication = info.replication;
    assert_eq!(replication.role, Some(Role::Primary));
    assert_eq!(replication.offset, Some(1000));
    assert_eq!(replication.link, None);
    let replica = |ip: &str, port, state: &str, offset, lag| Replica {
        ip: ip.to_owned(),
        port,
        state: state.to_owned(),
        offset,
        lag: Some(lag),
    };
    assert_eq!(
        replication.replicas,
        [
            replica("172.18.0.1", 6379, "online", 900, 1),
            replica("fd00::7", 6380, "wait_bgsave", 0, 0)
        ]
    );
}

#[test]
fn an_append_only_file_has_everything_where_nothing_waits_for_it() {
    let quiet = REDIS_6
        .replace("aof_rewrite_scheduled:1", "aof_rewrite_scheduled:0")
        .replace("aof_buffer_length:7", "aof_buffer_length:0");
    let logged = |text: &str| parse_info(text).persistence.all_is_logged();
    assert!(logged(&quiet));
    for (line, other) in [
        ("aof_enabled:1", "aof_enabled:0"),
        ("aof_rewrite_in_progress:0", "aof_rewrite_in_progress:1"),
        ("aof_rewrite_scheduled:0", "aof_rewrite_scheduled:1"),
        (
            "aof_last_bgrewrite_status:ok",
            "aof_last_bgrewrite_status:err",
        ),
        ("aof_last_write_status:ok", "aof_last_write_status:err"),
        ("aof_buffer_length:0", "aof_buffer_length:7"),
        ("aof_buffer_length:0\r\n", ""),
    ] {
        assert!(!logged(&quiet.replace(line, other)), "{other}");
    }
}

#[test]
fn a_synchronising_replica_of_redis_7_is_read() {
    let info = parse_info(REDIS_7);
    assert!(info.version.can_pause_writes() && info.version.has_read_only_scripts());
    assert!(info.persistence.loading);
    assert_eq!(info.persistence.last_bgsave_status.as_deref(), Some("err"));
    assert_eq!(
        info.persistence.aof_last_write_status.as_deref(),
        Some("err")
    );
    assert_eq!(info.persistence.last_save_time, None);
    assert_eq!(info.keys(), 0);
    assert!(!info.replication.is_linked());
    let expected = ReplicaLink {
        host: "tunnel".to_owned(),
        port: 7000,
        status: LinkStatus::Down,
        last_io_seconds: None,
        sync_in_progress: true,
        sync_read_bytes: Some(400_000),
        sync_left_bytes: Some(600_000),
        down_seconds: None,
        offset: Some(0),
        read_only: Some(false),
    };
    assert_eq!(info.replication.link, Some(expected));
}

#[test]
fn a_replica_of_redis_8_in_step_is_read() {
    let info = parse_info(REDIS_8);
    assert!(info.flavour.has_field_expiry(info.version));
    assert!(info.replication.is_linked());
    let link = info.replication.link.unwrap();
    assert_eq!((link.last_io_seconds, link.offset), (Some(3), Some(1230)));
    assert_eq!((link.sync_left_bytes, link.read_only), (None, Some(true)));
    assert_eq!(info.keyspace.len(), 1);
    assert_eq!(
        info.keyspace[&0],
        Keyspace {
            keys: 15,
            expires: 15
        }
    );
}

#[test]
fn valkey_is_told_from_redis() {
    let info = parse_info(VALKEY);
    assert_eq!(info.version, Version::new(7, 2, 4));
    assert_eq!(info.flavour, Flavour::Valkey(Version::new(8, 1, 1)));
    assert!(!info.flavour.has_field_expiry(info.version));
    assert_eq!(info.replication.replicas[0].offset, 70);
    assert!(!info.persistence.loading);
}

#[test]
fn a_link_that_was_never_up_has_not_been_down_since_1970() {
    let never = REDIS_8
        .replace("master_link_status:up", "master_link_status:down")
        .replace(
            "slave_read_only",
            "master_link_down_since_seconds:1795354941\r\nslave_read_only",
        );
    assert_eq!(
        parse_info(&never).replication.link.unwrap().down_seconds,
        None
    );
    let since = never.replace(":1795354941", ":77");
    assert_eq!(
        parse_info(&since).replication.link.unwrap().down_seconds,
        Some(77)
    );
}

#[test]
fn what_is_not_info_is_empty_and_not_a_guess() {
    for text in [
        "",
        "nonsense",
        "role:boss\r\nconnected_slaves:many\r\nslave0:ip=1\r\ndbx:keys=1",
    ] {
        let info = parse_info(text);
        assert_eq!(info.version, Version::default());
        assert_eq!(info.replication.role, None);
        assert!(info.replication.replicas.is_empty());
        assert_eq!(info.replication.connected_replicas, None);
        assert!(info.keyspace.is_empty());
    }
}

#[test]
fn versions_with_suffixes_are_read() {
    assert_eq!(Version::read("7.4.0-rc1"), Version::new(7, 4, 0));
    assert_eq!(Version::read("255.255.255"), Version::new(255, 255, 255));
    assert_eq!(Version::read("8"), Version::new(8, 0, 0));
    assert_eq!(Version::new(6, 2, 14).to_string(), "6.2.14");
}

/// Found by a property: the sum went over.
#[test]
fn more_keys_than_can_be_counted_are_the_most_that_can() {
    let info = parse_info(&format!("db0:keys={},expires=0\ndb1:keys=1\n", u64::MAX));
    assert_eq!(info.keys(), u64::MAX);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(role|slave0|db0|master_port|tcp_port)?:?(keys=)?[0-9a-z=,:\\r\\n -]{0,60}") {
        let _ = parse_info(&text);
    }
}
