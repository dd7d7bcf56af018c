//! The lab's network: one of its own that leads nowhere else.

use std::net::Ipv4Addr;

use super::LabConfig;
use super::error::{Doing, LabError};
use super::machine::{docker, label};

/// Makes sure that the lab's network is there.
///
/// It is internal: whatever a test sends can only reach the lab's machines and this
/// host, by its address in that network.
pub(super) fn ensure(config: &LabConfig) -> Result<(), LabError> {
    let network = config.network();
    let present = docker(["network", "inspect", "--format"])
        .args(["{{range .IPAM.Config}}{{.Subnet}}{{end}}", &config.name])
        .text();
    if present.is_ok_and(|subnet| subnet == network) {
        return Ok(());
    }
    remove(config)?;
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    if let Some(other) = overlap(config.address(0), &routes) {
        return Err(LabError::Overlap {
            subnet: network,
            other,
        });
    }
    docker(["network", "create", "--internal", "--label", &label(config)])
        .args([
            "--subnet",
            &network,
            "--gateway",
            &config.address(1).to_string(),
        ])
        .args([&config.name])
        .done()
        .doing("create the lab's network")
}

/// Removes the lab's network if it is there.
pub(super) fn remove(config: &LabConfig) -> Result<(), LabError> {
    let ids = docker(["network", "ls", "--quiet", "--filter"])
        .args([format!("label={}", label(config))])
        .text()
        .doing("list the lab's networks")?;
    for id in ids.split_whitespace() {
        docker(["network", "rm", id])
            .done()
            .doing("remove the lab's network")?;
    }
    Ok(())
}

/// The first route of `/proc/net/route` that shares addresses with a /24 network.
///
/// The default route and wider routes that merely lead elsewhere are no conflict:
/// the more specific route of the lab wins. A route that is as narrow is one.
fn overlap(subnet: Ipv4Addr, routes: &str) -> Option<String> {
    let subnet = u32::from(subnet);
    routes.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| {
            u32::from_str_radix(fields.get(at)?, 16)
                .ok()
                .map(u32::swap_bytes)
        };
        let (destination, mask) = (number(1)?, number(7)?);
        let narrow = mask.count_ones() >= 24;
        let bits = mask.count_ones();
        let shares = (destination ^ subnet) & 0xffff_ff00 == 0;
        (narrow && shares).then(|| {
            let device = fields.first().copied().unwrap_or("?");
            format!("{}/{bits} on {device}", Ipv4Addr::from(destination))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
br-1\t004DD50A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";

    #[test]
    fn a_route_of_the_same_network_is_found() {
        let found = overlap(Ipv4Addr::new(10, 213, 77, 0), ROUTES);
        assert_eq!(found.as_deref(), Some("10.213.77.0/24 on br-1"));
    }

    #[test]
    fn other_networks_and_the_default_route_are_not() {
        assert_eq!(overlap(Ipv4Addr::new(10, 213, 78, 0), ROUTES), None);
    }
}
