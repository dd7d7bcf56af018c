//! What is checked of the compose stack: files, services and images.

use std::collections::BTreeSet;

use regmig_core::facts::HostState;
use regmig_core::machine::Machine;
use regmig_core::step::{Refusal, StepError};

use super::{List, on};
use crate::ask::{self, Cx};
use crate::edit::{EditError, compose};
use crate::steps::edit_refused;

pub(super) async fn compose_files(
    cx: &Cx<'_>,
    list: &mut List,
    dest: Option<&HostState>,
) -> Result<BTreeSet<Machine>, StepError> {
    let mut sound = BTreeSet::new();
    for machine in Machine::BOTH {
        let path = cx.spec.path(machine, &cx.spec.stack.compose_file);
        let what = format!("{path} on {machine}");
        let Some(file) = ask::file(cx, machine, path.clone()).await? else {
            list.add(
                what,
                false,
                "no such file",
                "the compose file",
                "deploy the stack, or correct `compose_file`",
            );
            continue;
        };
        let facts =
            match compose::read(&file.content).map_err(|error| edit_refused_in(error, &path)) {
                Ok(facts) => facts,
                Err(refusal) => {
                    let what = on(machine, &refusal.what);
                    list.add(what, false, refusal.found, refusal.expected, refusal.hint);
                    continue;
                }
            };
        if let Some(words) = ask::compose_config(cx, machine).await? {
            let said = words
                .strip_prefix("it ended with status 1: ")
                .unwrap_or(&words);
            list.add(
                what,
                false,
                format!("a file of which compose says: {said}"),
                "a file that compose accepts",
                "mend it; `docker-compose config -q` tells more",
            );
            continue;
        }
        let missing: Vec<String> = cx
            .spec
            .stack
            .all()
            .into_iter()
            .filter(|service| facts.service(service).is_none())
            .collect();
        let found = if missing.is_empty() {
            "every service".to_owned()
        } else {
            format!("no {}", missing.join(", "))
        };
        let there: Vec<&str> = facts
            .services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        let complete = list.add(
            what,
            missing.is_empty(),
            found,
            format!("services {}", cx.spec.stack.all().join(", ")),
            format!(
                "correct the service names under [stack] in regmig.toml; the file has {}",
                there.join(", ")
            ),
        );
        if complete {
            sound.insert(machine);
        }
        if let (Machine::Dest, Some(host)) = (machine, dest) {
            let absent: Vec<&str> = facts
                .services
                .iter()
                .filter_map(|service| service.image.as_deref())
                .filter(|image| !has_image(&host.images, image))
                .collect();
            let found = if absent.is_empty() {
                "present".to_owned()
            } else {
                format!("missing: {}", absent.join(", "))
            };
            list.add(
                "images on dest",
                absent.is_empty(),
                found,
                "every image of the compose file",
                "pull them on dest before the migration (`docker-compose pull`)",
            );
        }
    }
    Ok(sound)
}

fn edit_refused_in(error: EditError, path: &str) -> Box<Refusal> {
    edit_refused(&error.in_file(path))
}

/// Whether an image is among the tags, with or without the default registry and tag.
pub(super) fn has_image(tags: &[String], image: &str) -> bool {
    let short = image.strip_prefix("docker.io/").unwrap_or(image);
    let tagged = if short
        .rsplit('/')
        .next()
        .is_some_and(|name| name.contains(':'))
    {
        short.to_owned()
    } else {
        format!("{short}:latest")
    };
    tags.iter()
        .any(|tag| tag == image || *tag == tagged || tag.ends_with(&format!("/{tagged}")))
}

pub(super) async fn tunnel_image(
    cx: &Cx<'_>,
    list: &mut List,
    source: Option<&HostState>,
) -> Result<(), StepError> {
    let hint = "name an image with an SSH client, present on source, as `image` under [tunnel] in regmig.toml";
    match &cx.spec.tunnel.image {
        Some(image) => {
            let there = source.is_some_and(|host| has_image(&host.images, image));
            let found = if there { "present" } else { "missing" };
            list.add(
                format!("image {image} on source"),
                there,
                found,
                "the image of the tunnel",
                hint,
            );
        }
        None => {
            let version = ask::ssh_in_redis_image(cx).await?;
            let found = version.clone().unwrap_or_else(|| "none".to_owned());
            list.add(
                "SSH client in source's Redis image",
                version.is_some(),
                found,
                "one, for the tunnel",
                hint,
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::has_image;

    #[test]
    fn images_match_with_and_without_registry_and_tag() {
        let tags = [
            "pryv/redis:lab".to_owned(),
            "registry.example/pryv/dns:1.3".to_owned(),
            "nginx:latest".to_owned(),
        ];
        assert!(has_image(&tags, "pryv/redis:lab"));
        assert!(has_image(&tags, "docker.io/pryv/redis:lab"));
        assert!(has_image(&tags, "pryv/dns:1.3"));
        assert!(has_image(&tags, "nginx"));
        assert!(!has_image(&tags, "pryv/redis:1.0"));
    }
}
