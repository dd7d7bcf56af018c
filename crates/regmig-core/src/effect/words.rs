//! Effects as people read them, in a plan and in the journal.

use std::fmt;

use super::Effect;

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Together(effects) => {
                for (index, effect) in effects.iter().enumerate() {
                    if index > 0 {
                        f.write_str("; at the same time ")?;
                    }
                    effect.fmt(f)?;
                }
                Ok(())
            }
            Self::WriteFile { machine, path, .. } => write!(f, "on {machine}: write {path}"),
            Self::RestoreFile { machine, path, .. } => {
                write!(f, "on {machine}: put {path} back as it was")
            }
            Self::RemoveFile { machine, path } => write!(f, "on {machine}: remove {path}"),
            Self::MakeFolder { machine, path, .. } => write!(f, "on {machine}: make folder {path}"),
            Self::RemoveFolder { machine, path } => write!(f, "on {machine}: remove folder {path}"),
            Self::SetAside {
                machine,
                path,
                aside,
            } => {
                write!(
                    f,
                    "on {machine}: move {path} to {aside}, leave an empty folder"
                )
            }
            Self::PutBack {
                machine,
                path,
                aside,
            } => write!(f, "on {machine}: move {aside} back to {path}"),
            Self::EmptyFolder { machine, path } => write!(f, "on {machine}: empty {path}"),
            Self::StartStack { machine } => write!(f, "on {machine}: run the start command"),
            Self::Recreate {
                machine,
                services,
                start,
            } => {
                let then = if *start { "run" } else { "leave stopped" };
                write!(
                    f,
                    "on {machine}: make {} anew from the compose file, {then}",
                    services.join(", ")
                )
            }
            Self::RemoveStack { machine } => write!(
                f,
                "on {machine}: remove the stack's containers and networks"
            ),
            Self::Start { machine, services } => {
                write!(f, "on {machine}: start {}", services.join(", "))
            }
            Self::Stop {
                machine,
                services,
                within_s,
            } => {
                write!(
                    f,
                    "on {machine}: stop {} (killed after {within_s} s)",
                    services.join(", ")
                )
            }
            Self::Hold { machine, services } => {
                write!(f, "on {machine}: docker pause {}", services.join(", "))
            }
            Self::Release { machine, services } => {
                write!(f, "on {machine}: docker unpause {}", services.join(", "))
            }
            Self::RestartPolicy { machine, policies } => {
                let each: Vec<String> = policies
                    .iter()
                    .map(|(service, policy)| format!("{service}={policy}"))
                    .collect();
                write!(f, "on {machine}: set restart policies {}", each.join(" "))
            }
            Self::TestNginx { machine, main } => write!(f, "on {machine}: nginx -t -c {main}"),
            Self::ReloadNginx {
                machine,
                drain_ms: Some(ms),
            } => write!(
                f,
                "on {machine}: nginx -s reload, and wait up to {ms} ms for the former workers to end"
            ),
            Self::ReloadNginx {
                machine,
                drain_ms: None,
            } => write!(f, "on {machine}: nginx -s reload"),
            Self::PauseWrites { machine, ms } => {
                write!(f, "on {machine}: Redis CLIENT PAUSE {ms} WRITE")
            }
            Self::Unpause { machine } => write!(f, "on {machine}: Redis CLIENT UNPAUSE"),
            Self::ShutdownSave { machine } => {
                write!(f, "on {machine}: Redis ends with everything on its disk")
            }
            Self::Snapshot { machine } => {
                write!(f, "on {machine}: Redis BGSAVE, and wait for its end")
            }
            Self::Backup { machine, data, to } => {
                write!(
                    f,
                    "on {machine}: copy {data} to {to} with a SHA-256 manifest, and check the copy"
                )
            }
            Self::ReplicaOf {
                machine,
                primary: Some((host, port)),
            } => {
                write!(f, "on {machine}: Redis REPLICAOF {host} {port}")
            }
            Self::ReplicaOf {
                machine,
                primary: None,
            } => write!(f, "on {machine}: Redis REPLICAOF NO ONE"),
            Self::RedisSet {
                machine,
                name,
                value,
            } => write!(f, "on {machine}: Redis CONFIG SET {name} {value}"),
            Self::RedisPrimaryPassword { machine } => {
                write!(
                    f,
                    "on {machine}: Redis CONFIG SET masterauth, the configured password"
                )
            }
            Self::RedisDelete { machine, keys } => {
                write!(f, "on {machine}: Redis DEL {}", keys.join(" "))
            }
            Self::RedisCanary {
                machine,
                user,
                core,
            } => {
                write!(
                    f,
                    "on {machine}: write canary {user} (core {core}) into Redis"
                )
            }
            Self::RegisterCanary {
                machine,
                user,
                core,
            } => {
                write!(
                    f,
                    "through {machine}'s public HTTPS: register canary {user} (core {core})"
                )
            }
            Self::Measure { user, .. } => write!(
                f,
                "on this machine: measure what clients see of source, with canary {user}"
            ),
            Self::MeasureEnd { .. } => {
                f.write_str("on this machine: end measuring what clients see")
            }
            Self::MeasureForget => f.write_str("on this machine: forget what was measured"),
            Self::MakeKey {
                machine,
                path,
                kind,
                ..
            } => write!(f, "on {machine}: make {kind} key pair {path}"),
            Self::WarmUp {
                below_bytes,
                passes,
            } => write!(
                f,
                "on dest: rsync source's data, again until a pass moves under {below_bytes} bytes, {passes} passes at most"
            ),
            Self::LastPass { checksum: false } => {
                f.write_str("on dest: last rsync of source's data")
            }
            Self::LastPass { checksum: true } => {
                f.write_str("on dest: last rsync of source's data, by checksum")
            }
            Self::HomePass => f.write_str("on dest: rsync its data home to source, by checksum"),
            Self::Promote { epoch, upto, .. } => write!(
                f,
                "on dest: once Redis has reached offset {}, REPLICAOF NO ONE, unless epoch {epoch} is spent",
                upto.offset
            ),
            Self::Withdraw { epoch } => write!(
                f,
                "on dest: spend epoch {epoch}, so that Redis is not promoted by it any more"
            ),
            Self::Arm {
                machine,
                epoch,
                within_ms,
            } => write!(
                f,
                "on {machine}: arm a timer that takes the way out of epoch {epoch} after {within_ms} ms"
            ),
            Self::Disarm { machine } => write!(f, "on {machine}: disarm the timer"),
            Self::StartTunnel { machine } => {
                write!(f, "on {machine}: run the tunnel's container")
            }
            Self::ProveTunnel { machine } => write!(
                f,
                "on {machine}: prove the tunnel's login in a container of its own"
            ),
            Self::RemoveContainer { machine, name } => {
                write!(f, "on {machine}: remove the container {name}")
            }
            Self::Run { command } => write!(f, "on this machine: run {}", command.join(" ")),
        }
    }
}
