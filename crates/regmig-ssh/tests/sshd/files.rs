//! Files over SSH. What they can do is tested on the spot; here it is that they arrive whole.

use regmig_core::port::PortError;
use regmig_ssh::{Expect, FileWrite, Written};

use crate::server::Server;

#[tokio::test]
async fn files_are_written_read_and_removed() {
    let server = Server::start();
    let host = server.host();
    let path = server.path("a 'b' $c.conf");
    let path = path.to_str().unwrap();
    let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 255) as u8).collect();
    assert_eq!(host.read_file(path).await.unwrap(), None);
    let write = FileWrite::new(path, content.clone())
        .mode(0o640)
        .mtime_ns(1_000_000_000_123_456_789)
        .expect(Expect::Absent);
    assert_eq!(host.write_file(&write).await.unwrap(), Written::Changed);
    assert_eq!(
        host.write_file(&write).await.unwrap(),
        Written::AlreadyThere
    );
    let state = host.read_file(path).await.unwrap().unwrap();
    assert!(state.content == content);
    assert_eq!(
        (state.mode, state.mtime_ns),
        (0o640, 1_000_000_000_123_456_789)
    );
    let other = FileWrite::new(path, "other").expect(Expect::content(b"something"));
    assert!(matches!(
        host.write_file(&other).await.unwrap_err(),
        PortError::Refused { .. }
    ));
    let expected = Expect::Sha256(state.sha256());
    assert_eq!(
        host.remove_file(path, &expected).await.unwrap(),
        Written::Changed
    );
    assert_eq!(
        host.remove_file(path, &expected).await.unwrap(),
        Written::AlreadyThere
    );
}

#[tokio::test]
async fn writing_while_the_connection_is_cut_leaves_a_whole_file() {
    let server = Server::start();
    let host = server.host();
    let path = server.path("f");
    let (one, two) = (vec![b'1'; 4_000_000], vec![b'2'; 4_000_000]);
    std::fs::write(&path, &one).unwrap();
    for pause in [0, 5, 10, 20, 40, 60, 80] {
        host.connect().await.unwrap();
        let write = FileWrite::new(path.to_str().unwrap(), two.clone());
        let writing = {
            let host = host.clone();
            tokio::spawn(async move { host.write_file(&write).await })
        };
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        server.cut();
        let result = writing.await.unwrap();
        let found = std::fs::read(&path).unwrap();
        assert!(
            found == one || found == two,
            "{pause} ms: {} bytes",
            found.len()
        );
        match result {
            Ok(_) => assert!(found == two),
            Err(PortError::NotSent { .. } | PortError::OutcomeUnknown { .. }) => {}
            Err(refused) => panic!("{:?}", refused.chain()),
        }
    }
    let write = FileWrite::new(path.to_str().unwrap(), two.clone());
    host.write_file(&write).await.unwrap();
    assert!(std::fs::read(&path).unwrap() == two);
}
