//! `cargo xtask docs`: its arguments and what it does.

use clap::Args;

use xtask::docs::{self, DocsError};
use xtask::say::say;

/// Arguments of `cargo xtask docs`.
#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// Change nothing; fail with a diff where a page is out of date
    #[arg(long)]
    check: bool,
}

/// Runs `cargo xtask docs`.
pub(crate) fn run(args: &DocsArgs) -> Result<(), DocsError> {
    let root = docs::root();
    if args.check {
        docs::check(&root)?;
        say("The generated pages are up to date.");
        return Ok(());
    }
    let written = docs::write(&root)?;
    if written.is_empty() {
        say("The generated pages were up to date.");
    }
    for path in written {
        say(format_args!("{path} is written"));
    }
    Ok(())
}
