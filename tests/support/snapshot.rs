//! What a machine looks like: its files, its containers, and what its Redis was told at run time.

use std::collections::BTreeMap;

use xtask::lab::Machine;

use super::rig::Rig;
use super::trouble::{Tried, Trouble};

/// What a snapshot leaves out because it changes without regmig.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Log files only.
    All,
    /// Log files and Redis' data, which the service writes.
    WithoutData,
}

/// Everything about a machine that a rollback has to bring back.
///
/// Files: content, mode, owner, group and time of the last change, beneath the stack's folder and
/// where keys are. Folders: mode and owner; their times change when a file in them is replaced. Containers: id, image,
/// state, restart policy, and since when they run. Networks and volumes by name. Redis: role and settings.
/// Only what regmig promises to keep, its backup, is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

/// Prints one line for each thing: its name, a tab, what there is to say about it.
/// Argument: a pattern of paths to leave out beside logs and the backup.
const LOOK: &str = r#"set -eu
left_out=$1
files() {
  find /var/pryv /root/.ssh /home/ops/.ssh \( -path '*/log/*' -o \( -path '/var/pryv/regmig-backup-*' ! -name '*.part' \) -o -path "$left_out" \) -prune -o "$@"
}
files -type d -printf 'folder %p\tmode %m owner %U:%G\n'
files -type l -printf 'link %p\tto %l owner %U:%G\n'
files -type f -printf 'file %p\tmode %m owner %U:%G changed %T@\n'
files -type f -exec sha256sum {} + | sed 's/^\([0-9a-f]*\)  \(.*\)$/content \2\t\1/'
ids=$(docker ps --all --quiet --no-trunc)
if [ -n "$ids" ]; then
  docker inspect --format 'container {{.Name}}	{{.State.Status}}, restart {{.HostConfig.RestartPolicy.Name}}, image {{.Image}}, id {{.Id}}{{"\n"}}since {{.Name}}	{{if .State.Running}}{{.State.StartedAt}}{{else}}not running{{end}}' $ids
fi
docker network ls --format 'network {{.Name}}	{{.Driver}}'
docker volume ls --format 'volume {{.Name}}	{{.Driver}}'
if [ -n "$(docker ps --quiet --filter name=pryv_redis_1)" ]; then
  docker exec --interactive pryv_redis_1 redis-cli --raw <<END | tr -d '\r' | awk '
    name != "" { printf "redis %s\tis \"%s\"\n", name, $0; name = ""; next }
    sub(/^role:/, "") { printf "redis role\tis \"%s\"\n", $0 }
    /^(replica-read-only|save|appendonly|masterauth)$/ { name = $0 }'
INFO replication
CONFIG GET replica-read-only
CONFIG GET save
CONFIG GET appendonly
CONFIG GET masterauth
END
fi
"#;

impl Snapshot {
    /// Looks at a machine.
    ///
    /// # Errors
    ///
    /// When it cannot be looked at.
    pub fn of(rig: &Rig, machine: Machine, scope: Scope) -> Tried<Self> {
        let left_out = match scope {
            Scope::All => "/nothing",
            Scope::WithoutData => "/var/pryv/reg-master/redis/data/*",
        };
        let seen = rig.on(machine, &format!("set -- '{left_out}'\n{LOOK}"))?;
        let mut entries = BTreeMap::new();
        for line in seen.lines() {
            let (name, what) = line
                .split_once('\t')
                .ok_or_else(|| Trouble::new(format!("{machine} says `{line}` of itself")))?;
            entries.insert(name.to_owned(), what.to_owned());
        }
        if !entries.contains_key("content /var/pryv/reg-master.yml") {
            return Err(Trouble::new(format!("{machine} shows no stack:\n{seen}")));
        }
        Ok(Self(entries))
    }

    /// The same without the times since when containers run: for rollbacks that had to stop them.
    #[must_use]
    pub fn without_times(mut self) -> Self {
        self.0.retain(|name, _| !name.starts_with("since "));
        self
    }

    /// Every difference to a later snapshot, in words.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, was) in &self.0 {
            match later.0.get(name) {
                None => lines.push(format!("{name} is gone; it was: {was}")),
                Some(now) if now != was => lines.push(format!("{name}: was {was}, is {now}")),
                Some(_) => {}
            }
        }
        for (name, now) in &later.0 {
            if !self.0.contains_key(name) {
                lines.push(format!("{name} was not there: {now}"));
            }
        }
        lines
    }

    /// Insists that a later snapshot is the same.
    ///
    /// # Errors
    ///
    /// When it differs; lists how.
    pub fn expect_same(&self, later: &Self, of: &str) -> Tried<()> {
        let lines = self.differences(later);
        if lines.is_empty() {
            return Ok(());
        }
        Err(Trouble::new(format!(
            "{of} is not as it was:\n  {}",
            lines.join("\n  ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::Snapshot;

    fn snapshot(entries: &[(&str, &str)]) -> Snapshot {
        let own = |(name, what): &(&str, &str)| ((*name).to_owned(), (*what).to_owned());
        Snapshot(entries.iter().map(own).collect())
    }

    #[test]
    fn every_kind_of_difference_is_told() {
        let was = snapshot(&[("file a", "mode 644"), ("file b", "mode 600")]);
        let is = snapshot(&[("file b", "mode 644"), ("file c", "mode 600")]);
        let told = was.differences(&is).join("\n");
        assert_eq!(
            told,
            "file a is gone; it was: mode 644\nfile b: was mode 600, is mode 644\nfile c was not there: mode 600"
        );
        assert!(was.expect_same(&was.clone(), "it").is_ok());
        assert!(was.expect_same(&is, "it").is_err());
    }

    #[test]
    fn times_can_be_left_out() {
        let one = snapshot(&[("since /a", "1"), ("container /a", "running")]);
        let two = snapshot(&[("since /a", "2"), ("container /a", "running")]);
        assert!(one.expect_same(&two, "it").is_err());
        assert_eq!(one.without_times(), two.without_times());
    }
}
