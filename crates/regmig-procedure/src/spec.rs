//! What an operator configured, fully resolved and validated.
//!
//! A [`Spec`] leaves nothing to be chosen at execution time: profile defaults
//! are filled in, addresses are parsed, and every path is spelled out. It
//! holds no secret, only where secrets are found, so that it can be journaled.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use regmig_core::machine::Machine;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Everything a migration needs to know before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The platform's domain, for example `pryv.example`.
    pub domain: String,
    /// How data travels.
    pub strategy: Strategy,
    /// The machine that holds the register now.
    pub source: MachineSpec,
    /// The machine that shall hold it.
    pub dest: MachineSpec,
    /// The compose stack, the same on both machines.
    pub stack: StackSpec,
    /// Redis.
    pub redis: RedisSpec,
    /// How source's nginx reaches dest.
    pub proxy: ProxySpec,
    /// The tunnel that replication takes.
    pub tunnel: TunnelSpec,
    /// Name servers before and after.
    pub nameservers: NameserversSpec,
    /// Figures that decide when something is good enough.
    pub thresholds: Thresholds,
    /// How long things may take.
    pub limits: Limits,
    /// What strategy `live` needs besides; nothing in any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveSpec>,
    /// What the operator has agreed to beforehand.
    pub consent: Consent,
}

/// How data travels from source to dest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The published procedure: rsync warm, stop, last rsync, start.
    Copy,
    /// dest's Redis follows source's, and is promoted while clients wait a moment.
    Live,
}

/// How long the parts of a `live` cutover may take, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSpec {
    /// Requests in flight on source, before the cutover is backed out of.
    pub drain_s: u64,
    /// From arming the timers on both machines until they take the way out by themselves.
    pub way_out_s: u64,
}

impl Default for LiveSpec {
    fn default() -> Self {
        Self {
            drain_s: 5,
            way_out_s: 10,
        }
    }
}

/// One machine and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSpec {
    /// The address at which clients and the other machine reach it.
    pub address: IpAddr,
    /// How regmig runs commands there.
    pub reach: Reach,
    /// The folder that holds the compose file, absolute, without a trailing slash.
    pub root: String,
}

/// How regmig runs commands on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// regmig runs on this machine.
    Local {
        /// Whether commands need `sudo -n`: true unless regmig runs as root.
        sudo: bool,
    },
    /// Over SSH.
    Ssh(SshSpec),
}

/// One SSH destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshSpec {
    /// Where to connect; the machine's address unless configured otherwise.
    pub host: String,
    /// TCP port of sshd.
    pub port: u16,
    /// Whom to log in as. Anyone but root works through `sudo -n`.
    pub user: String,
    /// The private key, or nothing where only the agent is asked.
    pub identity: Option<PathBuf>,
    /// Whether the agent at `SSH_AUTH_SOCK` is asked.
    pub agent: bool,
    /// The file that holds the machine's host keys.
    pub known_hosts: PathBuf,
}

/// The compose stack. Paths are relative to the machine's root folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackSpec {
    /// The profile from which defaults were taken.
    pub profile: String,
    /// The compose file.
    pub compose_file: String,
    /// The command that starts the stack, run by `sh -c` in the root folder.
    pub start: String,
    /// The command that stops it, run by `sh -c` in the root folder.
    pub stop: String,
    /// Whether `stop` stops every container on the machine.
    pub stop_is_global: bool,
    /// Compose service of nginx.
    pub nginx: String,
    /// Compose service of the register.
    pub register: String,
    /// TCP port on which the register answers HTTP inside its container.
    pub register_port: u16,
    /// Compose service of the DNS server.
    pub dns: String,
    /// Compose service of Redis.
    pub redis: String,
    /// Further services that can write, stopped with the register.
    pub other_writers: Vec<String>,
    /// The register's JSON configuration, which lists the keys that may create users.
    pub register_conf: String,
    /// nginx's access log of the register.
    pub nginx_access_log: String,
}

impl StackSpec {
    /// Services that can accept a client's write: stopped first, and kept down on a retired machine.
    pub fn writers(&self) -> Vec<String> {
        let mut all = vec![self.register.clone()];
        all.extend(self.other_writers.iter().cloned());
        all
    }

    /// Every service of the stack.
    pub fn all(&self) -> Vec<String> {
        let mut all = self.writers();
        all.extend([self.nginx.clone(), self.dns.clone(), self.redis.clone()]);
        all
    }
}

/// Redis, the same on both machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedisSpec {
    /// Port inside the container.
    pub port: u16,
    /// Where dest's Redis is published, always on loopback.
    pub published: SocketAddr,
    /// Where the password is found, if there is one.
    pub password: Option<SecretSource>,
    /// The folder with the data, relative to the root.
    pub data: String,
    /// The configuration file, relative to the root.
    pub conf: String,
    /// Glob of the keys that stand for one user each, for example `*:users`.
    pub user_keys: String,
    /// Globs of keys that the services write by themselves when they start.
    pub startup_keys: Vec<String>,
}

/// Where a secret is found; never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// The first line of a file on the operator's machine.
    File(PathBuf),
    /// An environment variable of regmig.
    Env(String),
}

/// How source's nginx reaches dest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxySpec {
    /// nginx's main file, relative to the root.
    pub nginx_main: String,
    /// The file with the upstreams, relative to the root.
    pub nginx_site: String,
    /// The folder of both as nginx sees it inside its container.
    pub nginx_conf_inside: String,
    /// nginx's log folder as seen inside its container.
    pub nginx_log_inside: String,
    /// Upstreams that are sent to dest.
    pub upstreams: Vec<String>,
    /// dest's HTTPS port.
    pub port: u16,
    /// The public name of the register, for example `reg.pryv.example`.
    pub public_name: String,
    /// PEM file on the operator's machine: the CA, or dest's certificate itself, that nginx and regmig trust.
    pub trust: PathBuf,
    /// SHA-256 of that file, so that a change of its content is a change of the spec.
    pub trust_sha256: String,
}

/// The tunnel from source's Redis to dest's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelSpec {
    /// The image that has an SSH client; the Redis image where none is named.
    pub image: Option<String>,
    /// Name of the tunnel's container, and the host name that Redis replicates from.
    pub name: String,
    /// Port on which the tunnel listens in its container.
    pub port: u16,
    /// sshd of dest, as seen from source.
    pub dest_ssh_port: u16,
    /// sshd of source, as seen from dest.
    pub source_ssh_port: u16,
    /// Kind of the keys made for this migration.
    pub key: KeyKind,
}

/// Kind of a key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// RSA with 4096 bits, as the published procedure has it.
    Rsa4096,
}

/// Name servers of the platform's domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameserversSpec {
    /// Every authoritative server of the parent zone.
    pub parents: Vec<SocketAddr>,
    /// The delegation as it is before the migration.
    pub before: Vec<NameServer>,
    /// The delegation as it shall be.
    pub after: Vec<NameServer>,
    /// Program and arguments, run on the operator's machine to publish `after`; the operator is waited for where absent.
    pub apply: Option<Vec<String>>,
    /// The same for `before`, used by rollback.
    pub restore: Option<Vec<String>>,
}

/// One name server of a delegation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NameServer {
    /// Its name, without the final dot, in lower case.
    pub name: String,
    /// Its glue addresses.
    pub addresses: Vec<IpAddr>,
}

/// Figures that decide when something is good enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// A warm pass that moves fewer bytes than this is the last one.
    pub warm_bytes: u64,
    /// Warm passes at most.
    pub warm_passes: u32,
    /// Free space on both machines, as a multiple of the data.
    pub disk_factor: u64,
    /// Difference between two clocks, at most, milliseconds.
    pub clock_ms: u64,
    /// Users whose DNS answers are compared; nothing means every user.
    pub verify_sample: Option<u64>,
    /// How long source must have served nobody, seconds.
    pub quiet_s: u64,
}

/// How long things may take, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Opening an SSH connection.
    pub connect_s: u64,
    /// One remote command that is not long by nature.
    pub command_s: u64,
    /// A container's stop before it is killed.
    pub stop_s: u64,
    /// A stack's start until it is healthy.
    pub healthy_s: u64,
    /// One rsync pass, and other work that grows with the data.
    pub bulk_s: u64,
    /// Replication until it has caught up.
    pub replication_s: u64,
    /// Waiting for the delegation to change.
    pub delegation_s: u64,
}

/// What the operator has agreed to beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Containers that are not part of the stack may be on the machines.
    pub foreign_containers: bool,
    /// dest's Redis may hold users already; its data is set aside.
    pub dest_data: bool,
}

impl Spec {
    /// What is configured of one machine.
    pub fn machine(&self, machine: Machine) -> &MachineSpec {
        match machine {
            Machine::Source => &self.source,
            Machine::Dest => &self.dest,
        }
    }

    /// The absolute path of something in a machine's root folder.
    pub fn path(&self, machine: Machine, relative: &str) -> String {
        format!("{}/{relative}", self.machine(machine).root)
    }

    /// The folder in which regmig keeps its own files on a machine.
    pub fn work(&self, machine: Machine) -> String {
        self.path(machine, ".regmig")
    }

    /// The Redis data folder on a machine.
    pub fn data(&self, machine: Machine) -> String {
        self.path(machine, &self.redis.data)
    }

    /// SHA-256 of the spec's JSON form, in hex.
    ///
    /// Two specs with the same digest lead to the same effects.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(&json)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Every leaf in which `self` and `other` differ: path, value here, value there.
    pub fn differences(&self, other: &Self) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        let here = serde_json::to_value(self).unwrap_or_default();
        let there = serde_json::to_value(other).unwrap_or_default();
        compare(&mut found, String::new(), &here, &there);
        found
    }
}

fn compare(
    found: &mut Vec<(String, String, String)>,
    path: String,
    here: &serde_json::Value,
    there: &serde_json::Value,
) {
    if let (serde_json::Value::Object(a), serde_json::Value::Object(b)) = (here, there) {
        let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for key in keys {
            let null = serde_json::Value::Null;
            let below = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            compare(
                found,
                below,
                a.get(key).unwrap_or(&null),
                b.get(key).unwrap_or(&null),
            );
        }
    } else if here != there {
        found.push((path, here.to_string(), there.to_string()));
    }
}
