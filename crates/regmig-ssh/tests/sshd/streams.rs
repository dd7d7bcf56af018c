//! Streams through the machine.

use std::time::Duration;

use regmig_core::port::PortError;
use regmig_ssh::{BoxedStream, Command};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use crate::server::Server;

/// A server that returns what it gets, and after its end says goodbye.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut reading, mut writing) = stream.split();
                tokio::io::copy(&mut reading, &mut writing).await.unwrap();
                writing.write_all(b"goodbye").await.unwrap();
            });
        }
    });
    port
}

/// A server that sends so many bytes, whether or not they are read.
async fn spring(bytes: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.write_all(&vec![b'x'; bytes]).await;
            });
        }
    });
    port
}

async fn round_trip(stream: &mut BoxedStream) {
    let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 253) as u8).collect();
    let expected = [content.clone(), b"goodbye".to_vec()].concat();
    let (mut reading, mut writing) = tokio::io::split(stream);
    let sending = async {
        writing.write_all(&content).await.unwrap();
        writing.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let receiving = reading.read_to_end(&mut received);
    let ((), result) = tokio::join!(sending, receiving);
    result.unwrap();
    assert!(received == expected, "{} bytes came back", received.len());
}

#[tokio::test]
async fn bytes_and_ends_go_both_ways() {
    let server = Server::start();
    let host = server.host();
    let port = echo().await;
    let mut stream = host.open_tcp("127.0.0.1", port).await.unwrap();
    round_trip(&mut stream).await;

    let path = server.path("socket with space");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut reading, mut writing) = stream.split();
        tokio::io::copy(&mut reading, &mut writing).await.unwrap();
        writing.write_all(b"goodbye").await.unwrap();
    });
    round_trip(&mut host.open_unix(path.to_str().unwrap()).await.unwrap()).await;
    round_trip(
        &mut host
            .open_exec(&Command::shell("cat; printf goodbye", [""; 0]))
            .await
            .unwrap(),
    )
    .await;
}

#[tokio::test]
async fn small_messages_are_not_held_back() {
    let server = Server::start();
    let mut stream = server
        .host()
        .open_tcp("127.0.0.1", echo().await)
        .await
        .unwrap();
    let begun = std::time::Instant::now();
    for _ in 0..100 {
        stream.write_all(b"ping").await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = [0_u8; 4];
        stream.read_exact(&mut answer).await.unwrap();
    }
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?} for 100 round trips",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_stream_that_nobody_reads_holds_up_no_other() {
    let server = Server::start();
    let host = server.host();
    let mut unread = host
        .open_tcp("127.0.0.1", spring(6 << 20).await)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut other = host.open_tcp("127.0.0.1", echo().await).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), round_trip(&mut other))
        .await
        .expect("held up");
    let mut late = Vec::new();
    unread.read_to_end(&mut late).await.unwrap();
    assert_eq!(late.len(), 6 << 20);
}

#[tokio::test]
async fn a_stream_that_stays_unread_fails_by_itself() {
    let server = Server::start();
    let host = server.host();
    let mut unread = host
        .open_tcp("127.0.0.1", spring(64 << 20).await)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut other = host.open_tcp("127.0.0.1", echo().await).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), round_trip(&mut other))
        .await
        .expect("held up");
    let error = unread.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert!(error.to_string().contains("left unread"), "{error}");
}

#[tokio::test]
async fn a_dropped_stream_is_closed_at_the_other_end() {
    let server = Server::start();
    let host = server.host();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut near = host.open_tcp("127.0.0.1", port).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    near.write_all(b"last words").await.unwrap();
    drop(near);
    let mut received = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), far.read_to_end(&mut received))
        .await
        .expect("not closed")
        .unwrap();
    assert_eq!(received, b"last words");
}

#[tokio::test]
async fn a_target_that_is_not_there_is_told() {
    let server = Server::start();
    let host = server.host();
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    for (error, words) in [
        (
            host.open_tcp("127.0.0.1", port).await.err().unwrap(),
            port.to_string(),
        ),
        (
            host.open_unix("/no/such/socket").await.err().unwrap(),
            "/no/such/socket".to_owned(),
        ),
    ] {
        assert!(matches!(error, PortError::NotSent { .. }));
        assert!(
            error.chain().join("\n").contains(&words),
            "{:?}",
            error.chain()
        );
    }
}

#[tokio::test]
async fn a_command_that_fails_shows_at_the_end_of_its_stream() {
    let server = Server::start();
    let command =
        Command::shell("echo some; echo 'cannot go on' >&2; exit 4", [""; 0]).called("relay");
    let mut stream = server.host().open_exec(&command).await.unwrap();
    let mut received = Vec::new();
    let error = stream.read_to_end(&mut received).await.unwrap_err();
    assert_eq!(received, b"some\n");
    assert_eq!(error.to_string(), "relay ended with status 4: cannot go on");
}
