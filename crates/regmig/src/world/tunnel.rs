//! The tunnel: a container of its own beside a machine's Redis, which leads to the other machine's.
//!
//! It outlives restarts of Redis, of Docker and of the machine, and nothing
//! but the stack's backend network reaches it. source always has one; dest has one in strategy `live`.

use std::time::Duration;

use regmig_core::machine::Machine;
use regmig_core::port::PortError;
use regmig_docker::{ContainerSpec, Mount, RestartPolicy};
use regmig_procedure::spec::Spec;
use regmig_procedure::steps::linked::{GREETING, follow_key, proof_container, tunnel_key};

use super::World;

const INSIDE: &str = "/regmig";

impl World {
    /// An SSH client on a machine's backend network, with the migration's key for the other machine.
    async fn ssh_client(
        &self,
        machine: Machine,
        name: &str,
        arguments: &[&str],
    ) -> Result<ContainerSpec, PortError> {
        let (spec, peer) = (&self.spec, machine.peer());
        // It need not run: its image and its network are known all the same.
        let redis = self.site(machine).container(&spec.stack.redis).await?;
        let image = spec.tunnel.image.clone().unwrap_or(redis.image);
        let network = redis
            .networks
            .keys()
            .next()
            .cloned()
            .ok_or_else(|| PortError::Refused {
                what: format!("{} on {machine} is on no network", redis.name),
                source: None,
            })?;
        let user = self.site(peer).login_user().await?;
        let port = match peer {
            Machine::Source => spec.tunnel.source_ssh_port,
            Machine::Dest => spec.tunnel.dest_ssh_port,
        };
        let port = port.to_string();
        let destination = format!("{user}@{}", spec.machine(peer).address);
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
            .mount(Mount::read_only(tunnel_folder(spec, machine), INSIDE))
            .network(&network, [spec.tunnel.name.as_str()])
            .user("0")
            .label("regmig", "tunnel"))
    }

    /// Logs in once, in a container that is gone afterwards.
    pub(super) async fn prove_tunnel(&self, machine: Machine) -> Result<(), PortError> {
        let name = proof_container(&self.spec);
        let client = self.ssh_client(machine, &name, &[]).await?;
        let docker = &self.site(machine).docker;
        let result = docker.run_once(&client, Duration::from_secs(30)).await?;
        if result.status == 0 && result.stdout.contains(GREETING) {
            return Ok(());
        }
        let what = format!(
            "a container of {} on {machine} logging in on {} with the migration's key",
            client.image(),
            machine.peer()
        );
        let words = format!(
            "status {}: {}{}",
            result.status, result.stdout, result.stderr
        );
        Err(PortError::refused(what, words.trim().to_owned()))
    }

    /// Runs the tunnel, supervised by Docker.
    pub(super) async fn start_tunnel(&self, machine: Machine) -> Result<(), PortError> {
        let spec = &self.spec;
        let to = match machine.peer() {
            // Nothing on source has to publish its Redis: the tunnel ends on the machine itself, which reaches it.
            Machine::Source => {
                let address = self.source.address_of(&spec.stack.redis).await?;
                format!("{address}:{}", spec.redis.port)
            }
            Machine::Dest => spec.redis.published.to_string(),
        };
        let forward = format!("0.0.0.0:{}:{to}", spec.tunnel.port);
        // A session is kept open, not `-N`: without one sshd collects small packets (Nagle's algorithm), and Redis' last writes
        // were seen up to 27 ms later.
        let client = self
            .ssh_client(machine, &spec.tunnel.name, &["-T", "-L", &forward])
            .await?
            .open_stdin()
            .restart(RestartPolicy::Always);
        let docker = &self.site(machine).docker;
        docker.run(&client).await.map(|_| ())
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

/// The folder with the tunnel's key and known hosts on a machine.
fn tunnel_folder(spec: &Spec, machine: Machine) -> String {
    let key = match machine {
        Machine::Source => tunnel_key(spec),
        Machine::Dest => follow_key(spec),
    };
    key.rsplit_once('/')
        .map_or(key.clone(), |(folder, _)| folder.to_owned())
}
