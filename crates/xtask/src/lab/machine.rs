//! Machines as containers: how they are made, asked and removed.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::program::Program;

use super::LabConfig;
use super::error::{Doing, LabError};
use super::images::Images;

/// How long a machine may take from nothing to ready, images to be loaded included.
const BOOT_LIMIT: Duration = Duration::from_secs(180);

/// Seconds that `docker stop` waits: a server takes its time to shut down.
const STOP_SECONDS: &str = "30";

/// The rights of a machine that runs an engine of its own.
///
/// Used instead of `--privileged`, which some hosts refuse; the list is what nested
/// containers were found to need.
const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "DAC_READ_SEARCH",
    "IPC_LOCK",
    "LINUX_IMMUTABLE",
    "MKNOD",
    "NET_ADMIN",
    "NET_RAW",
    "SETFCAP",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PTRACE",
];

/// One of the three machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Machine {
    /// The machine whose register moves.
    Source,
    /// The machine that it moves to.
    Dest,
    /// The name server of the parent zone.
    Parent,
}

impl Machine {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Source, Self::Dest, Self::Parent];

    /// The machine's name in commands and folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Dest => "dest",
            Self::Parent => "parent",
        }
    }

    /// The machine's container in a lab.
    pub fn container(self, config: &LabConfig) -> String {
        format!("{}-{}", config.name, self.name())
    }

    /// The machine's address in a lab.
    pub fn address(self, config: &LabConfig) -> Ipv4Addr {
        config.address(match self {
            Self::Source => 10,
            Self::Dest => 20,
            Self::Parent => 53,
        })
    }

    /// The volume that keeps the machine's images, for machines that have an engine.
    pub(super) fn volume(self, config: &LabConfig) -> Option<String> {
        (self != Self::Parent).then(|| format!("{}-docker", self.container(config)))
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Machine {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|machine| machine.name() == word)
            .ok_or_else(|| format!("{word} is no machine of the lab: source, dest or parent"))
    }
}

/// The label of everything that belongs to a lab.
pub(super) fn label(config: &LabConfig) -> String {
    format!("regmig.lab={}", config.name)
}

/// A call of this host's Docker client.
pub(super) fn docker<I>(args: I) -> Program
where
    I: IntoIterator,
    I::Item: Into<std::ffi::OsString>,
{
    Program::new("docker").args(args)
}

/// A command inside a machine.
pub(super) fn exec(machine: Machine, config: &LabConfig, script: &str) -> Program {
    docker(["exec", &machine.container(config), "bash", "-c", script])
}

/// The state of a machine's container: `running`, `exited` …, or nothing.
pub(super) fn state(machine: Machine, config: &LabConfig) -> Option<String> {
    docker(["container", "inspect", "--format", "{{.State.Status}}"])
        .args([machine.container(config)])
        .text()
        .ok()
}

/// Makes a machine and starts it, without waiting for it.
pub(super) fn create(
    machine: Machine,
    config: &LabConfig,
    images: &Images,
) -> Result<(), LabError> {
    let image = if machine == Machine::Parent {
        &images.parent
    } else {
        &images.machine
    };
    docker(run_arguments(machine, config))
        .args([image])
        .done()
        .doing(format!("make the machine {machine}"))
}

/// Starts a machine that was stopped, as one switches a server on.
pub(super) fn start(machine: Machine, config: &LabConfig) -> Result<(), LabError> {
    docker(["start", &machine.container(config)])
        .done()
        .doing(format!("start {machine}"))
}

/// Lets a machine that was paused go on.
pub(super) fn unpause(machine: Machine, config: &LabConfig) -> Result<(), LabError> {
    docker(["unpause", &machine.container(config)])
        .done()
        .doing(format!("resume {machine}"))
}

/// Waits until a machine has done all that it does at boot.
pub(super) fn wait_ready(machine: Machine, config: &LabConfig) -> Result<(), LabError> {
    let script = match machine {
        Machine::Parent => {
            "until dig @127.0.0.1 +time=1 +tries=1 version.bind chaos txt \
                            > /dev/null 2>&1; do sleep 0.1; done"
        }
        _ => "until test -e /var/lib/regmig-lab/ready; do sleep 0.05; done",
    };
    let waited = exec(machine, config, script).limit(BOOT_LIMIT).done();
    waited.or_else(|error| {
        let log = docker(["logs", "--tail", "20", &machine.container(config)])
            .run()
            .map(|output| output.stdout + &output.stderr)
            .unwrap_or_default();
        Err(error).doing(format!(
            "see {machine} boot; its log ends with:\n{}",
            log.trim_end()
        ))
    })
}

/// The arguments of `docker run`, up to the image.
fn run_arguments(machine: Machine, config: &LabConfig) -> Vec<String> {
    let mut words: Vec<String> = ["run", "--detach"].map(str::to_owned).into();
    let mut option = |name: &str, value: String| words.push(format!("--{name}={value}"));
    option("name", machine.container(config));
    option("hostname", machine.name().to_owned());
    option("label", label(config));
    option("network", config.name.clone());
    option("ip", machine.address(config).to_string());
    option("dns", Machine::Parent.address(config).to_string());
    option(
        "volume",
        format!("{}:/lab:ro", given(machine, config).display()),
    );
    if let Some(volume) = machine.volume(config) {
        option("stop-timeout", STOP_SECONDS.to_owned());
        option(
            "volume",
            format!("{}:/lab-cache:ro", config.cache.display()),
        );
        option("volume", format!("{volume}:/var/lib/docker"));
        option("tmpfs", "/run:exec,mode=755".to_owned());
        option("cgroupns", "private".to_owned());
        option("device-cgroup-rule", "a *:* rwm".to_owned());
        for unconfined in ["seccomp", "apparmor", "systempaths"] {
            option("security-opt", format!("{unconfined}=unconfined"));
        }
        for capability in CAPABILITIES {
            option("cap-add", (*capability).to_owned());
        }
    }
    words
}

/// The folder of what a machine is given at its first boot.
pub(super) fn given(machine: Machine, config: &LabConfig) -> std::path::PathBuf {
    Path::new(&config.folder)
        .join("machines")
        .join(machine.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_parsed_by_name() {
        assert_eq!("dest".parse(), Ok(Machine::Dest));
        assert!(
            "core"
                .parse::<Machine>()
                .unwrap_err()
                .starts_with("core is no machine")
        );
    }

    #[test]
    fn only_machines_with_an_engine_get_rights_and_a_volume() {
        let config = LabConfig::default();
        let parent = run_arguments(Machine::Parent, &config).join(" ");
        assert!(!parent.contains("cap-add"), "{parent}");
        let source = run_arguments(Machine::Source, &config).join(" ");
        assert!(source.contains("--cap-add=SYS_ADMIN"), "{source}");
        assert!(
            source.contains("--volume=regmig-lab-source-docker:/var/lib/docker"),
            "{source}"
        );
        assert!(!source.contains("privileged"), "{source}");
    }

    #[test]
    fn labs_have_machines_of_their_own() {
        let other = LabConfig::named("other", [10, 213, 78]);
        assert_eq!(Machine::Dest.container(&other), "other-dest");
        assert_eq!(Machine::Dest.address(&other).to_string(), "10.213.78.20");
    }
}
