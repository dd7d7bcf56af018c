//! What strategy `live` needs besides.

use regmig_core::facts::HostState;
use regmig_core::machine::Machine;
use regmig_core::step::StepError;

use super::{Evidence, List, stack};
use crate::ask::{self, Cx};
use crate::edit::redis_conf;

/// What a redis.conf may not say, and what it would stand in the way of.
const IN_THE_WAY: [(&str, &str); 7] = [
    ("rename-command", "commands under other names"),
    ("user", "users of its own"),
    ("aclfile", "users of its own"),
    ("masteruser", "users of its own"),
    ("requirepass", "a password"),
    ("tls-port", "TLS"),
    ("tls-replication", "TLS"),
];

/// The way that remains.
const OR_COPY: &str = "set `strategy = \"copy\"` under [platform] in regmig.toml: it moves such a register too, at the \
                       price of an outage of some seconds";

/// `CLIENT PAUSE … WRITE` exists since Redis 6.2.0 (its release notes); before that, stopping the writers is the fence.
pub(crate) fn pauses_writes(version: &str) -> bool {
    let mut numbers = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 2)
}

pub(super) async fn checks(
    cx: &Cx<'_>,
    list: &mut List,
    dest: Option<&HostState>,
    evidence: &Evidence,
) -> Result<(), StepError> {
    list.add(
        "version of Redis on source",
        pauses_writes(&evidence.redis_version),
        evidence.redis_version.clone(),
        "6.2 or later, which can hold writes back: strategy `live` needs that",
        OR_COPY,
    );
    // Redis may have one that its file does not name.
    if cx.spec.redis.password.is_some() {
        list.add(
            "[redis] in regmig.toml, for strategy `live`",
            false,
            "a password",
            "none: the timers that take the way out speak plain Redis",
            OR_COPY,
        );
    }
    for machine in Machine::BOTH {
        let path = cx.spec.path(machine, &cx.spec.redis.conf);
        let what = format!("{path} on {machine}, for strategy `live`");
        let Some(file) = ask::file(cx, machine, path).await? else {
            list.add(
                what,
                false,
                "no such file",
                "Redis's configuration",
                OR_COPY,
            );
            continue;
        };
        let mut found = Vec::new();
        for (directive, means) in IN_THE_WAY {
            let set = redis_conf::get(&file.content, directive);
            if set.is_ok_and(|set| set.is_some_and(|set| !set.args.iter().all(String::is_empty))) {
                found.push(format!("{directive} ({means})"));
            }
        }
        list.add(
            what,
            found.is_empty(),
            if found.is_empty() { "nothing in the way".to_owned() } else { found.join(", ") },
            "no password, no users of its own, no renamed commands, no TLS: the timers that take the way out speak plain Redis",
            OR_COPY,
        );
    }
    if let Some(image) = &cx.spec.tunnel.image {
        let there = dest.is_some_and(|host| stack::has_image(&host.images, image));
        list.add(
            format!("image {image} on dest"),
            there,
            if there { "present" } else { "missing" },
            "the image of dest's tunnel",
            "load it on dest too, or name another as `image` under [tunnel] in regmig.toml",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::pauses_writes;

    #[test]
    fn pause_of_writes_is_known_by_version() {
        assert!(!pauses_writes("6.0.16"));
        assert!(pauses_writes("6.2.0"));
        assert!(pauses_writes("7.0.15"));
        assert!(!pauses_writes("5.0.3"));
        assert!(!pauses_writes("unknown"));
    }
}
