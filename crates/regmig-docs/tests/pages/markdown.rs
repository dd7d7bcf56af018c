//! As much of Markdown as these pages use.

use std::fs;
use std::path::PathBuf;

/// One page.
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// `README.md` and every page beneath `docs/`.
pub(crate) fn all() -> Vec<Page> {
    let root = regmig_docs::root();
    let mut folders = vec![root.join("docs")];
    let mut paths: Vec<PathBuf> = Some(root.join("README.md"))
        .into_iter()
        .filter(|path| path.exists())
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                paths.push(path);
            }
        }
    }
    paths
        .into_iter()
        .map(|path| Page {
            text: fs::read_to_string(&path).unwrap(),
            path,
        })
        .collect()
}

impl Page {
    /// Lines outside of fenced blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut fenced = false;
        self.text.lines().filter(move |line| {
            let fence = line.starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        })
    }

    /// Lines of blocks that are fenced as shell commands.
    pub(crate) fn shell(&self) -> impl Iterator<Item = &str> {
        let mut within = false;
        self.text.lines().filter(move |line| {
            let fence = line.starts_with("```");
            if fence {
                within = *line == "```sh";
            }
            within && !fence
        })
    }

    /// What stands between backquotes in a line.
    pub(crate) fn code(&self) -> impl Iterator<Item = &str> {
        self.prose()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// Where links lead.
    pub(crate) fn links(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(|line| {
            line.split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next())
        })
    }

    /// Anchors of headings.
    pub(crate) fn anchors(&self) -> Vec<String> {
        self.prose()
            .filter(|line| line.starts_with('#'))
            .map(|line| {
                line.trim_start_matches('#')
                    .trim()
                    .to_lowercase()
                    .chars()
                    .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                    .map(|c| if c == ' ' { '-' } else { c })
                    .collect()
            })
            .collect()
    }
}

#[test]
fn pages_are_read_as_they_are_meant() {
    let page = Page {
        path: PathBuf::new(),
        text: "# `a --b` of: C\n[x](y.md#z), `regmig run`\n```sh\nregmig plan # `no`\n```\n```text\nregmig not\n```\n"
            .to_owned(),
    };
    assert_eq!(page.anchors(), ["a---b-of-c"]);
    assert_eq!(page.links().collect::<Vec<_>>(), ["y.md#z"]);
    assert_eq!(page.code().collect::<Vec<_>>(), ["a --b", "regmig run"]);
    assert_eq!(page.shell().collect::<Vec<_>>(), ["regmig plan # `no`"]);
}
