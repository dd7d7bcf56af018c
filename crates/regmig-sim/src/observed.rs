//! What can be seen of both simulated machines from outside, in the words of a test that sees the same on real ones.

use std::collections::BTreeMap;

use regmig_core::effect::{Answer, Query};
use regmig_core::machine::Machine;
use regmig_procedure::spec::Strategy;

use crate::driver;
use crate::planted;
use crate::schedule::Schedule;
use crate::world::state::State;

/// What can be seen: a thing, and how it is.
pub type Observed = BTreeMap<String, String>;

/// Files that regmig edits, by the name under which they are compared: relative to a machine's root or home.
pub const EDITED: [(&str, &str); 3] = [
    ("site.conf", "reg-master/nginx/conf/site.conf"),
    ("redis.conf", "reg-master/redis/conf/redis.conf"),
    ("compose file", "reg-master.yml"),
];

/// Files of regmig's own, relative to its folder.
pub const OWN: [&str; 9] = [
    "pull-gate",
    "pull_key",
    "pull_key.pub",
    "known_hosts",
    "tunnel/key",
    "tunnel/known_hosts",
    "tunnel-proven",
    "last-pass",
    "homeward",
];

/// Walks goals, such as `to:proxy`, with nothing going wrong, and tells what can be seen at the start and at each of them.
///
/// A goal may be `reboot:source` or `reboot:dest`, as the last one.
///
/// # Errors
///
/// What is wrong with the goals, or why one of them was not reached.
pub fn observe(goals: &[&str]) -> Result<Vec<Observed>, String> {
    let made = planted::true_one(Strategy::Copy);
    let mut seen = Vec::new();
    for count in 0..=goals.len() {
        let (mut walked, mut reboot) = (goals.get(..count).unwrap_or_default(), None);
        if let Some((last, before)) = walked.split_last()
            && let Some(machine) = last.strip_prefix("reboot:")
        {
            reboot = Machine::BOTH
                .into_iter()
                .find(|known| known.as_str() == machine);
            walked = before;
        }
        // The first state is what the scene is, without any goal.
        let text = format!("fresh/{}/resume/", walked.join(","));
        let schedule: Option<Schedule> = match walked {
            [] => None,
            _ => Some(text.parse()?),
        };
        let mut state = driver::end(&made, schedule.as_ref())?;
        if let Some(machine) = reboot {
            state.reboot(machine);
            state.pass(60_000);
        }
        seen.push(look(&mut state, &made.spec));
    }
    let first = seen.first().cloned().unwrap_or_default();
    Ok(seen
        .into_iter()
        .map(|observed| compared(&observed, &first))
        .collect())
}

/// The same with files said to be as they were found or changed, since contents differ between worlds.
pub fn compared(observed: &Observed, first: &Observed) -> Observed {
    let as_compared = |(thing, value): (&String, &String)| {
        let value = match (thing.contains(" file "), first.get(thing)) {
            (true, Some(was)) if was == value => "as found",
            (true, _) if value == "absent" => "absent",
            (true, _) => "changed",
            _ => value.as_str(),
        };
        (thing.clone(), value.to_owned())
    };
    observed.iter().map(as_compared).collect()
}

fn look(state: &mut State, spec: &regmig_procedure::spec::Spec) -> Observed {
    let mut seen = Observed::new();
    for machine in Machine::BOTH {
        let mut runs_redis = false;
        if let Ok(Answer::Containers(all)) = state.answer(&Query::Containers { machine }) {
            for container in all {
                let name = container.service.clone().unwrap_or(container.name.clone());
                runs_redis |= name == spec.stack.redis && container.runs();
                seen.insert(
                    format!("{machine} container {name}"),
                    format!("{}, restart {}", container.state, container.restart),
                );
            }
        }
        if runs_redis && let Ok(Answer::Redis(redis)) = state.answer(&Query::Redis { machine }) {
            let primary = redis.primary.unwrap_or_default();
            let read_only = if redis.replica_read_only { "yes" } else { "no" };
            seen.insert(
                format!("{machine} redis"),
                format!("{} {primary}, read-only {read_only}", redis.role),
            );
        }
        let home = match state.answer(&Query::Home { machine }) {
            Ok(Answer::Text(Some(home))) => home,
            _ => String::new(),
        };
        let mut files: Vec<(String, String)> = EDITED
            .iter()
            .map(|(name, path)| (format!("file {name}"), spec.path(machine, path)))
            .collect();
        files.push((
            "file authorized_keys".to_owned(),
            format!("{home}/.ssh/authorized_keys"),
        ));
        for name in OWN {
            files.push((
                format!("own {name}"),
                format!("{}/{name}", spec.work(machine)),
            ));
        }
        for (name, path) in files {
            let found = match state.answer(&Query::File { machine, path }) {
                Ok(Answer::File(Some(file))) if name.starts_with("own ") => {
                    drop(file);
                    "there".to_owned()
                }
                Ok(Answer::File(Some(file))) => file.content,
                _ => "absent".to_owned(),
            };
            seen.insert(format!("{machine} {name}"), found);
        }
    }
    seen
}
