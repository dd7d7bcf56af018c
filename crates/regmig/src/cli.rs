//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use regmig_core::state::State;

/// Moves a Pryv.io platform's master register to another machine while people use it.
///
/// Killed at any instant, `regmig resume` goes on, or `regmig rollback` returns.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// The configuration; what regmig remembers is kept in a folder beside it
    #[arg(
        long,
        short,
        global = true,
        env = "REGMIG_CONFIG",
        default_value = "regmig.toml",
        value_name = "FILE"
    )]
    pub config: PathBuf,

    /// The folder in which regmig remembers, where it is not FILE's name with `.state`
    #[arg(long, global = true, env = "REGMIG_STORE", value_name = "FOLDER")]
    pub store: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented regmig.toml
    Init {
        /// The platform's generation: pryv-2019, pryv-1.9 or generic
        #[arg(long, default_value = "pryv-2019")]
        profile: String,
    },
    /// Look at both machines and say whether a migration can start; changes nothing
    Check,
    /// Show every step, what it would run where, and every file change; changes nothing
    Plan,
    /// Migrate, from where the migration is
    Run(Forward),
    /// Go on after a halt, a kill or a stop: forward, or back where a rollback is under way
    Resume(Forward),
    /// Return to an earlier state
    Rollback {
        /// The state to return to
        #[arg(long, value_name = "STATE")]
        to: State,
        /// Only say what would be undone
        #[arg(long)]
        plan: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Say what is true now, what comes next and what to type
    Status {
        /// As JSON, for scripts; docs/formats.md has the format
        #[arg(long)]
        json: bool,
        /// Only what the journal says; connect to no machine
        #[arg(long)]
        offline: bool,
    },
    /// Compare the data and the DNS answers of both machines
    Verify,
    /// Show what happened
    Journal {
        /// As JSON lines, pre-images included
        #[arg(long)]
        json: bool,
    },
}

/// How far a run goes.
#[derive(Debug, clap::Args)]
pub struct Forward {
    /// Stop when this state has been entered
    #[arg(long, value_name = "STATE", default_value = "finalized")]
    pub until: State,
    /// Do not ask before `cold`, `nameservers` and `finalized`
    #[arg(long)]
    pub yes: bool,
}
