//! Which upstreams a configuration has, who uses them, and what stands in the way of sending them elsewhere.

use super::super::{EditError, EditErrorKind};
use super::plan::ProxyPlan;
use super::target::{Target, host, target};
use super::tree::Node;

/// Directives that send requests somewhere, other than `proxy_pass`.
const OTHER_PASSES: [&str; 5] = [
    "grpc_pass",
    "fastcgi_pass",
    "uwsgi_pass",
    "scgi_pass",
    "memcached_pass",
];

/// What was found of the plan's upstreams.
#[derive(Debug, Default)]
pub(super) struct Findings<'a> {
    /// Their definitions.
    pub(super) upstreams: Vec<Upstream<'a>>,
    /// Every `proxy_pass` that uses one.
    pub(super) uses: Vec<Use<'a>>,
}

/// An upstream of the plan.
#[derive(Debug)]
pub(super) struct Upstream<'a> {
    /// Its servers; at least one.
    pub(super) servers: Vec<&'a Node>,
    /// Its `keepalive` directives.
    pub(super) keepalives: Vec<&'a Node>,
}

/// A `proxy_pass` that uses an upstream of the plan.
#[derive(Debug)]
pub(super) struct Use<'a> {
    /// The directive.
    pub(super) node: &'a Node,
    /// The directives of its location, then of each block around it, outwards.
    pub(super) levels: Vec<&'a [Node]>,
}

/// Looks through a whole configuration.
pub(super) fn collect<'a>(
    tree: &'a [Node],
    plan: &'a ProxyPlan,
) -> Result<Findings<'a>, EditError> {
    let mut collector = Collector {
        plan,
        blocks: Vec::new(),
        levels: Vec::new(),
        defined: Vec::new(),
        found: Findings::default(),
    };
    names(tree, &mut collector.defined);
    for name in &plan.upstreams {
        collector.upstream(name, tree)?;
    }
    collector.level(tree)?;
    Ok(collector.found)
}

/// All upstreams of a configuration, with the blocks that define them.
fn names<'a>(nodes: &'a [Node], defined: &mut Vec<&'a Node>) {
    for node in nodes {
        if node.name() == "upstream" && node.block.is_some() {
            defined.push(node);
        } else {
            names(node.children(), defined);
        }
    }
}

/// The walk through the configuration.
struct Collector<'a> {
    plan: &'a ProxyPlan,
    /// The blocks around the current directive, outermost first.
    blocks: Vec<&'a Node>,
    /// The directives of those blocks, outermost first, preceded by those at the top.
    levels: Vec<&'a [Node]>,
    /// All upstreams.
    defined: Vec<&'a Node>,
    found: Findings<'a>,
}

impl<'a> Collector<'a> {
    /// Finds the definition of an upstream of the plan.
    fn upstream(&mut self, name: &str, tree: &[Node]) -> Result<(), EditError> {
        let mut same = self.defined.iter().copied().filter(|node| is(node, name));
        let Some(node) = same.next() else {
            let known: Vec<&str> = self.defined.iter().filter_map(|node| node.arg(0)).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            let file = tree
                .first()
                .map_or_else(String::new, |_| self.plan.file.clone());
            return Err(EditError::new(
                EditErrorKind::Missing,
                format!("no `upstream {name}` (defined here: {known})"),
                format!("`upstream {name} {{ server …; }}`"),
                "Correct `upstreams` under [proxy] in regmig.toml.",
            )
            .in_file(file));
        };
        if let Some(second) = same.next() {
            return Err(second.error(
                EditErrorKind::Unsupported,
                format!(
                    "a second definition of `upstream {name}` (the first: {})",
                    node.place()
                ),
                "one",
                "Remove one of them; nginx would not load the file either.",
            ));
        }
        let child = |name: &'static str| move |child: &&Node| child.name() == name;
        let servers: Vec<&Node> = node.children().iter().filter(child("server")).collect();
        let keepalives: Vec<&Node> = node.children().iter().filter(child("keepalive")).collect();
        for part in std::iter::once(node)
            .chain(servers.iter().copied())
            .chain(keepalives.iter().copied())
        {
            self.editable(part)?;
        }
        if servers.is_empty() {
            return Err(node.error(
                EditErrorKind::Unsupported,
                format!("{} without a server", node.shown()),
                "at least one `server …;` that can be replaced by dest",
                "Correct the upstream; nginx would not load the file either.",
            ));
        }
        self.found.upstreams.push(Upstream {
            servers,
            keepalives,
        });
        Ok(())
    }

    /// Looks through the directives of a block.
    fn level(&mut self, nodes: &'a [Node]) -> Result<(), EditError> {
        self.levels.push(nodes);
        for node in nodes {
            self.directive(node)?;
            if node.block.is_some() {
                self.blocks.push(node);
                self.level(node.children())?;
                self.blocks.pop();
            }
        }
        self.levels.pop();
        Ok(())
    }

    /// Looks at one directive.
    fn directive(&mut self, node: &'a Node) -> Result<(), EditError> {
        let stays = |host: &str| self.plan.stops(host);
        match node.name() {
            "proxy_pass" => self.proxy_pass(node),
            name if OTHER_PASSES.contains(&name) => self.other_pass(node),
            "server" if self.inside("upstream") => {
                let block = self
                    .blocks
                    .last()
                    .and_then(|block| block.arg(0))
                    .unwrap_or("");
                if self.plan.names(block) || !stays(host(node.arg(0).unwrap_or(""))) {
                    return Ok(());
                }
                Err(self.stopped(node, &format!("Add `{block}` to `upstreams`")))
            }
            "resolver" if node.args().any(|arg| stays(host(arg))) => {
                Err(self.stopped(node, "Name another resolver"))
            }
            "access_log" | "error_log" if node.args().any(|arg| syslog(arg).is_some_and(stays)) => {
                Err(self.stopped(node, "Log elsewhere"))
            }
            _ => Ok(()),
        }
    }

    /// Looks at a `proxy_pass`.
    fn proxy_pass(&mut self, node: &'a Node) -> Result<(), EditError> {
        let Some((name, port)) = self.host_of(node)? else {
            return Ok(());
        };
        if !self.plan.names(name) {
            let upstream = self.defined.iter().any(|defined| is(defined, name));
            if self.plan.stops(name) && !upstream {
                return Err(self.stopped(
                    node,
                    "Define an upstream for it, use it here, and add it to `upstreams`",
                ));
            }
            return Ok(());
        }
        self.editable(node)?;
        if port {
            return Err(node.error(
                EditErrorKind::Unsupported,
                format!("{}, an upstream with a port", node.shown()),
                "the name of the upstream alone",
                "Remove the port; nginx would not load the file either.",
            ));
        }
        let inner = self.blocks.last().map_or("", |block| block.name());
        if inner != "location" || self.blocks.iter().any(|block| block.name() == "stream") {
            return Err(node.error(
                EditErrorKind::Unsupported,
                format!("{} within `{inner}`", node.shown()),
                "`proxy_pass` directly within a `location`, where headers can be set for it alone",
                "Move it into a location of its own.",
            ));
        }
        if let Some(other) = self
            .blocks
            .last()
            .and_then(|block| self.other_inside(block, node))
        {
            return Err(other.error(
                EditErrorKind::Unsupported,
                format!("{} within a location that goes to dest ({})", other.shown(), node.place()),
                "a location whose inner blocks proxy to nothing else, since they inherit its headers",
                "Move one of them into a location of its own.",
            ));
        }
        let levels = self.levels.iter().rev().copied().collect();
        self.found.uses.push(Use { node, levels });
        Ok(())
    }

    /// Looks at any other `…_pass`: none of them can speak HTTPS to dest.
    fn other_pass(&self, node: &Node) -> Result<(), EditError> {
        let Some((name, _)) = self.host_of(node)? else {
            return Ok(());
        };
        if self.plan.names(name) {
            return Err(node.error(
                EditErrorKind::Unsupported,
                format!("{}, which uses an upstream that goes to dest", node.shown()),
                "`proxy_pass`, since dest is reached over HTTPS",
                "Give this directive an upstream of its own.",
            ));
        }
        let upstream = self.defined.iter().any(|defined| is(defined, name));
        if self.plan.stops(name) && !upstream {
            return Err(self.stopped(node, "Remove it"));
        }
        Ok(())
    }

    /// The host that a `…_pass` names, and whether a port follows; `None` for a socket.
    fn host_of<'n>(&self, node: &'n Node) -> Result<Option<(&'n str, bool)>, EditError> {
        match target(node.arg(0).unwrap_or("")) {
            Target::Host { name, port } => Ok(Some((name, port))),
            Target::Socket => Ok(None),
            Target::Variable => Err(node.error(
                EditErrorKind::Unsupported,
                format!("{}, where a variable says to whom", node.shown()),
                format!(
                    "a name, since the variable could stand for {}",
                    self.plan.upstreams.join(" or ")
                ),
                "Write the name of the upstream out.",
            )),
        }
    }

    /// The first directive deeper within a block that sends requests elsewhere than to the plan's upstreams.
    fn other_inside(&self, block: &'a Node, except: &Node) -> Option<&'a Node> {
        block.children().iter().find_map(|node| {
            let pass = node.name() == "proxy_pass" || OTHER_PASSES.contains(&node.name());
            let ours = match target(node.arg(0).unwrap_or("")) {
                Target::Host { name, .. } => self.plan.names(name),
                Target::Variable | Target::Socket => false,
            };
            let same = node.span == except.span && node.source.name == except.source.name;
            if pass && !ours && !same {
                Some(node)
            } else {
                self.other_inside(node, except)
            }
        })
    }

    /// Whether the block around the current directive has this name.
    fn inside(&self, name: &str) -> bool {
        self.blocks.last().is_some_and(|block| block.name() == name)
    }

    /// Refuses to change a file other than the one to be edited.
    fn editable(&self, node: &Node) -> Result<(), EditError> {
        if node.source.editable {
            return Ok(());
        }
        Err(node.error(
            EditErrorKind::Unsupported,
            format!("{} in another file", node.shown()),
            format!("it in {}, the file to be edited", self.plan.file),
            "Move it there, or name this file as `nginx_site` under [proxy] in regmig.toml instead.",
        ))
    }

    /// Something that names a service which will be stopped.
    fn stopped(&self, node: &Node, hint: &str) -> EditError {
        node.error(
            EditErrorKind::Unsupported,
            format!("{}, which names a service that will be stopped", node.shown()),
            "no name of a stopped service: nginx resolves it when it loads, and would refuse the file",
            format!("{hint}, under [proxy] in regmig.toml or here."),
        )
    }
}

/// Whether an upstream has this name.
fn is(upstream: &Node, name: &str) -> bool {
    upstream
        .arg(0)
        .is_some_and(|own| own.eq_ignore_ascii_case(name))
}

/// The host of `syslog:server=HOST[:PORT],…`.
fn syslog(arg: &str) -> Option<&str> {
    let rest = arg.strip_prefix("syslog:")?;
    let server = rest
        .split(',')
        .find_map(|part| part.strip_prefix("server="))?;
    Some(host(server))
}
