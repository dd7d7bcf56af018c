//! `docs/exit-codes.md`.

use regmig::exit_code::Code;

use super::{cell, head};

const INTRODUCTION: &str = "\
What `regmig` tells the shell when it ends. The number says what kind of end it was; the
message on standard error says what failed, what is true now and what is safe to type.

| number | name | meaning | what is safe to do next |
|---|---|---|---|
";

const NOTES: &str = "
Notes:

- `regmig rollback` that has ended is `0`. Only `resume` answers `8`, so that a script that
  meant to go forward learns that it went back.
- `run` and `resume` answer `0` when the state asked for with `--until` is entered, which
  need not be the last one.
- `status` answers `0` also when a machine is out of reach: it says so in what it prints.
- A state that is not entered because nobody agreed, or because there is no terminal to ask
  and no `--yes`, is `7`.
- `130`: a second SIGINT or SIGTERM ended regmig at once. Nothing is lost. `regmig resume`
  looks at what is true and goes on.
- Any other number means that regmig was ended from outside, by SIGKILL for example, or
  failed in a way that it does not know. Type `regmig status`, then `regmig resume`.

[The guide](guide.md#when-it-fails) goes through each of them.
";

/// The page.
pub(super) fn page() -> String {
    let mut page = head("Exit codes", "`crates/regmig/src/exit_code.rs`");
    page.push_str(INTRODUCTION);
    for code in Code::ALL {
        let (name, meaning, next) = code.meaning();
        page.push_str(&format!(
            "| {} | `{name}` | {} | {} |\n",
            code.number(),
            cell(meaning),
            cell(next)
        ));
    }
    page.push_str(NOTES);
    page
}
