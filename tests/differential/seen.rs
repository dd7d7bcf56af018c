//! What can be seen of both machines of a lab, in the simulator's words.

use std::fmt::Write as _;

use regmig_sim::{EDITED, OWN, Observed};
use regmig_tests::support::{Rig, Tried};
use xtask::lab::Machine;

/// The stack's folder on a machine of the lab.
const ROOT: &str = "/var/pryv";

/// Containers and Redis, as lines of a thing, a tab, and how it is.
const LOOK: &str = r#"
for id in $(docker ps -aq); do
  docker inspect --format '{{with index .Config.Labels "com.docker.compose.service"}}{{.}}{{else}}{{slice $.Name 1}}{{end}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}}' "$id"
done | while read -r name state restart; do
  printf 'container %s\t%s, restart %s\n' "$name" "$state" "$restart"
done
redis=$(docker ps -q --filter label=com.docker.compose.service=redis)
if [ -n "$redis" ]; then
  info=$(docker exec "$redis" redis-cli info replication | tr -d '\r')
  value() { printf '%s\n' "$info" | sed -n "s/^$1://p"; }
  primary=
  [ "$(value role)" = master ] || primary="$(value master_host):$(value master_port)"
  printf 'redis\t%s %s, read-only %s\n' "$(value role)" "$primary" \
    "$(docker exec "$redis" redis-cli config get replica-read-only | tail -1 | tr -d '\r')"
fi
"#;

/// Looks at both machines.
pub(crate) fn seen(rig: &Rig) -> Tried<Observed> {
    let mut all = Observed::new();
    for machine in [Machine::Source, Machine::Dest] {
        let word = match machine {
            Machine::Source => "source",
            _ => "dest",
        };
        let mut script = LOOK.to_owned();
        let edited = EDITED
            .iter()
            .map(|(name, path)| (format!("file {name}"), format!("{ROOT}/{path}")))
            .chain([(
                "file authorized_keys".to_owned(),
                "/root/.ssh/authorized_keys".to_owned(),
            )]);
        for (name, path) in edited {
            writeln!(
                script,
                "printf '{name}\\t%s\\n' \"$([ -e {path} ] && sha256sum < {path} || echo absent)\""
            )?;
        }
        for name in OWN {
            writeln!(
                script,
                "printf 'own {name}\\t%s\\n' \"$([ -e {ROOT}/.regmig/{name} ] && echo there || echo absent)\""
            )?;
        }
        for line in rig.on(machine, &script)?.lines() {
            if let Some((thing, value)) = line.split_once('\t') {
                all.insert(format!("{word} {thing}"), value.trim().to_owned());
            }
        }
    }
    Ok(all)
}
