//! What an operator of a lab has: a `regmig.toml` and a script that sets the name servers.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::lab::Lab;

/// The name of the script beside `regmig.toml`.
const SCRIPT: &str = "set-nameservers";

/// Seconds for which the parent zone's records may be kept, as in the zone's own file.
const TTL_S: u32 = 60;

/// A file of the operator could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct OperatorError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// What an operator decides about a migration in the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// How long source must have served nobody before it is retired.
    pub quiet: Duration,
    /// How data travels: `copy` or `live`.
    pub strategy: String,
    /// How many users both DNS servers are asked for at `verified`; every one if there is no number.
    pub verify_sample: Option<u32>,
}

impl Wishes {
    /// The published procedure.
    pub fn copy(quiet: Duration) -> Self {
        Self {
            quiet,
            strategy: "copy".to_owned(),
            verify_sample: None,
        }
    }

    /// Through replication.
    pub fn live(quiet: Duration) -> Self {
        Self {
            quiet,
            strategy: "live".to_owned(),
            verify_sample: None,
        }
    }
}

/// Writes `regmig.toml` and `set-nameservers` for a lab into a folder, and returns the path of the former.
///
/// Files of the same names are replaced; whatever else is in the folder stays.
///
/// # Errors
///
/// When the folder or a file cannot be written.
pub fn lay_out(lab: &Lab, folder: &Path, wishes: &Wishes) -> Result<PathBuf, OperatorError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OperatorError { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let script = folder.join(SCRIPT);
    fs::write(&script, set_nameservers(lab)).map_err(failed(&script))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).map_err(failed(&script))?;
    let config = config(folder);
    fs::write(&config, regmig_toml(lab, wishes)).map_err(failed(&config))?;
    Ok(config)
}

/// The configuration in a folder that was laid out.
pub(crate) fn config(folder: &Path) -> PathBuf {
    folder.join("regmig.toml")
}

/// The names of the platform's name servers, as the lab's parent zone delegates to them.
fn name_servers(lab: &Lab) -> [String; 2] {
    ["dns1", "dns2"].map(|label| format!("{label}.{}", lab.domain))
}

/// A script that points the delegation at the address that it is given.
///
/// nsupdate runs in the parent's container, which has it: one program less that the
/// operator's machine must have. One message, so that a reader sees both or none.
fn set_nameservers(lab: &Lab) -> String {
    let mut changes = String::new();
    for name in name_servers(lab) {
        changes.push_str(&format!(
            "update delete {name} A\nupdate add {name} {TTL_S} A $1\n"
        ));
    }
    format!(
        "#!/bin/sh\n\
         # Points the name servers of {domain} at the address given, at the parent {parent}.\n\
         set -eu\n\
         docker exec --interactive {container} nsupdate -k /etc/bind/tsig.key <<END\n\
         server 127.0.0.1\n\
         zone {zone}\n\
         {changes}send\n\
         END\n",
        domain = lab.domain,
        parent = lab.parent.address,
        container = lab.parent.container,
        zone = lab.parent_zone,
    )
}

/// The configuration of a migration in the lab: its addresses and files, all else by default.
fn regmig_toml(lab: &Lab, wishes: &Wishes) -> String {
    let machine = |name: &str, address| {
        format!(
            "\n[{name}]\naddress = \"{address}\"\nidentity = {identity:?}\nknown_hosts = {known:?}\n",
            identity = lab.identity.display().to_string(),
            known = lab.known_hosts.display().to_string(),
        )
    };
    let records = |address| {
        let entries = name_servers(lab)
            .map(|name| format!("  {{ name = \"{name}\", addresses = [\"{address}\"] }},\n"));
        format!("[\n{}]", entries.concat())
    };
    let (source, dest) = (lab.source.address, lab.dest.address);
    let mut text = format!(
        "# The lab {name}: its register moves from source to dest.\n\
         [platform]\ndomain = \"{domain}\"\nprofile = \"pryv-2019\"\nstrategy = \"{strategy}\"\n",
        name = lab.name,
        domain = lab.domain,
        strategy = wishes.strategy,
    );
    text.push_str(&machine("source", source));
    text.push_str(&machine("dest", dest));
    text.push_str(&format!(
        "\n[proxy]\ntrust = {ca:?}\n\
         \n[nameservers]\nparents = [\"{parent}\"]\nbefore = {before}\nafter = {after}\n\
         apply = [\"./{SCRIPT}\", \"{dest}\"]\nrestore = [\"./{SCRIPT}\", \"{source}\"]\n\
         \n[thresholds]\nquiet = \"{quiet}s\"\n",
        ca = lab.ca.display().to_string(),
        parent = lab.parent.address,
        before = records(source),
        after = records(dest),
        quiet = wishes.quiet.as_secs(),
    ));
    if let Some(users) = wishes.verify_sample {
        text.push_str(&format!("verify_sample = {users}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Endpoint, Tsig};

    fn endpoint(name: &str, last: u8) -> Endpoint {
        Endpoint {
            container: format!("lab-{name}"),
            address: [192, 0, 2, last].into(),
            ssh_port: None,
        }
    }

    fn lab() -> Lab {
        Lab {
            name: "lab".to_owned(),
            network: "192.0.2.0/24".to_owned(),
            operator: [192, 0, 2, 1].into(),
            source: endpoint("source", 10),
            dest: endpoint("dest", 20),
            parent: endpoint("parent", 53),
            root_user: "root".to_owned(),
            sudo_user: "ops".to_owned(),
            identity: "/keys/a \"quoted\" key".into(),
            identity_refused: "/keys/refused".into(),
            known_hosts: "/keys/known_hosts".into(),
            ca: "/keys/ca.crt".into(),
            parent_zone: "lab.test".to_owned(),
            domain: "pryv.lab.test".to_owned(),
            register_host: "reg.pryv.lab.test".to_owned(),
            register_key: "key".to_owned(),
            core_host: "co1.pryv.lab.test".to_owned(),
            tsig: Tsig {
                name: "regmig".to_owned(),
                algorithm: "hmac-sha256".to_owned(),
                secret: "c2VjcmV0".to_owned(),
                file: "/keys/tsig.key".into(),
            },
            stack: "/var/pryv".into(),
            seed_users: 1,
            first_user: "seed0000001".to_owned(),
            fixtures: "digest".to_owned(),
        }
    }

    #[test]
    fn the_files_name_the_lab_and_the_script_can_be_run() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        let config = lay_out(&lab(), &inner, &Wishes::copy(Duration::from_secs(7))).unwrap();
        let text = fs::read_to_string(&config).unwrap();
        assert!(
            text.contains("identity = \"/keys/a \\\"quoted\\\" key\""),
            "{text}"
        );
        assert!(
            text.contains("apply = [\"./set-nameservers\", \"192.0.2.20\"]"),
            "{text}"
        );
        assert!(
            text.contains("restore = [\"./set-nameservers\", \"192.0.2.10\"]"),
            "{text}"
        );
        assert!(text.ends_with("quiet = \"7s\"\n"), "{text}");
        let script = inner.join("set-nameservers");
        assert_eq!(
            fs::metadata(&script).unwrap().permissions().mode() & 0o777,
            0o755
        );
        let script = fs::read_to_string(&script).unwrap();
        assert!(
            script.contains("exec --interactive lab-parent nsupdate"),
            "{script}"
        );
        assert_eq!(script.matches("update add dns").count(), 2, "{script}");
        assert!(script.contains("\nsend\nEND\n"), "{script}");
    }

    #[test]
    fn a_folder_that_is_a_file_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error =
            lay_out(&lab(), file.path(), &Wishes::live(Duration::from_secs(1))).unwrap_err();
        let shown = error.to_string();
        assert!(
            shown.contains(&file.path().display().to_string()),
            "{shown}"
        );
    }
}
