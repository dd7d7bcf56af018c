//! The timers' scripts, run by `sh` with a `docker` that a test has written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{ARM, COMMON, DEST, DISARM, MAIN, SOURCE};
use crate::world::{freezer, nginx};

/// Says of the epoch what the file `says` does, and writes down the changes that it is asked for.
const DOCKER: &str = r#"#!/bin/sh
cd "${0%/*}/.." || exit 1
case "$*" in
  *EVAL*) [ -e says ] && cat says ;;
  *INFO*) echo 'role:slave' ;;
  'ps '*status=paused*) printf 'web\nregister\n' ;;
  'ps '*) echo nobody ;;
  'inspect '*) exit 1 ;;
  *) echo "$*" >>did; echo OK ;;
esac
"#;

struct Machine {
    dir: TempDir,
}

impl Machine {
    fn new(says: &str) -> Self {
        let machine = Self {
            dir: TempDir::new().unwrap(),
        };
        fs::create_dir(machine.path("bin")).unwrap();
        let docker = machine.path("bin/docker");
        fs::write(&docker, DOCKER).unwrap();
        fs::set_permissions(&docker, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        fs::write(machine.path("says"), says).unwrap();
        fs::write(machine.path("site"), "former\n").unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs a script of regmig's alone, as it would be run on a machine.
    fn script(&self, script: &str, arguments: &[&str]) {
        let alone = format!("lock={}; exec 8>\"$lock\"; flock 8\n", self.arg("lock"));
        let path = format!("{}:{}", self.arg("bin"), std::env::var("PATH").unwrap());
        let status = Command::new("sh")
            .args(["-c", &format!("{alone}{script}"), "regmig"])
            .args(arguments)
            .env("PATH", path)
            .status();
        assert!(status.unwrap().success());
    }

    fn arg(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn arm(&self, text: &str, epoch: &str, within_ms: u64, own: &[String]) {
        let site = if text == SOURCE {
            self.arg("site")
        } else {
            String::new()
        };
        let arguments = [
            self.arg("timer"),
            epoch.to_owned(),
            site,
            self.arg("before"),
            self.arg("way-out"),
            format!("{COMMON}{}{}{text}{MAIN}", freezer::FREEZER, nginx::RELOAD),
            within_ms.to_string(),
            self.arg("log"),
        ];
        let redis = ["redis", "valkey-cli", "6379", "key", "swap"].map(str::to_owned);
        let all = arguments.iter().chain(&redis).chain(own);
        self.script(ARM, &all.map(String::as_str).collect::<Vec<_>>());
    }

    fn arm_dest(&self, epoch: &str, within_ms: u64) {
        let own = ["register", "core"].map(str::to_owned);
        self.arm(DEST, epoch, within_ms, &own);
    }

    fn arm_source(&self, epoch: &str, within_ms: u64) {
        let own = [
            "tunnel".to_owned(),
            "1".to_owned(),
            "nginx".to_owned(),
            self.arg("site"),
            self.arg("before"),
            self.arg("loaded"),
        ];
        self.arm(SOURCE, epoch, within_ms, &own);
    }

    fn wait_until_gone(&self, name: &str) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.path(name).exists() {
            assert!(
                Instant::now() < end,
                "{name} is still there: {}",
                self.text("log")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn runs(process: &str) -> bool {
    Path::new("/proc").join(process.trim()).exists()
}

#[test]
fn dest_answers_those_who_wait_once_and_by_a_redis_that_refuses_to_write() {
    let dest = Machine::new("withdrawn e1\n");
    dest.arm_dest("e1", 300);
    dest.arm_dest("e1", 300);
    dest.wait_until_gone("way-out");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        dest.text("did"),
        "exec redis valkey-cli -p 6379 CONFIG SET replica-read-only yes\nunpause register\n"
    );
    assert!(!dest.path("timer").exists() && !dest.path("timer.pid").exists());
}

#[test]
fn a_promoted_dest_only_answers_them() {
    let dest = Machine::new("promoted e1\n");
    dest.arm_dest("e1", 0);
    dest.wait_until_gone("timer");
    assert_eq!(dest.text("did"), "unpause register\n");
}

#[test]
fn source_serves_by_its_former_file_once_the_epoch_is_withdrawn() {
    let source = Machine::new("withdrawn e1\n");
    source.arm_source("e1", 600);
    fs::write(source.path("site"), "proxied\n").unwrap();
    fs::write(source.path("loaded"), "of the proxied\n").unwrap();
    // What it puts back is what was there when this epoch was armed first.
    source.arm_source("e1", 300);
    source.wait_until_gone("timer");
    // One `rm` removes both, one after the other.
    source.wait_until_gone("before");
    assert_eq!(source.text("site"), "former\n");
    // Its nginx does not run.
    assert!(!source.path("loaded").exists());
    assert_eq!(
        source.text("did"),
        "exec redis valkey-cli -p 6379 CLIENT UNPAUSE\n"
    );
}

#[test]
fn source_stays_fenced_as_long_as_dest_does_not_say_who_has_won() {
    let source = Machine::new("");
    fs::remove_file(source.path("says")).unwrap();
    source.arm_source("e1", 0);
    fs::write(source.path("site"), "proxied\n").unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(source.text("timer"), "e1\n");
    assert_eq!(
        (source.text("site"), source.text("did")),
        ("proxied\n".into(), String::new())
    );
    assert_eq!(source.text("log").lines().count(), 1);
    fs::write(source.path("says"), "promoted e1\n").unwrap();
    source.wait_until_gone("timer");
    assert_eq!(
        (source.text("site"), source.text("did")),
        ("proxied\n".into(), String::new())
    );
}

#[test]
fn a_timer_ends_where_it_is_disarmed_or_another_epoch_is_armed() {
    let dest = Machine::new("withdrawn e1\n");
    dest.arm_dest("e1", 60_000);
    let first = dest.text("timer.pid");
    dest.arm_dest("e2", 60_000);
    let second = dest.text("timer.pid");
    let end = Instant::now() + Duration::from_secs(5);
    while runs(&first) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!runs(&first) && runs(&second));
    dest.script(DISARM, &[&dest.arg("timer"), &dest.arg("way-out")]);
    while runs(&second) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!runs(&second));
    assert_eq!(dest.text("did"), "");
    assert!(!dest.path("way-out").exists() && !dest.path("timer").exists());
}
