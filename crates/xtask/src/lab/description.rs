//! What one has to know to use a lab: also `.lab/lab.json`.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::LabConfig;
use super::error::LabError;
use super::images::{self, Images};
use super::keys;
use super::machine::Machine;

/// Where the register's stack is on both machines.
const ROOT: &str = "/var/pryv";

/// A machine as the operator reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The container that it is.
    pub container: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its SSH port; the parent has no sshd.
    pub ssh_port: Option<u16>,
}

/// The key that signs dynamic updates of the parent zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tsig {
    /// Its name.
    pub name: String,
    /// Its algorithm.
    pub algorithm: String,
    /// The secret, in base64.
    pub secret: String,
    /// The key as a file, for `nsupdate -k`.
    pub file: PathBuf,
}

/// Everything that one has to know to use a lab; also `.lab/lab.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lab {
    /// The lab's name.
    pub name: String,
    /// The lab's network.
    pub network: String,
    /// This host's address in that network.
    pub operator: Ipv4Addr,
    /// The machine whose register moves.
    pub source: Endpoint,
    /// The machine that it moves to.
    pub dest: Endpoint,
    /// The name server of the parent zone.
    pub parent: Endpoint,
    /// The user that may log in by key and is root.
    pub root_user: String,
    /// The user that may log in by key and become root through `sudo -n`.
    pub sudo_user: String,
    /// The operator's private key.
    pub identity: PathBuf,
    /// A private key that no machine accepts.
    pub identity_refused: PathBuf,
    /// The machines' host keys.
    pub known_hosts: PathBuf,
    /// The certificate that signed the stack's TLS certificate.
    pub ca: PathBuf,
    /// The parent zone.
    pub parent_zone: String,
    /// The platform's domain.
    pub domain: String,
    /// The register's host name.
    pub register_host: String,
    /// The value of `Authorization` that the register accepts.
    pub register_key: String,
    /// The core that every seed user is on.
    pub core_host: String,
    /// The key of dynamic updates.
    pub tsig: Tsig,
    /// The stack's folder on both machines.
    pub stack: PathBuf,
    /// How many users source starts with.
    pub seed_users: u32,
    /// A user that is there from the start.
    pub first_user: String,
    /// A digest of the fixtures that the machines are made of.
    pub fixtures: String,
}

impl Lab {
    /// A machine's endpoint.
    pub fn endpoint(&self, machine: Machine) -> &Endpoint {
        match machine {
            Machine::Source => &self.source,
            Machine::Dest => &self.dest,
            Machine::Parent => &self.parent,
        }
    }
}

/// The name of a seed user; they are numbered from 1.
pub(super) fn seed_user(number: u32) -> String {
    format!("seed{number:07}")
}

/// Describes the lab as it will be, making the keys that it does not have yet.
pub(super) fn describe(
    config: &LabConfig,
    images: &Images,
    seed_users: u32,
) -> Result<Lab, LabError> {
    let keys = keys::ensure(config)?;
    let file = |name: &str| config.folder.join(name);
    let endpoint = |machine: Machine| Endpoint {
        container: machine.container(config),
        address: machine.address(config),
        ssh_port: (machine != Machine::Parent).then_some(22),
    };
    let domain = config.domain();
    Ok(Lab {
        name: config.name.clone(),
        network: config.network(),
        operator: config.address(1),
        source: endpoint(Machine::Source),
        dest: endpoint(Machine::Dest),
        parent: endpoint(Machine::Parent),
        root_user: "root".to_owned(),
        sudo_user: "ops".to_owned(),
        identity: file("id_ed25519"),
        identity_refused: file("id_refused"),
        known_hosts: file("known_hosts"),
        ca: file("ca.crt"),
        parent_zone: config.parent_zone.clone(),
        register_host: format!("reg.{domain}"),
        core_host: format!("co1.{domain}"),
        domain,
        register_key: keys.register,
        tsig: keys.tsig,
        stack: PathBuf::from(ROOT),
        seed_users,
        first_user: if seed_users > 0 {
            seed_user(1)
        } else {
            "wactiv".to_owned()
        },
        fixtures: images::digest(images)?,
    })
}
