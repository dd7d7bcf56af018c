//! When Docker starts a container without being asked.

use std::fmt;
use std::str::FromStr;

use bollard::models::RestartPolicyNameEnum;
use serde::{Deserialize, Serialize};

/// When Docker starts a container without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    No,
    /// Whenever it ended, and at every start of Docker Engine, even after a stop.
    Always,
    /// As `Always`, but not after a stop.
    UnlessStopped,
    /// When it failed, so many times; 0 is without limit.
    OnFailure(u32),
}

impl fmt::Display for RestartPolicy {
    /// As compose files spell it: `on-failure:3` with a number, `on-failure` without limit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::Always => f.write_str("always"),
            Self::UnlessStopped => f.write_str("unless-stopped"),
            Self::OnFailure(0) => f.write_str("on-failure"),
            Self::OnFailure(times) => write!(f, "on-failure:{times}"),
        }
    }
}

/// A word that is no restart policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no restart policy; expected no, always, unless-stopped or on-failure[:TIMES]")]
pub struct UnknownPolicy(String);

impl FromStr for RestartPolicy {
    type Err = UnknownPolicy;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownPolicy(word.to_owned());
        match word {
            "no" => Ok(Self::No),
            "always" => Ok(Self::Always),
            "unless-stopped" => Ok(Self::UnlessStopped),
            "on-failure" => Ok(Self::OnFailure(0)),
            _ => {
                let times = word.strip_prefix("on-failure:").ok_or_else(unknown)?;
                times.parse().map(Self::OnFailure).map_err(|_| unknown())
            }
        }
    }
}

impl From<RestartPolicy> for bollard::models::RestartPolicy {
    fn from(policy: RestartPolicy) -> Self {
        let (name, times) = match policy {
            RestartPolicy::No => (RestartPolicyNameEnum::NO, None),
            RestartPolicy::Always => (RestartPolicyNameEnum::ALWAYS, None),
            RestartPolicy::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
            RestartPolicy::OnFailure(times) => {
                (RestartPolicyNameEnum::ON_FAILURE, Some(i64::from(times)))
            }
        };
        Self {
            name: Some(name),
            maximum_retry_count: times,
        }
    }
}

impl From<bollard::models::RestartPolicy> for RestartPolicy {
    fn from(found: bollard::models::RestartPolicy) -> Self {
        match found.name {
            Some(RestartPolicyNameEnum::ALWAYS) => RestartPolicy::Always,
            Some(RestartPolicyNameEnum::UNLESS_STOPPED) => RestartPolicy::UnlessStopped,
            Some(RestartPolicyNameEnum::ON_FAILURE) => {
                let times = found.maximum_retry_count.unwrap_or_default();
                RestartPolicy::OnFailure(u32::try_from(times).unwrap_or_default())
            }
            Some(RestartPolicyNameEnum::NO | RestartPolicyNameEnum::EMPTY) | None => {
                RestartPolicy::No
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_spelled_as_compose_does() {
        for word in [
            "no",
            "always",
            "unless-stopped",
            "on-failure",
            "on-failure:3",
        ] {
            assert_eq!(word.parse::<RestartPolicy>().unwrap().to_string(), word);
        }
        assert!(
            "sometimes"
                .parse::<RestartPolicy>()
                .unwrap_err()
                .to_string()
                .contains("sometimes")
        );
        assert!("on-failure:often".parse::<RestartPolicy>().is_err());
    }
}
