//! Containers that are frozen for a while, so that who connects to them waits.
//!
//! Docker's word is what counts: `docker pause` freezes, `docker unpause` thaws, and what a container is called is what
//! everybody else sees. But clients wait for a thaw, and Docker starts two programs for it. So the kernel is asked first,
//! and Docker follows once those who had waited are answered; for that it has to find the container frozen, for an instant.

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use regmig_core::port::PortError;
use regmig_docker::{Container, State};

use super::site::Site;

/// Shell functions: `thaw ID PID` and `freeze ID PID`.
pub(super) const FREEZER: &str = include_str!("freezer.sh");

/// Arguments: pairs of a container and its first process.
const THAW: &str =
    r#"failed=0; while [ $# -gt 1 ]; do thaw "$1" "$2" || failed=1; shift 2; done; exit $failed"#;

/// One such pair. What cannot be frozen so is thawed by Docker alone.
const FREEZE: &str = r#"freeze "$1" "$2" || :"#;

/// How long those who had waited are answered before Docker has its turn.
const ANSWERED: Duration = Duration::from_millis(150);

impl Site {
    /// Freezes the containers of services, all at the same time.
    pub(super) async fn hold(&self, services: &[String]) -> Result<(), PortError> {
        let names = self.listed().await?;
        let names = &names;
        // All of them end before the first error is told: none may be frozen later unnoticed.
        let held = join_all(services.iter().map(|service| async move {
            let Some(container) = names.get(service) else {
                return Err(PortError::Refused {
                    what: format!(
                        "freezing {service} on {}: it has no container",
                        self.machine
                    ),
                    source: None,
                });
            };
            self.docker.pause(&container.name).await
        }));
        held.await.into_iter().collect()
    }

    /// Has the containers of services run on; those that are not frozen are left alone.
    pub(super) async fn release(&self, services: &[String]) -> Result<(), PortError> {
        let names = self.listed().await?;
        let frozen = (services.iter().filter_map(|service| names.get(service)))
            .filter(|container| container.state == State::Paused)
            .map(|container| self.docker.container(&container.name));
        let frozen: Vec<Container> = try_join_all(frozen).await?.into_iter().flatten().collect();
        if frozen.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.freezer(THAW, &frozen).await {
            // Docker thaws them as well.
            tracing::debug!(error = error.chain().join(": "), "not thawed by the kernel");
        } else {
            tokio::time::sleep(ANSWERED).await;
        }
        for container in &frozen {
            self.freezer(FREEZE, std::slice::from_ref(container))
                .await?;
            self.docker.unpause(&container.name).await?;
        }
        Ok(())
    }

    async fn freezer(&self, script: &str, containers: &[Container]) -> Result<(), PortError> {
        let arguments: Vec<String> = (containers.iter())
            .flat_map(|container| [container.id.clone(), container.pid.to_string()])
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let limit = Duration::from_secs(self.spec.limits.command_s);
        let script = format!("{FREEZER}{script}");
        self.script("thawing containers", &script, &arguments, limit)
            .await
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use tempfile::TempDir;

    use super::{FREEZE, FREEZER, THAW};

    /// A process 7 whose control groups are these lines, and files by which those of `abc` are frozen.
    fn machine(groups: &str) -> TempDir {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("7")).unwrap();
        fs::write(dir.path().join("7/cgroup"), groups).unwrap();
        for (folder, file, says) in [
            ("freezer/docker/abc", "freezer.state", "FROZEN\n"),
            ("system.slice/docker-abc.scope", "cgroup.freeze", "1\n"),
            ("freezer", "freezer.state", "THAWED\n"),
        ] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join(file), says).unwrap();
        }
        dir
    }

    fn run(dir: &Path, script: &str, id: &str) -> bool {
        let dir = dir.display();
        let script = format!("proc_dir={dir} cgroup_dir={dir}\n{FREEZER}{script}");
        let status = Command::new("sh")
            .args(["-c", &script, "regmig", id, "7"])
            .status();
        status.unwrap().success()
    }

    fn says(dir: &Path, file: &str) -> String {
        fs::read_to_string(dir.join(file)).unwrap()
    }

    #[test]
    fn a_group_of_its_own_is_thawed_and_frozen_in_both_hierarchies() {
        let (old, new) = (
            "freezer/docker/abc/freezer.state",
            "system.slice/docker-abc.scope/cgroup.freeze",
        );
        for (groups, file, frozen, thawed) in [
            (
                "5:cpu:/docker/abc\n6:freezer:/docker/abc\n0::/\n",
                old,
                "FROZEN\n",
                "THAWED\n",
            ),
            ("0::/system.slice/docker-abc.scope\n", new, "1\n", "0\n"),
        ] {
            let dir = machine(groups);
            assert!(run(dir.path(), THAW, "abc"));
            assert_eq!(says(dir.path(), file), thawed);
            assert!(run(dir.path(), FREEZE, "abc"));
            assert_eq!(says(dir.path(), file), frozen);
        }
    }

    #[test]
    fn a_group_that_is_not_the_containers_alone_is_left_to_docker() {
        let dir = machine("6:freezer:/\n0::/\n");
        assert!(!run(dir.path(), THAW, "abc"));
        assert!(run(dir.path(), FREEZE, "abc"));
        assert_eq!(says(dir.path(), "freezer/freezer.state"), "THAWED\n");
        // No container has no identifier.
        assert!(!run(dir.path(), THAW, ""));
    }
}
