//! Timers that take the way out of a `live` cutover where regmig falls silent, and the epoch by which they and the
//! promotion decide who wins.
//!
//! Each is a shell script on its machine, started by one of regmig's and left running. Both ask dest's Redis, source's
//! through its tunnel; what either does then is true to what the epoch's key says, and nothing is done
//! before it says something.

use std::time::Duration;

use futures::future::try_join;
use regmig_core::machine::Machine;
use regmig_core::port::PortError;
use regmig_core::position::Position;
use regmig_procedure::steps::live;
use regmig_redis::Promotion;

use super::World;
use super::{freezer, nginx};

const ARM: &str = include_str!("arm.sh");
const COMMON: &str = include_str!("common.sh");
const SOURCE: &str = include_str!("source.sh");
const DEST: &str = include_str!("dest.sh");
const MAIN: &str = include_str!("main.sh");

/// Arguments: the timer's file, and what lies beside it for the timer alone. Each timer looks again before it acts.
const DISARM: &str = r#"rm -f -- "$1" "$1.pid" "$2" "${3-$2}""#;

/// How often dest's key may change under regmig's hands before it is left alone.
const TRIES: u32 = 5;

impl World {
    /// Where the timer's own text is on a machine.
    fn way_out(&self, machine: Machine) -> String {
        format!("{}/way-out", self.spec.work(machine))
    }

    /// Has a timer run for this epoch, and none for another; on dest, has its Redis know of the epoch before.
    pub(super) async fn arm(
        &self,
        machine: Machine,
        epoch: &str,
        within_ms: u64,
    ) -> Result<(), PortError> {
        let (spec, site) = (&self.spec, self.site(machine));
        let (containers, cli) = try_join(site.listed(), site.redis_cli()).await?;
        let cli = cli.ok_or_else(|| PortError::Refused {
            what: format!("arming the timer on {machine}: Redis' container has no redis-cli"),
            source: None,
        })?;
        let name = |service: &str| {
            let container = containers.get(service).map(|found| found.name.clone());
            container.ok_or_else(|| PortError::Refused {
                what: format!("arming the timer on {machine}: {service} has no container"),
                source: None,
            })
        };
        let (text, file, own) = match machine {
            Machine::Dest => {
                self.arm_epoch(epoch).await?;
                let writers = spec.stack.writers();
                let writers = writers.iter().map(|writer| name(writer));
                let own: Vec<String> = writers.collect::<Result<_, _>>()?;
                (DEST, String::new(), own)
            }
            Machine::Source => {
                let file = spec.path(machine, &spec.proxy.nginx_site);
                let own = vec![
                    spec.tunnel.name.clone(),
                    spec.tunnel.port.to_string(),
                    name(&spec.stack.nginx)?,
                    file.clone(),
                    live::site_before(spec),
                    live::nginx_loaded(spec, machine),
                ];
                (SOURCE, file, own)
            }
        };
        let mut arguments = vec![
            live::timer(spec, machine),
            epoch.to_owned(),
            file,
            live::site_before(spec),
            self.way_out(machine),
            format!("{COMMON}{}{}{text}{MAIN}", freezer::FREEZER, nginx::RELOAD),
            within_ms.to_string(),
            format!("{}/timer.log", spec.work(machine)),
            name(&spec.stack.redis)?,
            cli.to_owned(),
            spec.redis.port.to_string(),
            live::EPOCH_KEY.to_owned(),
            regmig_redis::SWAP.to_owned(),
        ];
        arguments.extend(own);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let limit = Duration::from_secs(spec.limits.command_s);
        site.script("arming the timer", ARM, &arguments, limit)
            .await
            .map(|_| ())
    }

    /// Has dest's Redis say that the epoch is armed, unless it is spent.
    async fn arm_epoch(&self, epoch: &str) -> Result<(), PortError> {
        let (armed, key) = (live::armed(epoch), live::EPOCH_KEY);
        let mut says = self.epoch_says().await?;
        for _ in 0..TRIES {
            let spent = [live::promoted(epoch), live::withdrawn(epoch)];
            if says.as_ref().is_some_and(|says| spent.contains(says)) {
                break;
            }
            let redis = &self.dest.redis;
            let then = redis.swap(key, says.as_deref(), &armed).await?;
            if then.as_ref() == Some(&armed) {
                return Ok(());
            }
            says = then;
        }
        Err(PortError::refused(
            format!("arming epoch {epoch} in dest's Redis"),
            format!("{key} says `{}`", says.unwrap_or_default()),
        ))
    }

    async fn epoch_says(&self) -> Result<Option<String>, PortError> {
        let says = self.dest.redis.get(live::EPOCH_KEY).await?;
        Ok(says.map(|says| String::from_utf8_lossy(&says).into_owned()))
    }

    /// Has no timer run.
    pub(super) async fn disarm(&self, machine: Machine) -> Result<(), PortError> {
        let spec = &self.spec;
        let arguments = [
            live::timer(spec, machine),
            self.way_out(machine),
            match machine {
                Machine::Source => live::site_before(spec),
                Machine::Dest => String::new(),
            },
        ];
        let arguments: Vec<&str> = arguments
            .iter()
            .map(String::as_str)
            .filter(|path| !path.is_empty())
            .collect();
        let limit = Duration::from_secs(spec.limits.command_s);
        self.site(machine)
            .script("disarming the timer", DISARM, &arguments, limit)
            .await
            .map(|_| ())
    }

    /// Makes dest's Redis its own primary once it has got to a position, unless the epoch is spent.
    pub(super) async fn promote(
        &self,
        epoch: &str,
        upto: &Position,
        within_ms: u64,
    ) -> Result<(), PortError> {
        let promotion = Promotion {
            key: live::EPOCH_KEY.to_owned(),
            armed: live::armed(epoch),
            promoted: live::promoted(epoch),
            upto: upto.clone(),
            within: Duration::from_millis(within_ms),
        };
        self.dest.redis.promote(&promotion).await
    }

    /// Spends the epoch where dest's Redis was not promoted by it.
    pub(super) async fn withdraw(&self, epoch: &str) -> Result<(), PortError> {
        let (armed, withdrawn) = (live::armed(epoch), live::withdrawn(epoch));
        let redis = &self.dest.redis;
        redis
            .swap(live::EPOCH_KEY, Some(&armed), &withdrawn)
            .await
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests;
