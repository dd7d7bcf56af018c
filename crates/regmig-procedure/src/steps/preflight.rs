//! `launched/preflight`: everything that can be known before anything is touched.
//!
//! `regmig check` shows the same list.

use std::collections::{BTreeMap, BTreeSet};

use regmig_core::facts::{Container, HostState};
use regmig_core::machine::Machine;
use regmig_core::port::Fut;
use regmig_core::step::{Patience, Probe, Refusal, StepError, Undo};
use serde::{Deserialize, Serialize};

use super::{Edited, edit_refused, keep, no_effects, nothing};
use crate::ask::{self, Cx};
use crate::edit::{EditError, compose};
use crate::procedure::ProcedureStep;
use crate::spec::{Reach, Spec};
use crate::steps::{launched, nameservers, warm};

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, and where.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// Whether that will do.
    pub ok: bool,
    /// What to do if not.
    pub hint: String,
}

/// What later steps need of preflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// A user on source, whose answers show that a stack serves the data.
    pub user: String,
    /// The core that the user lives on.
    pub core: String,
    /// Version of source's Redis.
    pub redis_version: String,
    /// Keys in source's Redis.
    pub keys: u64,
}

pub(crate) const ID: &str = "launched/preflight";

pub(crate) const STEP: ProcedureStep = ProcedureStep {
    id: ID,
    enters: regmig_core::state::State::Launched,
    title: "check both machines",
    probe,
    before: nothing,
    plan: no_effects,
    undo: Undo::Nothing("it only looks"),
    patience,
    waits: false,
    stays: false,
};

fn patience(_: &Spec) -> Patience {
    Patience {
        every_ms: 500,
        limit_ms: 0,
    }
}

fn probe<'a>(cx: &'a Cx<'a>) -> Fut<'a, Result<Probe, StepError>> {
    Box::pin(async move {
        let (checks, evidence) = checks(cx).await?;
        let failed: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
        match (failed.as_slice(), evidence) {
            ([], Some(evidence)) => Ok(Probe::Holds(keep(&evidence)?)),
            ([], None) => Err(StepError::Broken(
                "preflight found nothing wrong and no user".to_owned(),
            )),
            ([only], _) => Ok(Refusal {
                what: only.what.clone(),
                found: only.found.clone(),
                expected: only.expected.clone(),
                hint: only.hint.clone(),
            }
            .into()),
            (several, _) => {
                let each = |f: fn(&Check) -> String| {
                    several.iter().map(|check| f(check)).collect::<Vec<_>>()
                };
                Ok(Refusal {
                    what: format!("{} checks", several.len()),
                    found: each(|check| format!("{}: {}", check.what, check.found)).join("; "),
                    expected: each(|check| check.expected.clone()).join("; "),
                    hint: each(|check| check.hint.clone()).join("\n"),
                }
                .into())
            }
        }
    })
}

struct List(Vec<Check>);

impl List {
    fn add(
        &mut self,
        what: impl Into<String>,
        ok: bool,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> bool {
        self.0.push(Check {
            what: what.into(),
            found: found.into(),
            expected: expected.into(),
            ok,
            hint: hint.into(),
        });
        ok
    }

    fn edit(&mut self, file: &str, machine: Machine, edit: Result<Edited, StepError>) {
        let what = format!("{file} on {machine}");
        match edit {
            Ok(_) => self.add(
                what,
                true,
                "can be edited, and back",
                "can be edited, and back",
                "",
            ),
            Err(StepError::Refused(refusal)) => self.add(
                on(machine, &refusal.what),
                false,
                refusal.found,
                refusal.expected,
                refusal.hint,
            ),
            Err(error) => self.add(
                what,
                false,
                error.chain().join(": "),
                "can be edited, and back",
                "",
            ),
        };
    }
}

/// A file with its machine, named once.
fn on(machine: Machine, file: &str) -> String {
    let suffix = format!(" on {machine}");
    format!("{}{suffix}", file.strip_suffix(&suffix).unwrap_or(file))
}

/// Looks at everything. Checks that depend on one that failed are left out.
///
/// # Errors
///
/// Where a machine that could be logged in to does not answer any more.
pub async fn checks(cx: &Cx<'_>) -> Result<(Vec<Check>, Option<Evidence>), StepError> {
    let mut list = List(Vec::new());
    let mut evidence = None;
    let (source, dest) =
        futures::future::join(ask::host(cx, Machine::Source), ask::host(cx, Machine::Dest)).await;
    let mut hosts = BTreeMap::new();
    let mut usable = true;
    for (machine, host) in [(Machine::Source, source), (Machine::Dest, dest)] {
        match host {
            Ok(host) => {
                usable &= tools(cx, &mut list, machine, &host);
                hosts.insert(machine, host);
            }
            Err(error) => usable &= unreachable(cx, &mut list, machine, &error),
        }
    }
    if usable {
        let source_stack = ask::services(cx, Machine::Source).await?;
        let dest_all = ask::containers(cx, Machine::Dest).await?;
        foreign(
            cx,
            &mut list,
            Machine::Source,
            &ask::containers(cx, Machine::Source).await?,
        );
        foreign(cx, &mut list, Machine::Dest, &dest_all);
        ports(cx, &mut list, hosts.get(&Machine::Dest), &dest_all);
        let sound = compose_files(cx, &mut list, hosts.get(&Machine::Dest)).await?;
        if sound.contains(&Machine::Dest) {
            list.edit("compose file", Machine::Dest, launched::published(cx).await);
        }
        list.edit("nginx file", Machine::Source, warm::proxied(cx).await);
        for machine in Machine::BOTH {
            disk(cx, &mut list, machine, hosts.get(&machine)).await?;
        }
        dest_users(cx, &mut list, &dest_all).await?;
        delegation(cx, &mut list).await;
        if sound.contains(&Machine::Source) {
            evidence = source_redis(cx, &mut list, &source_stack).await?;
        }
        if evidence.is_some() {
            tunnel_image(cx, &mut list, hosts.get(&Machine::Source)).await?;
        }
    }
    Ok((list.0, evidence))
}

/// Why something could not be asked, without the words for what was asked: the facts, and the advice.
///
/// Executors put advice after the fact, behind a semicolon or on lines of its own.
pub(super) fn reason(error: &StepError) -> (String, String) {
    let mut chain = error.chain();
    if chain.len() > 1 {
        chain.remove(0);
    }
    let (mut facts, mut advice) = (Vec::new(), Vec::new());
    for message in &chain {
        let end = match (message.find("; "), message.find('\n')) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        match end.and_then(|end| message.split_at_checked(end)) {
            Some((fact, rest)) => {
                facts.push(fact);
                advice.push(rest.trim_start_matches([';', ' ', '\n']));
            }
            None => facts.push(message),
        }
    }
    (facts.join(": "), advice.join("\n"))
}

/// A machine that regmig cannot log in to.
fn unreachable(cx: &Cx<'_>, list: &mut List, machine: Machine, error: &StepError) -> bool {
    let (found, advice) = reason(error);
    let (what, expected) = match &cx.spec.machine(machine).reach {
        Reach::Ssh(ssh) => (
            format!("SSH to {machine}"),
            if ssh.user == "root" {
                "a login as root".to_owned()
            } else {
                format!("a login as {} that runs commands as root", ssh.user)
            },
        ),
        Reach::Local { .. } => (
            format!("{machine}, which is this machine"),
            "commands that run as root".to_owned(),
        ),
    };
    let hint = if advice.is_empty() {
        format!(
            "correct [{machine}] in regmig.toml, or the machine, until `ssh` logs in the same way"
        )
    } else {
        advice
    };
    list.add(what, false, found, expected, hint)
}

fn tools(cx: &Cx<'_>, list: &mut List, machine: Machine, host: &HostState) -> bool {
    let root = &cx.spec.machine(machine).root;
    let docker = host.docker_error.as_ref().unwrap_or(&host.docker);
    let (docker, advice) = docker.split_once(';').unwrap_or((docker, ""));
    let advice = advice.trim();
    let mut ok = list.add(
        format!("Docker Engine on {machine}"),
        host.docker_error.is_none(),
        docker.trim(),
        "an engine that answers",
        if advice.is_empty() {
            format!("start Docker on {machine}, or let the user talk to it")
        } else {
            advice.to_owned()
        },
    );
    for (tool, version) in [
        ("compose", &host.compose),
        ("rsync", &host.rsync),
        ("ssh client", &host.ssh),
    ] {
        let found = if version.is_empty() {
            "nothing"
        } else {
            version
        };
        let hint = format!("install {tool} on {machine}");
        ok &= list.add(
            format!("{tool} on {machine}"),
            !version.is_empty(),
            found,
            "any version",
            hint,
        );
    }
    ok &= list.add(
        format!("{root} on {machine}"),
        host.root_exists,
        if host.root_exists {
            "a folder"
        } else {
            "nothing"
        },
        "the stack's root folder",
        format!("deploy the stack on {machine}, or correct `root` in regmig.toml"),
    );
    // Half a round trip is what the measurement itself may be off by.
    let off = host
        .clock_ahead_ms
        .unsigned_abs()
        .saturating_sub(host.clock_error_ms.unsigned_abs());
    ok & list.add(
        format!("clock of {machine}"),
        off <= cx.spec.thresholds.clock_ms,
        format!(
            "{} ms ahead of this machine's (± {} ms)",
            host.clock_ahead_ms, host.clock_error_ms
        ),
        format!("within {} ms", cx.spec.thresholds.clock_ms),
        format!("set the clock of {machine} (chronyc makestep, or alike), or this machine's"),
    )
}

fn foreign(cx: &Cx<'_>, list: &mut List, machine: Machine, all: &[Container]) {
    let names: Vec<&str> = all
        .iter()
        .filter(|container| container.service.is_none() && container.runs())
        .map(|container| container.name.as_str())
        .collect();
    let found = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    let stop = &cx.spec.stack.stop;
    let consent = cx.spec.consent.foreign_containers || !cx.spec.stack.stop_is_global;
    list.add(
        format!("other containers on {machine}"),
        names.is_empty() || consent,
        found,
        if consent {
            "any: you consented, or the stop command leaves them alone"
        } else {
            "none"
        },
        format!(
            "regmig stops only the stack, but `{stop}`, typed by hand, stops every container; \
             set `foreign_containers = true` under [consent] if that is understood"
        ),
    );
}

fn ports(cx: &Cx<'_>, list: &mut List, host: Option<&HostState>, containers: &[Container]) {
    let Some(host) = host else { return };
    if containers
        .iter()
        .any(|container| container.service.is_some() && container.runs())
    {
        // The stack itself listens.
        return;
    }
    let wanted = [
        format!(":{}", cx.spec.proxy.port),
        ":53".to_owned(),
        format!(":{}", cx.spec.redis.published.port()),
    ];
    let taken: Vec<&str> = host
        .listening
        .iter()
        .filter(|listener| wanted.iter().any(|port| listener.ends_with(port.as_str())))
        .filter(|listener| !(listener.contains("127.0.0.") && listener.ends_with(":53")))
        .map(String::as_str)
        .collect();
    let found = if taken.is_empty() {
        "free".to_owned()
    } else {
        format!("taken: {}", taken.join(", "))
    };
    list.add(
        "ports of the stack on dest",
        taken.is_empty(),
        found,
        format!("{} free", wanted.join(" ")),
        "stop what listens there (`ss -tulpn` shows it)",
    );
}

async fn compose_files(
    cx: &Cx<'_>,
    list: &mut List,
    dest: Option<&HostState>,
) -> Result<BTreeSet<Machine>, StepError> {
    let mut sound = BTreeSet::new();
    for machine in Machine::BOTH {
        let path = cx.spec.path(machine, &cx.spec.stack.compose_file);
        let what = format!("{path} on {machine}");
        let Some(file) = ask::file(cx, machine, path.clone()).await? else {
            list.add(
                what,
                false,
                "no such file",
                "the compose file",
                "deploy the stack, or correct `compose_file`",
            );
            continue;
        };
        let facts =
            match compose::read(&file.content).map_err(|error| edit_refused_in(error, &path)) {
                Ok(facts) => facts,
                Err(refusal) => {
                    let what = on(machine, &refusal.what);
                    list.add(what, false, refusal.found, refusal.expected, refusal.hint);
                    continue;
                }
            };
        if let Some(words) = ask::compose_config(cx, machine).await? {
            let said = words
                .strip_prefix("it ended with status 1: ")
                .unwrap_or(&words);
            list.add(
                what,
                false,
                format!("a file of which compose says: {said}"),
                "a file that compose accepts",
                "mend it; `docker-compose config -q` tells more",
            );
            continue;
        }
        let missing: Vec<String> = cx
            .spec
            .stack
            .all()
            .into_iter()
            .filter(|service| facts.service(service).is_none())
            .collect();
        let found = if missing.is_empty() {
            "every service".to_owned()
        } else {
            format!("no {}", missing.join(", "))
        };
        let there: Vec<&str> = facts
            .services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        let complete = list.add(
            what,
            missing.is_empty(),
            found,
            format!("services {}", cx.spec.stack.all().join(", ")),
            format!(
                "correct the service names under [stack] in regmig.toml; the file has {}",
                there.join(", ")
            ),
        );
        if complete {
            sound.insert(machine);
        }
        if let (Machine::Dest, Some(host)) = (machine, dest) {
            let absent: Vec<&str> = facts
                .services
                .iter()
                .filter_map(|service| service.image.as_deref())
                .filter(|image| !has_image(&host.images, image))
                .collect();
            let found = if absent.is_empty() {
                "present".to_owned()
            } else {
                format!("missing: {}", absent.join(", "))
            };
            list.add(
                "images on dest",
                absent.is_empty(),
                found,
                "every image of the compose file",
                "pull them on dest before the migration (`docker-compose pull`)",
            );
        }
    }
    Ok(sound)
}

fn edit_refused_in(error: EditError, path: &str) -> Box<Refusal> {
    edit_refused(&error.in_file(path))
}

/// Whether an image is among the tags, with or without the default registry and tag.
fn has_image(tags: &[String], image: &str) -> bool {
    let short = image.strip_prefix("docker.io/").unwrap_or(image);
    let tagged = if short
        .rsplit('/')
        .next()
        .is_some_and(|name| name.contains(':'))
    {
        short.to_owned()
    } else {
        format!("{short}:latest")
    };
    tags.iter()
        .any(|tag| tag == image || *tag == tagged || tag.ends_with(&format!("/{tagged}")))
}

async fn disk(
    cx: &Cx<'_>,
    list: &mut List,
    machine: Machine,
    host: Option<&HostState>,
) -> Result<(), StepError> {
    let Some(host) = host else { return Ok(()) };
    let data = ask::folder(cx, Machine::Source, cx.spec.data(Machine::Source))
        .await?
        .unwrap_or_default();
    let wanted = data.bytes.saturating_mul(cx.spec.thresholds.disk_factor);
    list.add(
        format!("free disk on {machine}"),
        host.free_bytes >= wanted,
        format!("{} MiB", host.free_bytes >> 20),
        format!(
            "{} MiB or more: {} times source's data",
            wanted >> 20,
            cx.spec.thresholds.disk_factor
        ),
        format!(
            "make room in {} on {machine}",
            cx.spec.machine(machine).root
        ),
    );
    Ok(())
}

async fn delegation(cx: &Cx<'_>, list: &mut List) {
    let hint = "correct `domain` under [platform], or `parents` or `before` under [nameservers], in regmig.toml; \
                a rollback publishes what `before` says";
    let (ok, found) = match nameservers::differing(cx, &cx.spec.nameservers.before).await {
        Ok(None) => (true, "as configured".to_owned()),
        Ok(Some(found)) => (false, found),
        Err(error) => {
            let words = error.chain().join(": ");
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

async fn tunnel_image(
    cx: &Cx<'_>,
    list: &mut List,
    source: Option<&HostState>,
) -> Result<(), StepError> {
    let hint = "name an image with an SSH client, present on source, as `image` under [tunnel] in regmig.toml";
    match &cx.spec.tunnel.image {
        Some(image) => {
            let there = source.is_some_and(|host| has_image(&host.images, image));
            let found = if there { "present" } else { "missing" };
            list.add(
                format!("image {image} on source"),
                there,
                found,
                "the image of the tunnel",
                hint,
            );
        }
        None => {
            let version = ask::ssh_in_redis_image(cx).await?;
            let found = version.clone().unwrap_or_else(|| "none".to_owned());
            list.add(
                "SSH client in source's Redis image",
                version.is_some(),
                found,
                "one, for the tunnel",
                hint,
            );
        }
    }
    Ok(())
}

async fn dest_users(
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

async fn source_redis(
    cx: &Cx<'_>,
    list: &mut List,
    stack: &BTreeMap<String, Container>,
) -> Result<Option<Evidence>, StepError> {
    let up = super::are_up(stack, &cx.spec.stack.all());
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
            return Ok(None);
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
    Ok(Some(Evidence {
        user,
        core,
        redis_version: redis.version,
        keys: redis.keys,
    }))
}

#[cfg(test)]
mod tests {
    use regmig_core::port::PortError;
    use regmig_core::step::StepError;

    use super::{has_image, reason};

    #[test]
    fn advice_is_told_from_facts() {
        let told = |words: &str| {
            reason(&StepError::from(PortError::not_sent(
                "source: log in",
                words.to_owned(),
            )))
        };
        let two = |fact: &str, advice: &str| (fact.to_owned(), advice.to_owned());
        assert_eq!(
            told("no; try this; or that"),
            two("no", "try this; or that")
        );
        assert_eq!(told("no\ntry; this"), two("no", "try; this"));
        assert_eq!(told("no"), two("no", ""));
        let bare = PortError::Refused {
            what: "Redis is down".to_owned(),
            source: None,
        };
        assert_eq!(reason(&bare.into()), two("Redis is down", ""));
    }

    #[test]
    fn images_match_with_and_without_registry_and_tag() {
        let tags = [
            "pryv/redis:lab".to_owned(),
            "registry.example/pryv/dns:1.3".to_owned(),
            "nginx:latest".to_owned(),
        ];
        assert!(has_image(&tags, "pryv/redis:lab"));
        assert!(has_image(&tags, "docker.io/pryv/redis:lab"));
        assert!(has_image(&tags, "pryv/dns:1.3"));
        assert!(has_image(&tags, "nginx"));
        assert!(!has_image(&tags, "pryv/redis:1.0"));
    }
}
