//! What real servers tell of what they have loaded.

use regmig_core::facts::{Loaded, LoadedKeys};

use crate::save::until;
use crate::server::Server;

/// What was acknowledged is in the files: a server is ended at once, and while it syncs it may keep writes back.
const SETTINGS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// What a server tells that has been started again on its files, with settings on top.
async fn again(server: &mut Server, settings: &[&str]) -> Loaded {
    server.restart(&[&SETTINGS, settings].concat()).await;
    let redis = server.redis();
    // It answers before it has loaded its files.
    until(&redis, |now| !now.loading).await;
    redis.loaded().await.unwrap()
}

#[tokio::test]
async fn a_server_tells_what_it_has_loaded_and_under_which_settings() {
    let mut server = Server::start(&SETTINGS).await;
    let run = [
        "SET a 1",
        "SET b 1",
        "SET c 1 EX 1000",
        "SELECT 3",
        "SET d 1",
    ];
    server.run(&run).await;
    let loaded = again(&mut server, &[]).await;
    let databases = loaded.databases.iter();
    let databases: Vec<(u32, LoadedKeys)> = databases.map(|(number, of)| (*number, *of)).collect();
    let of = |keys, expires| LoadedKeys { keys, expires };
    assert_eq!(databases, [(0, of(3, 1)), (3, of(1, 0))]);
    let setting = |name: &str| loaded.settings.get(name).map(String::as_str);
    assert_eq!(setting("dir"), server.dir.path().to_str());
    assert_eq!(setting("appendonly"), Some("yes"));
    // The same files, loaded alike.
    assert_eq!(again(&mut server, &[]).await, loaded);
}

/// The same files say nothing of what a server holds that reads others, or keeps less of them.
#[tokio::test]
async fn servers_that_load_the_same_files_in_different_ways_tell_different_things() {
    let mut server = Server::start(&SETTINGS).await;
    server.run(&["SET a 1"]).await;
    let loaded = again(&mut server, &[]).await;
    for settings in [
        ["--appendonly", "no"],
        ["--appendfilename", "other.aof"],
        ["--maxmemory", "100mb"],
        ["--maxmemory-policy", "allkeys-lru"],
    ] {
        let other = again(&mut server, &settings).await;
        assert_ne!(other.settings, loaded.settings, "{settings:?}");
    }
}

/// What it tells is what a file of its own begins with.
#[tokio::test]
async fn a_dump_tells_the_format_of_its_files() {
    let server = Server::start(&[]).await;
    assert_eq!(server.redis().rdb_version().await.unwrap(), None);
    server.run(&["SET k v", "HSET h f v", "SAVE"]).await;
    let file = std::fs::read(server.dir.path().join("dump.rdb")).unwrap();
    let named = file
        .get(..9)
        .and_then(|head| std::str::from_utf8(head).ok());
    let told = server.redis().rdb_version().await.unwrap().unwrap();
    assert!(
        named == Some(&format!("REDIS{told:04}")) || named == Some(&format!("VALKEY{told:03}")),
        "{told}: {named:?}"
    );
}

#[tokio::test]
async fn a_server_that_dumps_nothing_tells_no_format() {
    let server = Server::start(&["--rename-command", "DUMP", ""]).await;
    server.run(&["SET k v"]).await;
    assert_eq!(server.redis().rdb_version().await.unwrap(), None);
}

/// It would answer nobody while it writes a large one.
#[tokio::test]
async fn a_large_key_is_not_dumped() {
    let server = Server::start(&[]).await;
    let large = "v".repeat(100_000);
    server.run(&[&format!("SET k {large}")]).await;
    assert_eq!(server.redis().rdb_version().await.unwrap(), None);
    server.run(&["SET k v"]).await;
    assert!(server.redis().rdb_version().await.unwrap().is_some());
}
