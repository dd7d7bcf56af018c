//! Against the Docker Engine of this machine.
//!
//! The image is made of this machine's own shell and tools, so that nothing has to be fetched.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod image;

use std::time::{Duration, Instant};

use futures::StreamExt;
use regmig_core::port::PortError;
use regmig_docker::{ContainerSpec, Docker, DockerLimits, ExecOptions, LogRange, LogSource, Mount, RestartPolicy, State};
use regmig_ssh::{Host, HostSpec, Limits, Transport};

use crate::image::{IMAGE, Named, image};

const GRACE: Duration = Duration::from_secs(1);

fn docker() -> Docker {
    image();
    let host = Host::new(HostSpec { label: "here".into(), transport: Transport::Local, sudo: false }, Limits::default());
    Docker::new("here", DockerLimits::default(), move || {
        let host = host.clone();
        async move { host.open_docker().await }
    })
}

/// Without a network: not every machine has the one that Docker gives by default.
fn shell(name: &Named, script: &str) -> ContainerSpec {
    ContainerSpec::new(IMAGE, name.0.as_str()).entrypoint(["/bin/sh", "-c"]).command([script]).no_network()
}

const IDLE: &str = "trap 'echo hup' HUP; trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done";

#[tokio::test]
async fn a_container_from_its_making_to_its_removal() {
    let (docker, name) = (docker(), Named::new("life"));
    let n = name.0.as_str();
    let spec = shell(&name, IDLE).label("regmig.test", "yes").restart(RestartPolicy::UnlessStopped).env("A", "b");
    assert_eq!(docker.container(n).await.unwrap(), None);
    let id = docker.create(&spec).await.unwrap();
    assert_eq!(docker.create(&spec).await.unwrap(), id);
    assert_eq!(docker.container(n).await.unwrap().unwrap().state, State::Created);
    assert!(matches!(docker.create(&spec.clone().env("A", "c")).await.unwrap_err(), PortError::Refused { .. }));

    docker.start(n).await.unwrap();
    docker.start(n).await.unwrap();
    let found = docker.container(n).await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.name.as_str(), found.image.as_str()), (id.as_str(), n, IMAGE));
    assert_eq!((found.state, found.restart_policy, found.compose), (State::Running, RestartPolicy::UnlessStopped, None));
    assert!(found.pid > 0 && found.started_ms > 1_700_000_000_000 && found.labels["regmig.test"] == "yes");
    assert!(found.networks["none"].is_empty());
    assert!(docker.containers().await.unwrap().iter().any(|c| c.id == id));
    assert_eq!(docker.container(&id[..12]).await.unwrap().unwrap().name, n);

    docker.pause(n).await.unwrap();
    docker.pause(n).await.unwrap();
    assert_eq!(docker.container(n).await.unwrap().unwrap().state, State::Paused);
    docker.unpause(n).await.unwrap();
    docker.unpause(n).await.unwrap();
    docker.kill(n, "HUP").await.unwrap();
    assert!(matches!(docker.remove(n).await.unwrap_err(), PortError::Refused { .. }));

    docker.set_restart_policy(n, RestartPolicy::No).await.unwrap();
    docker.restart(n, GRACE).await.unwrap();
    let again = docker.container(n).await.unwrap().unwrap();
    assert!(again.started_ms > found.started_ms && again.restart_policy == RestartPolicy::No);
    docker.stop(n, Duration::from_secs(5)).await.unwrap();
    docker.stop(n, GRACE).await.unwrap();
    let ended = docker.container(n).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.exit_code, ended.pid), (State::Exited, 7, 0));
    assert!(ended.finished_ms >= again.started_ms);
    assert!(docker.pause(n).await.is_err() && docker.kill(n, "HUP").await.is_err());
    docker.remove(n).await.unwrap();
    docker.remove(n).await.unwrap();
    assert!(matches!(docker.start(n).await.unwrap_err(), PortError::Refused { .. }));
}

#[tokio::test]
async fn a_stop_waits_for_as_long_as_it_is_told() {
    let (docker, name) = (docker(), Named::new("deaf"));
    docker.run(&shell(&name, "trap '' TERM; while :; do sleep 0.1; done")).await.unwrap();
    let begun = Instant::now();
    docker.stop(&name.0, Duration::from_secs(2)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(docker.container(&name.0).await.unwrap().unwrap().exit_code, 137);
}

#[tokio::test]
async fn running_once_leaves_nothing_but_the_result() {
    let (docker, name) = (docker(), Named::new("once"));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("input"), "from the machine\n").unwrap();
    let script = "cat /in/input; echo \"$WORD in $PWD\" >&2; echo x > /in/no || exit 3";
    let spec = shell(&name, script)
        .mount(Mount::read_only(folder.path().to_str().unwrap(), "/in"))
        .env("WORD", "hello")
        .working_dir("/tmp")
        .user("0");
    // Twice: the first one leaves nothing in the way.
    for _ in 0..2 {
        let result = docker.run_once(&spec, Duration::from_secs(30)).await.unwrap();
        assert_eq!((result.status, result.stdout.as_str()), (3, "from the machine\n"));
        assert!(result.stderr.starts_with("hello in /tmp\n"), "{}", result.stderr);
        assert_eq!(docker.container(&name.0).await.unwrap(), None);
    }
    // One that a killed predecessor made otherwise and left behind, ended or running.
    for script in ["exit 0", "sleep 2"] {
        docker.run(&shell(&name, script)).await.unwrap();
        assert_eq!(docker.run_once(&spec, Duration::from_secs(30)).await.unwrap().status, 3);
    }
    let late = docker.run_once(&shell(&name, "sleep 60"), Duration::from_secs(1)).await.unwrap_err();
    assert!(matches!(late, PortError::OutcomeUnknown { .. }), "{:?}", late.chain());
}

#[tokio::test]
async fn a_foreign_container_is_left_alone() {
    let (docker, name) = (docker(), Named::new("foreign"));
    image::docker(&["create", "--name", &name.0, "--entrypoint", "/bin/sh", IMAGE, "-c", "exit 0"]);
    let spec = shell(&name, "exit 0");
    for error in [
        docker.create(&spec).await.unwrap_err(),
        docker.run_once(&spec, Duration::from_secs(5)).await.unwrap_err(),
    ] {
        assert!(matches!(error, PortError::Refused { .. }) && error.chain()[1].contains("exists already"), "{:?}", error.chain());
    }
    docker.remove(&name.0).await.unwrap();
}

#[tokio::test]
async fn logs_are_read_in_parts_and_followed() {
    let (docker, name) = (docker(), Named::new("logs"));
    let script = "echo one; echo two >&2; sleep 1.2; echo three; printf rest; sleep 1; echo; sleep 0.3";
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
    let since = LogRange { since_ms: Some(three.at_ms), ..LogRange::default() };
    assert_eq!(docker.logs(&name.0, &since).await.unwrap().text(LogSource::Stdout), "three\nrest\n");
    let after = LogRange { since_ms: Some(three.at_ms + 1), ..LogRange::default() };
    assert_eq!(docker.logs(&name.0, &after).await.unwrap().text(LogSource::Stdout), "rest\n");
    let tail = LogRange { tail: Some(1), ..LogRange::default() };
    assert_eq!(docker.logs(&name.0, &tail).await.unwrap().lines.len(), 1);
    let cut = docker.logs(&name.0, &LogRange { limit_bytes: 40, ..LogRange::default() }).await.unwrap();
    assert!(cut.cut && cut.lines.len() <= 2);
    assert!(matches!(docker.logs("no-such-container", &tail).await.unwrap_err(), PortError::Refused { .. }));
    assert!(docker.follow_logs("no-such-container", None).next().await.unwrap().is_err());
}

#[tokio::test]
async fn commands_run_inside() {
    let (docker, name) = (docker(), Named::new("exec"));
    docker.run(&shell(&name, IDLE)).await.unwrap();
    let n = name.0.as_str();
    let result = docker.exec(n, ["/bin/sh", "-c", "echo out; echo err >&2; exit 9"]).await.unwrap();
    assert_eq!((result.status, result.stdout.as_str(), result.stderr.as_str()), (9, "out\n", "err\n"));
    let input: String = (0..200_000).map(|i| format!("{i}\n")).collect();
    let options = ExecOptions { stdin: input.clone().into(), user: Some("0".into()), env: vec!["A=b c".into()], ..ExecOptions::default() };
    let result = docker.exec_with(n, ["/bin/sh", "-c", "echo \"$A\"; cat"], &options).await.unwrap();
    assert!(result.status == 0 && result.stdout == format!("b c\n{input}"), "{} bytes", result.stdout.len());
    // One that leaves its input unread ends all the same.
    let result = docker.exec_with(n, ["/bin/sh", "-c", "exit 4"], &options).await.unwrap();
    assert_eq!(result.status, 4);
    let missing = docker.exec(n, ["/no/such/program"]).await;
    assert!(matches!(&missing, Ok(result) if result.status >= 126) || matches!(missing, Err(PortError::Refused { .. })), "{missing:?}");
    let quick = ExecOptions { time_limit: Duration::from_secs(1), ..ExecOptions::default() };
    let limits = DockerLimits { connect: Duration::from_secs(1), ..DockerLimits::default() };
    let host = Host::new(HostSpec { label: "here".into(), transport: Transport::Local, sudo: false }, Limits::default());
    let hurried = Docker::new("here", limits, move || {
        let host = host.clone();
        async move { host.open_docker().await }
    });
    let late = hurried.exec_with(n, ["/bin/sh", "-c", "sleep 8"], &quick).await.unwrap_err();
    assert!(matches!(late, PortError::OutcomeUnknown { .. }));
    docker.stop(n, GRACE).await.unwrap();
    assert!(matches!(docker.exec(n, ["true"]).await.unwrap_err(), PortError::Refused { .. }));
}

#[tokio::test]
async fn the_engine_its_images_and_networks_are_known() {
    let docker = docker();
    let version = docker.version().await.unwrap();
    assert!(version.version.contains('.') && version.os == "linux" && !version.kernel.is_empty());
    let image = docker.image(IMAGE).await.unwrap().unwrap();
    assert!(image.tags.contains(&IMAGE.to_owned()) && image.size > 0);
    assert!(docker.images().await.unwrap().iter().any(|i| i.id == image.id));
    assert_eq!(docker.image("regmig-no-such-image:1").await.unwrap(), None);
    let name = Named::new("net");
    let error = docker.create(&ContainerSpec::new("regmig-no-such-image:1", name.0.as_str())).await.unwrap_err();
    assert!(matches!(error, PortError::Refused { .. }) && error.chain()[1].contains("No such image"), "{:?}", error.chain());

    let project = format!("com.docker.compose.project={}", name.0);
    image::docker(&["network", "create", "--label", &project, "--label", "com.docker.compose.network=backend", &name.0]);
    let networks = docker.networks(&name.0).await.unwrap();
    assert_eq!((networks.len(), networks[0].compose_name.as_deref()), (1, Some("backend")));
    assert!(networks[0].subnets[0].contains('/'));
    let spec = shell(&name, IDLE).network(name.0.as_str(), ["tunnel"]).label("com.docker.compose.project", "p").label("com.docker.compose.service", "s");
    docker.run(&spec).await.unwrap();
    let found = docker.container(&name.0).await.unwrap().unwrap();
    assert!(found.attachments[0].aliases.contains(&"tunnel".to_owned()) && !found.networks[&name.0].is_empty());
    assert_eq!(found.compose.unwrap().service, "s");
}

#[tokio::test]
async fn a_command_line_relay_serves_as_well_as_the_socket() {
    image();
    let host = Host::new(HostSpec { label: "here".into(), transport: Transport::Local, sudo: false }, Limits::default());
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
    let options = ExecOptions { stdin: "through and back".into(), ..ExecOptions::default() };
    assert_eq!(relay.exec_with(&name.0, ["cat"], &options).await.unwrap().stdout, "through and back");
    assert_eq!(relay.container(&name.0).await.unwrap().unwrap().state, State::Running);

    let broken = Docker::new("here", DockerLimits::default(), move || {
        let host = host.clone();
        let command = regmig_ssh::Command::new("docker").args(["-H", "unix:///no/such.sock", "system", "dial-stdio"]);
        async move { host.open_exec(&command).await }
    });
    let error = broken.stop(&name.0, GRACE).await.unwrap_err();
    assert!(matches!(error, PortError::NotSent { .. }), "{:?}", error.chain());
    assert!(error.chain().join(" ").contains("/no/such.sock"), "{:?}", error.chain());
}
