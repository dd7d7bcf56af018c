//! Makes the generated pages of `docs/` anew, or checks them. `cargo xtask docs` runs it.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

/// Makes the generated pages of docs/ anew.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask docs", bin_name = "cargo xtask docs")]
struct Cli {
    /// Change nothing; fail with a diff where a page is out of date
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            if let Some(cause) = error.source() {
                say(&format!("  because: {cause}"));
            }
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), regmig_docs::DocsError> {
    let root = regmig_docs::root();
    if cli.check {
        regmig_docs::check(&root)?;
        say("The generated pages are up to date.");
        return Ok(());
    }
    let written = regmig_docs::write(&root)?;
    if written.is_empty() {
        say("The generated pages were up to date.");
    }
    for path in written {
        say(&format!("{path} is written"));
    }
    Ok(())
}

/// Writes a line to standard error; a reader that has gone away is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
