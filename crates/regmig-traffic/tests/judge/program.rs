//! The program: its exit codes, its files, and how it is told to end.

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use regmig_traffic::audit::Audit;
use regmig_traffic::event::Event;
use regmig_traffic::log::read_log;
use regmig_traffic::report::Report;
use tokio::process::{Child, Command};

use crate::register::{HOST, KEY};
use crate::rig::{Rig, after_ms};

struct Program {
    rig: Rig,
    ca: PathBuf,
    key: PathBuf,
}

impl Program {
    async fn new() -> Self {
        let rig = Rig::new().await;
        let ca = rig.folder.path().join("ca.pem");
        let key = rig.folder.path().join("key");
        std::fs::write(&ca, &rig.identity.ca_pem).unwrap();
        std::fs::write(&key, format!("{KEY}\n")).unwrap();
        Self { rig, ca, key }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regmig-traffic"));
        command.arg(name).arg("--log").arg(self.rig.log());
        if name != "report" {
            command.args(["--host", HOST, "--ca"]).arg(&self.ca);
        }
        command.kill_on_drop(true);
        command
    }

    fn run(&self) -> Command {
        let mut command = self.command("run");
        command.args(["--target", &self.rig.address.to_string(), "--prefix", "trf"]);
        command
            .args(["--rate", "50", "--reads-rate", "0", "--key-file"])
            .arg(&self.key);
        command
    }

    fn at(&self) -> String {
        format!("dest={}", self.rig.address)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.rig.folder.path().join(name)
    }

    async fn until_acknowledged(&self) {
        while !self.rig.log().exists()
            || !read_log(&self.rig.log())
                .unwrap()
                .iter()
                .any(|e| matches!(e, Event::Ack { .. }))
        {
            after_ms(20).await;
        }
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", name, &id])
        .status()
        .unwrap();
    assert!(sent.success());
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn run_audit_and_report_work_on_each_others_files() {
    let program = Program::new().await;
    let output = program
        .run()
        .args(["--duration", "0.5"])
        .output()
        .await
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("ended (duration): "));

    let verdict = program.file("audit.json");
    let mut audit = program.command("audit");
    audit.args(["--at", &program.at(), "--json"]).arg(&verdict);
    let output = audit.output().await.unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));

    program
        .rig
        .state
        .lock()
        .unwrap()
        .users
        .remove("trf000002")
        .unwrap();
    let output = audit.output().await.unwrap();
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("lost: trf000002"));
    let found: Audit = serde_json::from_slice(&std::fs::read(&verdict).unwrap()).unwrap();
    assert_eq!(found.lost, 1);

    let mut report = program.command("report");
    report.arg("--audit").arg(&verdict);
    let output = report.output().await.unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1, dest: 1"));
    let output = report.args(["--json", "-"]).output().await.unwrap();
    let shown: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (shown.lost, shown.acknowledged),
        (Some(1), found.acknowledged)
    );
}

#[tokio::test]
async fn a_machine_that_is_away_has_a_code_of_its_own() {
    let program = Program::new().await;
    let output = program
        .run()
        .args(["--duration", "0.3"])
        .output()
        .await
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let at = format!("dest={gone}");
    let mut audit = program.command("audit");
    let output = audit
        .args(["--at", &at, "--attempts", "2"])
        .output()
        .await
        .unwrap();
    assert_eq!(code(&output), 4, "{}", stderr(&output));
}

#[tokio::test]
async fn signals_and_the_stop_file_end_a_run_in_order() {
    for name in ["INT", "TERM", "file"] {
        let program = Program::new().await;
        let stop = program.file("stop");
        let mut child = program.run().arg("--stop-file").arg(&stop).spawn().unwrap();
        program.until_acknowledged().await;
        match name {
            "file" => std::fs::write(&stop, "").unwrap(),
            _ => signal(&child, name),
        }
        let status = tokio::time::timeout(Duration::from_secs(10), child.wait()).await;
        assert_eq!(status.unwrap().unwrap().code(), Some(0), "{name}");
        let events = program.rig.events();
        let expected = if name == "file" {
            "stop file".to_owned()
        } else {
            format!("SIG{name}")
        };
        assert!(
            events
                .iter()
                .any(|e| matches!(e, Event::End { reason, .. } if *reason == expected)),
            "{name}"
        );
        if name == "file" {
            let output = program
                .run()
                .arg("--stop-file")
                .arg(&stop)
                .output()
                .await
                .unwrap();
            assert_eq!(code(&output), 2, "a stop file that is there at the start");
        }
    }
}

#[tokio::test]
async fn a_killed_run_has_written_down_every_acknowledgement_that_it_counted() {
    let program = Program::new().await;
    let mut child = program.run().spawn().unwrap();
    program.until_acknowledged().await;
    after_ms(300).await;
    child.kill().await.unwrap();
    let report = program.rig.report();
    let known = program.rig.state.lock().unwrap().users.len() as u64;
    // At the kill some answers may have been under way.
    assert!(
        report.acknowledged >= 10 && known - report.acknowledged <= 25,
        "{known}"
    );
    assert_eq!(
        program
            .rig
            .audit(&[("dest", program.rig.address)])
            .await
            .unwrap()
            .lost,
        0
    );

    let output = program
        .run()
        .args(["--duration", "0.3"])
        .output()
        .await
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(program.rig.report().runs, 2);
    assert_eq!(
        program
            .rig
            .audit(&[("dest", program.rig.address)])
            .await
            .unwrap()
            .lost,
        0
    );
}

#[tokio::test]
async fn what_cannot_be_judged_is_an_error_that_says_why() {
    let program = Program::new().await;
    let mut audit = program.command("audit");
    let output = audit.args(["--at", &program.at()]).output().await.unwrap();
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("cannot read the log"),
        "{}",
        stderr(&output)
    );

    std::fs::write(program.rig.log(), "").unwrap();
    let output = program.command("report").output().await.unwrap();
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("holds no run"),
        "{}",
        stderr(&output)
    );

    for (arguments, expected) in [
        (["--prefix", "X"], "does not make valid user names"),
        (["--reads-rate", "-1"], "is no rate"),
        (["--duration", "-1"], "is no duration"),
        (["--dns-rate", "nan"], "is no rate"),
    ] {
        let mut run = program.command("run");
        run.args(["--target", "127.0.0.1:1", "--key", KEY]);
        let [name, value] = arguments;
        let output = run.arg(format!("{name}={value}")).output().await.unwrap();
        assert_eq!(code(&output), 2, "{name}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}
