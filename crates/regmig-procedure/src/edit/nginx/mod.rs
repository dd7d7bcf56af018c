//! nginx on source, sending what the stack served to dest instead.
//!
//! Named upstreams get dest's address for their only server, and every location that uses one speaks
//! verified TLS with the name that the client asked for. What stood there stays, commented out in place.
//! What this module does not understand for certain it refuses: a wrong guess here is an outage.

mod collect;
mod files;
mod lexer;
mod plan;
mod settings;
mod target;
mod tree;

pub use plan::{ProxyPlan, SeenFile};

use super::marks::{
    Place, Region, edit_once, indent_of, line_start, refuse_other_marks, undo as undo_marks,
};
use super::{Edit, EditError, EditErrorKind, Marker};
use collect::{Findings, collect};
use tree::Node;

/// Sends the plan's upstreams to dest.
///
/// # Errors
///
/// - [`EditErrorKind::Request`]: the plan itself makes no sense.
/// - [`EditErrorKind::Syntax`]: a file that nginx would not load either.
/// - [`EditErrorKind::Missing`]: an upstream that is not defined in this file, or no `include` of this file.
/// - [`EditErrorKind::Unsupported`]: something that could hide a use of an upstream, or would keep nginx
///   from loading once the stack's services are stopped.
/// - [`EditErrorKind::OtherEdit`] and [`EditErrorKind::Drift`]: marks in the file that do not fit.
pub fn proxy_to(text: &str, plan: &ProxyPlan) -> Result<Edit, EditError> {
    plan.check()?;
    let edit = || {
        refuse_other_marks(text, &plan.marker)?;
        let edit = edit_once(text, &plan.marker, |text| regions(text, plan))?;
        confirm(&edit.after, plan)?;
        Ok(edit)
    };
    edit().map_err(|error: EditError| error.in_file(plan.file.clone()))
}

/// The exact inverse of [`proxy_to`]; a file without this mark comes back unchanged.
///
/// # Errors
///
/// [`EditErrorKind::Drift`] when marked lines were changed by somebody else.
pub fn undo(text: &str, marker: &Marker) -> Result<Edit, EditError> {
    undo_marks(text, marker)
}

/// The places to change in a text without marks.
fn regions(text: &str, plan: &ProxyPlan) -> Result<Vec<Region>, EditError> {
    let tree = files::assemble(text, plan)?;
    let found = collect(&tree, plan)?;
    let mut regions = Vec::new();
    for upstream in &found.upstreams {
        for (index, server) in upstream.servers.iter().enumerate() {
            let lines = if index == 0 {
                vec![format!("server {};", plan.dest)]
            } else {
                Vec::new()
            };
            regions.push(off(text, server, lines, plan));
        }
        for keepalive in &upstream.keepalives {
            regions.push(off(text, keepalive, Vec::new(), plan));
        }
    }
    for used in &found.uses {
        let settings = settings::of(used, plan)?;
        regions.push(off(text, used.node, settings.lines, plan));
        for replaced in settings.replaced {
            regions.push(off(text, replaced, Vec::new(), plan));
        }
    }
    Ok(regions)
}

/// A directive to be commented out, with the lines that take its place, indented and marked.
fn off(text: &str, node: &Node, lines: Vec<String>, plan: &ProxyPlan) -> Region {
    let start = node.span.start;
    let indent = indent_of(text, start);
    let alone = text
        .get(line_start(text, start)..start)
        .is_some_and(|before| before == indent);
    let deeper = if alone { "" } else { "  " };
    let mark = plan.marker.comment();
    let lines = lines
        .into_iter()
        .map(|line| format!("{indent}{deeper}{line} {mark}"))
        .collect();
    Region {
        place: Place::Off(node.span.clone()),
        lines,
    }
}

/// Reads the edited text again and looks whether it says what was meant.
fn confirm(after: &str, plan: &ProxyPlan) -> Result<(), EditError> {
    let tree = files::assemble(after, plan)?;
    let found: Findings<'_> = collect(&tree, plan)?;
    let dest = plan.dest.to_string();
    let servers = found.upstreams.iter().all(|upstream| {
        let args: Vec<&str> = upstream
            .servers
            .iter()
            .flat_map(|server| server.args())
            .collect();
        args == [dest.as_str()] && upstream.keepalives.is_empty()
    });
    let uses = found.uses.iter().all(|used| settings::complete(used, plan));
    if servers && uses {
        return Ok(());
    }
    Err(EditError::new(
        EditErrorKind::SelfCheck,
        "an edited file that does not send every upstream to dest",
        "every upstream with dest for its only server, every use of it over verified TLS",
        "Nothing was changed. Edit this file by hand, and report the file as a fault of regmig.",
    ))
}

#[cfg(test)]
mod tests;
