//! The tunnel: a container of its own on source, beside its Redis.
//!
//! It outlives restarts of Redis, of Docker and of the machine, and nothing
//! but the stack's backend network reaches it.

use std::time::Duration;

use regmig_core::port::PortError;
use regmig_docker::{ContainerSpec, Mount, RestartPolicy};
use regmig_procedure::steps::linked::{GREETING, proof_container};

use super::World;
use super::rsync::tunnel_folder;

const INSIDE: &str = "/regmig";

impl World {
    /// An SSH client on source's backend network, with the migration's key.
    async fn ssh_client(&self, name: &str, arguments: &[&str]) -> Result<ContainerSpec, PortError> {
        let spec = &self.spec;
        let redis = self.source.container(&spec.stack.redis).await?;
        let image = spec.tunnel.image.clone().unwrap_or(redis.image);
        let network = redis
            .networks
            .keys()
            .next()
            .cloned()
            .ok_or_else(|| PortError::Refused {
                what: format!("{} on source is on no network", redis.name),
                source: None,
            })?;
        let user = self.dest.login_user().await?;
        let port = spec.tunnel.dest_ssh_port.to_string();
        let destination = format!("{user}@{}", spec.dest.address);
        let mut command = vec![
            "-p",
            &port,
            "-i",
            "/regmig/key",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "UserKnownHostsFile=/regmig/known_hosts",
            "-o",
            "ConnectTimeout=10",
            "-o",
            "ServerAliveInterval=5",
            "-o",
            "ServerAliveCountMax=3",
            "-o",
            "ExitOnForwardFailure=yes",
        ];
        command.extend(arguments);
        command.push(&destination);
        Ok(ContainerSpec::new(&image, name)
            .entrypoint(["ssh"])
            .command(command)
            .mount(Mount::read_only(tunnel_folder(self), INSIDE))
            .network(&network, [spec.tunnel.name.as_str()])
            .user("0")
            .label("regmig", "tunnel"))
    }

    /// Logs in once, in a container that is gone afterwards.
    pub(super) async fn prove_tunnel(&self) -> Result<(), PortError> {
        let client = self.ssh_client(&proof_container(&self.spec), &[]).await?;
        let result = self
            .source
            .docker
            .run_once(&client, Duration::from_secs(30))
            .await?;
        if result.status == 0 && result.stdout.contains(GREETING) {
            return Ok(());
        }
        let what = format!(
            "a container of {} on source logging in on dest with the migration's key",
            client.image()
        );
        let words = format!(
            "status {}: {}{}",
            result.status, result.stdout, result.stderr
        );
        Err(PortError::refused(what, words.trim().to_owned()))
    }

    /// Runs the tunnel, supervised by Docker.
    pub(super) async fn start_tunnel(&self) -> Result<(), PortError> {
        let spec = &self.spec;
        let forward = format!("0.0.0.0:{}:{}", spec.tunnel.port, spec.redis.published);
        let client = self
            .ssh_client(&spec.tunnel.name, &["-N", "-L", &forward])
            .await?
            .restart(RestartPolicy::Always);
        self.source.docker.run(&client).await.map(|_| ())
    }

    /// The SSH client in source's Redis image, found by asking the container that runs.
    pub(super) async fn ssh_in_redis(&self) -> Result<Option<String>, PortError> {
        let redis = self.source.container(&self.spec.stack.redis).await?;
        let result = self.source.docker.exec(&redis.name, ["ssh", "-V"]).await?;
        Ok((result.status == 0).then(|| {
            format!("{}{}", result.stdout, result.stderr)
                .trim()
                .to_owned()
        }))
    }
}
