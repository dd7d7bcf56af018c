//! Containers from their making to their removal.

use std::time::{Duration, Instant};

use regmig_core::port::PortError;
use regmig_docker::{ContainerSpec, Mount, RestartPolicy, State};

use crate::image::{self, IMAGE, Named};
use crate::{GRACE, IDLE, docker, shell};

#[tokio::test]
async fn a_container_from_its_making_to_its_removal() {
    let (docker, name) = (docker(), Named::new("life"));
    let n = name.0.as_str();
    let spec = shell(&name, IDLE)
        .label("regmig.test", "yes")
        .restart(RestartPolicy::UnlessStopped)
        .env("A", "b");
    assert_eq!(docker.container(n).await.unwrap(), None);
    let id = docker.create(&spec).await.unwrap();
    assert_eq!(docker.create(&spec).await.unwrap(), id);
    assert_eq!(
        docker.container(n).await.unwrap().unwrap().state,
        State::Created
    );
    assert!(matches!(
        docker
            .create(&spec.clone().env("A", "c"))
            .await
            .unwrap_err(),
        PortError::Refused { .. }
    ));

    docker.start(n).await.unwrap();
    docker.start(n).await.unwrap();
    let found = docker.container(n).await.unwrap().unwrap();
    assert_eq!(
        (found.id.as_str(), found.name.as_str(), found.image.as_str()),
        (id.as_str(), n, IMAGE)
    );
    assert_eq!(
        (found.state, found.restart_policy, found.compose),
        (State::Running, RestartPolicy::UnlessStopped, None)
    );
    assert!(
        found.pid > 0
            && found.started_ms > 1_700_000_000_000
            && found.labels["regmig.test"] == "yes"
    );
    assert!(found.networks["none"].is_empty());
    assert!(
        docker
            .containers()
            .await
            .unwrap()
            .iter()
            .any(|c| c.id == id)
    );
    let listed = docker.listed().await.unwrap();
    let listed = listed.into_iter().find(|found| found.name == n).unwrap();
    assert_eq!((listed.state, listed.compose), (State::Running, None));
    assert!(listed.networks["none"].is_empty());
    assert_eq!(docker.container(&id[..12]).await.unwrap().unwrap().name, n);

    docker.pause(n).await.unwrap();
    docker.pause(n).await.unwrap();
    assert_eq!(
        docker.container(n).await.unwrap().unwrap().state,
        State::Paused
    );
    docker.unpause(n).await.unwrap();
    docker.unpause(n).await.unwrap();
    docker.pause(n).await.unwrap();
    docker.start(n).await.unwrap();
    assert_eq!(
        docker.container(n).await.unwrap().unwrap().state,
        State::Running
    );
    docker.pause(n).await.unwrap();
    docker.stop(n, GRACE).await.unwrap();
    docker.start(n).await.unwrap();
    docker.kill(n, "HUP").await.unwrap();
    assert!(matches!(
        docker.remove(n).await.unwrap_err(),
        PortError::Refused { .. }
    ));

    docker
        .set_restart_policy(n, RestartPolicy::No)
        .await
        .unwrap();
    docker.restart(n, GRACE).await.unwrap();
    let again = docker.container(n).await.unwrap().unwrap();
    assert!(again.started_ms > found.started_ms && again.restart_policy == RestartPolicy::No);
    docker.stop(n, Duration::from_secs(5)).await.unwrap();
    docker.stop(n, GRACE).await.unwrap();
    let ended = docker.container(n).await.unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.exit_code, ended.pid),
        (State::Exited, 7, 0)
    );
    assert!(ended.finished_ms >= again.started_ms);
    assert!(docker.pause(n).await.is_err() && docker.kill(n, "HUP").await.is_err());
    docker.remove(n).await.unwrap();
    docker.remove(n).await.unwrap();
    assert!(matches!(
        docker.start(n).await.unwrap_err(),
        PortError::Refused { .. }
    ));
}

#[tokio::test]
async fn a_stop_waits_for_as_long_as_it_is_told() {
    let (docker, name) = (docker(), Named::new("deaf"));
    docker
        .run(&shell(&name, "trap '' TERM; while :; do sleep 0.1; done"))
        .await
        .unwrap();
    let begun = Instant::now();
    docker.stop(&name.0, Duration::from_secs(2)).await.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        docker.container(&name.0).await.unwrap().unwrap().exit_code,
        137
    );
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
        let result = docker
            .run_once(&spec, Duration::from_secs(30))
            .await
            .unwrap();
        assert_eq!(
            (result.status, result.stdout.as_str()),
            (3, "from the machine\n")
        );
        assert!(
            result.stderr.starts_with("hello in /tmp\n"),
            "{}",
            result.stderr
        );
        assert_eq!(docker.container(&name.0).await.unwrap(), None);
    }
    // One that a killed predecessor made otherwise and left behind, ended or running.
    for script in ["exit 0", "sleep 2"] {
        docker.run(&shell(&name, script)).await.unwrap();
        assert_eq!(
            docker
                .run_once(&spec, Duration::from_secs(30))
                .await
                .unwrap()
                .status,
            3
        );
    }
    let late = docker
        .run_once(&shell(&name, "sleep 60"), Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(
        matches!(late, PortError::OutcomeUnknown { .. }),
        "{:?}",
        late.chain()
    );
}

#[tokio::test]
async fn a_foreign_container_is_left_alone() {
    let (docker, name) = (docker(), Named::new("foreign"));
    image::docker(&[
        "create",
        "--name",
        &name.0,
        "--entrypoint",
        "/bin/sh",
        IMAGE,
        "-c",
        "exit 0",
    ]);
    let spec = shell(&name, "exit 0");
    for error in [
        docker.create(&spec).await.unwrap_err(),
        docker
            .run_once(&spec, Duration::from_secs(5))
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(error, PortError::Refused { .. })
                && error.chain()[1].contains("exists already"),
            "{:?}",
            error.chain()
        );
    }
    docker.remove(&name.0).await.unwrap();
}

#[tokio::test]
async fn the_engine_its_images_and_networks_are_known() {
    let docker = docker();
    let version = docker.version().await.unwrap();
    assert!(version.version.contains('.') && version.os == "linux" && !version.kernel.is_empty());
    let image = docker.image(IMAGE).await.unwrap().unwrap();
    assert!(image.tags.contains(&IMAGE.to_owned()) && image.size > 0);
    assert!(
        docker
            .images()
            .await
            .unwrap()
            .iter()
            .any(|i| i.id == image.id)
    );
    assert_eq!(docker.image("regmig-no-such-image:1").await.unwrap(), None);
    let name = Named::new("net");
    let error = docker
        .create(&ContainerSpec::new(
            "regmig-no-such-image:1",
            name.0.as_str(),
        ))
        .await
        .unwrap_err();
    assert!(
        matches!(error, PortError::Refused { .. }) && error.chain()[1].contains("No such image"),
        "{:?}",
        error.chain()
    );

    let project = format!("com.docker.compose.project={}", name.0);
    image::docker(&[
        "network",
        "create",
        "--label",
        &project,
        "--label",
        "com.docker.compose.network=backend",
        &name.0,
    ]);
    let networks = docker.networks(&name.0).await.unwrap();
    assert_eq!(
        (networks.len(), networks[0].compose_name.as_deref()),
        (1, Some("backend"))
    );
    assert!(networks[0].subnets[0].contains('/'));
    let spec = shell(&name, IDLE)
        .network(name.0.as_str(), ["tunnel"])
        .label("com.docker.compose.project", "p")
        .label("com.docker.compose.service", "s");
    docker.run(&spec).await.unwrap();
    let found = docker.container(&name.0).await.unwrap().unwrap();
    assert!(
        found.attachments[0].aliases.contains(&"tunnel".to_owned())
            && !found.networks[&name.0].is_empty()
    );
    assert_eq!(found.compose.unwrap().service, "s");
}
