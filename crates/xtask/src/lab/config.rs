//! What tells one lab from another.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// The name, network and size of a lab.
///
/// The default is the lab that everybody shares; tests that need a second one give it
/// another name and network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabConfig {
    /// Prefix of the names of containers, volumes and the network.
    pub name: String,
    /// Where everything that belongs to this lab alone is kept.
    pub folder: PathBuf,
    /// Where image archives and seed data are kept for all labs.
    pub cache: PathBuf,
    /// The first three octets of its /24 network.
    pub subnet: [u8; 3],
    /// The zone that the parent name server is authoritative for.
    pub parent_zone: String,
    /// The label under it that is the platform's domain.
    pub child: String,
    /// How many users source's register starts with; `None` keeps what it has, or
    /// [`LabConfig::DEFAULT_USERS`] for a new lab.
    pub seed_users: Option<u32>,
}

impl Default for LabConfig {
    fn default() -> Self {
        Self::named("regmig-lab", [10, 213, 77])
    }
}

impl LabConfig {
    /// Users of a new lab: enough for a scan to be seen, few enough to be quick.
    pub const DEFAULT_USERS: u32 = 2_000;

    /// A lab with a name and network of its own.
    pub fn named(name: &str, subnet: [u8; 3]) -> Self {
        let folder = repository().join(".lab");
        let cache = folder.join("cache");
        let folder = if name == "regmig-lab" {
            folder
        } else {
            folder.join("labs").join(name)
        };
        Self {
            name: name.to_owned(),
            folder,
            cache,
            subnet,
            parent_zone: "lab.test".to_owned(),
            child: "pryv".to_owned(),
            seed_users: None,
        }
    }

    /// The platform's domain.
    pub fn domain(&self) -> String {
        format!("{}.{}", self.child, self.parent_zone)
    }

    /// The network in slash notation.
    pub fn network(&self) -> String {
        format!("{}/24", self.address(0))
    }

    /// An address of the lab's network.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        let [a, b, c] = self.subnet;
        Ipv4Addr::new(a, b, c, host)
    }

    /// The file that describes the lab once it is up.
    pub fn description(&self) -> PathBuf {
        self.folder.join("lab.json")
    }
}

/// The root of the repository that this program was built from.
pub(super) fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The folder of the lab's images and templates.
pub(super) fn fixtures() -> PathBuf {
    repository().join("fixtures/lab")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labs_share_the_cache_and_nothing_else() {
        let one = LabConfig::default();
        let two = LabConfig::named("other", [10, 213, 78]);
        assert_eq!(one.cache, two.cache);
        assert_ne!(one.folder, two.folder);
        assert_eq!(two.network(), "10.213.78.0/24");
        assert_eq!(two.domain(), "pryv.lab.test");
    }

    #[test]
    fn fixtures_are_in_this_repository() {
        assert!(fixtures().join("images/machine/Dockerfile").is_file());
    }
}
