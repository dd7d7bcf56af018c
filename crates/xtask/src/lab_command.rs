//! `cargo xtask lab`: its arguments and what they do.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Subcommand};

use xtask::lab::{self, Lab, LabConfig, LabError, Machine};
use xtask::program::Program;
use xtask::say::{print, say};
use xtask::subnet::subnet;

/// Arguments of `cargo xtask lab`.
#[derive(Debug, Args)]
pub(crate) struct LabArgs {
    /// The lab's name: another name is another lab
    #[arg(long, default_value = "regmig-lab")]
    name: String,
    /// The first three octets of the lab's network
    #[arg(long, default_value = "10.213.77", value_parser = subnet)]
    subnet: [u8; 3],
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Bring the lab up, building what is missing; a running one is left as it is
    Up {
        /// How many users source starts with [default: as before, or 2000]
        #[arg(long)]
        users: Option<u32>,
    },
    /// Show the machines, their containers and whether their services answer
    Status,
    /// Show the end of the logs of one machine or all
    Logs {
        /// source, dest or parent
        machine: Option<Machine>,
    },
    /// Open a root shell on a machine
    Shell {
        /// source, dest or parent
        machine: Machine,
    },
    /// Run a command on a machine as root
    Exec {
        /// source, dest or parent
        machine: Machine,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Bring both machines and the parent zone back to the starting state
    Reset {
        /// How many users source starts with [default: as before]
        #[arg(long)]
        users: Option<u32>,
    },
    /// Have packets between the machines, and of their SSH to this one, take longer, until this is ended
    Delay {
        /// The round trip, milliseconds
        #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=2000))]
        round_trip_ms: u32,
    },
    /// Hold the packets of netfilter queues back for so many milliseconds each; what `delay` runs on a machine's network
    #[command(hide = true)]
    HoldPackets {
        /// QUEUE:MS
        #[arg(required = true, value_parser = lab::delay::held)]
        queues: Vec<lab::delay::Held>,
    },
    /// Run the tests of the stand-in services in their own image
    Selftest,
    /// Remove the machines and the network; images are kept for the next time
    Down {
        /// Remove the images too, and the cache, where no other lab has machines
        #[arg(long)]
        purge: bool,
    },
}

/// Runs `cargo xtask lab`.
pub(crate) fn run(args: LabArgs) -> Result<ExitCode, Box<dyn Error>> {
    let mut config = LabConfig::named(&args.name, args.subnet);
    match args.verb {
        Verb::Up { users } => {
            config.seed_users = users;
            introduce(&lab::up(&config)?);
        }
        Verb::Reset { users } => {
            config.seed_users = users;
            let begun = Instant::now();
            lab::reset(&config)?;
            say(format_args!(
                "Reset took {:.1} s.",
                begun.elapsed().as_secs_f64()
            ));
        }
        Verb::Down { purge: true } => lab::purge(&config)?,
        Verb::Down { purge: false } => lab::down(&config)?,
        Verb::Delay { round_trip_ms } => {
            let lab = lab::up(&config)?;
            let _delay = lab::delay::Delay::start(&lab, round_trip_ms)?;
            say(format_args!(
                "Round trips take {round_trip_ms} ms more until this is ended (Ctrl-C)."
            ));
            loop {
                std::thread::park();
            }
        }
        Verb::HoldPackets { queues } => lab::delay::hold(&queues)?,
        Verb::Selftest => print(lab::selftest(&config)?),
        Verb::Status => print(lab::status(&config)?.trim_end()),
        Verb::Logs { machine } => logs(&config, machine)?,
        Verb::Shell { machine } => {
            return exec(
                &config,
                machine,
                &["--interactive", "--tty"],
                &["bash".to_owned()],
            );
        }
        Verb::Exec { machine, command } => {
            return exec(&config, machine, &["--interactive"], &command);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn introduce(lab: &Lab) {
    print(format_args!(
        "source {}, dest {}, parent {}; {} seed users\n\
         ssh -i {} -o UserKnownHostsFile={} root@{}",
        lab.source.address,
        lab.dest.address,
        lab.parent.address,
        lab.seed_users,
        lab.identity.display(),
        lab.known_hosts.display(),
        lab.source.address,
    ));
}

fn logs(config: &LabConfig, machine: Option<Machine>) -> Result<(), LabError> {
    for machine in machine.map_or(Machine::ALL.to_vec(), |one| vec![one]) {
        print(lab::logs(config, machine)?.trim_end());
    }
    Ok(())
}

/// Runs a command on a machine with this terminal and hands its exit code on.
fn exec(
    config: &LabConfig,
    machine: Machine,
    options: &[&str],
    command: &[String],
) -> Result<ExitCode, Box<dyn Error>> {
    let status = Program::new("docker")
        .args(["exec"])
        .args(options.iter().copied())
        .args([machine.container(config)])
        .args(command)
        .interactive()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
