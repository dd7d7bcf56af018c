//! Containers that are made, run and waited for.

use std::time::{Duration, Instant};

use bollard::query_parameters::CreateContainerOptionsBuilder;
use regmig_core::port::PortError;

use crate::container::{Container, State};
use crate::docker::Docker;
use crate::error::{DockerError, status};
use crate::logs::{LogRange, LogSource};
use crate::spec::{ContainerSpec, DIGEST_LABEL};

/// The first and the longest pause between two looks at a running container.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// What a container that ran to its end left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunResult {
    /// With which status it ended.
    pub status: i64,
    /// Standard output; of both together, the last 8 MiB.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Whether there was more before.
    pub cut: bool,
}

impl Docker {
    /// Has a container made from this specification, and returns its identifier.
    ///
    /// # Errors
    ///
    /// `Refused` where another container has that name, the image is not present or Docker will not;
    /// `OutcomeUnknown` when the answer was lost.
    pub async fn create(&self, spec: &ContainerSpec) -> Result<String, PortError> {
        let doing = format!("make the container {}", spec.name());
        self.named(&doing, spec.name())?;
        if let Some(found) = self.container(spec.name()).await? {
            return self.own(&doing, spec, found);
        }
        let request = |client: bollard::Docker| async move {
            let options = CreateContainerOptionsBuilder::new()
                .name(spec.name())
                .build();
            client.create_container(Some(options), spec.body()).await
        };
        match self.change(&doing, Duration::ZERO, request).await {
            Ok(made) => Ok(made.id),
            Err(error) if status(&error) == Some(409) => match self.container(spec.name()).await? {
                Some(found) => self.own(&doing, spec, found),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Has a container made from this specification and running, and returns its identifier.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub async fn run(&self, spec: &ContainerSpec) -> Result<String, PortError> {
        let id = self.create(spec).await?;
        self.start(spec.name()).await?;
        Ok(id)
    }

    /// Runs a container to its end, reads what it said and removes it.
    ///
    /// What an earlier call left behind under that name is removed first; if it still runs, then after its end,
    /// and if it was made from this very specification, it is waited for in place of a second one.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); `OutcomeUnknown` also when it was still running after `limit`: it is left as it is.
    pub async fn run_once(
        &self,
        spec: &ContainerSpec,
        limit: Duration,
    ) -> Result<RunResult, PortError> {
        self.clear(spec, limit).await?;
        self.run(spec).await?;
        let status = self.wait(spec.name(), limit).await?;
        let logs = self.logs(spec.name(), &LogRange::default()).await?;
        self.remove(spec.name()).await?;
        Ok(RunResult {
            status,
            stdout: logs.text(LogSource::Stdout),
            stderr: logs.text(LogSource::Stderr),
            cut: logs.cut,
        })
    }

    /// Waits until the container does not run and returns with which status it ended.
    ///
    /// # Errors
    ///
    /// `Refused` where there is no such container; `OutcomeUnknown` when it still runs after `limit`.
    pub async fn wait(&self, name: &str, limit: Duration) -> Result<i64, PortError> {
        let doing = format!("wait for the end of {name}");
        let begun = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            match self.container(name).await? {
                None => {
                    let gone = DockerError::State {
                        name: name.to_owned(),
                        wanted: "at its end",
                        found: "gone".into(),
                    };
                    return Err(PortError::refused(self.what(&doing), gone));
                }
                Some(found) if matches!(found.state, State::Exited | State::Dead) => {
                    return Ok(found.exit_code);
                }
                Some(found) if begun.elapsed() >= limit => {
                    let found = format!("{} after {limit:?}", found.state.word());
                    let late = DockerError::State {
                        name: name.to_owned(),
                        wanted: "at its end",
                        found,
                    };
                    return Err(PortError::unknown(self.what(&doing), late));
                }
                Some(_) => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Makes room for a container that runs once.
    async fn clear(&self, spec: &ContainerSpec, limit: Duration) -> Result<(), PortError> {
        let Some(found) = self.container(spec.name()).await? else {
            return Ok(());
        };
        let Some(made_from) = found.labels.get(DIGEST_LABEL) else {
            let taken = DockerError::Taken {
                name: spec.name().to_owned(),
            };
            return Err(PortError::refused(
                self.what(&format!("run {} once", spec.name())),
                taken,
            ));
        };
        if found.state.is_live() {
            if *made_from == spec.digest() {
                return Ok(());
            }
            self.wait(spec.name(), limit).await?;
        }
        self.remove(spec.name()).await
    }

    /// The identifier of a container that was made from this very specification.
    fn own(
        &self,
        doing: &str,
        spec: &ContainerSpec,
        found: Container,
    ) -> Result<String, PortError> {
        if found.labels.get(DIGEST_LABEL) == Some(&spec.digest()) {
            return Ok(found.id);
        }
        Err(PortError::refused(
            self.what(doing),
            DockerError::Taken {
                name: spec.name().to_owned(),
            },
        ))
    }
}
