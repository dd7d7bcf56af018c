//! Against a server that answers what a test tells it to, or nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod server;

use std::time::Duration;

use regmig_core::port::PortError;
use regmig_docker::{Docker, DockerError, DockerLimits, ExecOptions, LogRange, RestartPolicy};

use crate::server::{Act, Server};

fn cause(error: &PortError) -> &DockerError {
    let (PortError::NotSent { source, .. }
    | PortError::Refused { source, .. }
    | PortError::OutcomeUnknown { source, .. }) = error;
    source
        .as_ref()
        .unwrap()
        .downcast_ref()
        .unwrap_or_else(|| panic!("{:?}", error.chain()))
}

const INSPECT: &str =
    r#"{"Id":"abc","Name":"/web","State":{"Status":"STATE","ExitCode":0},"Config":{"Labels":{}}}"#;

fn in_state(state: &str) -> Act {
    Act::answer(200, &INSPECT.replace("STATE", state))
}

#[tokio::test]
async fn the_api_that_both_speak_is_asked_for() {
    for (theirs, asked) in [
        ("1.41", "/v1.41/version"),
        ("1.24", "/v1.24/version"),
        ("1.52", "/v1.44/version"),
    ] {
        let server = Server::speaking(
            theirs,
            [Act::answer(
                200,
                r#"{"Version":"20.10.24","ApiVersion":"1.41"}"#,
            )],
        );
        assert_eq!(server.docker().version().await.unwrap().version, "20.10.24");
        assert_eq!(server.paths(), ["/_ping", asked]);
    }
}

#[tokio::test]
async fn connections_are_kept_and_a_dead_one_is_no_loss() {
    let kept = Server::new([
        Act::answer(204, ""),
        Act::answer(204, ""),
        Act::answer(204, ""),
    ]);
    let docker = kept.docker();
    for _ in 0..3 {
        docker.start("web").await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(kept.connections(), 1);

    // The server ends each connection after its answer, without saying so beforehand.
    let ended = Server::new([Act::last(204), Act::last(204), Act::last(204)]);
    let docker = ended.docker();
    for _ in 0..3 {
        docker.start("web").await.unwrap();
    }
    assert_eq!(ended.connections(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_first_request_of_a_connection_waits_for_its_turn() {
    for _ in 0..300 {
        let server = Server::new([Act::answer(204, ""), Act::answer(204, "")]);
        let docker = server.docker();
        docker.start("web").await.unwrap();
        docker.start("web").await.unwrap();
    }
}

#[tokio::test]
async fn what_is_so_already_is_a_success() {
    let docker = |acts: Vec<Act>| Server::new(acts).docker();
    docker(vec![Act::answer(304, "")])
        .start("web")
        .await
        .unwrap();
    docker(vec![Act::answer(304, "")])
        .stop("web", Duration::from_secs(1))
        .await
        .unwrap();
    docker(vec![Act::answer(
        404,
        r#"{"message":"No such container: web"}"#,
    )])
    .remove("web")
    .await
    .unwrap();
    let raced = vec![
        in_state("exited"),
        Act::answer(404, r#"{"message":"No such container: web"}"#),
    ];
    docker(raced).remove("web").await.unwrap();
    let paused = vec![
        Act::answer(409, r#"{"message":"already paused"}"#),
        in_state("paused"),
    ];
    docker(paused).pause("web").await.unwrap();
    let running = vec![
        Act::answer(500, r#"{"message":"not paused"}"#),
        in_state("running"),
    ];
    docker(running).unpause("web").await.unwrap();
    let frozen = vec![
        Act::answer(409, r#"{"message":"cannot start a paused container"}"#),
        in_state("paused"),
        Act::answer(204, ""),
    ];
    docker(frozen).start("web").await.unwrap();
    let removing = vec![
        in_state("exited"),
        Act::answer(409, r#"{"message":"removal in progress"}"#),
        in_state("removing"),
        Act::answer(404, ""),
    ];
    docker(removing).remove("web").await.unwrap();
}

#[tokio::test]
async fn dockers_no_is_kept_word_for_word() {
    let refused = Server::new([Act::answer(
        500,
        r#"{"message":"port is already allocated"}"#,
    )]);
    let error = refused.docker().start("web").await.unwrap_err();
    assert!(matches!(error, PortError::Refused { .. }));
    assert_eq!(
        error.chain(),
        [
            "there: start web",
            "Docker says: port is already allocated (HTTP status 500)"
        ]
    );

    let stopped = Server::new([
        Act::answer(409, r#"{"message":"is not running"}"#),
        in_state("exited"),
    ]);
    let error = stopped.docker().pause("web").await.unwrap_err();
    assert!(matches!(
        cause(&error),
        DockerError::Answered { status: 409, .. }
    ));
    let running = Server::new([
        in_state("running"),
        Act::answer(409, r#"{"message":"stop it first"}"#),
        in_state("running"),
    ]);
    assert!(matches!(
        running.docker().remove("web").await.unwrap_err(),
        PortError::Refused { .. }
    ));
    let plain = Server::new([Act::answer(502, "bad gateway")]);
    assert!(
        plain
            .docker()
            .start("web")
            .await
            .unwrap_err()
            .chain()
            .join(" ")
            .contains("bad gateway")
    );
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_unknown_and_not_repeated() {
    let server = Server::new([Act::Hang, Act::answer(204, "")]);
    let error = server
        .docker()
        .set_restart_policy("web", RestartPolicy::No)
        .await
        .unwrap_err();
    assert!(
        matches!(error, PortError::OutcomeUnknown { .. }),
        "{:?}",
        error.chain()
    );
    assert!(matches!(cause(&error), DockerError::TimedOut { .. }));
    for act in [Act::Close, Act::Half] {
        let server = Server::new([act, Act::answer(204, "")]);
        let error = server.docker().start("web").await.unwrap_err();
        assert!(
            matches!(error, PortError::OutcomeUnknown { .. }),
            "{:?}",
            error.chain()
        );
        assert!(matches!(cause(&error), DockerError::Lost { .. }));
        assert_eq!(server.paths(), ["/_ping", "/v1.41/containers/web/start"]);
    }
}

#[tokio::test]
async fn a_question_is_asked_again_and_is_never_unknown() {
    let server = Server::new([Act::Close, in_state("running")]);
    assert_eq!(
        server.docker().container("web").await.unwrap().unwrap().id,
        "abc"
    );
    let server = Server::new([Act::Half, in_state("running")]);
    assert_eq!(
        server
            .docker()
            .container("web")
            .await
            .unwrap()
            .unwrap()
            .name,
        "web"
    );
    for acts in [
        [Act::Close, Act::Close],
        [Act::Half, Act::Half],
        [Act::Hang, Act::Hang],
    ] {
        let error = Server::new(acts)
            .docker()
            .container("web")
            .await
            .unwrap_err();
        assert!(
            matches!(error, PortError::NotSent { .. }),
            "{:?}",
            error.chain()
        );
    }
    assert_eq!(
        Server::new([Act::answer(404, r#"{"message":"none"}"#)])
            .docker()
            .container("web")
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn answers_that_cannot_be_understood_are_told() {
    let server = Server::new([Act::answer(200, r#"{"Id": 7}"#)]);
    let error = server.docker().container("web").await.unwrap_err();
    assert!(matches!(error, PortError::Refused { .. }));
    assert!(
        matches!(cause(&error), DockerError::Unclear { .. }),
        "{:?}",
        error.chain()
    );
}

#[tokio::test]
async fn nothing_is_sent_before_docker_has_answered() {
    let no = Docker::new("there", DockerLimits::default(), || async {
        Err::<tokio::net::UnixStream, _>(PortError::not_sent("there: reach Docker", "no socket"))
    });
    let error = no.start("web").await.unwrap_err();
    assert!(matches!(error, PortError::NotSent { .. }));
    assert_eq!(
        error.chain(),
        ["there: start web", "there: reach Docker", "no socket"]
    );

    for ping in [
        Act::answer(403, "forbidden"),
        Act::answer(200, "hello"),
        Act::Close,
        Act::Hang,
        Act::Half,
    ] {
        let stranger = Server::with_ping(ping, [Act::answer(204, "")]);
        let error = stranger.docker().start("web").await.unwrap_err();
        assert!(
            matches!(error, PortError::NotSent { .. }),
            "{:?}",
            error.chain()
        );
        assert_eq!(stranger.paths(), ["/_ping"]);
    }
}

#[tokio::test]
async fn what_is_no_name_never_becomes_a_path() {
    let server = Server::new([Act::answer(204, "")]);
    let docker = server.docker();
    for name in ["", "../images/x", "a/b", "a?force=true", "-x", "a b", "é"] {
        for error in [
            docker.start(name).await.unwrap_err(),
            docker.container(name).await.unwrap_err(),
            docker.logs(name, &LogRange::default()).await.unwrap_err(),
            docker.exec(name, ["true"]).await.unwrap_err(),
        ] {
            assert!(matches!(error, PortError::NotSent { .. }));
            assert!(matches!(cause(&error), DockerError::Name { .. }));
        }
    }
    for reference in ["", "../containers/json", "a b", "a?x"] {
        assert!(matches!(
            docker.image(reference).await.unwrap_err(),
            PortError::NotSent { .. }
        ));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_command_that_was_prepared_only_was_not_started() {
    let made = || Act::answer(201, r#"{"Id":"e1"}"#);
    let lost = Server::new([Act::Close, Act::Close]);
    let error = lost.docker().exec("web", ["true"]).await.unwrap_err();
    assert!(matches!(error, PortError::NotSent { .. }));
    let refused = Server::new([Act::answer(
        409,
        r#"{"message":"Container web is not running"}"#,
    )]);
    assert!(matches!(
        refused.docker().exec("web", ["true"]).await.unwrap_err(),
        PortError::Refused { .. }
    ));
    let started = Server::new([made(), Act::Close]);
    assert!(matches!(
        started.docker().exec("web", ["true"]).await.unwrap_err(),
        PortError::OutcomeUnknown { .. }
    ));
    let asked = Server::new([made(), Act::Close]);
    let query = ExecOptions {
        query: true,
        ..ExecOptions::default()
    };
    assert!(matches!(
        asked
            .docker()
            .exec_with("web", ["true"], &query)
            .await
            .unwrap_err(),
        PortError::NotSent { .. }
    ));
}
