//! Keys, certificates and files that a lab makes for itself, and its description.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::program::{Program, write_private};

use super::LabConfig;
use super::config::fixtures;
use super::error::{At, Doing, LabError};
use super::images::{self, Images};
use super::machine::{Machine, given};
use super::template::{fill_file, fill_folder};

/// Where the register's stack is on both machines.
const ROOT: &str = "/var/pryv";

/// The name of the key that signs dynamic updates.
const TSIG_NAME: &str = "regmig-lab";

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

/// Makes whatever keys and certificates the lab does not have yet.
pub(super) fn ensure(
    config: &LabConfig,
    images: &Images,
    seed_users: u32,
) -> Result<Lab, LabError> {
    let file = |name: &str| config.folder.join(name);
    for name in ["id_ed25519", "id_refused"] {
        ensure_ssh_key(&file(name), "ed25519", name)?;
    }
    for machine in [Machine::Source, Machine::Dest] {
        let folder = file("host_keys").join(machine.name());
        fs::create_dir_all(&folder).at("create", &folder)?;
        for kind in ["ed25519", "ecdsa"] {
            ensure_ssh_key(
                &folder.join(format!("ssh_host_{kind}_key")),
                kind,
                machine.name(),
            )?;
        }
    }
    write_known_hosts(config, &file("known_hosts"))?;
    ensure_certificates(config)?;
    let tsig_secret = ensure_secret(&file("tsig.secret"), &["-base64", "32"])?;
    let register_key = ensure_secret(&file("register.key"), &["-hex", "16"])?;
    let tsig = Tsig {
        name: TSIG_NAME.to_owned(),
        algorithm: "hmac-sha256".to_owned(),
        secret: tsig_secret,
        file: file("tsig.key"),
    };
    write_tsig(&tsig)?;
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
        register_key,
        tsig,
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

/// Lays out what each machine is given at its first boot.
pub(super) fn lay_out(
    config: &LabConfig,
    lab: &Lab,
    images: &Images,
    seed: Option<&Path>,
) -> Result<(), LabError> {
    for machine in Machine::ALL {
        let folder = given(machine, config);
        if folder.exists() {
            empty(&folder)?;
        }
        fs::create_dir_all(&folder).at("create", &folder)?;
        if machine == Machine::Parent {
            lay_out_parent(config, lab, &folder)?;
        } else {
            lay_out_machine(config, lab, images, machine, &folder)?;
        }
    }
    if let Some(seed) = seed {
        let target = given(Machine::Source, config).join("seed.tar");
        fs::hard_link(seed, &target).at("link the seed data to", &target)?;
    }
    Ok(())
}

/// Removes what is in a folder but not the folder, which containers may have mounted.
fn empty(folder: &Path) -> Result<(), LabError> {
    for entry in fs::read_dir(folder).at("read", folder)? {
        let path = entry.at("read", folder)?.path();
        if path.is_dir() {
            fs::remove_dir_all(&path).at("remove", &path)?;
        } else {
            fs::remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(())
}

fn lay_out_machine(
    config: &LabConfig,
    lab: &Lab,
    images: &Images,
    machine: Machine,
    folder: &Path,
) -> Result<(), LabError> {
    let values = [
        ("DOMAIN", lab.domain.clone()),
        ("REGISTER_KEY", lab.register_key.clone()),
        ("MACHINE_IP", machine.address(config).to_string()),
        ("CORE_IP", config.address(60).to_string()),
    ];
    let stack = folder.join("pryv");
    fill_folder(&fixtures().join("pryv"), &stack, &values)?;
    for made in [
        "nginx/log",
        "register/log",
        "dns/log",
        "redis/log",
        "redis/data",
    ] {
        let path = stack.join("reg-master").join(made);
        fs::create_dir_all(&path).at("create", &path)?;
    }
    let secret = stack.join("reg-master/nginx/conf/secret");
    fs::create_dir_all(&secret).at("create", &secret)?;
    let domain = &lab.domain;
    copy(
        &config.folder.join("tls.crt"),
        &secret.join(format!("{domain}-bundle.crt")),
    )?;
    copy(
        &config.folder.join("tls.key"),
        &secret.join(format!("{domain}-key.pem")),
    )?;

    let ssh = folder.join("ssh");
    fs::create_dir_all(&ssh).at("create", &ssh)?;
    copy(
        &config.folder.join("id_ed25519.pub"),
        &ssh.join("authorized_keys"),
    )?;
    let keys = config.folder.join("host_keys").join(machine.name());
    for entry in fs::read_dir(&keys).at("read", &keys)? {
        let entry = entry.at("read", &keys)?;
        copy(&entry.path(), &ssh.join(entry.file_name()))?;
    }
    write(
        &folder.join("daemon.json"),
        &engine_settings(config, machine),
    )?;
    write(&folder.join("images"), &images.archive)
}

/// The settings of a machine's own engine.
///
/// Its networks must clash neither with the lab's nor with the other machine's. Names
/// that it does not know go to the parent, which refuses them at once; the default
/// would be servers that cannot be reached from here.
fn engine_settings(config: &LabConfig, machine: Machine) -> String {
    let third = if machine == Machine::Source { 16 } else { 64 };
    let settings = serde_json::json!({
        "storage-driver": "overlay2",
        "bip": format!("10.214.{third}.1/24"),
        "default-address-pools": [
            { "base": format!("10.214.{}.0/20", third + 16), "size": 24 }
        ],
        "dns": [Machine::Parent.address(config)],
    });
    format!("{settings:#}\n")
}

fn lay_out_parent(config: &LabConfig, lab: &Lab, folder: &Path) -> Result<(), LabError> {
    let values = [
        ("TSIG_NAME", lab.tsig.name.clone()),
        ("PARENT_ZONE", lab.parent_zone.clone()),
        ("CHILD", config.child.clone()),
        ("PARENT_IP", lab.parent.address.to_string()),
        ("SOURCE_IP", lab.source.address.to_string()),
    ];
    let templates = fixtures().join("parent");
    for name in ["named.conf", "parent.zone"] {
        fill_file(&templates.join(name), &folder.join(name), &values)?;
    }
    copy(&lab.tsig.file, &folder.join("tsig.key"))
}

fn ensure_ssh_key(path: &Path, kind: &str, comment: &str) -> Result<(), LabError> {
    if path.exists() {
        return Ok(());
    }
    Program::new("ssh-keygen")
        .args([
            "-q",
            "-t",
            kind,
            "-N",
            "",
            "-C",
            &format!("regmig lab {comment}"),
            "-f",
        ])
        .args([path])
        .done()
        .doing(format!("make the key {}", path.display()))
}

/// Writes the ed25519 host keys only: the machines offer ecdsa as well, which a
/// client has to leave aside because it is not on record.
fn write_known_hosts(config: &LabConfig, path: &Path) -> Result<(), LabError> {
    let mut text = String::new();
    for machine in [Machine::Source, Machine::Dest] {
        let key = config
            .folder
            .join("host_keys")
            .join(machine.name())
            .join("ssh_host_ed25519_key.pub");
        let line = fs::read_to_string(&key).at("read", &key)?;
        let mut words = line.split_whitespace();
        let (kind, value) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        text.push_str(&format!("{} {kind} {value}\n", machine.address(config)));
    }
    write(path, &text)
}

fn ensure_secret(path: &Path, form: &[&str]) -> Result<String, LabError> {
    if !path.exists() {
        let secret = Program::new("openssl")
            .args(["rand"])
            .args(form.iter().copied())
            .text()
            .doing("make a secret")?;
        write_private(path, secret.as_bytes()).at("write", path)?;
    }
    Ok(fs::read_to_string(path).at("read", path)?.trim().to_owned())
}

fn write_tsig(tsig: &Tsig) -> Result<(), LabError> {
    let Tsig {
        name,
        algorithm,
        secret,
        file,
    } = tsig;
    let text =
        format!("key \"{name}\" {{\n    algorithm {algorithm};\n    secret \"{secret}\";\n}};\n");
    write_private(file, text.as_bytes()).at("write", file)
}

/// Makes a certificate authority of the lab and one wildcard certificate signed by it.
fn ensure_certificates(config: &LabConfig) -> Result<(), LabError> {
    let file = |name: &str| config.folder.join(name);
    if file("tls.crt").exists() {
        return Ok(());
    }
    let curve = "ec_paramgen_curve:prime256v1";
    let openssl = |args: &[&str]| Program::new("openssl").args(args);
    openssl(&[
        "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", curve, "-days", "3650",
    ])
    .args([
        "-subj",
        "/CN=regmig lab CA",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    ])
    .args([
        "-keyout".into(),
        file("ca.key"),
        "-out".into(),
        file("ca.crt"),
    ])
    .done()
    .doing("make the lab's certificate authority")?;
    let domain = config.domain();
    openssl(&["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", curve])
        .args(["-subj", &format!("/CN={domain}")])
        .args([
            "-keyout".into(),
            file("tls.key"),
            "-out".into(),
            file("tls.csr"),
        ])
        .done()
        .doing("make the key of the lab's certificate")?;
    let extensions = format!(
        "subjectAltName=DNS:{domain},DNS:*.{domain}\nbasicConstraints=CA:FALSE\n\
         keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
    );
    write(&file("tls.ext"), &extensions)?;
    let leaf = file("leaf.crt");
    openssl(&["x509", "-req", "-days", "825", "-CAcreateserial", "-in"])
        .args([
            file("tls.csr"),
            "-CA".into(),
            file("ca.crt"),
            "-CAkey".into(),
            file("ca.key"),
        ])
        .args([
            "-extfile".into(),
            file("tls.ext"),
            "-out".into(),
            leaf.clone(),
        ])
        .done()
        .doing("sign the lab's certificate")?;
    let bundle = [&leaf, &file("ca.crt")]
        .map(|path| fs::read_to_string(path).at("read", path))
        .into_iter()
        .collect::<Result<String, _>>()?;
    write(&file("tls.crt"), &bundle)
}

fn copy(from: &Path, to: &Path) -> Result<(), LabError> {
    fs::copy(from, to).map(drop).at("copy to", to)
}

fn write(path: &Path, text: &str) -> Result<(), LabError> {
    fs::write(path, text).at("write", path)
}
