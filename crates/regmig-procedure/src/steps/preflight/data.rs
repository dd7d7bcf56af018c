//! What is checked of the data, and of those who find it.

use std::collections::BTreeMap;

use regmig_core::facts::{Container, DataFolder, RedisState};
use regmig_core::machine::Machine;
use regmig_core::step::StepError;

use super::{Evidence, List, reason};
use crate::ask::{self, Cx};
use crate::steps::{are_up, nameservers};

pub(super) async fn delegation(cx: &Cx<'_>, list: &mut List) {
    let hint = "correct `domain` under [platform], or `parents` or `before` under [nameservers], in regmig.toml; \
                a rollback publishes what `before` says";
    let (ok, found) = match nameservers::differing(cx, &cx.spec.nameservers.before).await {
        Ok(None) => (true, "as configured".to_owned()),
        Ok(Some(found)) => (false, found),
        Err(error) => {
            let words = error.one_line();
            let (fact, _) = words.split_once("; ").unwrap_or((&words, ""));
            (false, fact.to_owned())
        }
    };
    list.add(
        format!(
            "the delegation of {} at every parent server",
            cx.spec.domain
        ),
        ok,
        found,
        "what `before` says",
        hint,
    );
}

pub(super) async fn dest_users(
    cx: &Cx<'_>,
    list: &mut List,
    containers: &[Container],
) -> Result<(), StepError> {
    let redis_runs = containers.iter().any(|container| {
        container.service.as_deref() == Some(cx.spec.stack.redis.as_str()) && container.runs()
    });
    let enough = 1000;
    let users = if redis_runs {
        ask::users(cx, Machine::Dest, enough).await?.len() as u64
    } else {
        ask::users_at_rest(cx, Machine::Dest, cx.spec.data(Machine::Dest)).await?
    };
    list.add(
        "users on dest",
        users == 0 || cx.spec.consent.dest_data,
        match users {
            0 => "none".to_owned(),
            many if redis_runs && many >= enough => format!("{many} or more"),
            some => some.to_string(),
        },
        if cx.spec.consent.dest_data { "any: you consented to set them aside" } else { "none" },
        "dest already holds users: is it the right machine? If its data may be set aside (it is kept), set \
         `dest_data = true` under [consent]",
    );
    Ok(())
}

/// Where a Redis has its files, if that is not the folder that is configured; a link to it would be set aside in its place.
pub(crate) fn elsewhere(folder: DataFolder) -> Option<String> {
    match folder {
        DataFolder::Configured | DataFolder::Untold => None,
        DataFolder::Linked(folder) => Some(format!("{folder}, to which that is a link")),
        DataFolder::Other(folder) => Some(folder),
        DataFolder::InContainer(folder) => Some(format!(
            "{folder} in its container, which is no folder of the machine"
        )),
    }
}

pub(super) async fn source_redis(
    cx: &Cx<'_>,
    list: &mut List,
    stack: &BTreeMap<String, Container>,
) -> Result<Option<Evidence>, StepError> {
    let up = are_up(stack, &cx.spec.stack.all());
    let running = up.is_ok();
    list.add(
        "the stack on source",
        running,
        up.err().unwrap_or_else(|| "runs".to_owned()),
        "every service runs",
        format!("start it (`{}`) and look at its logs", cx.spec.stack.start),
    );
    if !running {
        return Ok(None);
    }
    let Some(redis) = primary(cx, list).await else {
        return Ok(None);
    };
    let folder = cx.spec.data(Machine::Source);
    let found = elsewhere(ask::data_folder(cx, Machine::Source).await?);
    list.add(
        "the data folder of Redis on source",
        found.is_none(),
        found.unwrap_or_else(|| folder.clone()),
        format!("{folder}, which `data` names"),
        "set `data` under [redis] in regmig.toml to the folder itself in which Redis keeps its files, beneath `root`: it is \
         backed up, copied, and set aside by its name",
    );
    let Some((user, core)) = known_user(cx, list).await? else {
        return Ok(None);
    };
    Ok(Some(Evidence {
        user,
        core,
        redis_version: redis.version,
        rdb_version: ask::rdb_version(cx, Machine::Source).await?,
        keys: redis.keys,
        answer_ms: None,
    }))
}

/// Whether source's Redis answers, holds the data and keeps them.
async fn primary(cx: &Cx<'_>, list: &mut List) -> Option<RedisState> {
    let redis = match ask::redis(cx, Machine::Source).await {
        Ok(redis) => redis,
        Err(error) => {
            let (found, mut hint) = reason(&error);
            if !hint.is_empty() {
                hint.push('\n');
            }
            hint.push_str("look at `password_file` and `password_env` under [redis] in regmig.toml, and at its log");
            list.add(
                "Redis on source",
                false,
                found,
                "a Redis that answers",
                hint,
            );
            return None;
        }
    };
    list.add(
        "Redis on source",
        redis.role == "master" && !redis.loading,
        format!(
            "version {}, role {}, {} keys",
            redis.version, redis.role, redis.keys
        ),
        "a primary that has loaded its data",
        "the migration starts from the machine that holds the data; is this the master register?",
    );
    list.add(
        "persistence of Redis on source",
        redis.appendonly,
        if redis.appendonly { "appendonly yes" } else { "appendonly no" },
        "appendonly yes, as the profile has it",
        "turn the AOF on (CONFIG SET appendonly yes, and in redis.conf): without it a crash loses acknowledged writes",
    );
    Some(redis)
}

/// A user whom source knows, and their core.
async fn known_user(cx: &Cx<'_>, list: &mut List) -> Result<Option<(String, String)>, StepError> {
    let names = ask::users(cx, Machine::Source, 1).await?;
    let Some(user) = names.first().cloned() else {
        list.add(
            "users on source",
            false,
            "none",
            "at least one",
            "an empty register needs no migration",
        );
        return Ok(None);
    };
    let core = ask::redis_get(cx, Machine::Source, format!("{user}:server")).await?;
    let Some(core) = core else {
        let found = format!("{user}, without a core");
        list.add(
            "users on source",
            false,
            found,
            "users with a core each",
            "check `user_keys` under [redis]",
        );
        return Ok(None);
    };
    list.add(
        "users on source",
        true,
        format!("for example {user} on {core}"),
        "at least one",
        "",
    );
    Ok(Some((user, core)))
}
