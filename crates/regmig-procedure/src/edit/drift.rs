//! A file that regmig edited and somebody else changed since: three texts, and what is safe.

use super::diff::labelled_diff;

/// The three texts of a file that somebody else changed after regmig had edited it.
#[derive(Debug, Clone, Copy)]
pub struct Drift<'a> {
    /// Where the file is.
    pub path: &'a str,
    /// As regmig found it.
    pub was: &'a str,
    /// As regmig left it.
    pub becomes: &'a str,
    /// As it is now.
    pub now: &'a str,
}

impl Drift<'_> {
    /// The file as it is now without regmig's part, or nothing where both changed the same lines.
    pub fn without_regmig(&self) -> Option<String> {
        diffy::merge(self.becomes, self.was, self.now).ok()
    }

    /// Whether regmig's part is out of the file already, so that only what others changed is left.
    pub fn is_rid_of_regmig(&self) -> bool {
        self.without_regmig().is_some_and(|text| text == self.now)
    }

    /// Who changed what, and what is safe, in words.
    pub fn explained(&self) -> String {
        let by_regmig = labelled_diff(
            self.path,
            ("before regmig", self.was),
            ("by regmig", self.becomes),
        );
        let by_others = labelled_diff(self.path, ("by regmig", self.becomes), ("now", self.now));
        let offer = match self.without_regmig() {
            Some(text) => format!(
                "the two do not touch the same lines; to keep somebody's change and take regmig's out, apply this:\n{}",
                labelled_diff(self.path, ("now", self.now), ("safe", &text))
            ),
            None => "the two touch the same lines: make the file read as before regmig, with or without \
                     somebody's change in it, or put regmig's text back\n"
                .to_owned(),
        };
        format!(
            "regmig had changed:\n{by_regmig}somebody has changed since:\n{by_others}{offer}then type `regmig resume`"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Drift;

    const WAS: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";
    const BECOMES: &str = "one\ntwo regmig\nthree\nfour\nfive\nsix\n";

    fn drift(now: &str) -> Drift<'_> {
        Drift {
            path: "conf/f",
            was: WAS,
            becomes: BECOMES,
            now,
        }
    }

    #[test]
    fn a_change_elsewhere_is_kept_in_what_is_offered() {
        let drift = drift("one\ntwo regmig\nthree\nfour\nfive\nsix, changed\n");
        assert_eq!(
            drift.without_regmig().unwrap(),
            "one\ntwo\nthree\nfour\nfive\nsix, changed\n"
        );
        assert!(!drift.is_rid_of_regmig());
        let said = drift.explained();
        for words in [
            "--- conf/f (before regmig)\n+++ conf/f (by regmig)",
            "--- conf/f (by regmig)\n+++ conf/f (now)",
            "--- conf/f (now)\n+++ conf/f (safe)",
            "-two regmig\n+two\n",
            "+six, changed\n",
        ] {
            assert!(said.contains(words), "{words:?} is not in {said}");
        }
    }

    #[test]
    fn what_was_offered_is_taken() {
        for now in [
            "one\ntwo\nthree\nfour\nfive\nsix, changed\n",
            "one\ntwo\nthree\nfour\nfive\n",
            WAS,
        ] {
            assert!(drift(now).is_rid_of_regmig(), "{now:?}");
        }
    }

    #[test]
    fn a_change_of_the_same_lines_is_not_guessed_at() {
        let drift = drift("one\ntwo otherwise\nthree\nfour\nfive\nsix\n");
        assert_eq!(drift.without_regmig(), None);
        assert!(!drift.is_rid_of_regmig());
        assert!(drift.explained().contains("touch the same lines"));
    }

    #[test]
    fn passwords_are_not_shown() {
        let drift = Drift {
            path: "redis.conf",
            was: "requirepass hunter2\n",
            becomes: "requirepass hunter2\nreplicaof a 1\n",
            now: "requirepass hunter3\nreplicaof a 1\n",
        };
        let said = drift.explained();
        assert!(!said.contains("hunter"), "{said}");
    }
}
