//! The lease: one regmig at a time on both machines, whoever started it and from where.
//!
//! A small file on each machine says who holds it and until when. It is
//! renewed while the holder lives and taken over once it has run out.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use regmig_core::machine::Machine;
use regmig_core::port::PortError;
use tokio::task::JoinHandle;

use super::World;
use super::site::Site;

/// For how long a lease holds without being renewed. Renewed at a third of that.
const SECONDS: u64 = 60;

/// Takes, renews or gives back; the machine's own clock decides, beneath a lock of its own.
/// Arguments: file, verb, holder, seconds. A foreign lease that still holds is printed, status 3.
const SCRIPT: &str = r#"set -eu
file=$1 verb=$2 holder=$3 seconds=$4
exec 9>>"$file.lock"
flock -w 10 9
now=$(date +%s)
until=0 who=
if [ -f "$file" ]; then { read -r until; read -r who; } < "$file" || :; fi
case $until in ''|*[!0-9]*) until=0 ;; esac
if [ "$who" != "$holder" ] && [ -n "$who" ] && [ "$until" -gt "$now" ]; then
  [ "$verb" = release ] && exit 0
  printf '%s, for another %s s\n' "$who" "$((until - now))"
  exit 3
fi
if [ "$verb" = release ]; then
  rm -f -- "$file" "$file.lock"
else
  printf '%s\n%s\n' "$((now + seconds))" "$holder" > "$file.new"
  mv -T -- "$file.new" "$file"
fi"#;

/// What is known of a lease that was taken.
pub(super) struct Held {
    holder: String,
    /// Until when it is ours on both machines, by this machine's clock, at the least.
    until: Instant,
}

/// A lease on both machines, renewed in the background until it is given back.
pub(crate) struct Lease {
    world: Arc<World>,
    renewal: JoinHandle<()>,
}

impl Lease {
    /// Takes the lease on both machines.
    ///
    /// # Errors
    ///
    /// Refused where somebody else holds it, with who that is.
    pub(crate) async fn take(world: Arc<World>, holder: String) -> Result<Self, PortError> {
        if let Err(error) = world.renew_lease(&holder).await {
            // One machine may have given it while the other did not.
            world.release_lease(&holder).await;
            return Err(error);
        }
        let renewal = tokio::spawn({
            let world = Arc::clone(&world);
            async move {
                loop {
                    tokio::time::sleep(Duration::from_secs(SECONDS / 3)).await;
                    if let Err(error) = world.renew_lease(&holder).await {
                        tracing::warn!(error = error.one_line(), "the lease was not renewed");
                    }
                }
            }
        });
        Ok(Self { world, renewal })
    }

    /// Gives the lease back. A process that is killed does not: its lease runs out.
    pub(crate) async fn release(self) {
        self.renewal.abort();
        let Some(held) = self.world.lease().take() else {
            return;
        };
        self.world.release_lease(&held.holder).await;
    }
}

impl World {
    fn lease(&self) -> MutexGuard<'_, Option<Held>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renew_lease(&self, holder: &str) -> Result<(), PortError> {
        let until = Instant::now() + Duration::from_secs(SECONDS);
        let of = |machine| self.site(machine).lease("take", holder);
        let (source, dest) = futures::future::join(of(Machine::Source), of(Machine::Dest)).await;
        source.and(dest)?;
        *self.lease() = Some(Held {
            holder: holder.to_owned(),
            until,
        });
        Ok(())
    }

    async fn release_lease(&self, holder: &str) {
        for machine in Machine::BOTH {
            if let Err(error) = self.site(machine).lease("release", holder).await {
                tracing::warn!(%machine, error = error.one_line(), "the lease was not given back; it runs out");
            }
        }
    }

    /// Nothing is changed on a machine while somebody else may have taken the lease there.
    pub(super) async fn ensure_lease(&self) -> Result<(), PortError> {
        let run_out = self
            .lease()
            .as_ref()
            .filter(|held| held.until < Instant::now())
            .map(|held| held.holder.clone());
        match run_out {
            None => Ok(()),
            Some(holder) => self.renew_lease(&holder).await.map_err(|error| {
                PortError::not_sent("the lease on the machines has run out", error)
            }),
        }
    }
}

impl Site {
    async fn lease(&self, verb: &str, holder: &str) -> Result<(), PortError> {
        let file = self.spec.path(self.machine, ".regmig-lease");
        let seconds = SECONDS.to_string();
        let command = regmig_ssh::Command::shell(SCRIPT, [file.as_str(), verb, holder, &seconds])
            .time_limit(Duration::from_secs(20));
        let output = self.host.exec(&command).await?;
        if matches!(output.status, regmig_ssh::Status::Code(3)) {
            let who = output.stdout_text().trim().to_owned();
            let what = format!(
                "another regmig is at work on {}: wait for it, or until its lease has run out, and type the command again",
                self.machine
            );
            return Err(PortError::refused(what, format!("held by {who}")));
        }
        output
            .success_or_refused(format!("taking the lease on {}", self.machine))
            .map(|_| ())
    }
}
