//! Keys and certificates that a lab makes for itself, once.

use std::fs;
use std::path::Path;

use crate::program::{Program, write_private};

use super::LabConfig;
use super::description::Tsig;
use super::error::{At, Doing, LabError};
use super::machine::Machine;

/// The name of the key that signs dynamic updates.
const TSIG_NAME: &str = "regmig-lab";

/// The secrets among them.
#[derive(Debug)]
pub(super) struct Keys {
    /// What the register accepts as `Authorization`.
    pub(super) register: String,
    /// What signs dynamic updates of the parent zone.
    pub(super) tsig: Tsig,
}

/// Makes whatever the lab does not have yet.
pub(super) fn ensure(config: &LabConfig) -> Result<Keys, LabError> {
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
    let register = ensure_secret(&file("register.key"), &["-hex", "16"])?;
    let tsig = Tsig {
        name: TSIG_NAME.to_owned(),
        algorithm: "hmac-sha256".to_owned(),
        secret: tsig_secret,
        file: file("tsig.key"),
    };
    write_tsig(&tsig)?;
    Ok(Keys { register, tsig })
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

fn write(path: &Path, text: &str) -> Result<(), LabError> {
    fs::write(path, text).at("write", path)
}
