//! `regmig init`.

use crate::cli::Cli;
use crate::config;
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::render;

pub(super) fn run(cli: &Cli, profile: &str) -> Result<Code, Problem> {
    let usage = |text: String| Problem {
        text,
        code: Code::Usage,
    };
    let Some(profile) = regmig_procedure::profile::Profile::from_name(profile) else {
        let known = regmig_procedure::profile::Profile::ALL
            .map(|profile| profile.as_str())
            .join(", ");
        return Err(usage(format!(
            "error: found profile `{profile}`, expected one of {known}"
        )));
    };
    config::init(&cli.config, profile).map_err(|error| usage(render::diagnostic(error)))?;
    render::say(&format!(
        "{} is written: fill it in, then type `regmig check`",
        cli.config.display()
    ));
    Ok(Code::Done)
}
