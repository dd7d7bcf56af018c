//! Connections that are lost, and what is said of it.

use std::time::{Duration, Instant};

use regmig_core::port::PortError;
use regmig_ssh::{Command, Lost, worth_retrying};
use tokio::io::AsyncReadExt;

use crate::server::{Server, eventually, signal};

#[tokio::test]
async fn a_connection_cut_in_mid_command_leaves_the_outcome_unknown() {
    let mut server = Server::start();
    let host = server.host();
    let (begun, done) = (server.path("begun"), server.path("done"));
    let script = "touch \"$1\"; sleep 1.5; touch \"$2\"";
    let command = Command::shell(script, [begun.to_str().unwrap(), done.to_str().unwrap()]);
    let running = {
        let (host, command) = (host.clone(), command.clone());
        tokio::spawn(async move { host.exec(&command).await })
    };
    eventually("the beginning", Duration::from_secs(10), || begun.exists()).await;
    server.cut();
    let error = running.await.unwrap().unwrap_err();
    let PortError::OutcomeUnknown {
        source: Some(source),
        ..
    } = &error
    else {
        panic!("{:?}", error.chain())
    };
    assert!(matches!(
        source.downcast_ref(),
        Some(Lost::Connection { .. })
    ));
    assert!(worth_retrying(&error));
    assert!(!done.exists());
    // It lands late, and within the time that is documented.
    eventually("the late landing", host.lands_within(&command), || {
        done.exists()
    })
    .await;
    assert!(host.exec(&Command::new("true")).await.unwrap().success());

    server.restart();
    server.cut();
    assert!(host.exec(&Command::new("true")).await.unwrap().success());
}

#[tokio::test]
async fn the_time_limit_holds_without_the_connection() {
    let server = Server::start();
    let (begun, done) = (server.path("begun"), server.path("done"));
    let script = "touch \"$1\"; sleep 3; touch \"$2\"";
    let command = Command::shell(script, [begun.to_str().unwrap(), done.to_str().unwrap()])
        .time_limit(Duration::from_secs(1));
    let host = server.host();
    let running = {
        let (host, command) = (host.clone(), command.clone());
        tokio::spawn(async move { host.exec(&command).await })
    };
    eventually("the beginning", Duration::from_secs(10), || begun.exists()).await;
    server.cut();
    assert!(matches!(
        running.await.unwrap().unwrap_err(),
        PortError::OutcomeUnknown { .. }
    ));
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!done.exists());
}

#[tokio::test]
async fn a_question_whose_answer_is_lost_is_asked_again() {
    let server = Server::start();
    let host = server.host();
    let mark = server.path("mark");
    let script = "if [ -e \"$1\" ]; then echo answer; else touch \"$1\"; sleep 10; fi";
    let command = Command::shell(script, [mark.to_str().unwrap()]).query();
    let asking = {
        let host = host.clone();
        tokio::spawn(async move { host.exec(&command).await })
    };
    eventually("the first question", Duration::from_secs(10), || {
        mark.exists()
    })
    .await;
    server.cut();
    assert_eq!(asking.await.unwrap().unwrap().stdout_text(), "answer\n");
}

#[tokio::test]
async fn a_frozen_server_is_found_by_its_silence() {
    let server = Server::start();
    let host = server.host();
    host.connect().await.unwrap();
    let frozen = server.sessions();
    assert!(!frozen.is_empty());
    let mark = server.path("mark");
    let command = Command::shell("touch \"$1\"; sleep 20", [mark.to_str().unwrap()])
        .time_limit(Duration::from_secs(30));
    let running = {
        let host = host.clone();
        tokio::spawn(async move { host.exec(&command).await })
    };
    eventually("the beginning", Duration::from_secs(10), || mark.exists()).await;
    frozen.iter().for_each(|pid| signal("STOP", *pid));
    let begun = Instant::now();
    let error = running.await.unwrap().unwrap_err();
    let took = begun.elapsed();
    assert!(matches!(error, PortError::OutcomeUnknown { .. }));
    assert!(
        error.chain()[1].contains("no sign of life"),
        "{:?}",
        error.chain()
    );
    assert!(took < Duration::from_secs(8), "{took:?}");
    // Only the processes of that connection are frozen: another one can be had.
    assert!(host.exec(&Command::new("true")).await.unwrap().success());
}

#[tokio::test]
async fn a_frozen_server_is_found_while_much_is_sent() {
    let server = Server::start();
    let host = server.host();
    host.connect().await.unwrap();
    let mark = server.path("mark");
    let command = Command::shell(
        "touch \"$1\"; sleep 2; cat > /dev/null",
        [mark.to_str().unwrap()],
    );
    let command = command
        .stdin(vec![b'x'; 64 << 20])
        .time_limit(Duration::from_secs(30));
    let running = {
        let host = host.clone();
        tokio::spawn(async move { host.exec(&command).await })
    };
    eventually("the beginning", Duration::from_secs(10), || mark.exists()).await;
    server
        .sessions()
        .iter()
        .for_each(|pid| signal("STOP", *pid));
    let begun = Instant::now();
    assert!(matches!(
        running.await.unwrap().unwrap_err(),
        PortError::OutcomeUnknown { .. }
    ));
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_connection_lost_while_idle_costs_nothing() {
    let mut server = Server::start();
    let host = server.host();
    let count = server.path("count");
    let add = Command::shell("echo x >> \"$1\"", [count.to_str().unwrap()]);
    host.exec(&add).await.unwrap();
    for _ in 0..5 {
        server.cut();
        assert!(host.exec(&add).await.unwrap().success());
    }
    server.restart();
    assert!(host.exec(&add).await.unwrap().success());
    assert_eq!(server.text("count").lines().count(), 7);
}

#[tokio::test]
async fn a_lost_stream_ends_with_an_error_and_not_with_its_end() {
    let server = Server::start();
    let host = server.host();
    let mut stream = host
        .open_exec(&Command::shell("echo hello; sleep 60", [""; 0]))
        .await
        .unwrap();
    let mut hello = [0_u8; 6];
    stream.read_exact(&mut hello).await.unwrap();
    server.cut();
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn giving_up_on_a_command_leaves_the_connection_usable() {
    let server = Server::start();
    let host = server.host();
    host.connect().await.unwrap();
    for _ in 0..30 {
        let yes = Command::new("yes").time_limit(Duration::from_secs(30));
        let given_up = tokio::time::timeout(Duration::from_millis(50), host.exec(&yes)).await;
        assert!(given_up.is_err(), "{given_up:?}");
    }
    assert!(host.exec(&Command::new("true")).await.unwrap().success());
    // The server has closed their pipes, so they are gone long before their limit.
    eventually(
        "the end of what was given up",
        Duration::from_secs(10),
        || server.descendants().len() <= 2,
    )
    .await;
}
