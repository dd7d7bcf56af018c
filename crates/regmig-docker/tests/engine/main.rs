//! Against the Docker Engine of this machine.
//!
//! The image is made of this machine's own shell and tools, so that nothing has to be fetched.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod image;
mod life;
mod said;

use std::time::Duration;

use regmig_docker::{ContainerSpec, Docker, DockerLimits};
use regmig_ssh::{Host, HostSpec, Limits, Transport};

use crate::image::{IMAGE, Named, image};

pub(crate) const GRACE: Duration = Duration::from_secs(1);

pub(crate) fn docker() -> Docker {
    image();
    let host = Host::new(
        HostSpec {
            label: "here".into(),
            transport: Transport::Local,
            sudo: false,
        },
        Limits::default(),
    );
    Docker::new("here", DockerLimits::default(), move || {
        let host = host.clone();
        async move { host.open_docker().await }
    })
}

/// Without a network: not every machine has the one that Docker gives by default.
pub(crate) fn shell(name: &Named, script: &str) -> ContainerSpec {
    ContainerSpec::new(IMAGE, name.0.as_str())
        .entrypoint(["/bin/sh", "-c"])
        .command([script])
        .no_network()
}

pub(crate) const IDLE: &str =
    "trap 'echo hup' HUP; trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done";
