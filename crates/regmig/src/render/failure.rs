//! A failed step, as the operator reads it at night.

use regmig_core::journal::Failure;

/// What is needed to tell of a failure.
pub(crate) struct Told<'a> {
    /// `halted` or `stuck`.
    pub(crate) word: &'a str,
    pub(crate) step: &'a str,
    pub(crate) failure: &'a Failure,
    /// What a probe has just confirmed.
    pub(crate) truth: &'a [String],
    /// Steps that were not taken, or not undone.
    pub(crate) not_done: &'a [String],
    /// What is still needed where regmig cannot do it, as one would type it.
    pub(crate) by_hand: &'a [String],
    /// Commands that are safe now, with what each does.
    pub(crate) next: &'a [(String, String)],
    pub(crate) evidence: &'a str,
}

impl Told<'_> {
    pub(crate) fn text(&self) -> String {
        let mut text = format!("\n{} at {}\n", self.word.to_uppercase(), self.step);
        let mut section = |title: &str, lines: &[String]| {
            if !lines.is_empty() {
                text.push_str(&format!("\n{title}\n"));
                for line in lines {
                    text.push_str(&format!("  {}\n", line.replace('\n', "\n  ")));
                }
            }
        };
        section(
            "What failed",
            &self
                .failure
                .chain
                .iter()
                .enumerate()
                .map(|(depth, line)| {
                    if depth == 0 {
                        line.clone()
                    } else {
                        format!("because: {line}")
                    }
                })
                .collect::<Vec<_>>(),
        );
        if let Some(effect) = &self.failure.effect {
            let unknown = if self.failure.outcome_unknown {
                " (it may have taken place)"
            } else {
                ""
            };
            section("While", &[format!("{effect}{unknown}")]);
        }
        section("What is true now", self.truth);
        section("Not done", self.not_done);
        section(
            "What is still needed, should you have to do it by hand",
            self.by_hand,
        );
        if let Some(hint) = &self.failure.hint {
            section("Hint", std::slice::from_ref(hint));
        }
        section(
            "Safe to type",
            &self
                .next
                .iter()
                .map(|(command, why)| format!("{command:<38} {why}"))
                .collect::<Vec<_>>(),
        );
        section("Evidence", &[self.evidence.to_owned()]);
        text
    }
}
