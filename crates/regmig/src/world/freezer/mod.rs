//! Containers that are frozen for a while, so that who connects to them waits.
//!
//! Docker's word is what counts: `docker pause` freezes, `docker unpause` thaws, and what a container is called is what
//! everybody else sees. But clients wait for a thaw, and Docker starts two programs for it. So the kernel is asked first,
//! and Docker follows once those who had waited are answered; for that it has to find the container frozen, for an instant.

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use regmig_core::port::PortError;
use regmig_docker::{Container, State};
use regmig_ssh::Command;

use super::site::Site;

/// Shell functions: `thaw ID PID ...` and `freeze ID PID`.
pub(super) const FREEZER: &str = include_str!("freezer.sh");

/// Arguments: pairs of a container and its first process.
const THAW: &str = r#"thaw "$@""#;

/// The same, at a word. It takes no turn among the scripts that change something: the word is said only where dest has been
/// promoted, or, on the way back, where its Redis refuses to write.
const POISED: &str = r#"echo ready
read -r word && [ "$word" = thaw ] && thaw "$@" && echo thawed"#;

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

    /// Has a shell at hand that thaws what is frozen of these services, once it is told to.
    pub(super) async fn poise_thaw(&self, services: &[String]) -> Result<(), PortError> {
        let frozen = self.frozen(services).await?;
        let script = format!("{FREEZER}{POISED}");
        let command = Command::shell(&script, pairs(&frozen)).called("waiting to thaw containers");
        let limit = Duration::from_secs(self.spec.limits.command_s);
        self.thaw.start(&self.host, &command, limit).await
    }

    /// The containers of services that Docker calls frozen.
    async fn frozen(&self, services: &[String]) -> Result<Vec<Container>, PortError> {
        let names = self.listed().await?;
        let frozen = (services.iter().filter_map(|service| names.get(service)))
            .filter(|container| container.state == State::Paused)
            .map(|container| self.docker.container(&container.name));
        Ok(try_join_all(frozen).await?.into_iter().flatten().collect())
    }

    /// Has the containers of services run on; those that are not frozen are left alone.
    pub(super) async fn release(&self, services: &[String]) -> Result<(), PortError> {
        let mut thawed = self.thaw.tell("thaw").await.as_deref() == Some("thawed");
        let frozen = self.frozen(services).await?;
        if frozen.is_empty() {
            return Ok(());
        }
        if !thawed {
            match self.freezer(THAW, &frozen).await {
                Ok(()) => thawed = true,
                // Docker thaws them as well.
                Err(error) => {
                    tracing::debug!(error = error.one_line(), "not thawed by the kernel");
                }
            }
        }
        if thawed {
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
        let arguments = pairs(containers);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let limit = Duration::from_secs(self.spec.limits.command_s);
        let script = format!("{FREEZER}{script}");
        self.script("thawing containers", &script, &arguments, limit)
            .await
            .map(|_| ())
    }
}

/// Each container and its first process.
fn pairs(containers: &[Container]) -> Vec<String> {
    let pair = |container: &Container| [container.id.clone(), container.pid.to_string()];
    containers.iter().flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use tempfile::TempDir;

    use super::{FREEZE, FREEZER, POISED, THAW};

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

    fn shell(dir: &Path, script: &str, id: &str) -> Command {
        let dir = dir.display();
        let script = format!("proc_dir={dir} cgroup_dir={dir}\n{FREEZER}{script}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, "regmig", id, "7"]);
        shell
    }

    fn run(dir: &Path, script: &str, id: &str) -> bool {
        shell(dir, script, id).status().unwrap().success()
    }

    /// What a poised shell says where this is all that it is told.
    fn told(dir: &Path, words: &str) -> String {
        let input = dir.join("words");
        fs::write(&input, words).unwrap();
        let mut shell = shell(dir, POISED, "abc");
        let output = shell.stdin(fs::File::open(input).unwrap()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
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
    fn a_poised_shell_thaws_at_the_word_and_does_nothing_without() {
        let file = "freezer/docker/abc/freezer.state";
        let dir = machine("6:freezer:/docker/abc\n");
        assert_eq!(told(dir.path(), ""), "ready\n");
        assert_eq!(says(dir.path(), file), "FROZEN\n");
        assert_eq!(told(dir.path(), "thaw\n"), "ready\nthawed\n");
        assert_eq!(says(dir.path(), file), "THAWED\n");
        fs::remove_file(dir.path().join(file)).unwrap();
        assert_eq!(told(dir.path(), "thaw\n"), "ready\n");
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
