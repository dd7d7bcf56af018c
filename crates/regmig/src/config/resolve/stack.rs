//! `[stack]`: the compose stack, the same on both machines.

use std::collections::BTreeMap;
use std::ops::Range;

use regmig_procedure::profile::Profile;
use regmig_procedure::spec::StackSpec;

use crate::config::section::{At, Section};
use crate::config::values;

/// Reads the section.
pub(super) fn read(section: &Section<'_>, profile: Profile) -> Option<StackSpec> {
    let defaults = profile.defaults();
    let path = |key, default: Option<&str>| {
        let found = section
            .text(key, values::relative)
            .or_maybe(default.map(str::to_owned));
        section.need(key, found)
    };
    let command = |key, default: Option<&str>| {
        let found = section
            .text(key, values::command)
            .or_maybe(default.map(str::to_owned));
        section.need(key, found)
    };
    let service = |key, default: Option<&str>| {
        let found = section
            .text(key, values::service)
            .or_maybe(default.map(str::to_owned));
        section.need(key, found)
    };
    let compose_file = path("compose_file", defaults.compose_file);
    let start = command("start", defaults.start);
    let stop = command("stop", defaults.stop);
    let stop_is_global = section.flag("stop_is_global").or(defaults.stop_is_global);
    let nginx = service("nginx", defaults.nginx);
    let register = service("register", defaults.register);
    let port = section
        .port("register_port")
        .or_maybe(defaults.register_port);
    let register_port = section.need("register_port", port);
    let dns = service("dns", defaults.dns);
    let redis = service("redis", defaults.redis);
    let usual = defaults.other_writers.iter().map(|name| At {
        value: (*name).to_owned(),
        at: None,
    });
    let other_writers = section
        .texts("other_writers", values::service)
        .or(usual.collect());
    let register_conf = path("register_conf", defaults.register_conf);
    let nginx_access_log = path("nginx_access_log", defaults.nginx_access_log);

    let named = [
        ("nginx", &nginx),
        ("register", &register),
        ("dns", &dns),
        ("redis", &redis),
    ];
    let named = named
        .into_iter()
        .filter_map(|(key, found)| Some((key, found.as_ref()?)));
    let others = other_writers.iter().flat_map(|list| &list.value);
    distinct(
        section,
        named.chain(others.map(|service| ("other_writers", service))),
    );

    Some(StackSpec {
        profile: profile.as_str().to_owned(),
        compose_file: compose_file?.value,
        start: start?.value,
        stop: stop?.value,
        stop_is_global: stop_is_global?.value,
        nginx: nginx?.value,
        register: register?.value,
        register_port: register_port?.value,
        dns: dns?.value,
        redis: redis?.value,
        other_writers: other_writers?
            .value
            .into_iter()
            .map(|service| service.value)
            .collect(),
        register_conf: register_conf?.value,
        nginx_access_log: nginx_access_log?.value,
    })
}

/// Notes services that have two parts to play: stopping one would stop the other.
fn distinct<'s>(
    section: &Section<'_>,
    services: impl Iterator<Item = (&'static str, &'s At<String>)>,
) {
    let mut seen: BTreeMap<&str, (&str, Option<Range<usize>>)> = BTreeMap::new();
    for (key, service) in services {
        let Some((first, first_at)) = seen.get(service.value.as_str()) else {
            seen.insert(&service.value, (key, service.at.clone()));
            continue;
        };
        let places = [(first, first_at), (&key, &service.at)];
        let labels = places
            .into_iter()
            .filter_map(|(key, at)| Some((at.clone()?, format!("as `{key}`"))))
            .collect();
        section.notes().add(
            format!("the service `{}` is both `{first}` and `{key}` in [stack]", service.value),
            labels,
            "expected a compose service of its own for each; a key that is left out has the profile's default",
        );
    }
}
