//! Looking at the lab: its state and its logs.

use std::fmt::Write;

use super::LabConfig;
use super::control::open;
use super::error::{Doing, LabError};
use super::machine::{Machine, docker, exec, state};

/// What a machine's engine and sshd say about themselves, in one call.
const SUMMARY: &str = r#"
pgrep -x sshd > /dev/null && echo 'sshd runs' || echo 'sshd does not run'
docker ps --all --format '{{.Names}}: {{.Status}}' 2>&1 | sort
"#;

/// The last lines of every log that a machine has.
const LOGS: &str = r#"
show() { echo "==> $1"; shift; "$@" 2>&1 | tail -n 40; }
show 'engine' cat /var/log/docker.log
for name in $(docker ps --all --format '{{.Names}}'); do
    show "$name" docker logs --tail 40 "$name"
done
for file in /var/pryv/reg-master/{nginx,redis}/log/*.log; do
    [ ! -s "$file" ] || show "$file" cat "$file"
done
"#;

/// The lab's state, for people.
///
/// # Errors
///
/// When the lab has not been brought up.
pub fn status(config: &LabConfig) -> Result<String, LabError> {
    let lab = open(config)?;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} on {}, domain {}",
        lab.name, lab.network, lab.domain
    );
    for machine in Machine::ALL {
        let state = state(machine, config).unwrap_or_else(|| "absent".to_owned());
        let address = lab.endpoint(machine).address;
        let _ = writeln!(text, "\n{:<7} {address:<15} {state}", machine.name());
        if state != "running" {
            continue;
        }
        if machine != Machine::Parent {
            let summary = exec(machine, config, SUMMARY)
                .text()
                .unwrap_or_else(|e| e.to_string());
            for line in summary.lines() {
                let _ = writeln!(text, "        {line}");
            }
        }
        let health = lab.ailment(machine).unwrap_or_else(|| "answers".to_owned());
        let _ = writeln!(text, "        {health}");
    }
    Ok(text)
}

/// The last lines of the logs of one machine.
///
/// # Errors
///
/// When its container does not exist.
pub fn logs(config: &LabConfig, machine: Machine) -> Result<String, LabError> {
    let own = docker(["logs", "--tail", "100", &machine.container(config)])
        .run()
        .doing(format!("read the log of {machine}"))?;
    let mut text = format!("==> {machine}\n{}{}", own.stdout, own.stderr);
    if machine != Machine::Parent && state(machine, config).as_deref() == Some("running") {
        let inner = exec(machine, config, LOGS).run();
        let inner = inner.doing(format!("read the logs on {machine}"))?;
        text.push_str(&inner.stdout);
    }
    Ok(text)
}
