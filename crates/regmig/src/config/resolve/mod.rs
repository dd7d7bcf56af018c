//! From the sections of the file to a [`Spec`].
//!
//! One file per section, each returning what it could read; `contradictions` then
//! compares sections with one another. Whatever is wrong is in the notes.

mod contradictions;
mod figures;
mod machine;
mod nameservers;
mod platform;
mod proxy;
mod redis;
mod stack;
mod tunnel;

use regmig_procedure::profile::Profile;
use regmig_procedure::spec::{Reach, Spec};
use toml::de::DeTable;

use super::files::Place;
use super::notes::Notes;
use super::section::Section;

/// What a configuration depends on besides its text.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// Where paths start from.
    pub(super) place: Place,
    /// Whether regmig runs as root.
    pub(super) root: bool,
}

/// Resolves a document; nothing if the notes have a problem that leaves no spec.
pub(super) fn resolve(
    document: &DeTable<'_>,
    around: &Surroundings,
    notes: &Notes,
) -> Option<Spec> {
    let section = |name| Section::open(document, name, notes);
    for name in ["platform", "source", "dest", "proxy", "nameservers"] {
        if !section(name).exists() && !notes.is_meant("", name) {
            notes.add(
                format!("the section [{name}] is missing"),
                Vec::new(),
                format!(
                    "add it with {}; `regmig init` writes an example",
                    required(name)
                ),
            );
        }
    }
    let platform = platform::read(&section("platform"));
    // With no usable profile there is no telling which keys have defaults: the widest is presumed.
    let profile = platform.profile.unwrap_or(Profile::Pryv2019);
    let defaults = profile.defaults();
    let source = machine::read(&section("source"), defaults, around);
    let dest = machine::read(&section("dest"), defaults, around);
    let stack = stack::read(&section("stack"), profile);
    let redis = redis::read(&section("redis"), defaults, &around.place);
    let proxy = proxy::read(&section("proxy"), &platform, defaults, &around.place);
    let tunnel = tunnel::read(&section("tunnel"), ssh_port(&source), ssh_port(&dest));
    let nameservers = nameservers::read(
        &section("nameservers"),
        platform.domain.as_deref(),
        &around.place,
    );
    let thresholds = figures::thresholds(&section("thresholds"));
    let limits = figures::limits(&section("limits"));
    let live = figures::live(&section("limits"), platform.strategy);
    let consent = figures::consent(&section("consent"));
    contradictions::machines(&source, &dest, notes);
    contradictions::delegation(&source, &dest, &nameservers, notes);
    Some(Spec {
        domain: platform.domain?,
        strategy: platform.strategy?,
        source: source.spec?,
        dest: dest.spec?,
        stack: stack?,
        redis: redis?,
        proxy: proxy?,
        tunnel: tunnel?,
        nameservers: nameservers.spec?,
        thresholds: thresholds?,
        limits: limits?,
        live,
        consent: consent?,
    })
}

/// The keys without which a section is of no use.
fn required(section: &str) -> &'static str {
    match section {
        "platform" => "`domain` and `profile`",
        "source" | "dest" => "`address` and the way to reach it",
        "proxy" => "`trust`",
        _ => "`parents`, `before` and `after`",
    }
}

/// The port of a machine's sshd, as far as it is known.
fn ssh_port(machine: &machine::Read) -> u16 {
    match machine.spec.as_ref().map(|spec| &spec.reach) {
        Some(Reach::Ssh(ssh)) => ssh.port,
        _ => 22,
    }
}
