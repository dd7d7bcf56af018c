//! Effects.

use std::time::Duration;

use futures::future::join_all;
use regmig_core::effect::{Answer, Effect};
use regmig_core::port::{Act, Fut, PortError};
use regmig_redis::Write;
use regmig_ssh::FileWrite;

use super::World;
use super::site::Site;

/// How often Docker is asked whether a container has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Act for World {
    fn act<'a>(&'a self, effect: &'a Effect) -> Fut<'a, Result<Answer, PortError>> {
        Box::pin(async move {
            let _waiting = self.figures.effect();
            self.carry_out(effect).await
        })
    }
}

impl World {
    async fn carry_out(&self, effect: &Effect) -> Result<Answer, PortError> {
        let spec = &self.spec;
        self.ensure_lease().await?;
        match effect {
            Effect::Together(effects) => {
                // All of them end before the first error is told: none may land later unnoticed.
                let answers = join_all(effects.iter().map(|effect| self.act(effect))).await;
                return answers
                    .into_iter()
                    .collect::<Result<_, _>>()
                    .map(Answer::Each);
            }
            Effect::WriteFile {
                machine,
                path,
                content,
                mode,
                expect,
            } => {
                let site = self.site(*machine);
                let mut write = FileWrite::new(path, content.clone().into_bytes());
                if site.host.read_file(path).await?.is_none() {
                    let (uid, gid) = site.owner_around(path).await?;
                    write = write.mode(*mode).owner(uid, gid);
                }
                site.write(write, expect).await?;
            }
            Effect::RestoreFile {
                machine,
                path,
                state,
                expect,
            } => {
                self.site(*machine).restore(path, state, expect).await?;
            }
            Effect::RemoveFile { machine, path } => {
                self.site(*machine)
                    .host
                    .remove_file(path, &regmig_ssh::Expect::Any)
                    .await?;
            }
            Effect::MakeFolder {
                machine,
                path,
                mode,
            } => self.site(*machine).make_folder(path, *mode).await?,
            Effect::RemoveFolder { machine, path } => {
                self.site(*machine).remove_folder(path).await?
            }
            Effect::SetAside {
                machine,
                path,
                aside,
            } => self.site(*machine).set_aside(path, aside).await?,
            Effect::PutBack {
                machine,
                path,
                aside,
            } => self.site(*machine).put_back(path, aside).await?,
            Effect::EmptyFolder { machine, path } => self.site(*machine).empty_folder(path).await?,
            Effect::StartStack { machine } => self.site(*machine).start_stack().await?,
            Effect::Recreate {
                machine,
                services,
                start,
            } => {
                // compose's own limit of 10 s is too short for a large Redis to save before it ends.
                let stop_s = spec.limits.stop_s.to_string();
                let mut arguments = if *start {
                    vec!["up", "-d", "--no-deps", "--timeout", &stop_s]
                } else {
                    vec!["up", "--no-start"]
                };
                arguments.extend(services.iter().map(String::as_str));
                self.site(*machine).compose(&arguments).await?;
            }
            Effect::RemoveStack { machine } => {
                let stop_s = spec.limits.stop_s.to_string();
                self.site(*machine)
                    .compose(&["down", "--timeout", &stop_s])
                    .await?;
            }
            Effect::Start { machine, services } => self.site(*machine).start(services).await?,
            Effect::Stop {
                machine,
                services,
                within_s,
            } => {
                self.site(*machine)
                    .stop(services, Duration::from_secs(*within_s))
                    .await?;
            }
            Effect::Hold { machine, services } => self.site(*machine).hold(services).await?,
            Effect::Release { machine, services } => self.site(*machine).release(services).await?,
            Effect::RestartPolicy { machine, policies } => {
                self.site(*machine).restart_policies(policies).await?
            }
            Effect::TestNginx { machine, main } => self.site(*machine).test_nginx(main).await?,
            Effect::ReloadNginx { machine, drain_ms } => {
                self.site(*machine).reload_nginx(*drain_ms).await?
            }
            Effect::PauseWrites { machine, ms } => {
                self.site(*machine)
                    .redis
                    .pause_writes(Duration::from_millis(*ms))
                    .await?;
            }
            Effect::Unpause { machine } => self.site(*machine).redis.unpause().await?,
            Effect::ShutdownSave { machine } => self.site(*machine).shutdown_saved().await?,
            Effect::Snapshot { machine } => {
                let limit = Duration::from_secs(spec.limits.bulk_s);
                self.site(*machine)
                    .redis
                    .save_and_wait(&mut |_| {}, limit)
                    .await?;
            }
            Effect::Backup { machine, data, to } => self.site(*machine).back_up(data, to).await?,
            Effect::ReplicaOf {
                machine,
                primary: Some((host, port)),
            } => {
                self.site(*machine).redis.replica_of(host, *port).await?;
            }
            Effect::ReplicaOf {
                machine,
                primary: None,
            } => self.site(*machine).redis.replica_of_no_one().await?,
            Effect::RedisSet {
                machine,
                name,
                value,
            } => self.site(*machine).redis.config_set(name, value).await?,
            Effect::RedisPrimaryPassword { machine } => {
                if let Some(password) = &self.password {
                    self.site(*machine)
                        .redis
                        .config_set_secret("masterauth", password)
                        .await?;
                }
            }
            Effect::RedisDelete { machine, keys } => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                self.site(*machine).redis.del(&keys).await?;
            }
            Effect::RedisCanary {
                machine,
                user,
                core,
            } => {
                self.site(*machine)
                    .redis
                    .write_atomically(&canary(user, core))
                    .await?;
            }
            Effect::RegisterCanary {
                machine,
                user,
                core,
            } => self.register_canary(*machine, user, core).await?,
            Effect::Measure {
                user,
                core,
                known,
                goes_on,
            } => self.measure((user, core), known, *goes_on).await?,
            Effect::MeasureEnd { within_ms } => {
                self.meter.end(Duration::from_millis(*within_ms)).await?;
            }
            Effect::MeasureForget => self.meter.forget().await?,
            Effect::MakeKey {
                machine,
                path,
                kind,
                comment,
            } => {
                self.site(*machine).make_key(path, kind, comment).await?;
            }
            Effect::WarmUp {
                below_bytes,
                passes,
            } => {
                return self
                    .warm_up(*below_bytes, *passes)
                    .await
                    .map(Answer::Passes);
            }
            Effect::LastPass { checksum } => {
                return self
                    .last_pass(*checksum)
                    .await
                    .map(|pass| Answer::Passes(vec![pass]));
            }
            Effect::HomePass => {
                return self
                    .home_pass()
                    .await
                    .map(|pass| Answer::Passes(vec![pass]));
            }
            Effect::Promote {
                epoch,
                upto,
                within_ms,
            } => self.promote(epoch, upto, *within_ms).await?,
            Effect::Withdraw { epoch } => self.withdraw(epoch).await?,
            Effect::Arm {
                machine,
                epoch,
                within_ms,
            } => self.arm(*machine, epoch, *within_ms).await?,
            Effect::Disarm { machine } => self.disarm(*machine).await?,
            Effect::StartTunnel { machine } => self.start_tunnel(*machine).await?,
            Effect::ProveTunnel { machine } => self.prove_tunnel(*machine).await?,
            Effect::RemoveContainer { machine, name } => {
                self.site(*machine).remove_container(name).await?
            }
            Effect::Run { command } => self.run_program(command).await?,
        }
        Ok(Answer::Nothing)
    }
}

/// The keys of a user, as the register writes them.
fn canary(user: &str, core: &str) -> Vec<Write> {
    let email = format!("{user}@canary.regmig.invalid");
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        Write::HSet {
            key: format!("{user}:users"),
            fields: [
                field("username", user),
                field("email", &email),
                field("id", user),
            ]
            .into(),
        },
        Write::Set {
            key: format!("{user}:server"),
            value: core.to_owned(),
        },
        Write::Set {
            key: format!("{email}:email"),
            value: user.to_owned(),
        },
    ]
}

impl Site {
    /// Runs the configured start command as its operator would.
    async fn start_stack(&self) -> Result<(), PortError> {
        let script = "cd \"$1\" && exec sh -c \"$2\" </dev/null";
        let root = &self.spec.machine(self.machine).root;
        let limit = Duration::from_secs(self.spec.limits.healthy_s);
        self.script(
            "the start command",
            script,
            &[root, &self.spec.stack.start],
            limit,
        )
        .await
        .map(|_| ())
    }

    /// Has Redis end with everything on its disk, and sees its container stopped.
    async fn shutdown_saved(&self) -> Result<(), PortError> {
        let container = self.container(&self.spec.stack.redis).await?;
        if !container.runs() {
            return Ok(());
        }
        let limit = Duration::from_secs(self.spec.limits.bulk_s);
        // Whoever dials a container that has just gone may wait for an answer that does not come: Docker knows too.
        tokio::select! {
            ended = self.redis.shutdown_saved(limit) => { ended?; }
            () = self.seen_down(&self.spec.stack.redis) => {}
        }
        self.docker
            .stop(
                &container.name,
                Duration::from_secs(self.spec.limits.stop_s),
            )
            .await
    }

    /// Returns when Docker says that a service's container does not run.
    async fn seen_down(&self, service: &str) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if matches!(self.container(service).await, Ok(container) if !container.runs()) {
                return;
            }
        }
    }

    async fn make_key(&self, path: &str, kind: &str, comment: &str) -> Result<(), PortError> {
        // Made under another name, so that a pair is there in full or not at all.
        let script = r#"set -eu
[ ! -e "$1.pub" ] || exit 0
rm -f -- "$1" "$1.new" "$1.new.pub"
case $2 in rsa4096) set -- "$1" "$3" -t rsa -b 4096 ;; *) set -- "$1" "$3" -t ed25519 ;; esac
path=$1 comment=$2; shift 2
ssh-keygen -q "$@" -N '' -C "$comment" -f "$path.new"
mv -T -- "$path.new" "$path"
mv -T -- "$path.new.pub" "$path.pub"
sync -f "$path""#;
        let limit = Duration::from_secs(120);
        self.script("making a key pair", script, &[path, kind, comment], limit)
            .await
            .map(|_| ())
    }
}
