//! Quoting for the shell at the other end.

/// Quotes one argument so that a shell passes it on unchanged.
///
/// The login shell of an account is not always a POSIX one. Backslashes therefore stand
/// outside the single quotes, where `sh`, `bash`, `zsh` and `fish` agree on them. (`csh` cannot be given
/// a line break in any way, and so cannot run the scripts of this crate.)
pub fn quote(argument: &str) -> String {
    if !argument.is_empty() && argument.bytes().all(is_plain) {
        return argument.to_owned();
    }
    let mut quoted = String::with_capacity(argument.len() + 2);
    let mut inside = false;
    for character in argument.chars() {
        if matches!(character, '\'' | '\\') {
            if std::mem::take(&mut inside) {
                quoted.push('\'');
            }
            quoted.push('\\');
        } else if !std::mem::replace(&mut inside, true) {
            quoted.push('\'');
        }
        quoted.push(character);
    }
    if inside {
        quoted.push('\'');
    }
    if quoted.is_empty() {
        quoted.push_str("''");
    }
    quoted
}

/// Whether no shell gives this byte a meaning anywhere in a word.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'/' | b'.' | b'_' | b'-' | b':' | b'@' | b'%' | b'+' | b','
        )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::quote;

    fn through(shell: &str, arguments: &[String]) -> Vec<u8> {
        let words: Vec<String> = arguments.iter().map(|a| quote(a)).collect();
        let line = format!("printf '%s\\000' {}", words.join(" "));
        Command::new(shell)
            .arg("-c")
            .arg(line)
            .output()
            .unwrap()
            .stdout
    }

    fn expected(arguments: &[String]) -> Vec<u8> {
        arguments
            .iter()
            .flat_map(|a| a.bytes().chain([0]))
            .collect()
    }

    #[test]
    fn plain_words_stay_as_they_are() {
        assert_eq!(quote("/var/run/docker.sock"), "/var/run/docker.sock");
        assert_eq!(quote("--format=json"), "'--format=json'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(r"a\b"), r"'a'\\'b'");
    }

    #[test]
    fn awkward_words_survive() {
        let words: Vec<String> = [
            "", " ", "'", "''", "\\", "\\'", "a b", "$HOME", "`id`", "$(id)", "a\nb", "\t", "*",
            "~", "~root", "!x", "#c", "-n", "{a,b}", "é", "a;b", "&&", "\u{1}", "=x", "a=b", "%s",
        ]
        .map(String::from)
        .to_vec();
        for shell in ["sh", "bash"] {
            assert_eq!(through(shell, &words), expected(&words), "{shell}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_real_shell_returns_what_was_quoted(words in prop::collection::vec("[^\\x00]{0,24}", 1..5)) {
            prop_assert_eq!(through("sh", &words), expected(&words));
            prop_assert_eq!(through("bash", &words), expected(&words));
        }

        #[test]
        fn shell_characters_survive(words in prop::collection::vec("[ '\"\\\\$`*?!#&|;<>(){}\\[\\]~\n\t=-]{0,12}", 1..5)) {
            prop_assert_eq!(through("sh", &words), expected(&words));
        }
    }
}
