//! What strategy `live` needs besides.

use regmig_core::facts::{Access, HostState};
use regmig_core::machine::Machine;
use regmig_core::step::StepError;

use super::{Check, Evidence, List, reason, stack};
use crate::ask::{self, Cx};
use crate::edit::redis_conf;

/// What a redis.conf may not say, and what it would stand in the way of.
const IN_THE_WAY: [(&str, &str); 8] = [
    ("rename-command", "commands under other names"),
    ("user", "users of its own"),
    ("aclfile", "users of its own"),
    ("masteruser", "users of its own"),
    ("masterauth", "a password"),
    ("requirepass", "a password"),
    ("tls-port", "TLS"),
    ("tls-replication", "TLS"),
];

/// Values by which one of these says that there is no such thing.
const OFF: [&str; 3] = ["", "0", "no"];

/// What there may be.
const PLAIN: &str = "no password, no users of its own, no renamed commands, no TLS: the timers that take the way out speak plain Redis";

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

/// What a running Redis says for itself: its file is not all that it was told.
pub(crate) async fn running(cx: &Cx<'_>, machine: Machine) -> Result<Vec<Check>, StepError> {
    let mut list = List(Vec::new());
    let (found, advice) = match ask::redis_access(cx, machine).await {
        Ok(access) => (in_the_way(&access).join("; "), String::new()),
        Err(error) => reason(&error),
    };
    let what = format!("Redis as it runs on {machine}, for strategy `live`");
    plain(&mut list, what, found, advice);
    let cli = ask::redis_cli(cx, machine).await?;
    list.add(
        format!("client in Redis' container on {machine}"),
        cli.is_some(),
        cli.unwrap_or_else(|| "none".to_owned()),
        "redis-cli or valkey-cli: the timers that take the way out use it",
        OR_COPY,
    );
    Ok(list.0)
}

/// Whether nothing was found that stands in the way of who speaks plain Redis; `advice` goes before the way that remains.
fn plain(list: &mut List, what: String, found: String, advice: String) {
    let ok = found.is_empty();
    let found = if ok {
        "nothing in the way".to_owned()
    } else {
        found
    };
    let hint = if advice.is_empty() {
        OR_COPY.to_owned()
    } else {
        format!("{advice}\n{OR_COPY}")
    };
    list.add(what, ok, found, PLAIN, hint);
}

fn in_the_way(access: &Access) -> Vec<String> {
    let mut found = Vec::new();
    if !access.open {
        found.push("its user `default` needs a password, or may not do everything".to_owned());
    }
    for (means, names) in [
        ("users of its own", &access.users),
        (
            "commands that are disabled or under other names",
            &access.unknown,
        ),
        ("settings", &access.settings),
    ] {
        if !names.is_empty() {
            found.push(format!("{means}: {}", names.join(", ")));
        }
    }
    found
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
    if pauses_writes(&evidence.redis_version) {
        list.0.extend(running(cx, Machine::Source).await?);
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
            let set = redis_conf::get(&file.content, directive).ok().flatten();
            if set.is_some_and(|set| !set.args.iter().all(|arg| OFF.contains(&arg.as_str()))) {
                found.push(format!("{directive} ({means})"));
            }
        }
        plain(list, what, found.join(", "), String::new());
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
