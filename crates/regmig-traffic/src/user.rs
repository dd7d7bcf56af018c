//! The users that a run registers: made from a prefix and a counter alone.

use crate::error::TrafficError;

/// Digits of the counter in a user name; it grows past them where it has to.
const COUNTER_DIGITS: usize = 6;

/// The user names and core hosts of a run.
///
/// Name and value follow from the counter, so that what a server says about a user can be
/// checked by anybody, at any time, without the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    prefix: String,
    cores: Vec<String>,
}

/// One user to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user name.
    pub name: String,
    /// The host of the core on which it lives.
    pub core: String,
}

impl Users {
    /// Users named after a prefix, spread over the given cores.
    pub fn new(prefix: &str, cores: Vec<String>) -> Result<Self, TrafficError> {
        let begins = prefix.starts_with(|c: char| c.is_ascii_lowercase());
        let consists = prefix
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !(3..=15).contains(&prefix.len()) || !begins || !consists {
            return Err(TrafficError::BadPrefix {
                prefix: prefix.to_owned(),
            });
        }
        if cores.is_empty() {
            return Err(TrafficError::NoCore);
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            cores,
        })
    }

    /// The user with a number.
    pub fn user(&self, number: u64) -> User {
        let count = u64::try_from(self.cores.len()).unwrap_or(u64::MAX).max(1);
        let place = usize::try_from(number % count).unwrap_or_default();
        User {
            name: format!("{}{number:0COUNTER_DIGITS$}", self.prefix),
            core: self.cores.get(place).cloned().unwrap_or_default(),
        }
    }

    /// The number of a user of this prefix; `None` for any other name.
    pub fn number(&self, name: &str) -> Option<u64> {
        let digits = name.strip_prefix(&self.prefix)?;
        let all_digits =
            digits.len() >= COUNTER_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        if all_digits {
            digits.parse().ok()
        } else {
            None
        }
    }

    /// The prefix of all names.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// The cores used where none are named: seven, so that a value that was mixed up is noticed.
pub fn default_cores(domain: &str) -> Vec<String> {
    (1..=7)
        .map(|number| format!("core{number}.{domain}"))
        .collect()
}

/// A prefix that no earlier run has used, made from the time.
pub fn fresh_prefix(now_ms: u64) -> String {
    let mut rest = now_ms / 1000;
    let mut digits = Vec::new();
    while rest > 0 {
        let digit = u32::try_from(rest % 36).unwrap_or_default();
        digits.extend(char::from_digit(digit, 36));
        rest /= 36;
    }
    let stamp: String = digits.into_iter().rev().collect();
    format!("trf{stamp}-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_follow_from_the_number() {
        let users = Users::new("trf", default_cores("example.test")).unwrap();
        let user = users.user(8);
        assert_eq!(
            (user.name.as_str(), user.core.as_str()),
            ("trf000008", "core2.example.test")
        );
        assert_eq!(users.number("trf000008"), Some(8));
        assert_eq!(users.number(&users.user(12_345_678).name), Some(12_345_678));
        for other in ["trf8", "trfx00008", "abc000008", "trf-00008", "trf"] {
            assert_eq!(users.number(other), None, "{other}");
        }
    }

    #[test]
    fn a_prefix_that_makes_no_user_name_is_refused() {
        for bad in ["", "ab", "1trf", "Trf", "t_f", "-tr", "abcdefghijklmnop"] {
            assert!(Users::new(bad, vec!["c".to_owned()]).is_err(), "{bad}");
        }
        let made = fresh_prefix(1_795_000_000_000);
        assert!(Users::new(&made, vec!["c".to_owned()]).is_ok(), "{made}");
        assert_ne!(made, fresh_prefix(1_795_000_001_000));
        assert!(matches!(
            Users::new("trf", Vec::new()),
            Err(TrafficError::NoCore)
        ));
    }
}
