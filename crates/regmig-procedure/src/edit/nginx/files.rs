//! The file to be edited, in its place among the files that include it or that it includes.

use std::rc::Rc;

use super::super::{EditError, EditErrorKind};
use super::plan::{ProxyPlan, SeenFile};
use super::tree::{Node, Source, parse};

/// Files that include files deeper than this are taken for a circle.
const DEEPEST: usize = 8;

/// Reads all files of a plan into one tree: each `include` is followed by what it includes.
pub(super) fn assemble(text: &str, plan: &ProxyPlan) -> Result<Vec<Node>, EditError> {
    let site = Rc::new(Source {
        name: plan.file.clone(),
        text: text.to_owned(),
        editable: true,
    });
    let mut assembler = Assembler {
        plan,
        site: parse(&site)?,
        met: false,
    };
    let Some(main) = &plan.main else {
        let site = assembler.site.clone();
        return assembler.expand(site, 0, 0);
    };
    let nodes = assembler.expand(parse(&seen(main))?, 0, 0)?;
    if !assembler.met {
        return Err(EditError::new(
            EditErrorKind::Missing,
            format!("no `include` of {} in {}", plan.file, main.path),
            "the main configuration that loads the file to be edited",
            "Check which file nginx really loads (`nginx -T`), and name that one under [proxy] in regmig.toml.",
        )
        .in_file(main.path.clone()));
    }
    Ok(nodes)
}

/// A file that is not edited.
fn seen(file: &SeenFile) -> Rc<Source> {
    Rc::new(Source {
        name: file.path.clone(),
        text: file.text.clone(),
        editable: false,
    })
}

/// Replaces includes by what they include.
struct Assembler<'a> {
    plan: &'a ProxyPlan,
    site: Vec<Node>,
    met: bool,
}

impl Assembler<'_> {
    /// Expands the includes of a block, at a depth of includes and a depth of blocks.
    fn expand(
        &mut self,
        nodes: Vec<Node>,
        depth: usize,
        blocks: usize,
    ) -> Result<Vec<Node>, EditError> {
        let mut expanded = Vec::with_capacity(nodes.len());
        for mut node in nodes {
            if let Some(children) = node.block.take() {
                node.block = Some(self.expand(children, depth, blocks + 1)?);
            }
            let included = if node.name() == "include" {
                self.included(&node, depth, blocks)?
            } else {
                None
            };
            expanded.push(node);
            if let Some(included) = included {
                expanded.extend(self.expand(included, depth + 1, blocks)?);
            }
        }
        Ok(expanded)
    }

    /// What an `include` includes, or `None` where that does not matter.
    fn included(
        &mut self,
        node: &Node,
        depth: usize,
        blocks: usize,
    ) -> Result<Option<Vec<Node>>, EditError> {
        let path = node.arg(0).unwrap_or("");
        if depth == DEEPEST {
            return Err(node.error(
                EditErrorKind::Unsupported,
                format!(
                    "includes that are nested deeper than {DEEPEST}: {}",
                    node.shown()
                ),
                "files that do not include each other in a circle",
                "Correct the includes; nginx would not load them either.",
            ));
        }
        if let Some(file) = self.plan.included.iter().find(|file| file.path == path) {
            return parse(&seen(file)).map(Some);
        }
        if !node.source.editable && base(path) == base(&self.plan.file) {
            if std::mem::replace(&mut self.met, true) {
                return Err(node.error(
                    EditErrorKind::Unsupported,
                    format!("a second {}", node.shown()),
                    "one place that loads the file to be edited",
                    "Include it once.",
                ));
            }
            return Ok(Some(self.site.clone()));
        }
        let modules = blocks == 0 && path.contains("/modules");
        if base(path) == "mime.types" || modules {
            return Ok(None);
        }
        Err(node.error(
            EditErrorKind::Unsupported,
            format!("{}, a file that was not seen", node.shown()),
            "only includes whose text is known, since they may use an upstream or set headers",
            "Name the included file as `nginx_site` under [proxy] in regmig.toml, or move its lines here.",
        ))
    }
}

/// The last part of a path.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
