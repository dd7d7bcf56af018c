//! What containers say, of themselves and when asked.

use std::time::Duration;

use futures::StreamExt;
use regmig_core::port::PortError;
use regmig_docker::{Docker, DockerLimits, ExecOptions, LogRange, LogSource, State};
use regmig_ssh::{Host, HostSpec, Limits, Transport};

use crate::image::{Named, image};
use crate::{GRACE, IDLE, docker, shell};

#[tokio::test]
async fn logs_are_read_in_parts_and_followed() {
    let (docker, name) = (docker(), Named::new("logs"));
    let script =
        "echo one; echo two >&2; sleep 1.2; echo three; printf rest; sleep 1; echo; sleep 0.3";
    docker.run(&shell(&name, script)).await.unwrap();
    let mut followed = Vec::new();
    let mut stream = docker.follow_logs(&name.0, None);
    while let Some(line) = stream.next().await {
        followed.push(line.unwrap());
    }
    let texts: Vec<&str> = followed.iter().map(|l| l.text.as_str()).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert_eq!(&texts[2..], ["three", "rest"]);
    let all = docker.logs(&name.0, &LogRange::default()).await.unwrap();
    assert_eq!(all.text(LogSource::Stdout), "one\nthree\nrest\n");
    assert_eq!(all.text(LogSource::Stderr), "two\n");
    let three = all.lines.iter().find(|l| l.text == "three").unwrap();
    let since = LogRange {
        since_ms: Some(three.at_ms),
        ..LogRange::default()
    };
    assert_eq!(
        docker
            .logs(&name.0, &since)
            .await
            .unwrap()
            .text(LogSource::Stdout),
        "three\nrest\n"
    );
    let after = LogRange {
        since_ms: Some(three.at_ms + 1),
        ..LogRange::default()
    };
    assert_eq!(
        docker
            .logs(&name.0, &after)
            .await
            .unwrap()
            .text(LogSource::Stdout),
        "rest\n"
    );
    let tail = LogRange {
        tail: Some(1),
        ..LogRange::default()
    };
    assert_eq!(docker.logs(&name.0, &tail).await.unwrap().lines.len(), 1);
    let cut = docker
        .logs(
            &name.0,
            &LogRange {
                limit_bytes: 100,
                ..LogRange::default()
            },
        )
        .await
        .unwrap();
    assert!(cut.cut && cut.lines.last().unwrap().text == "rest");
    assert!(cut.lines.len() < 4, "{:?}", cut.lines);
    assert!(matches!(
        docker.logs("no-such-container", &tail).await.unwrap_err(),
        PortError::Refused { .. }
    ));
    assert!(
        docker
            .follow_logs("no-such-container", None)
            .next()
            .await
            .unwrap()
            .is_err()
    );
}

#[tokio::test]
async fn commands_run_inside() {
    let (docker, name) = (docker(), Named::new("exec"));
    docker.run(&shell(&name, IDLE)).await.unwrap();
    let n = name.0.as_str();
    let result = docker
        .exec(n, ["/bin/sh", "-c", "echo out; echo err >&2; exit 9"])
        .await
        .unwrap();
    assert_eq!(
        (
            result.status,
            result.stdout.as_str(),
            result.stderr.as_str()
        ),
        (9, "out\n", "err\n")
    );
    let input: String = (0..200_000).map(|i| format!("{i}\n")).collect();
    let options = ExecOptions {
        stdin: input.clone().into(),
        user: Some("0".into()),
        env: vec!["A=b c".into()],
        ..ExecOptions::default()
    };
    let result = docker
        .exec_with(n, ["/bin/sh", "-c", "echo \"$A\"; cat"], &options)
        .await
        .unwrap();
    assert!(
        result.status == 0 && result.stdout == format!("b c\n{input}"),
        "{} bytes",
        result.stdout.len()
    );
    // One that leaves its input unread ends all the same.
    let result = docker
        .exec_with(n, ["/bin/sh", "-c", "exit 4"], &options)
        .await
        .unwrap();
    assert_eq!(result.status, 4);
    let missing = docker.exec(n, ["/no/such/program"]).await;
    assert!(
        matches!(&missing, Ok(result) if result.status >= 126)
            || matches!(missing, Err(PortError::Refused { .. })),
        "{missing:?}"
    );
    let quick = ExecOptions {
        time_limit: Duration::from_secs(1),
        ..ExecOptions::default()
    };
    let limits = DockerLimits {
        connect: Duration::from_secs(1),
        ..DockerLimits::default()
    };
    let host = Host::new(
        HostSpec {
            label: "here".into(),
            transport: Transport::Local,
            sudo: false,
        },
        Limits::default(),
    );
    let hurried = Docker::new("here", limits, move || {
        let host = host.clone();
        async move { host.open_docker().await }
    });
    let late = hurried
        .exec_with(n, ["/bin/sh", "-c", "sleep 8"], &quick)
        .await
        .unwrap_err();
    assert!(matches!(late, PortError::OutcomeUnknown { .. }));
    docker.stop(n, GRACE).await.unwrap();
    assert!(matches!(
        docker.exec(n, ["true"]).await.unwrap_err(),
        PortError::Refused { .. }
    ));
}

#[tokio::test]
async fn a_command_line_relay_serves_as_well_as_the_socket() {
    image();
    let host = Host::new(
        HostSpec {
            label: "here".into(),
            transport: Transport::Local,
            sudo: false,
        },
        Limits::default(),
    );
    let relay = {
        let host = host.clone();
        Docker::new("here", DockerLimits::default(), move || {
            let host = host.clone();
            let command = regmig_ssh::Command::new("docker").args(["system", "dial-stdio"]);
            async move { host.open_exec(&command).await }
        })
    };
    let name = Named::new("relay");
    relay.run(&shell(&name, IDLE)).await.unwrap();
    let options = ExecOptions {
        stdin: "through and back".into(),
        ..ExecOptions::default()
    };
    assert_eq!(
        relay
            .exec_with(&name.0, ["cat"], &options)
            .await
            .unwrap()
            .stdout,
        "through and back"
    );
    assert_eq!(
        relay.container(&name.0).await.unwrap().unwrap().state,
        State::Running
    );

    let broken = Docker::new("here", DockerLimits::default(), move || {
        let host = host.clone();
        let command = regmig_ssh::Command::new("docker").args([
            "-H",
            "unix:///no/such.sock",
            "system",
            "dial-stdio",
        ]);
        async move { host.open_exec(&command).await }
    });
    let error = broken.stop(&name.0, GRACE).await.unwrap_err();
    assert!(
        matches!(error, PortError::NotSent { .. }),
        "{:?}",
        error.chain()
    );
    let text = error.chain().join("\n");
    assert!(
        text.contains("/no/such.sock") && text.contains("systemctl status docker"),
        "{text}"
    );
}
