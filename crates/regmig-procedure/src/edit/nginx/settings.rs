//! What a location needs so that dest serves its requests as source did.

use super::super::{EditError, EditErrorKind};
use super::collect::Use;
use super::plan::ProxyPlan;
use super::tree::Node;

/// Intermediate certificates allowed between dest's and a trusted one; nginx's own default, 1, is too
/// few for some public authorities.
const VERIFY_DEPTH: u8 = 4;

/// The lines of a location, and its directives that they replace.
pub(super) struct Settings<'a> {
    /// Directives, without indentation.
    pub(super) lines: Vec<String>,
    /// Directives of the location that would contradict them.
    pub(super) replaced: Vec<&'a Node>,
}

/// The directives, other than headers, that each location gets.
fn fixed(plan: &ProxyPlan) -> [(&'static str, String); 7] {
    [
        ("proxy_ssl_server_name", "on".into()),
        ("proxy_ssl_name", plan.tls_name.clone()),
        ("proxy_ssl_verify", "on".into()),
        ("proxy_ssl_verify_depth", VERIFY_DEPTH.to_string()),
        (
            "proxy_ssl_trusted_certificate",
            plan.trusted_certificate.clone(),
        ),
        // A whole handshake for each request costs clients more than all else on the way to dest.
        ("proxy_ssl_session_reuse", "on".into()),
        // A write must never be sent twice, and there is no other server anyway.
        ("proxy_next_upstream", "off".into()),
    ]
}

/// What a use of an upstream becomes.
///
/// Headers that a location sets replace all that it would inherit, so those are set again. dest serves
/// by the client's `Host`, and must learn the client's address.
pub(super) fn of<'a>(used: &Use<'a>, plan: &ProxyPlan) -> Result<Settings<'a>, EditError> {
    let own = used.levels.first().copied().unwrap_or(&[]);
    let mut replaced: Vec<&Node> = Vec::new();
    let mut lines = vec![https(used.node)?, "proxy_set_header Host $host;".to_owned()];
    let level = used
        .levels
        .iter()
        .position(|level| level.iter().any(is_header));
    let headers = level
        .and_then(|index| used.levels.get(index))
        .copied()
        .unwrap_or(&[]);
    let mut forwarded = false;
    for header in headers.iter().filter(|node| is_header(node)) {
        let name = header.arg(0).unwrap_or("");
        forwarded |= name.eq_ignore_ascii_case("X-Forwarded-For");
        match (name.eq_ignore_ascii_case("Host"), level == Some(0)) {
            (true, true) => replaced.push(header),
            (false, false) => lines.push(again(header)?),
            (true, false) | (false, true) => {}
        }
    }
    if !forwarded {
        lines.push("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;".to_owned());
    }
    for (name, value) in fixed(plan) {
        replaced.extend(own.iter().filter(|node| node.name() == name));
        lines.push(format!("{name} {value};"));
    }
    if let Some(foreign) = replaced.iter().find(|node| !node.source.editable) {
        return Err(foreign.error(
            EditErrorKind::Unsupported,
            format!(
                "{} in another file, included by a location that goes to dest",
                foreign.shown()
            ),
            "that directive in the file to be edited, where it can be replaced",
            format!("Move it to {} ({}).", plan.file, used.node.place()),
        ));
    }
    Ok(Settings { lines, replaced })
}

/// Whether an edited location has everything exactly once.
pub(super) fn complete(used: &Use<'_>, plan: &ProxyPlan) -> bool {
    let own = used.levels.first().copied().unwrap_or(&[]);
    let once = |name: &str, value: &str| {
        let mut same = own.iter().filter(|node| node.name() == name);
        same.next().is_some_and(|node| node.arg(0) == Some(value)) && same.next().is_none()
    };
    let headers = |name: &str| {
        let named = |node: &&Node| {
            node.arg(0)
                .is_some_and(|own| own.eq_ignore_ascii_case(name))
        };
        own.iter()
            .filter(|node| is_header(node))
            .filter(named)
            .count()
    };
    used.node
        .arg(0)
        .is_some_and(|url| url.starts_with("https://"))
        && headers("Host") == 1
        && headers("X-Forwarded-For") >= 1
        && fixed(plan).iter().all(|(name, value)| once(name, value))
}

/// Whether a directive sets a header of the request to the upstream.
fn is_header(node: &Node) -> bool {
    node.name() == "proxy_set_header"
}

/// The same `proxy_pass`, over HTTPS.
fn https(node: &Node) -> Result<String, EditError> {
    let raw = node.raw_args();
    let url = raw.first().copied().unwrap_or("");
    let mark = url
        .get(..1)
        .filter(|first| matches!(*first, "\"" | "'"))
        .unwrap_or("");
    let bare = url.get(mark.len()..).unwrap_or("");
    let rest = ["http://", "https://"].into_iter().find_map(|scheme| {
        let start = bare.get(..scheme.len())?;
        if start.eq_ignore_ascii_case(scheme) {
            bare.get(scheme.len()..)
        } else {
            None
        }
    });
    match rest {
        Some(rest) if raw.len() == 1 && !rest.contains('\n') => {
            Ok(format!("proxy_pass {mark}https://{rest};"))
        }
        _ => Err(node.error(
            EditErrorKind::Unsupported,
            node.shown(),
            "`proxy_pass http://UPSTREAM…;` on one line",
            "Write it so.",
        )),
    }
}

/// A directive once more, as it was written.
fn again(node: &Node) -> Result<String, EditError> {
    let args = node.raw_args().join(" ");
    if args.contains('\n') {
        return Err(node.error(
            EditErrorKind::Unsupported,
            format!("{}, a header over several lines", node.shown()),
            "a header on one line, since it has to be set again in a location",
            "Write it on one line.",
        ));
    }
    Ok(format!("{} {args};", node.name()))
}
