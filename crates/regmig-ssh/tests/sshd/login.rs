//! Who is let in, and by whom.

use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use regmig_core::port::PortError;
use regmig_ssh::{Command, ConnectError, Host, HostKeyError, HostSpec, Transport, worth_retrying};

use crate::server::{LIMITS, Server, keygen, signal, user};

fn cause(error: &PortError) -> &ConnectError {
    let PortError::NotSent {
        source: Some(source),
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    let shared = source.downcast_ref::<std::sync::Arc<ConnectError>>();
    shared.unwrap_or_else(|| panic!("{:?}", error.chain()))
}

async fn failure(host: &Host) -> (PortError, String) {
    let error = host.connect().await.unwrap_err();
    let text = error.chain().join("\n");
    assert!(text.starts_with("there: log in"), "{text}");
    (error, text)
}

#[tokio::test]
async fn the_verified_host_key_is_known() {
    let server = Server::start();
    let line = server.host().host_key().await.unwrap();
    assert!(server.text("host_ed25519.pub").starts_with(&line), "{line}");
}

#[tokio::test]
async fn the_server_is_asked_for_the_key_on_record() {
    let server = Server::start();
    server.known(&["host_ecdsa.pub"]);
    let line = server.host().host_key().await.unwrap();
    assert!(server.text("host_ecdsa.pub").starts_with(&line), "{line}");
}

#[tokio::test]
async fn an_rsa_host_key_is_verified_with_sha2() {
    let server =
        Server::with_options("HostKey %F/host_rsa\nHostKeyAlgorithms rsa-sha2-256,ssh-ed25519");
    server.known(&["host_rsa.pub"]);
    let line = server.host().host_key().await.unwrap();
    assert!(server.text("host_rsa.pub").starts_with(&line), "{line}");
}

#[tokio::test]
async fn an_unknown_host_is_refused_with_what_to_type() {
    let server = Server::start();
    std::fs::write(server.path("known_hosts"), "").unwrap();
    let (error, text) = failure(&server.host()).await;
    assert!(
        matches!(cause(&error), ConnectError::HostKey(e) if matches!(**e, HostKeyError::Unknown { .. }))
    );
    assert!(!worth_retrying(&error));
    let print = Process::new("ssh-keygen")
        .arg("-lf")
        .arg(server.path("host_ed25519.pub"))
        .output()
        .unwrap();
    let print = String::from_utf8(print.stdout).unwrap();
    let print = print.split(' ').nth(1).unwrap();
    assert!(text.contains(print), "{text} does not show {print}");
    assert!(!server.log().contains("Accepted"), "{}", server.log());

    // What it says to type is enough.
    let typed = text.split("type: ").nth(1).unwrap();
    assert!(
        Process::new("sh")
            .arg("-c")
            .arg(typed)
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    server.host().connect().await.unwrap();
}

#[tokio::test]
async fn a_changed_host_key_is_refused_with_both_prints() {
    let server = Server::start();
    keygen(&server.path("other"), &["-t", "ed25519"]);
    server.known(&["other.pub"]);
    let (error, text) = failure(&server.host()).await;
    assert!(
        matches!(cause(&error), ConnectError::HostKey(e) if matches!(**e, HostKeyError::Changed { line: 1, .. }))
    );
    assert!(
        text.contains("line 1 expects ssh-ed25519 SHA256:"),
        "{text}"
    );
    assert!(!server.log().contains("Accepted"), "{}", server.log());
    let typed = text.split("type: ").nth(1).unwrap();
    assert!(
        Process::new("sh")
            .arg("-c")
            .arg(typed)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    server.host().connect().await.unwrap();
}

#[tokio::test]
async fn a_revoked_host_key_is_refused() {
    let server = Server::start();
    let key = server.text("host_ed25519.pub");
    std::fs::write(
        server.path("known_hosts"),
        format!("[127.0.0.1]:{0} {key}@revoked * {key}", server.port),
    )
    .unwrap();
    let (error, text) = failure(&server.host()).await;
    assert!(
        matches!(cause(&error), ConnectError::HostKey(e) if matches!(**e, HostKeyError::Revoked { line: 2, .. }))
    );
    assert!(text.contains("@revoked"), "{text}");
}

#[tokio::test]
async fn a_refused_key_and_an_unknown_user_are_told_with_the_key() {
    let server = Server::start();
    keygen(&server.path("stranger"), &["-t", "ed25519"]);
    let mut spec = server.spec();
    spec.identity = Some(server.path("stranger"));
    let (error, text) = failure(&server.host_as(spec, false)).await;
    assert!(
        matches!(cause(&error), ConnectError::KeyRefused { .. }),
        "{text}"
    );
    assert!(
        text.contains(&user()) && text.contains("SHA256:") && text.contains("publickey"),
        "{text}"
    );
    assert!(!worth_retrying(&error));

    let mut spec = server.spec();
    spec.user = "no-such-user".into();
    let (_, text) = failure(&server.host_as(spec, false)).await;
    assert!(text.contains("no-such-user"), "{text}");
}

#[tokio::test]
async fn identity_files_that_cannot_be_used_say_why() {
    let server = Server::start();
    keygen(
        &server.path("locked"),
        &["-t", "ed25519", "-N", "secret words"],
    );
    std::fs::write(server.path("rubbish"), "hello").unwrap();
    for (name, words) in [
        ("locked", "ssh-add"),
        ("id.pub", "without .pub"),
        ("rubbish", "private key"),
        ("missing", "No such file"),
    ] {
        let mut spec = server.spec();
        spec.identity = Some(server.path(name));
        let (error, text) = failure(&server.host_as(spec, false)).await;
        assert!(
            matches!(cause(&error), ConnectError::Identity { .. }),
            "{text}"
        );
        assert!(
            text.contains(words) && text.contains(name),
            "{name}: {text}"
        );
    }
    let mut spec = server.spec();
    spec.identity = None;
    let (error, _) = failure(&server.host_as(spec, false)).await;
    assert!(matches!(cause(&error), ConnectError::NoIdentity { .. }));
}

#[tokio::test]
async fn rsa_keys_sign_with_sha2() {
    let server = Server::with_options("PubkeyAcceptedAlgorithms rsa-sha2-256");
    keygen(&server.path("rsa"), &["-t", "rsa", "-b", "2048"]);
    std::fs::copy(server.path("rsa.pub"), server.path("authorized_keys")).unwrap();
    let mut spec = server.spec();
    spec.identity = Some(server.path("rsa"));
    server.host_as(spec, false).connect().await.unwrap();
}

/// An agent of our own, ended by its process number.
struct Agent {
    child: std::process::Child,
    socket: std::path::PathBuf,
}

impl Agent {
    fn start(server: &Server) -> Self {
        let socket = server.path("agent");
        let child = Process::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, socket }
    }

    fn add(&self, path: &std::path::Path) {
        let added = Process::new("ssh-add")
            .arg("-q")
            .arg(path)
            .env("SSH_AUTH_SOCK", &self.socket)
            .status()
            .unwrap();
        assert!(added.success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        signal("TERM", self.child.id());
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_agent_offers_its_keys_and_unlocks_a_locked_one() {
    let server = Server::start();
    let agent = Agent::start(&server);
    let mut spec = server.spec();
    spec.identity = None;
    spec.use_agent = true;
    let host = || {
        server
            .host_as(spec.clone(), false)
            .with_agent(&agent.socket)
    };
    let (error, text) = failure(&host()).await;
    assert!(
        matches!(cause(&error), ConnectError::Agent { .. }) && text.contains("ssh-add"),
        "{text}"
    );

    keygen(&server.path("rsa"), &["-t", "rsa", "-b", "2048"]);
    agent.add(&server.path("rsa"));
    let (error, text) = failure(&host()).await;
    assert!(
        matches!(cause(&error), ConnectError::KeyRefused { .. }) && text.contains("(agent)"),
        "{text}"
    );
    agent.add(&server.path("id"));
    host().connect().await.unwrap();

    // The file of the same key, now with a passphrase: the agent holds its twin.
    let locked = Process::new("ssh-keygen")
        .args(["-q", "-p", "-N", "words words", "-f"])
        .arg(server.path("id"))
        .status();
    assert!(locked.unwrap().success());
    let mut spec = server.spec();
    spec.use_agent = true;
    server
        .host_as(spec.clone(), false)
        .with_agent(&agent.socket)
        .connect()
        .await
        .unwrap();
    keygen(
        &server.path("locked"),
        &["-t", "ed25519", "-N", "other words"],
    );
    spec.identity = Some(server.path("locked"));
    let (_, text) = failure(&server.host_as(spec, false).with_agent(&agent.socket)).await;
    assert!(text.contains("does not hold it"), "{text}");
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_told() {
    let server = Server::start();
    let mut spec = server.spec();
    spec.identity = None;
    spec.use_agent = true;
    let (error, text) = failure(
        &server
            .host_as(spec, false)
            .with_agent(server.path("nothing")),
    )
    .await;
    assert!(
        matches!(cause(&error), ConnectError::Agent { .. }),
        "{text}"
    );
}

#[tokio::test]
async fn nobody_at_the_port_and_a_port_that_says_nothing() {
    let server = Server::start();
    let mut spec = server.spec();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    spec.port = free.local_addr().unwrap().port();
    let silent = Host::new(
        HostSpec {
            label: "there".into(),
            transport: Transport::Ssh(spec.clone()),
            sudo: false,
        },
        regmig_ssh::Limits {
            connect: Duration::from_millis(500),
            ..LIMITS
        },
    );
    let begun = Instant::now();
    let (error, text) = failure(&silent).await;
    assert!(
        matches!(cause(&error), ConnectError::TimedOut { .. }),
        "{text}"
    );
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(worth_retrying(&error));

    // All who wait meanwhile share one attempt, or at most one more.
    let begun = Instant::now();
    let waiting = (0..10).map(|_| {
        let host = silent.clone();
        tokio::spawn(async move { host.exec(&Command::new("true")).await.unwrap_err() })
    });
    for task in waiting.collect::<Vec<_>>() {
        assert!(matches!(task.await.unwrap(), PortError::NotSent { .. }));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );

    drop(free);
    let (error, text) = failure(&server.host_as(spec, false)).await;
    assert!(
        matches!(cause(&error), ConnectError::Unreachable { .. }),
        "{text}"
    );
    assert!(worth_retrying(&error));
}
