//! `[proxy]`: how source's nginx reaches dest.

use std::collections::BTreeMap;

use regmig_procedure::profile::Defaults;
use regmig_procedure::spec::ProxySpec;
use sha2::{Digest as _, Sha256};

use super::platform;
use crate::config::files::Place;
use crate::config::notes::Flaw;
use crate::config::pem;
use crate::config::section::{At, Section};
use crate::config::values;

/// Reads the section.
pub(super) fn read(
    section: &Section<'_>,
    platform: &platform::Read,
    defaults: &Defaults,
    place: &Place,
) -> Option<ProxySpec> {
    let path = |key, default: Option<&str>| {
        let found = section
            .text(key, values::relative)
            .or_maybe(default.map(str::to_owned));
        section.need(key, found)
    };
    let inside = |key, default: Option<&str>| {
        let found = section
            .text(key, values::absolute)
            .or_maybe(default.map(str::to_owned));
        section.need(key, found)
    };
    let port = section.port("port").or(443);
    let trust = section.text("trust", |text| {
        let (path, content) = place.file(text)?;
        pem::certificates(&content).map_err(|flaw| {
            Flaw::new(
                flaw.what,
                format!("looked into {}: {}", path.display(), flaw.advice),
            )
        })?;
        let digest: String = Sha256::digest(&content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok((path, digest))
    });
    if !section.exists() {
        return None;
    }
    let nginx_main = path("nginx_main", defaults.nginx_main);
    let nginx_site = path("nginx_site", defaults.nginx_site);
    let nginx_conf_inside = inside("nginx_conf_inside", defaults.nginx_conf_inside);
    let nginx_log_inside = inside("nginx_log_inside", defaults.nginx_log_inside);
    let trust = section.need("trust", trust);
    let upstreams = upstreams(section, defaults);
    let (trust, trust_sha256) = trust?.value;
    Some(ProxySpec {
        nginx_main: nginx_main?.value,
        nginx_site: nginx_site?.value,
        nginx_conf_inside: nginx_conf_inside?.value,
        nginx_log_inside: nginx_log_inside?.value,
        upstreams: upstreams?,
        port: port?.value,
        public_name: platform.public_name.clone()?,
        trust,
        trust_sha256,
    })
}

fn upstreams(section: &Section<'_>, defaults: &Defaults) -> Option<Vec<String>> {
    let usual: Vec<_> = defaults
        .upstreams
        .iter()
        .map(|name| At {
            value: (*name).to_owned(),
            at: None,
        })
        .collect();
    let usual = (!usual.is_empty()).then_some(usual);
    let found = section.texts("upstreams", values::upstream).or_maybe(usual);
    let At { value: list, at } = section.need("upstreams", found)?;
    if list.is_empty() {
        let advice = "nothing would be sent to dest; name the upstreams of nginx's site file";
        section.flawed(
            "upstreams",
            at,
            "an empty list",
            Flaw::new("is empty", advice),
        );
        return None;
    }
    let mut seen = BTreeMap::new();
    let mut good = true;
    for upstream in &list {
        if let Some(first) = seen.insert(upstream.value.as_str(), upstream.at.clone()) {
            good = false;
            let labels = [(first, "first here"), (upstream.at.clone(), "again here")];
            section.notes().add(
                format!(
                    "the upstream `{}` is named twice in `proxy.upstreams`",
                    upstream.value
                ),
                labels
                    .into_iter()
                    .filter_map(|(at, text)| Some((at?, text.to_owned())))
                    .collect(),
                "expected each upstream once; remove one",
            );
        }
    }
    good.then(|| list.into_iter().map(|upstream| upstream.value).collect())
}
