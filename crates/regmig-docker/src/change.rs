//! Changes of containers that exist. Each says what shall be true, and succeeds where it is.

use std::time::Duration;

use bollard::models::ContainerUpdateBody;
use bollard::query_parameters::{
    KillContainerOptionsBuilder, RemoveContainerOptionsBuilder, RestartContainerOptionsBuilder,
    StartContainerOptions, StopContainerOptionsBuilder,
};
use regmig_core::port::PortError;

use crate::container::State;
use crate::docker::Docker;
use crate::error::{DockerError, status};
use crate::policy::RestartPolicy;
use crate::spec::DIGEST_LABEL;

/// How long a removal that somebody else has begun may take.
const REMOVAL: Duration = Duration::from_secs(20);

impl Docker {
    /// Sets when Docker starts the container without being asked.
    ///
    /// # Errors
    ///
    /// `Refused` where there is no such container; `OutcomeUnknown` when the answer was lost. So with all changes.
    pub async fn set_restart_policy(
        &self,
        name: &str,
        policy: RestartPolicy,
    ) -> Result<(), PortError> {
        let doing = format!("set the restart policy of {name} to {policy}");
        self.named(&doing, name)?;
        let body = ContainerUpdateBody {
            restart_policy: Some(policy.into()),
            ..ContainerUpdateBody::default()
        };
        self.change(&doing, Duration::ZERO, |client| async move {
            client.update_container(name, body).await
        })
        .await
    }

    /// Has the container running, also one that is frozen.
    ///
    /// # Errors
    ///
    /// As [`set_restart_policy`](Self::set_restart_policy).
    pub async fn start(&self, name: &str) -> Result<(), PortError> {
        let doing = format!("start {name}");
        self.named(&doing, name)?;
        let request = |client: bollard::Docker| async move {
            client
                .start_container(name, None::<StartContainerOptions>)
                .await
        };
        match self.change(&doing, Duration::ZERO, request).await {
            // Docker starts no frozen container.
            Err(error) if status(&error) == Some(409) => match self.container(name).await? {
                Some(found) if found.state == State::Paused => self.unpause(name).await,
                _ => Err(error),
            },
            result => result,
        }
    }

    /// Has the container stopped; what is not gone after `grace` is killed. One that is frozen runs on with the
    /// signal already sent to it: Docker sees to that.
    ///
    /// # Errors
    ///
    /// As [`set_restart_policy`](Self::set_restart_policy).
    pub async fn stop(&self, name: &str, grace: Duration) -> Result<(), PortError> {
        let doing = format!("stop {name}");
        self.named(&doing, name)?;
        let options = StopContainerOptionsBuilder::new()
            .t(whole_seconds(grace))
            .build();
        self.change(&doing, grace, |client| async move {
            client.stop_container(name, Some(options)).await
        })
        .await
    }

    /// Stops the container and starts it again. Repeating it repeats the effect.
    ///
    /// # Errors
    ///
    /// As [`set_restart_policy`](Self::set_restart_policy).
    pub async fn restart(&self, name: &str, grace: Duration) -> Result<(), PortError> {
        let doing = format!("restart {name}");
        self.named(&doing, name)?;
        let options = RestartContainerOptionsBuilder::new()
            .t(whole_seconds(grace))
            .build();
        self.change(&doing, grace, |client| async move {
            client.restart_container(name, Some(options)).await
        })
        .await
    }

    /// Sends a signal, such as `HUP`, to the container's first process. Repeating it repeats the effect.
    ///
    /// # Errors
    ///
    /// As [`set_restart_policy`](Self::set_restart_policy); `Refused` also where it does not run.
    pub async fn kill(&self, name: &str, signal: &str) -> Result<(), PortError> {
        let doing = format!("send {signal} to {name}");
        self.named(&doing, name)?;
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        self.change(&doing, Duration::ZERO, |client| async move {
            client.kill_container(name, Some(options)).await
        })
        .await
    }

    /// Has every process of the container frozen.
    ///
    /// # Errors
    ///
    /// As [`set_restart_policy`](Self::set_restart_policy); `Refused` also where it does not run.
    pub async fn pause(&self, name: &str) -> Result<(), PortError> {
        let doing = format!("freeze {name}");
        self.named(&doing, name)?;
        let result = self
            .change(&doing, Duration::ZERO, |client| async move {
                client.pause_container(name).await
            })
            .await;
        self.unless_in(name, result, |state| state == State::Paused)
            .await
    }

    /// Has the processes of the container running on.
    ///
    /// # Errors
    ///
    /// As [`set_restart_policy`](Self::set_restart_policy); `Refused` also where it does not run.
    pub async fn unpause(&self, name: &str) -> Result<(), PortError> {
        let doing = format!("unfreeze {name}");
        self.named(&doing, name)?;
        let result = self
            .change(&doing, Duration::ZERO, |client| async move {
                client.unpause_container(name).await
            })
            .await;
        self.unless_in(name, result, |state| state == State::Running)
            .await
    }

    /// Has no such container. One that runs is refused; named volumes stay.
    ///
    /// Unnamed volumes go with containers that this program made, and stay with others.
    ///
    /// # Errors
    ///
    /// `Refused` where it runs; `OutcomeUnknown` when the answer was lost.
    pub async fn remove(&self, name: &str) -> Result<(), PortError> {
        let doing = format!("remove the container {name}");
        self.named(&doing, name)?;
        let Some(found) = self.container(name).await? else {
            return Ok(());
        };
        let ours = found.labels.contains_key(DIGEST_LABEL);
        let options = RemoveContainerOptionsBuilder::new().v(ours).build();
        let request = |client: bollard::Docker| async move {
            client.remove_container(name, Some(options)).await
        };
        match self.change(&doing, Duration::ZERO, request).await {
            Err(error) if status(&error) == Some(404) => Ok(()),
            Err(error) if status(&error) == Some(409) => self.removed_meanwhile(name, error).await,
            result => result,
        }
    }

    /// Takes a no for a yes where the container is in the wanted state already.
    async fn unless_in(
        &self,
        name: &str,
        result: Result<(), PortError>,
        wanted: impl Fn(State) -> bool,
    ) -> Result<(), PortError> {
        let Err(error) = result else { return Ok(()) };
        // Docker 20.10 answers 409 to a second pause and 500 to a second unpause.
        if matches!(status(&error), Some(409 | 500))
            && let Some(found) = self.container(name).await?
            && wanted(found.state)
        {
            return Ok(());
        }
        Err(error)
    }

    /// Waits for a removal that somebody else has begun; gives back the refusal where nobody has.
    async fn removed_meanwhile(&self, name: &str, refusal: PortError) -> Result<(), PortError> {
        let begun = std::time::Instant::now();
        loop {
            match self.container(name).await? {
                None => return Ok(()),
                Some(found) if found.state == State::Removing && begun.elapsed() < REMOVAL => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Some(found) if found.state == State::Removing => {
                    let found = found.state.word().to_owned();
                    let error = DockerError::State {
                        name: name.to_owned(),
                        wanted: "gone",
                        found,
                    };
                    return Err(PortError::refused(
                        self.what(&format!("remove the container {name}")),
                        error,
                    ));
                }
                Some(_) => return Err(refusal),
            }
        }
    }
}

fn whole_seconds(grace: Duration) -> i32 {
    i32::try_from(grace.as_secs() + u64::from(grace.subsec_nanos() > 0)).unwrap_or(i32::MAX)
}
