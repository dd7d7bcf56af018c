//! The folders of what machines are given at their first boot.

use std::fs;
use std::path::Path;

use super::LabConfig;
use super::config::fixtures;
use super::description::Lab;
use super::error::{At, LabError};
use super::images::Images;
use super::machine::{Machine, given};
use super::template::{fill_file, fill_folder};

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

fn copy(from: &Path, to: &Path) -> Result<(), LabError> {
    fs::copy(from, to).map(drop).at("copy to", to)
}

fn write(path: &Path, text: &str) -> Result<(), LabError> {
    fs::write(path, text).at("write", path)
}
