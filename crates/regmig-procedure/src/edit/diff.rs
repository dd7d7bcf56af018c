//! What `plan` shows of a file change.

use std::borrow::Cow;

use similar::TextDiff;

/// Lines of context around each change.
const CONTEXT: usize = 3;

/// Renders the difference of two texts as a unified diff; empty when they are equal.
///
/// A missing newline at the end of either side is said, since an edit has to bring it back.
pub fn unified_diff(path: &str, before: &str, after: &str) -> String {
    labelled_diff(path, ("now", before), ("planned", after))
}

/// The same with other words for the two sides.
pub(super) fn labelled_diff(path: &str, before: (&str, &str), after: (&str, &str)) -> String {
    let ((before_is, before), (after_is, after)) = (before, after);
    if before == after {
        return String::new();
    }
    let diff = TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(CONTEXT)
        .missing_newline_hint(true)
        .header(
            &format!("{path} ({before_is})"),
            &format!("{path} ({after_is})"),
        )
        .to_string();
    diff.split_inclusive('\n').map(without_secret).collect()
}

/// Redis keeps its passwords in its configuration; nobody needs to see them in a diff.
fn without_secret(line: &str) -> Cow<'_, str> {
    for word in ["requirepass", "masterauth"] {
        if let Some((before, _)) = line.split_once(word) {
            return format!("{before}{word} (not shown)\n").into();
        }
    }
    line.into()
}

#[cfg(test)]
mod tests {
    use super::unified_diff;

    #[test]
    fn equal_texts_have_no_diff() {
        assert_eq!(unified_diff("f", "a\n", "a\n"), "");
    }

    #[test]
    fn a_diff_names_the_file_and_shows_both_sides() {
        let diff = unified_diff("conf/site.conf", "a\nb\n", "a\nc\n");
        assert_eq!(
            diff,
            "--- conf/site.conf (now)\n+++ conf/site.conf (planned)\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
        );
    }

    #[test]
    fn passwords_are_not_shown() {
        let diff = unified_diff(
            "f",
            "requirepass hunter2\n",
            "requirepass hunter2\nport 1\n",
        );
        assert!(
            diff.contains(" requirepass (not shown)\n+port 1\n"),
            "{diff}"
        );
    }

    #[test]
    fn a_missing_final_newline_is_said() {
        assert!(unified_diff("f", "a", "a\n").contains("\\ No newline at end of file"));
    }
}
