//! Commands that come to their end.

use std::time::{Duration, Instant};

use regmig_core::port::PortError;
use regmig_ssh::{Command, Lost, Source, Status};

use crate::server::{Server, eventually, is_alive};

#[tokio::test]
async fn status_and_both_outputs_come_back() {
    let server = Server::start();
    let host = server.host();
    let output = host
        .exec(&Command::shell("echo out; echo err >&2; exit 3", [""; 0]))
        .await
        .unwrap();
    assert_eq!(output.status, Status::Code(3));
    assert_eq!(
        (output.stdout_text().as_ref(), output.stderr_text().as_ref()),
        ("out\n", "err\n")
    );
    let error = output.success_or_refused("there: try").unwrap_err();
    assert!(matches!(error, PortError::Refused { .. }));
    assert_eq!(error.chain(), ["there: try", "it ended with status 3: err"]);
}

#[tokio::test]
async fn arguments_and_environment_arrive_as_they_are() {
    let server = Server::start();
    let awkward = [
        "",
        "a b",
        "it's",
        "\"$HOME\"",
        "`id`",
        "*",
        "\\",
        "a\nb",
        "é",
        "-n",
        "a=b;c&d|e",
    ];
    let command = Command::new("printf")
        .arg("%s\\0")
        .args(awkward)
        .env("X", "unused");
    let output = server.host().exec(&command).await.unwrap();
    let expected: Vec<u8> = awkward.iter().flat_map(|a| a.bytes().chain([0])).collect();
    assert_eq!(output.stdout, expected);
    let command = Command::shell("printf %s \"$A\"", [""; 0]).env("A", "it's $HOME");
    assert_eq!(
        server.host().exec(&command).await.unwrap().stdout,
        b"it's $HOME"
    );
}

#[tokio::test]
async fn a_killed_command_has_a_signal_and_no_status() {
    let server = Server::start();
    let output = server
        .host()
        .exec(&Command::shell("kill -KILL $$", [""; 0]))
        .await
        .unwrap();
    assert_eq!(output.status, Status::Signal("KILL".into()));
    let error = output.success_or_refused("x").unwrap_err();
    assert_eq!(
        error.chain()[1],
        "it ended with signal KILL: it said nothing"
    );
}

#[tokio::test]
async fn a_command_that_leaves_its_input_unread_ends_all_the_same() {
    let server = Server::start();
    let host = server.host();
    host.connect().await.unwrap();
    let begun = Instant::now();
    let output = host
        .exec(&Command::new("true").stdin(vec![b'x'; 20 << 20]))
        .await
        .unwrap();
    assert!(output.success());
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert!(host.exec(&Command::new("true")).await.unwrap().success());
}

#[tokio::test]
async fn input_goes_through_whole() {
    let server = Server::start();
    let content: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251) as u8).collect();
    let output = server
        .host()
        .exec(&Command::new("cat").stdin(content.clone()))
        .await
        .unwrap();
    assert!(!output.cut && output.stdout == content);
}

#[tokio::test]
async fn large_output_is_read_to_its_end_and_kept_up_to_the_limit() {
    let server = Server::start();
    let script = "head -c 50000000 /dev/zero; echo done >&2";
    let command = Command::shell(script, [""; 0])
        .output_limit(1 << 20)
        .time_limit(Duration::from_secs(60));
    let output = server.host().exec(&command).await.unwrap();
    assert!(output.success() && output.cut);
    assert_eq!(
        (output.stdout.len(), output.stderr_text().as_ref()),
        (1 << 20, "done\n")
    );
    assert!(matches!(
        output.success_or_refused("x"),
        Err(PortError::OutcomeUnknown { .. })
    ));
}

#[tokio::test]
async fn the_time_limit_ends_the_command_on_the_machine() {
    let server = Server::start();
    let file = server.path("pid");
    let script = "echo $$ > \"$1\"; sleep 300 & wait";
    let command =
        Command::shell(script, [file.to_str().unwrap()]).time_limit(Duration::from_secs(1));
    let host = server.host();
    host.connect().await.unwrap();
    let begun = Instant::now();
    let error = host.exec(&command).await.unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
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
    assert!(
        matches!(source.downcast_ref(), Some(Lost::Ended { .. })),
        "{:?}",
        error.chain()
    );
    let pid = server.text("pid").trim().parse().unwrap();
    eventually(
        "the end of the command and its children",
        Duration::from_secs(5),
        || !is_alive(pid) && server.descendants().len() == server.sessions().len(),
    )
    .await;
    let query = command.query();
    assert!(matches!(
        server.host().exec(&query).await.unwrap_err(),
        PortError::NotSent { .. }
    ));
}

#[tokio::test]
async fn a_command_that_ignores_the_limit_is_killed() {
    let server = Server::start();
    let file = server.path("pid");
    let script = "trap '' TERM; echo $$ > \"$1\"; while :; do sleep 0.2; done";
    let command =
        Command::shell(script, [file.to_str().unwrap()]).time_limit(Duration::from_secs(1));
    let host = server.host();
    let error = host.exec(&command).await.unwrap_err();
    assert!(
        matches!(error, PortError::OutcomeUnknown { .. }),
        "{:?}",
        error.chain()
    );
    let pid = server.text("pid").trim().parse().unwrap();
    eventually(
        "the end of the command",
        host.lands_within(&command),
        || !is_alive(pid),
    )
    .await;
}

#[tokio::test]
async fn lines_come_as_they_are_written() {
    let server = Server::start();
    let script = "printf '10%%\\r20%%\\r'; sleep 1; printf 'done\\n'; echo oops >&2; exit 5";
    let mut lines = Vec::new();
    let begun = Instant::now();
    let output = server
        .host()
        .exec_streaming(&Command::shell(script, [""; 0]), |source, line| {
            lines.push((source, line.to_owned(), begun.elapsed()))
        })
        .await
        .unwrap();
    assert_eq!(output.status, Status::Code(5));
    let mut seen: Vec<(Source, &str)> = lines
        .iter()
        .map(|(source, line, _)| (*source, line.as_str()))
        .collect();
    seen.sort_by_key(|(source, _)| *source == Source::Stderr);
    assert_eq!(
        seen,
        [
            (Source::Stdout, "10%"),
            (Source::Stdout, "20%"),
            (Source::Stdout, "done"),
            (Source::Stderr, "oops")
        ]
    );
    let at = |text: &str| lines.iter().find(|l| l.1 == text).unwrap().2;
    assert!(at("done") - at("20%") > Duration::from_millis(700));
    assert_eq!(output.stderr_text(), "oops\n");
}

#[tokio::test]
async fn more_commands_at_once_than_sshd_has_sessions() {
    let server = Server::start();
    let host = server.host();
    let mut running = Vec::new();
    for number in 0..24 {
        let host = host.clone();
        running.push(tokio::spawn(async move {
            host.exec(&Command::shell("sleep 0.2; echo $1", [number.to_string()]))
                .await
                .unwrap()
                .stdout_text()
                .into_owned()
        }));
    }
    for (number, task) in running.into_iter().enumerate() {
        assert_eq!(task.await.unwrap().trim(), number.to_string());
    }
    assert_eq!(
        server.log().matches("Accepted publickey").count(),
        1,
        "{}",
        server.log()
    );
}

#[tokio::test]
async fn a_server_that_allows_few_sessions_is_waited_for() {
    let server = Server::with_options("MaxSessions 2");
    let host = server.host();
    let running: Vec<_> = (0..8)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move {
                host.exec(&Command::new("sleep").arg("0.3"))
                    .await
                    .map(|output| output.success())
            })
        })
        .collect();
    for task in running {
        assert!(task.await.unwrap().unwrap());
    }
    let none = Server::with_options("MaxSessions 0");
    let error = none.host().exec(&Command::new("true")).await.unwrap_err();
    assert!(matches!(error, PortError::NotSent { .. }));
    assert!(
        error.chain()[1].contains("MaxSessions"),
        "{:?}",
        error.chain()
    );
}

#[tokio::test]
async fn a_command_line_with_nul_is_not_sent() {
    let server = Server::start();
    let error = server
        .host()
        .exec(&Command::new("true").arg("a\0b"))
        .await
        .unwrap_err();
    assert!(matches!(error, PortError::NotSent { .. }));
}

#[tokio::test]
async fn a_server_that_runs_no_commands_refuses() {
    let server = Server::with_options("ForceCommand /bin/false");
    let output = server
        .host()
        .exec(&Command::new("echo").arg("x"))
        .await
        .unwrap();
    assert_eq!((output.status, output.stdout.len()), (Status::Code(1), 0));
}
