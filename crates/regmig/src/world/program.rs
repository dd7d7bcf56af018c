//! Programs of the operator's, run on the machine where regmig runs.

use std::time::Duration;

use regmig_core::port::PortError;
use regmig_ssh::{Command, Host, HostSpec, Limits, Transport};

use super::World;

/// A program outlives a regmig that is killed; the lock tells when it has ended.
const ALONE: &str = r#"exec 9>>"$1" && shift && flock 9 && exec "$@""#;

impl World {
    /// Runs a program, after one that a regmig had started which was killed.
    pub(super) async fn run_program(&self, command: &[String]) -> Result<(), PortError> {
        let what = format!("running {}", command.join(" "));
        if command.is_empty() {
            return Err(PortError::Refused {
                what: "running a command without a program".to_owned(),
                source: None,
            });
        }
        self.beneath_lock(&what, command).await
    }

    /// Returns once no program is at work any more.
    pub(super) async fn programs_ended(&self) -> Result<(), PortError> {
        self.beneath_lock("waiting for a program", &["true".to_owned()])
            .await
    }

    async fn beneath_lock(&self, what: &str, command: &[String]) -> Result<(), PortError> {
        let spec = HostSpec {
            label: "this machine".to_owned(),
            transport: Transport::Local,
            sudo: false,
        };
        let mut arguments = vec![self.program_lock.to_string_lossy().into_owned()];
        arguments.extend(command.iter().cloned());
        let script = Command::shell(ALONE, arguments)
            .time_limit(Duration::from_secs(self.spec.limits.command_s));
        Host::new(spec, Limits::default())
            .exec(&script)
            .await?
            .success_or_refused(what)
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::ALONE;

    #[test]
    fn a_program_waits_for_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        let made = folder.path().join("made");
        let run = |program: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", ALONE, "regmig"]).arg(&lock);
            command.args(["sh", "-c", program]).arg("sh").arg(&made);
            command
        };
        let mut first = run("touch \"$1.begun\"; sleep 0.5; touch \"$1\"")
            .spawn()
            .unwrap();
        while !folder.path().join("made.begun").exists() {
            std::thread::yield_now();
        }
        assert!(run("test -e \"$1\"").status().unwrap().success());
        assert!(first.wait().unwrap().success());
    }
}
