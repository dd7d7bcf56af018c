//! Everything that people read.

pub(crate) mod by_hand;
pub(crate) mod failure;
pub(crate) mod outage;
pub(crate) mod progress;
pub(crate) mod report;

use std::io::{IsTerminal as _, Write as _};

use regmig_procedure::steps::preflight::Check;

/// Writes a line to standard output; a reader that has gone away is no reason to stop a migration.
pub(crate) fn say(line: &str) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// Writes a line to standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Asks yes or no; no where there is no terminal to ask.
pub(crate) fn ask(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        complain(&format!(
            "{question} There is no terminal to ask: type the command again with --yes to agree."
        ));
        return false;
    }
    dialoguer::Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact()
        .unwrap_or(false)
}

/// A diagnostic with its snippet, coloured where that can be seen.
pub(crate) fn diagnostic(diagnostic: impl miette::Diagnostic + Send + Sync + 'static) -> String {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut text = String::new();
    match crate::config::report::printer(100, colour).render_report(&mut text, &diagnostic) {
        Ok(()) => text,
        Err(_) => format!("error: {diagnostic}"),
    }
}

/// The checks that failed, each with what to do.
pub(crate) fn failed_checks(failed: &[&Check]) -> String {
    let mut text = String::from("error: the migration cannot start; nothing was changed");
    for check in failed {
        text.push_str(&format!(
            "\n  {}: found {}; expected {}",
            check.what,
            check.found.replace('\n', "\n    "),
            check.expected
        ));
        if !check.hint.is_empty() {
            text.push_str(&format!(
                "\n    hint: {}",
                check.hint.replace('\n', "\n    ")
            ));
        }
    }
    text
}

/// A time as people read it, in their own zone.
pub(crate) fn time(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => at
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

/// A span as people read it.
pub(crate) fn span(ms: i64) -> String {
    let ms = ms.max(0);
    let seconds = ms / 1000;
    match seconds {
        ..10 => format!("{:.1} s", ms as f64 / 1000.0),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_read_well() {
        assert_eq!(span(-5), "0.0 s");
        assert_eq!(span(240), "0.2 s");
        assert_eq!(span(61_000), "61 s");
        assert_eq!(span(600_000), "10 min");
        assert_eq!(span(86_400_000), "24 h 0 min");
    }
}
