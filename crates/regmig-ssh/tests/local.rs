//! The machine on which this program runs.

use std::time::{Duration, Instant};

use regmig_core::port::PortError;
use regmig_ssh::{Command, ConnectError, Host, HostSpec, Limits, Lost, Status, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn here() -> Host {
    Host::new(
        HostSpec {
            label: "here".into(),
            transport: Transport::Local,
            sudo: false,
        },
        Limits::default(),
    )
}

#[tokio::test]
async fn commands_end_as_they_do_over_ssh() {
    let host = here();
    host.connect().await.unwrap();
    let output = host
        .exec(&Command::shell("cat; echo err >&2; exit 3", [""; 0]).stdin("it's"))
        .await
        .unwrap();
    assert_eq!(
        (
            output.status,
            output.stdout.as_slice(),
            output.stderr.as_slice()
        ),
        (Status::Code(3), &b"it's"[..], &b"err\n"[..])
    );
    let killed = host
        .exec(&Command::shell("kill -KILL $$", [""; 0]))
        .await
        .unwrap();
    assert_eq!(killed.status, Status::Signal("KILL".into()));
    let missing = host.exec(&Command::new("/no/such/program")).await.unwrap();
    assert_eq!(missing.status, Status::Code(127));
    let unread = host
        .exec(&Command::new("true").stdin(vec![b'x'; 20 << 20]))
        .await
        .unwrap();
    assert!(unread.success());
}

#[tokio::test]
async fn much_goes_in_and_out_at_once() {
    let content: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
    let output = here()
        .exec(&Command::new("cat").stdin(content.clone()))
        .await
        .unwrap();
    assert!(output.stdout == content);
    let output = here()
        .exec(&Command::shell("head -c 50000000 /dev/zero", [""; 0]).output_limit(1000))
        .await
        .unwrap();
    assert!(output.success() && output.cut && output.stdout.len() == 1000);
}

#[tokio::test]
async fn the_time_limit_ends_a_command_and_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let script = "(sleep 2; touch \"$1\") & wait";
    let command =
        Command::shell(script, [mark.to_str().unwrap()]).time_limit(Duration::from_millis(500));
    let begun = Instant::now();
    let error = here().exec(&command).await.unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    let PortError::OutcomeUnknown {
        source: Some(source),
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert!(matches!(source.downcast_ref(), Some(Lost::Ended { .. })));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(!mark.exists());
}

#[tokio::test]
async fn lines_come_as_they_are_written() {
    let mut lines = Vec::new();
    let script = "printf 'a\\rb\\n'; printf c";
    let output = here()
        .exec_streaming(&Command::shell(script, [""; 0]), |_, line| {
            lines.push(line.to_owned())
        })
        .await
        .unwrap();
    assert!(output.success());
    assert_eq!(lines, ["a", "b", "c"]);
}

#[tokio::test]
async fn streams_lead_to_addresses_sockets_and_commands() {
    let host = here();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut near = host.open_tcp("127.0.0.1", port).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    near.write_all(b"x").await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');
    drop(listener);
    drop(far);
    let refused = host.open_tcp("127.0.0.1", port).await.err().unwrap();
    assert!(matches!(refused, PortError::NotSent { .. }));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let mut near = host.open_unix(path.to_str().unwrap()).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    far.write_all(b"y").await.unwrap();
    assert_eq!(near.read_u8().await.unwrap(), b'y');

    let mut stream = host
        .open_exec(&Command::shell("cat; echo bye >&2; exit 5", [""; 0]).called("relay"))
        .await
        .unwrap();
    stream.write_all(b"there and back").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut received = Vec::new();
    let error = stream.read_to_end(&mut received).await.unwrap_err();
    assert_eq!(received, b"there and back");
    assert_eq!(error.to_string(), "relay ended with status 5: bye");
}

#[tokio::test]
async fn sudo_that_is_not_there_is_told() {
    let host = Host::new(
        HostSpec {
            label: "here".into(),
            transport: Transport::Local,
            sudo: true,
        },
        Limits::default(),
    );
    // Where sudo is installed this account is root's, which it lets do everything.
    match host.exec(&Command::new("id").arg("-u")).await {
        Ok(output) => assert_eq!(output.stdout_text(), "0\n"),
        Err(error) => assert!(
            matches!(error, PortError::Refused { .. }),
            "{:?}",
            error.chain()
        ),
    }
}

#[tokio::test]
async fn the_host_key_is_the_machines_own_or_is_said_to_be_missing() {
    let result = here().host_key().await;
    let public = std::fs::read_to_string("/etc/ssh/ssh_host_ed25519_key.pub");
    match (result, public) {
        (Ok(line), Ok(public)) => assert!(public.starts_with(&line), "{line}"),
        (Ok(line), Err(_)) => assert!(
            line.starts_with("ecdsa-") || line.starts_with("ssh-rsa"),
            "{line}"
        ),
        (
            Err(PortError::Refused {
                source: Some(source),
                ..
            }),
            Err(_),
        ) => {
            assert!(matches!(
                source.downcast_ref(),
                Some(ConnectError::NoHostKey)
            ));
        }
        (other, public) => panic!("{other:?} with {public:?}"),
    }
}
