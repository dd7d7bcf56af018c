//! Effects on containers, compose projects and the nginx in one of them.

use std::collections::BTreeMap;

use regmig_core::machine::Machine;

use super::refused;
use crate::world::container::{Container, Status};
use crate::world::nginx::Site;
use crate::world::state::{State, Stop};

impl State {
    pub(super) fn stack_names(&self, machine: Machine) -> Vec<String> {
        let containers = self.host(machine).containers.values();
        containers
            .filter(|container| container.service.is_some())
            .map(|container| container.name.clone())
            .collect()
    }

    /// `docker-compose up` for some services: made where there is no container, made anew where the file has changed.
    pub(super) fn compose_up(
        &mut self,
        machine: Machine,
        services: &[String],
        start: bool,
    ) -> Result<(), Stop> {
        let path = self.host(machine).path(&self.spec.stack.compose_file);
        let Some(text) = self.host(machine).disk.text(&path).map(str::to_owned) else {
            return refused(format!("no {path}"));
        };
        for service in services {
            self.beat()?;
            self.has_room(machine)?;
            let now = self.now;
            let name = format!("pryv_{service}_1");
            let made_from = service_part(&text, service);
            let host = self.host_mut(machine);
            if host
                .containers
                .get(&name)
                .is_none_or(|there| there.made_from != made_from)
            {
                host.stop(&name, now);
                let container = from_compose(&name, service, made_from);
                host.containers.insert(name.clone(), container);
            }
            if start {
                host.start(&name, now);
            }
        }
        Ok(())
    }

    pub(super) fn set_policies(
        &mut self,
        machine: Machine,
        policies: &BTreeMap<String, String>,
    ) -> Result<(), Stop> {
        for (service, policy) in policies {
            let Some(name) = self.host(machine).name_of(service) else {
                continue;
            };
            self.beat()?;
            if let Some(container) = self.host_mut(machine).containers.get_mut(&name) {
                container.restart.clone_from(policy);
            }
        }
        Ok(())
    }

    pub(super) fn test_nginx(&mut self, machine: Machine, main: &str) -> Result<(), Stop> {
        self.beat()?;
        let host = self.host(machine);
        if !host.serves(&self.spec.stack.nginx) {
            return refused("nginx does not run");
        }
        let inside = &self.spec.proxy.nginx_conf_inside;
        let site = host.path(&self.spec.proxy.nginx_site);
        let conf = site.rsplit_once('/').map_or("", |(folder, _)| folder);
        let text = |path: &str| host.disk.text(&path.replacen(inside.as_str(), conf, 1));
        let include = text(main)
            .and_then(|main| {
                main.split("include ")
                    .find(|part| part.starts_with(inside.as_str()))
            })
            .and_then(|part| part.split(';').next());
        let Some(site) = include.and_then(text) else {
            return refused(format!("{main}: no such file, or nothing included"));
        };
        if host.loads(&Site::read(site)) {
            Ok(())
        } else {
            refused("nginx: [emerg] host not found in upstream, or no certificate")
        }
    }

    /// A container that regmig makes and starts.
    pub(super) fn run_container(
        &mut self,
        machine: Machine,
        name: &str,
        restart: &str,
        leads_to: &str,
    ) -> Result<(), Stop> {
        let redis = self.spec.stack.redis.clone();
        let host = self.host(machine);
        if host.service(&redis).is_none() {
            return refused(format!("Redis has no container on {machine}"));
        }
        if !host.containers.contains_key(name) {
            self.beat()?;
            let container = Container {
                name: name.to_owned(),
                service: None,
                status: Status::Created,
                restart: restart.to_owned(),
                restarts: 0,
                started_ms: 0,
                stopped: false,
                retry_ms: 0,
                boots_ms: None,
                published: false,
                leads_to: leads_to.to_owned(),
                made_from: String::new(),
            };
            self.host_mut(machine)
                .containers
                .insert(name.to_owned(), container);
        }
        self.beat()?;
        let now = self.now;
        self.host_mut(machine).start(name, now);
        Ok(())
    }
}

/// A container as compose makes it.
pub(crate) fn from_compose(name: &str, service: &str, made_from: String) -> Container {
    Container {
        name: name.to_owned(),
        service: Some(service.to_owned()),
        status: Status::Created,
        restart: "always".to_owned(),
        restarts: 0,
        started_ms: 0,
        stopped: false,
        retry_ms: 0,
        boots_ms: None,
        published: made_from.contains("127.0.0.1:6379"),
        leads_to: String::new(),
        made_from,
    }
}

/// What a compose file says of one service: from its name to the next one's.
pub(crate) fn service_part(text: &str, service: &str) -> String {
    let head = format!("  {service}:");
    let mut inside = false;
    let mut part = String::new();
    for line in text.lines() {
        let name = line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
        if name || !line.starts_with(' ') {
            inside = line == head;
        }
        if inside {
            part.push_str(line);
            part.push('\n');
        }
    }
    part
}
