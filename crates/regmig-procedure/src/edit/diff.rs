//! What `plan` shows of a file change.

use similar::TextDiff;

/// Lines of context around each change.
const CONTEXT: usize = 3;

/// Renders the difference of two texts as a unified diff; empty when they are equal.
///
/// A missing newline at the end of either side is said, since an edit has to bring it back.
pub fn unified_diff(path: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(CONTEXT)
        .missing_newline_hint(true)
        .header(&format!("{path} (now)"), &format!("{path} (planned)"))
        .to_string()
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
    fn a_missing_final_newline_is_said() {
        assert!(unified_diff("f", "a", "a\n").contains("\\ No newline at end of file"));
    }
}
