//! What a compose file says.

use yaml_edit::{MergedMapping, YamlNode};

use super::super::error::quote;
use super::super::{EditError, EditErrorKind, Position};
use super::document::{Document, scalar};
use super::port::{Port, ports, split};

/// What a compose file says about its services and networks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComposeFacts {
    /// The name of the project, if the file gives one.
    pub name: Option<String>,
    /// The services, in the order of the file.
    pub services: Vec<Service>,
    /// The networks at the top, in the order of the file.
    pub networks: Vec<Network>,
}

impl ComposeFacts {
    /// A service by its name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// A network by its key.
    pub fn network(&self, key: &str) -> Option<&Network> {
        self.networks.iter().find(|network| network.key == key)
    }
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// Its key.
    pub name: String,
    /// Its image.
    pub image: Option<String>,
    /// Its container's name, if it is given one.
    pub container_name: Option<String>,
    /// Its restart policy.
    pub restart: Option<String>,
    /// `host`, `none`, `service:…`, if given.
    pub network_mode: Option<String>,
    /// Its published ports.
    pub ports: Vec<Port>,
    /// The keys of its networks.
    pub networks: Vec<String>,
    /// Its mounts.
    pub volumes: Vec<Volume>,
    /// Its links, as written (`SERVICE` or `SERVICE:ALIAS`).
    pub links: Vec<String>,
}

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// A path of the machine or the name of a volume; none for an anonymous one.
    pub source: Option<String>,
    /// The path in the container.
    pub target: String,
    /// Whether the container may only read it.
    pub read_only: bool,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its key in the file.
    pub key: String,
    /// The name that Docker knows it by, if given; else Docker calls it `PROJECT_KEY`.
    pub name: Option<String>,
    /// Whether it exists without this file.
    pub external: bool,
}

/// Reads the facts of a parsed file.
pub(super) fn read(document: &Document) -> Result<ComposeFacts, EditError> {
    let reader = Reader { document };
    let root = reader.merged(&document.root, Position::line(1))?;
    let mut facts = ComposeFacts {
        name: text(&root, "name"),
        ..ComposeFacts::default()
    };
    let Some(services) = root.get("services") else {
        return Err(reader.shape(
            "no `services`",
            "`services:` with a mapping",
            Position::line(1),
        ));
    };
    for (key, value) in reader.entries(&services, "services")? {
        facts.services.push(reader.service(key, &value)?);
    }
    if let Some(networks) = root.get("networks").filter(|node| !null(node)) {
        for (key, value) in reader.entries(&networks, "networks")? {
            facts.networks.push(reader.network(key, &value)?);
        }
    }
    Ok(facts)
}

/// Reads parts of one file.
struct Reader<'a> {
    document: &'a Document,
}

impl<'a> Reader<'a> {
    /// A mapping with its merge keys resolved.
    fn merged(
        &self,
        mapping: &yaml_edit::Mapping,
        at: Position,
    ) -> Result<MergedMapping<'a>, EditError> {
        MergedMapping::new(mapping.clone(), &self.document.anchors)
            .map_err(|error| self.shape(&error.to_string(), "anchors that exist", at))
    }

    /// The entries of what must be a mapping.
    fn entries(&self, node: &YamlNode, what: &str) -> Result<Vec<(String, YamlNode)>, EditError> {
        let at = self.document.position(node);
        let Some(mapping) = node.as_mapping() else {
            return Err(self.shape(
                &format!("`{what}` without entries"),
                &format!("`{what}:` with a mapping"),
                at,
            ));
        };
        let merged = self.merged(mapping, at)?;
        Ok(merged
            .iter()
            .filter_map(|(key, value)| Some((scalar(&key)?, value)))
            .collect())
    }

    /// A service.
    fn service(&self, name: String, node: &YamlNode) -> Result<Service, EditError> {
        let at = self.document.position(node);
        let Some(mapping) = node.as_mapping() else {
            return Err(self.shape(
                &format!("service {} without entries", quote(&name)),
                "a mapping",
                at,
            ));
        };
        let merged = self.merged(mapping, at)?;
        Ok(Service {
            image: text(&merged, "image"),
            container_name: text(&merged, "container_name"),
            restart: text(&merged, "restart"),
            network_mode: text(&merged, "network_mode"),
            ports: items(&merged, "ports")
                .iter()
                .filter_map(|node| self.port(node))
                .collect(),
            networks: names(&merged, "networks"),
            volumes: items(&merged, "volumes")
                .iter()
                .filter_map(|node| self.volume(node))
                .collect(),
            links: names(&merged, "links"),
            name,
        })
    }

    /// A port, in the short or the long form.
    fn port(&self, node: &YamlNode) -> Option<Port> {
        if let Some(short) = scalar(node) {
            return Some(Port::short(&short));
        }
        let long = self
            .merged(node.as_mapping()?, self.document.position(node))
            .ok()?;
        let host_ip = text(&long, "host_ip");
        let published = text(&long, "published");
        let target = text(&long, "target");
        let protocol = text(&long, "protocol").unwrap_or_else(|| "tcp".to_owned());
        let parts = [host_ip.as_deref(), published.as_deref(), target.as_deref()];
        let written = parts.into_iter().flatten().collect::<Vec<_>>().join(":");
        Some(Port {
            text: written,
            host: published.as_deref().and_then(ports),
            container: target.as_deref().and_then(ports),
            host_ip,
            protocol,
        })
    }

    /// A mount, in the short or the long form.
    fn volume(&self, node: &YamlNode) -> Option<Volume> {
        if let Some(short) = scalar(node) {
            let parts = split(&short);
            let part = |index: usize| parts.get(index).map(|part| (*part).to_owned());
            let Some(target) = part(1) else {
                return Some(Volume {
                    source: None,
                    target: short,
                    read_only: false,
                });
            };
            let read_only =
                part(2).is_some_and(|options| options.split(',').any(|option| option == "ro"));
            return Some(Volume {
                source: part(0),
                target,
                read_only,
            });
        }
        let long = self
            .merged(node.as_mapping()?, self.document.position(node))
            .ok()?;
        Some(Volume {
            source: text(&long, "source").or_else(|| text(&long, "src")),
            target: text(&long, "target").or_else(|| text(&long, "dst"))?,
            read_only: text(&long, "read_only").is_some_and(|value| value == "true"),
        })
    }

    /// A network.
    fn network(&self, key: String, node: &YamlNode) -> Result<Network, EditError> {
        let Some(mapping) = node.as_mapping() else {
            return Ok(Network {
                key,
                name: None,
                external: false,
            });
        };
        let merged = self.merged(mapping, self.document.position(node))?;
        let external = merged.get("external");
        let inner = external.as_ref().and_then(YamlNode::as_mapping);
        let inner_name = inner
            .and_then(|inner| Document::get(inner, "name"))
            .and_then(|name| scalar(&name));
        let flag = external
            .as_ref()
            .and_then(scalar)
            .is_some_and(|value| value == "true");
        Ok(Network {
            key,
            name: text(&merged, "name").or(inner_name),
            external: flag || inner.is_some(),
        })
    }

    /// A part of the file that has another shape than compose files have.
    fn shape(&self, found: &str, expected: &str, at: Position) -> EditError {
        let hint = "Correct the file; `docker-compose config` shows whether it is read as meant.";
        EditError::new(EditErrorKind::Syntax, found, expected, hint).at(at)
    }
}

/// A scalar by key.
fn text(mapping: &MergedMapping<'_>, key: &str) -> Option<String> {
    mapping
        .get(key)
        .as_ref()
        .filter(|node| !null(node))
        .and_then(scalar)
}

/// The members of a list by key.
fn items(mapping: &MergedMapping<'_>, key: &str) -> Vec<YamlNode> {
    let node = mapping.get(key);
    node.as_ref()
        .and_then(YamlNode::as_sequence)
        .map(|list| list.values().collect())
        .unwrap_or_default()
}

/// The members of a list of names, or the keys of a mapping.
fn names(mapping: &MergedMapping<'_>, key: &str) -> Vec<String> {
    match mapping.get(key) {
        Some(YamlNode::Mapping(named)) => named.keys().filter_map(|key| scalar(&key)).collect(),
        Some(YamlNode::Sequence(list)) => {
            list.values().filter_map(|value| scalar(&value)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a node is nothing.
fn null(node: &YamlNode) -> bool {
    node.as_scalar()
        .is_some_and(|scalar| scalar.is_null() || scalar.value().trim().is_empty())
}
