//! What is true on both machines now, for `status` and for whoever is asked to agree.

use std::net::SocketAddr;
use std::time::Duration;

use regmig_core::effect::{Answer, Query};
use regmig_core::facts::{Container, RedisState};
use regmig_core::machine::Machine;
use regmig_core::port::Observe as _;
use regmig_core::position::Lack;
use regmig_procedure::spec::Spec;
use serde_json::{Value, json};

use crate::world::World;

/// How long a machine may take before it counts as out of reach.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What has just been seen.
pub(super) struct Truth {
    source: Seen,
    dest: Seen,
    tunnel: Option<String>,
    tunnel_name: String,
    services: Vec<String>,
    register: String,
    nginx: String,
    /// Whether source's nginx sends its clients to dest, where that decides who accepts writes.
    source_proxies: bool,
}

struct Seen {
    containers: Result<Vec<Container>, String>,
    redis: Option<RedisState>,
}

/// Looks at both machines.
pub(super) async fn look(spec: &Spec, world: &World) -> Truth {
    let (source, dest) =
        futures::future::join(see(world, Machine::Source), see(world, Machine::Dest)).await;
    let tunnel = source.containers.as_ref().ok().and_then(|all| {
        all.iter()
            .find(|container| container.name == spec.tunnel.name)
            .map(|container| container.state.clone())
    });
    let mut truth = Truth {
        source,
        dest,
        tunnel,
        tunnel_name: spec.tunnel.name.clone(),
        services: spec.stack.all(),
        register: spec.stack.register.clone(),
        nginx: spec.stack.nginx.clone(),
        source_proxies: false,
    };
    if truth.writers().len() > 1 {
        truth.source_proxies = proxies(spec, world).await;
    }
    truth
}

/// Whether source's nginx has the file by which it sends its clients to dest.
async fn proxies(spec: &Spec, world: &World) -> bool {
    let query = Query::File {
        machine: Machine::Source,
        path: spec.path(Machine::Source, &spec.proxy.nginx_site),
    };
    let dest = SocketAddr::from((spec.dest.address, spec.proxy.port)).to_string();
    match tokio::time::timeout(PATIENCE, world.observe(&query)).await {
        Ok(Ok(Answer::File(Some(file)))) => file.content.contains(&dest),
        _ => false,
    }
}

async fn see(world: &World, machine: Machine) -> Seen {
    let looked = tokio::time::timeout(PATIENCE, async {
        let containers = match world.observe(&Query::Containers { machine }).await {
            Ok(Answer::Containers(containers)) => Ok(containers),
            Ok(other) => Err(format!("{other:?}")),
            Err(error) => {
                // What was being asked, and where, goes without saying.
                let asked = format!("{machine}: ");
                let mut chain = error.chain();
                chain.retain(|message| !message.starts_with(&asked));
                Err(chain.join(": "))
            }
        };
        let redis = match world.observe(&Query::Redis { machine }).await {
            Ok(Answer::Redis(redis)) => Some(*redis),
            _ => None,
        };
        Seen { containers, redis }
    });
    looked.await.unwrap_or_else(|_| Seen {
        containers: Err(format!(
            "{machine} did not answer within {} s",
            PATIENCE.as_secs()
        )),
        redis: None,
    })
}

/// How far behind its primary a replica is, for a line that goes on with it; nothing where the primary cannot be asked.
fn behind(replica: &RedisState, primary: Option<&RedisState>) -> String {
    let Some(primary) = primary else {
        return String::new();
    };
    let lack = replica.position.lacks(&primary.position);
    format!(", {}", lack.unwrap_or(Lack::Bytes(0)))
}

impl Truth {
    fn seen(&self, machine: Machine) -> &Seen {
        match machine {
            Machine::Source => &self.source,
            Machine::Dest => &self.dest,
        }
    }

    fn runs(&self, machine: Machine, service: &str) -> bool {
        self.seen(machine).containers.as_ref().is_ok_and(|all| {
            all.iter()
                .any(|container| container.service.as_deref() == Some(service) && container.runs())
        })
    }

    /// Machines on which a client's write can be accepted: register and nginx run there, before a Redis that takes
    /// writes.
    pub(super) fn writers(&self) -> Vec<Machine> {
        Machine::BOTH
            .into_iter()
            .filter(|machine| {
                self.runs(*machine, &self.register) && self.runs(*machine, &self.nginx)
            })
            .filter(|machine| {
                let redis = self.seen(*machine).redis.as_ref();
                redis.is_none_or(|redis| redis.role == "master" || !redis.replica_read_only)
            })
            .filter(|machine| *machine != Machine::Source || !self.source_proxies)
            .collect()
    }

    /// What was seen, in words.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for machine in Machine::BOTH {
            let seen = self.seen(machine);
            match &seen.containers {
                Err(reason) => lines.push(format!("{machine}: not known, {reason}")),
                Ok(_) => {
                    let up: Vec<&str> = self
                        .services
                        .iter()
                        .filter(|name| self.runs(machine, name))
                        .map(String::as_str)
                        .collect();
                    let up = if up.is_empty() {
                        "nothing of the stack runs".to_owned()
                    } else {
                        format!("{} run", up.join(", "))
                    };
                    let redis = seen.redis.as_ref().map_or(String::new(), |redis| {
                        format!(
                            "; Redis {} as {}, {} keys",
                            redis.version, redis.role, redis.keys
                        )
                    });
                    lines.push(format!("{machine}: {up}{redis}"));
                }
            }
        }
        let reachable = Machine::BOTH
            .iter()
            .all(|machine| self.seen(*machine).containers.is_ok());
        lines.push(match self.writers().as_slice() {
            _ if !reachable => "writes: not known while a machine is out of reach".to_owned(),
            [] => "writes: no machine accepts them".to_owned(),
            [one] => format!("writes: {one} accepts them"),
            _ => "writes: BOTH MACHINES COULD ACCEPT THEM: stop source's register now".to_owned(),
        });
        if let Some(state) = &self.tunnel {
            lines.push(format!("tunnel {}: {state}", self.tunnel_name));
        }
        if let Some(line) = self.replication() {
            lines.push(line);
        }
        lines
    }

    fn replication(&self) -> Option<String> {
        if let Some(line) = self.warmth() {
            return Some(line);
        }
        let source = self.source.redis.as_ref()?;
        let primary = source.primary.as_ref()?;
        Some(if source.link_up {
            let behind = behind(source, self.dest.redis.as_ref());
            format!("replication: source follows {primary}, link up{behind}")
        } else {
            format!(
                "replication: ALARM, source follows {primary} but the link is DOWN; source's DNS grows stale"
            )
        })
    }

    /// How far dest's Redis is, while it follows source's.
    fn warmth(&self) -> Option<String> {
        let dest = self.dest.redis.as_ref()?;
        let primary = dest.primary.as_ref()?;
        Some(if let Some(resync) = &dest.resync {
            format!("replication: dest follows {primary}, {resync}")
        } else if dest.link_up {
            let behind = behind(dest, self.source.redis.as_ref());
            format!("replication: dest follows {primary}, link up{behind}")
        } else {
            format!("replication: dest follows {primary}, but the link is DOWN")
        })
    }

    /// Whether writes of dest could come home through replication now, or why not.
    pub(super) fn replicates(&self) -> Result<(), String> {
        match &self.source.redis {
            Some(redis) if redis.primary.is_some() && redis.link_up => Ok(()),
            Some(redis) if redis.primary.is_some() => {
                Err("the replication link is down".to_owned())
            }
            Some(_) => Err("source's Redis does not follow dest's".to_owned()),
            None => Err("source's Redis does not answer".to_owned()),
        }
    }

    fn lag(&self) -> Option<i64> {
        let (source, dest) = (self.source.redis.as_ref()?, self.dest.redis.as_ref()?);
        source.primary.as_ref()?;
        match source.position.lacks(&dest.position) {
            None => Some(0),
            Some(Lack::Bytes(bytes)) => Some(bytes),
            Some(Lack::Unknown) => None,
        }
    }

    pub(super) fn json(&self) -> Value {
        let machine = |machine: Machine| {
            let seen = self.seen(machine);
            let containers: Option<Vec<Value>> = seen.containers.as_ref().ok().map(|all| {
                all.iter()
                    .filter(|container| container.service.is_some())
                    .map(|container| {
                        json!({
                            "service": container.service, "name": container.name,
                            "state": container.state, "restart": container.restart,
                        })
                    })
                    .collect()
            });
            json!({
                "reachable": seen.containers.is_ok(),
                "trouble": seen.containers.as_ref().err(),
                "services": containers,
                "redis": seen.redis,
            })
        };
        json!({
            "source": machine(Machine::Source),
            "dest": machine(Machine::Dest),
            "writers": self.writers(),
            "tunnel": self.tunnel,
            "replication": self.source.redis.as_ref().and_then(|redis| redis.primary.as_ref().map(|primary| json!({
                "primary": primary, "link_up": redis.link_up, "lag_bytes": self.lag(), "idle_s": redis.link_idle_s,
            }))),
        })
    }
}
