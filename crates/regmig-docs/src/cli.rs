//! `docs/cli.md`.

use clap::{Command, CommandFactory as _};

use super::head;

/// Columns of the help texts, whatever terminal they are made in.
const WIDTH: usize = 100;

const INTRODUCTION: &str = "\
The command line, as `regmig --help` and `regmig VERB --help` print it.

`-c` names the configuration. The folder with the journal lies beside it: `regmig.toml` goes
with `regmig.state`. `--store` names another folder. Every verb takes both, before or after its name;
they are shown once, below.

A state is one of those in [the procedure](procedure.md). Exit codes are listed in
[exit-codes.md](exit-codes.md).

`REGMIG_LOG` sets what is logged to standard error, for example `REGMIG_LOG=regmig=debug`.
Without it, only warnings are. `REGMIG_LOG=regmig::figures=info` has a run tell at its end how much of its time it waited for no
machine, and what it took of this one.
";

/// The page.
pub(super) fn page() -> String {
    let mut command = plain(regmig::cli::Cli::command());
    command.build();
    let mut page = head("The command line", "`crates/regmig/src/cli.rs`");
    page.push_str(INTRODUCTION);
    section(&mut page, "regmig", command.clone());
    for verb in command.get_subcommands() {
        if verb.get_name() != "help" {
            // Options that every verb has are shown once.
            let own = verb.clone().mut_args(|arg| {
                let everywhere = arg.is_global_set() || arg.get_id() == "help";
                arg.hide(everywhere)
            });
            section(&mut page, &format!("regmig {}", verb.get_name()), own);
        }
    }
    page
}

/// Without anything that depends on who asks: width of the terminal, values of environment variables.
fn plain(command: Command) -> Command {
    command
        .term_width(WIDTH)
        .mut_args(|arg| arg.hide_env_values(true))
        .mut_subcommands(plain)
}

fn section(page: &mut String, title: &str, mut command: Command) {
    let help = command.render_long_help().to_string();
    page.push_str(&format!("\n## {title}\n\n```text\n"));
    for line in help.trim_end().lines() {
        page.push_str(line.trim_end());
        page.push('\n');
    }
    page.push_str("```\n");
}
