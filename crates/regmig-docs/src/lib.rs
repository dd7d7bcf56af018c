//! Pages of `docs/` that are made from the code, so that they cannot say anything else.
//!
//! The tests of this crate hold the pages that people write against the code as well.

mod cli;
mod exit_codes;
mod procedure;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use regmig_procedure::edit::unified_diff;

/// A page as the code has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its path from the root of the repository.
    pub path: &'static str,
    /// All of it.
    pub text: String,
}

/// Why pages could not be compared or written.
#[derive(Debug, thiserror::Error)]
pub enum DocsError {
    /// Pages say something else than the code.
    #[error("{} of the generated pages are out of date; type `cargo xtask docs`\n{diff}", paths.len())]
    OutOfDate {
        /// Which.
        paths: Vec<&'static str>,
        /// How they differ, as a unified diff.
        diff: String,
    },
    /// The file system said no.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// Every generated page.
pub fn pages() -> Vec<Page> {
    vec![
        Page {
            path: "docs/procedure.md",
            text: procedure::page(),
        },
        Page {
            path: "docs/exit-codes.md",
            text: exit_codes::page(),
        },
        Page {
            path: "docs/cli.md",
            text: cli::page(),
        },
    ]
}

/// The root of this repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Writes the pages that differ, and returns which they were.
///
/// # Errors
///
/// [`DocsError::Io`] where a page cannot be read or written.
pub fn write(root: &Path) -> Result<Vec<&'static str>, DocsError> {
    let mut written = Vec::new();
    for page in pages() {
        let path = root.join(page.path);
        if read(&path)? != page.text {
            fs::write(&path, page.text).map_err(io("write", &path))?;
            written.push(page.path);
        }
    }
    Ok(written)
}

/// Compares the pages with what is there, and changes nothing.
///
/// # Errors
///
/// [`DocsError::OutOfDate`] where a page differs or is missing, [`DocsError::Io`] where one cannot be read.
pub fn check(root: &Path) -> Result<(), DocsError> {
    let mut paths = Vec::new();
    let mut diff = String::new();
    for page in pages() {
        let there = read(&root.join(page.path))?;
        if there != page.text {
            paths.push(page.path);
            diff.push_str(&unified_diff(page.path, &there, &page.text));
        }
    }
    if paths.is_empty() {
        return Ok(());
    }
    Err(DocsError::OutOfDate { paths, diff })
}

/// A page as it is there, empty where it is not.
fn read(path: &Path) -> Result<String, DocsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(io("read", path)(error)),
    }
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> DocsError {
    let path = path.to_owned();
    move |source| DocsError::Io { what, path, source }
}

/// The head of a generated page.
fn head(title: &str, source: &str) -> String {
    format!("# {title}\n\n<!-- Made by `cargo xtask docs` out of {source}; do not edit. -->\n\n")
}

/// Text as it can stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
