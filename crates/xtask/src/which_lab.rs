//! Which lab a command is about, where that is not its main matter.

use clap::Args;

use xtask::lab::LabConfig;
use xtask::subnet::subnet;

/// Which lab.
#[derive(Debug, Args)]
pub(crate) struct WhichLab {
    /// The name of the lab to use: another name is another lab
    #[arg(long, value_name = "NAME", default_value = "regmig-lab")]
    lab_name: String,
    /// The first three octets of that lab's network
    #[arg(long, value_name = "OCTETS", default_value = "10.213.77", value_parser = subnet)]
    lab_subnet: [u8; 3],
}

impl WhichLab {
    pub(crate) fn config(&self) -> LabConfig {
        LabConfig::named(&self.lab_name, self.lab_subnet)
    }
}
