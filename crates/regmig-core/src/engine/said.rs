//! What was said of a step that waits, so that words which change with every look do not fill the screen.

/// Between two notes of what a step waits for, milliseconds.
const BETWEEN_MS: i64 = 5_000;

/// What was said last, and when.
#[derive(Default)]
pub(super) struct Said(Option<(String, i64)>);

impl Said {
    /// Whether these words are worth saying now; if so, they count as said.
    pub(super) fn is_news(&mut self, words: &str, now_ms: i64) -> bool {
        if let Some((said, at_ms)) = &self.0
            && (said == words || now_ms.saturating_sub(*at_ms) < BETWEEN_MS)
        {
            return false;
        }
        self.0 = Some((words.to_owned(), now_ms));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn words_are_said_at_once_and_others_not_before_a_while() {
        let mut said = Said::default();
        assert!(said.is_news("3 MB to come", 100));
        assert!(!said.is_news("3 MB to come", 9_000));
        assert!(said.is_news("2 MB to come", 9_000));
        assert!(!said.is_news("1 MB to come", 9_200));
        assert!(!said.is_news("1 MB to come", 13_900));
        assert!(said.is_news("1 MB to come", 14_000));
    }
}
