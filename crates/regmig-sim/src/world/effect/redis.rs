//! Effects on Redis.

use regmig_core::machine::Machine;

use super::refused;
use crate::world::clients::registration;
use crate::world::files::Op;
use crate::world::redis::Redis;
use crate::world::state::{State, Stop};

impl State {
    /// The running Redis of a machine, after one part.
    pub(super) fn redis_of(&mut self, machine: Machine) -> Result<&mut Redis, Stop> {
        self.beat()?;
        let now = self.now;
        match &mut self.host_mut(machine).redis {
            Some(redis) if redis.loading_until <= now => Ok(redis),
            Some(_) => refused("LOADING Redis is loading the dataset in memory"),
            None => refused(format!("Redis is not running on {machine}")),
        }
    }

    pub(super) fn redis_write(&mut self, machine: Machine, ops: &[Op]) -> Result<(), Stop> {
        self.has_room(machine)?;
        let now = self.now;
        let redis = self.redis_of(machine)?;
        if redis.paused_until > now {
            return Err(Stop::Unknown("no answer in time".to_owned()));
        }
        if !redis.takes_writes(now) {
            return refused("READONLY You can't write against a read only replica");
        }
        let now = self.now;
        for op in ops {
            self.host_mut(machine).write(op, now);
        }
        Ok(())
    }
}

/// What a register writes for a canary.
pub(crate) fn canary(user: &str, core: &str) -> [Op; 3] {
    let [mut users, mut server, mut email] = registration(user, core);
    let address = format!("{user}@canary.regmig.invalid");
    users.key = format!("{user}:users").into();
    server.key = format!("{user}:server").into();
    email.key = format!("{address}:email").into();
    users.value = Some(address.into());
    [users, server, email]
}
