//! `[tunnel]`: the way that replication takes.

use regmig_procedure::spec::{KeyKind, TunnelSpec};

use crate::config::notes::Flaw;
use crate::config::section::Section;
use crate::config::values;

/// Reads the section; sshd's ports are those by which regmig itself reaches the machines.
pub(super) fn read(section: &Section<'_>, source_port: u16, dest_port: u16) -> Option<TunnelSpec> {
    let image = section.text("image", values::image).optional();
    let name = section.text("name", name).or("regmig-tunnel".to_owned());
    // The port that the published procedure uses.
    let port = section.port("port").or(4567);
    let dest_ssh_port = section.port("dest_ssh_port").or(dest_port);
    let source_ssh_port = section.port("source_ssh_port").or(source_port);
    let key = section.text("key", key).or(KeyKind::Ed25519);
    Some(TunnelSpec {
        image: image?.map(|image| image.value),
        name: name?.value,
        port: port?.value,
        dest_ssh_port: dest_ssh_port?.value,
        source_ssh_port: source_ssh_port?.value,
        key: key?.value,
    })
}

/// A container's name that is a host name as well, since Redis replicates from it.
fn name(text: &str) -> Result<String, Flaw> {
    let good = values::service(text)?;
    if good.len() > 63 || good.contains('_') {
        return Err(Flaw::new(
            "is not a host name",
            "use letters, digits and `-`, 63 at most",
        ));
    }
    Ok(good)
}

fn key(text: &str) -> Result<KeyKind, Flaw> {
    match text {
        "ed25519" => Ok(KeyKind::Ed25519),
        "rsa4096" => Ok(KeyKind::Rsa4096),
        _ => Err(Flaw::new("is not a kind of key", "")),
    }
}
