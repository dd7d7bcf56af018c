//! What a client meets that speaks plain Redis.

use futures::future::try_join_all;
use redis::Value;
use regmig_core::facts::Access;
use regmig_core::port::PortError;

use crate::client::Redis;
use crate::fault::{Fault, fault_of};

/// What regmig and the timers of a cutover use, and by what replication goes; and the two that are renamed most: a write
/// under another name is sent to replicas by that name, and means nothing to one that does not know it.
const COMMANDS: [&str; 25] = [
    "ACL",
    "BGSAVE",
    "CLIENT",
    "CONFIG",
    "DEL",
    "EVAL",
    "EXEC",
    "EXISTS",
    "FLUSHALL",
    "FLUSHDB",
    "GET",
    "HGETALL",
    "HSET",
    "INFO",
    "MULTI",
    "PFCOUNT",
    "PING",
    "PSYNC",
    "REPLCONF",
    "REPLICAOF",
    "SCAN",
    "SELECT",
    "SET",
    "SHUTDOWN",
    "WATCH",
];

/// Settings that stand in the way unless they have their defaults.
const SETTINGS: [&str; 4] = ["masterauth", "masteruser", "tls-port", "tls-replication"];

/// Defaults of these, which are the same in every version that has them.
const DEFAULTS: [&str; 3] = ["", "0", "no"];

/// What a user may who may do everything without a password, as `ACL LIST` writes it.
const EVERYTHING: [&str; 5] = ["on", "nopass", "~*", "&*", "+@all"];

impl Redis {
    /// What a client meets that speaks plain Redis; asked of Redis 6.2 or later, since `ACL LIST` is read.
    ///
    /// # Errors
    ///
    /// As every question: never with an unknown outcome.
    pub async fn access(&self) -> Result<Access, PortError> {
        let unknown = self.unknown_commands().await?;
        let knows = |name: &str| !unknown.iter().any(|of| of == name);
        let mut access = Access::default();
        if knows("ACL") {
            let mut list = redis::cmd("ACL");
            list.arg("LIST");
            let rules: Vec<String> = self.ask(&list, "ACL LIST").await?;
            (access.open, access.users) = read(&rules);
        }
        if knows("CONFIG") {
            let values = SETTINGS.map(|name| async move {
                let value = self.config_get(name).await?;
                let is_set = value.is_some_and(|value| !DEFAULTS.contains(&value.as_str()));
                Ok(is_set.then(|| name.to_owned()))
            });
            let found: Vec<Option<String>> = try_join_all(values).await?;
            access.settings = found.into_iter().flatten().collect();
        }
        Ok(Access { unknown, ..access })
    }

    /// Which commands the server does not know.
    async fn unknown_commands(&self) -> Result<Vec<String>, PortError> {
        let mut command = redis::cmd("COMMAND");
        command.arg("INFO").arg(&COMMANDS);
        let found: Vec<Value> = match self.ask(&command, "COMMAND INFO").await {
            Ok(found) => found,
            Err(error) if matches!(fault_of(&error), Some(Fault::UnknownCommand { .. })) => {
                let all = ["COMMAND"].iter().chain(&COMMANDS);
                return Ok(all.map(|&name| name.to_owned()).collect());
            }
            Err(error) => return Err(error),
        };
        let known = |value: &Value| matches!(value, Value::Array(about) if !about.is_empty());
        let missing = COMMANDS.iter().zip(&found).filter(|(_, of)| !known(of));
        Ok(missing.map(|(&name, _)| name.to_owned()).collect())
    }
}

/// Whether `default` may do everything, and who else there is, out of the lines of `ACL LIST`.
fn read(rules: &[String]) -> (bool, Vec<String>) {
    let (mut open, mut users) = (false, Vec::new());
    for rule in rules {
        let mut words = rule.split(' ').skip(1);
        let name = words.next().unwrap_or_default();
        if name != "default" {
            users.push(name.to_owned());
            continue;
        }
        let words: Vec<&str> = words.collect();
        let takes_away = |word: &&str| word.starts_with('-');
        open = EVERYTHING.iter().all(|word| words.contains(word)) && !words.iter().any(takes_away);
    }
    (open, users)
}

#[cfg(test)]
mod tests {
    use super::read;

    fn told(rules: &[&str]) -> (bool, Vec<String>) {
        read(
            &rules
                .iter()
                .map(|&rule| rule.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn who_may_do_everything_is_read_from_the_rules() {
        let nobody: Vec<String> = Vec::new();
        for (rule, open) in [
            ("user default on nopass ~* &* +@all", true),
            ("user default on nopass sanitize-payload ~* &* +@all", true),
            ("user default on #5e884898 ~* &* +@all", false),
            ("user default off nopass ~* &* +@all", false),
            ("user default on nopass ~* &* +@all -config", false),
            ("user default on nopass ~a* &* +@all", false),
            ("user default on nopass ~* resetchannels +@all", false),
            ("user default on nopass ~* &* -@all +get", false),
        ] {
            assert_eq!(told(&[rule]), (open, nobody.clone()), "{rule}");
        }
        let two = told(&[
            "user default on nopass ~* &* +@all",
            "user other on nopass ~* &* +@all",
        ]);
        assert_eq!(two, (true, vec!["other".to_owned()]));
        assert_eq!(told(&[]), (false, nobody));
    }
}
