//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ArgGroup, Parser, Subcommand};
use regmig_http::Fingerprint;

const EXIT_CODES: &str = "Exit codes: 0 done, and for audit: every acknowledged user is there; \
1 nothing could be judged, the message says why; 2 wrong usage; 3 audit: at least one acknowledged \
user is lost; 4 audit: none is known to be lost, but at least one could not be asked for.";

/// Clients of a register that remember every acknowledged write, and the verdict on them.
#[derive(Debug, Parser)]
#[command(name = "regmig-traffic", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Registers users, reads them back, asks the DNS, and writes everything into a log.
    Run(Box<RunArgs>),
    /// Asks machines for every user that a log says was acknowledged.
    #[command(after_help = EXIT_CODES)]
    Audit(AuditArgs),
    /// Shows the figures of a log: gaps, failures, latencies, and losses where an audit is given.
    Report(ReportArgs),
}

/// Which register, and how it proves who it is.
#[derive(Debug, ArgGroup)]
pub(crate) struct RegisterArgs {
    /// Name of the register, for the Host header and in its certificate, such as reg.DOMAIN
    #[arg(long, value_name = "NAME")]
    pub(crate) host: String,
    /// Certificate authority to trust (PEM); for public ones the system's bundle
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "pin",
        conflicts_with = "pin"
    )]
    pub(crate) ca: Option<PathBuf>,
    /// SHA-256 fingerprint of the certificate to trust, instead of an authority
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) pin: Option<Fingerprint>,
    /// Time that one request may take, in ms
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub(crate) timeout_ms: u64,
}

/// Arguments of `run`.
#[derive(Debug, ArgGroup)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) register: RegisterArgs,
    /// Address to which requests go, whatever the DNS says
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) target: SocketAddr,
    /// File with the register's system key; only its first line counts
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "key",
        conflicts_with = "key"
    )]
    pub(crate) key_file: Option<PathBuf>,
    /// The key itself; other users of this machine can see it
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Log file, appended to
    #[arg(long, value_name = "FILE")]
    pub(crate) log: PathBuf,
    /// Writes per second, sent whether or not earlier ones have been answered
    #[arg(long, value_name = "N", default_value_t = 20.0)]
    pub(crate) rate: f64,
    /// Clients that wait for each answer, instead of a rate
    #[arg(long, value_name = "N", conflicts_with = "rate", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) writers: Option<u16>,
    /// Pause of each such client between an answer and its next write, in ms
    #[arg(long, value_name = "MS", default_value_t = 20, requires = "writers")]
    pub(crate) think_ms: u64,
    /// Reads of acknowledged users per second
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    pub(crate) reads_rate: f64,
    /// DNS server of the platform, asked for acknowledged users
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) dns_server: Option<SocketAddr>,
    /// Questions to it per second
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    pub(crate) dns_rate: f64,
    /// Domain of the platform [default: the register's name without its first label]
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: Option<String>,
    /// Name server of the parent zone: every second it is asked for the platform's name servers,
    /// they for the register's address, and requests go there. The name servers are asked on the port of
    /// --dns-server, else on 53
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) follow_parent: Option<SocketAddr>,
    /// First part of all user names; one that no earlier run used on this register
    /// [default: trf and the time]
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,
    /// Core host that users are registered with, may be repeated
    /// [default: core1.DOMAIN to core7.DOMAIN]
    #[arg(long = "core", value_name = "HOST")]
    pub(crate) cores: Vec<String>,
    /// Requests of each kind that may be unanswered before further ones are skipped
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) in_flight: u16,
    /// Ends after this many seconds [default: on SIGINT, SIGTERM or --stop-file]
    #[arg(long, value_name = "S")]
    pub(crate) duration: Option<f64>,
    /// Ends when this file appears
    #[arg(long, value_name = "FILE")]
    pub(crate) stop_file: Option<PathBuf>,
}

/// Arguments of `audit`.
#[derive(Debug, ArgGroup)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) register: RegisterArgs,
    /// Log of the run
    #[arg(long, value_name = "FILE")]
    pub(crate) log: PathBuf,
    /// Machine to ask, may be repeated
    #[arg(long = "at", value_name = "NAME=IP:PORT", required = true, value_parser = machine)]
    pub(crate) at: Vec<(String, SocketAddr)>,
    /// File for the result as JSON; - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Users asked for at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) at_a_time: u16,
    /// Attempts for each user before it counts as not to be asked for
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) attempts: u32,
}

/// Arguments of `report`.
#[derive(Debug, ArgGroup)]
pub(crate) struct ReportArgs {
    /// Log of the run
    #[arg(long, value_name = "FILE")]
    pub(crate) log: PathBuf,
    /// Result of an audit, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// File for the report as JSON; - for standard output, instead of the table
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Gaps longer than this are listed, in ms
    #[arg(long, value_name = "MS", default_value_t = regmig_traffic::report::GAP_MS)]
    pub(crate) gap_ms: u64,
}

fn machine(text: &str) -> Result<(String, SocketAddr), String> {
    let expected = "expected NAME=IP:PORT, such as dest=192.0.2.2:443";
    let (name, address) = text.split_once('=').ok_or(expected)?;
    let address = address.parse().map_err(|_| expected)?;
    if name.is_empty() {
        return Err(expected.to_owned());
    }
    Ok((name.to_owned(), address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_machine_has_a_name_and_an_address() {
        let address = "192.0.2.2:443".parse().unwrap();
        assert_eq!(
            machine("dest=192.0.2.2:443"),
            Ok(("dest".to_owned(), address))
        );
        for bad in [
            "192.0.2.2:443",
            "=192.0.2.2:443",
            "dest=192.0.2.2",
            "dest=reg:443",
        ] {
            assert!(machine(bad).unwrap_err().contains("NAME=IP:PORT"), "{bad}");
        }
    }
}
