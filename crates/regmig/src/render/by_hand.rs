//! What an operator types where regmig cannot do it.

use regmig_core::effect::Effect;
use regmig_core::machine::Machine;
use regmig_procedure::spec::Spec;
use regmig_procedure::steps::live;

/// Effects as commands for a root shell on their machine, in order; those that are no one-liners in words.
///
/// They do what the effect says shall be true, so that `regmig resume` finds it done.
pub(crate) fn by_hand(spec: &Spec, effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .flat_map(|effect| one(spec, effect))
        .collect()
}

fn one(spec: &Spec, effect: &Effect) -> Vec<String> {
    let on = |machine: &Machine, command: String| vec![format!("on {machine}: {command}")];
    let compose = |machine: &Machine, words: String| {
        let (root, file) = (&spec.machine(*machine).root, &spec.stack.compose_file);
        on(
            machine,
            format!("cd {root} && docker-compose -f {file} {words}"),
        )
    };
    match effect {
        Effect::Together(effects) => by_hand(spec, effects),
        Effect::Start { machine, services } => {
            compose(machine, format!("start {}", services.join(" ")))
        }
        Effect::Stop {
            machine, services, ..
        } => compose(machine, format!("stop {}", services.join(" "))),
        Effect::Hold { machine, services } => {
            compose(machine, format!("pause {}", services.join(" ")))
        }
        Effect::Release { machine, services } => {
            compose(machine, format!("unpause {}", services.join(" ")))
        }
        Effect::Recreate {
            machine,
            services,
            start,
        } => {
            let how = if *start { "-d" } else { "--no-start" };
            compose(machine, format!("up {how} {}", services.join(" ")))
        }
        Effect::RemoveStack { machine } => compose(machine, "down".to_owned()),
        Effect::RestartPolicy { machine, policies } => policies
            .iter()
            .map(|(service, policy)| {
                let (root, file) = (&spec.machine(*machine).root, &spec.stack.compose_file);
                format!(
                    "on {machine}: cd {root} && docker update --restart={policy} $(docker-compose -f {file} ps -q {service})"
                )
            })
            .collect(),
        Effect::RemoveContainer { machine, name } => on(machine, format!("docker rm -f {name}")),
        Effect::RemoveFile { machine, path } => on(machine, format!("rm -f '{path}'")),
        Effect::RemoveFolder { machine, path } => on(machine, format!("rm -rf '{path}'")),
        Effect::EmptyFolder { machine, path } => {
            on(machine, format!("find '{path}' -mindepth 1 -delete"))
        }
        Effect::PutBack {
            machine,
            path,
            aside,
        } => on(
            machine,
            format!("rm -rf '{path}' && mv '{aside}' '{path}'"),
        ),
        Effect::ReloadNginx { machine, .. } => {
            let (root, file) = (&spec.machine(*machine).root, &spec.stack.compose_file);
            let site = spec.path(*machine, &spec.proxy.nginx_site);
            let loaded = live::nginx_loaded(spec, *machine);
            let nginx = &spec.stack.nginx;
            on(
                machine,
                format!(
                    "cd {root} && docker kill -s HUP $(docker-compose -f {file} ps -q {nginx}) && sha256sum < '{site}' | cut -c -64 > '{loaded}'"
                ),
            )
        }
        Effect::Unpause { machine } => redis(spec, machine, "client unpause"),
        Effect::Withdraw { epoch } => redis(
            spec,
            &Machine::Dest,
            &format!(
                "eval \"{}\" 1 {} '{}' '{}'",
                regmig_redis::SWAP,
                live::EPOCH_KEY,
                live::withdrawn(epoch),
                live::armed(epoch)
            ),
        ),
        Effect::ReplicaOf {
            machine,
            primary: None,
        } => redis(spec, machine, "replicaof no one"),
        Effect::RedisSet {
            machine,
            name,
            value,
        } => redis(spec, machine, &format!("config set {name} {value}")),
        Effect::RestoreFile { machine, path, .. } => on(
            machine,
            format!("put {path} back as it was; its content is in `regmig journal --json`"),
        ),
        Effect::Run { command } => vec![format!("here: {}", command.join(" "))],
        other => vec![other.to_string()],
    }
}

fn redis(spec: &Spec, machine: &Machine, command: &str) -> Vec<String> {
    let (root, file) = (&spec.machine(*machine).root, &spec.stack.compose_file);
    let service = &spec.stack.redis;
    vec![format!(
        "on {machine}: cd {root} && docker exec $(docker-compose -f {file} ps -q {service}) redis-cli {command}"
    )]
}
