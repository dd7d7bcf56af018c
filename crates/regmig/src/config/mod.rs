//! `regmig.toml`: what an operator writes, made into a [`Spec`].
//!
//! All of the file is read before anything is reported, so that an operator
//! corrects it once. No secret can be written in it, and no message repeats one.

mod files;
mod notes;
mod pem;
pub mod report;
mod resolve;
mod schema;
mod secret;
mod section;
mod shown;
mod snippet;
mod template;
#[cfg(test)]
mod tests;
mod units;
mod unknown;
mod values;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use regmig_procedure::spec::Spec;
use toml::de::DeTable;

pub use report::ConfigReport;
pub use secret::secret;
pub use template::init;

use files::Place;
use notes::{Notes, Placeholder};
use report::Problem;
use resolve::Surroundings;
use snippet::Snippet;

/// More than any configuration.
const LARGEST: u64 = 1 << 20;

/// Syntax errors that are shown: those after the first few mostly follow from them.
const MOST_SYNTAX_ERRORS: usize = 3;

/// A configuration that is ready for use.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What was configured.
    pub spec: Spec,
    /// The file, absolute.
    pub path: PathBuf,
}

/// Loads and checks a configuration.
///
/// `env` answers with the value of an environment variable; only `HOME` is asked for.
///
/// # Errors
///
/// Everything that is wrong with the file and with the files it names, each with its line.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, ConfigReport> {
    let text = read(path)?;
    let absolute = absolute(path)?;
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_path_buf();
    let home = env("HOME").map(PathBuf::from);
    let spec = of_text(&path.display().to_string(), &text, &folder, home)?;
    Ok(Loaded {
        spec,
        path: absolute,
    })
}

/// Makes a text into a spec: what [`load`] does once it has read the file.
///
/// Relative paths in it start at `folder`, `~` stands for `home`, and the name is for messages.
///
/// # Errors
///
/// As [`load`].
pub fn of_text(
    name: &str,
    text: &str,
    folder: &Path,
    home: Option<PathBuf>,
) -> Result<Spec, ConfigReport> {
    let around = Surroundings {
        place: Place {
            folder: folder.to_path_buf(),
            home,
        },
        root: rustix::process::geteuid().is_root(),
    };
    understand(name, text, &around)
}

fn read(path: &Path) -> Result<String, ConfigReport> {
    let name = path.display();
    let failed = |error: std::io::Error| {
        let help = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "expected a configuration there; `regmig init` writes one, and --config names another".to_owned()
            }
            _ => format!("reading it failed: {error}"),
        };
        let what = match error.kind() {
            std::io::ErrorKind::NotFound => "does not exist",
            _ => "cannot be read",
        };
        ConfigReport::of_file(format!("{name} {what}"), help)
    };
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        let help = "it is larger than 1 MiB; name another file with --config".to_owned();
        return Err(ConfigReport::of_file(
            format!("{name} is not a configuration"),
            help,
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let line = error
            .as_bytes()
            .iter()
            .take(offset)
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        let help = format!("line {line} has bytes that are not UTF-8; save the file as UTF-8");
        ConfigReport::of_file(format!("{name} is not a text file in UTF-8"), help)
    })
}

/// The file's absolute path, the same from wherever regmig is started.
fn absolute(path: &Path) -> Result<PathBuf, ConfigReport> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or_default();
    fs::canonicalize(folder)
        .map(|folder| folder.join(name))
        .map_err(|error| {
            let help = format!("its folder cannot be found: {error}");
            ConfigReport::of_file(format!("{} cannot be read", path.display()), help)
        })
}

/// Makes a text into a spec.
fn understand(name: &str, text: &str, around: &Surroundings) -> Result<Spec, ConfigReport> {
    let notes = Notes::default();
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        unknown::check(document.get_ref(), &notes);
        let spec = resolve::resolve(document.get_ref(), around, &notes);
        note_placeholders(&notes);
        if let (Some(spec), true) = (spec, notes.problems.borrow().is_empty()) {
            return Ok(spec);
        }
    } else {
        note_syntax(text, &errors, &notes);
    }
    Err(conclude(name, text, notes))
}

fn note_syntax(text: &str, errors: &[toml::de::Error], notes: &Notes) {
    for error in errors.iter().take(MOST_SYNTAX_ERRORS) {
        let labels = error
            .span()
            .map(|at| (widened(text, at), "here".to_owned()));
        let message = error.message().lines().next().unwrap_or_default();
        let help = match message {
            "duplicate key" => "expected each key and each heading once; remove one",
            _ => {
                "expected headings such as [source], and lines such as key = \"text\", key = 22, \
                 key = true or key = [\"a\", \"b\"]; names, addresses, paths, sizes and durations \
                 stand in quotes"
            }
        };
        notes.add(
            format!("not TOML: {message}"),
            labels.into_iter().collect(),
            help,
        );
    }
}

/// Widens an empty span to the character before it, so that something can be underlined.
fn widened(text: &str, at: Range<usize>) -> Range<usize> {
    let before = text
        .get(..at.start)
        .and_then(|before| before.chars().next_back());
    match before {
        Some(character) if at.is_empty() && character != '\n' => {
            at.start - character.len_utf8()..at.start
        }
        _ => at,
    }
}

/// Notes each placeholder once, with every place where it still stands.
fn note_placeholders(notes: &Notes) {
    let mut by_word: BTreeMap<String, Vec<Placeholder>> = BTreeMap::new();
    for found in notes.placeholders.take() {
        by_word.entry(found.word.clone()).or_default().push(found);
    }
    for (word, places) in by_word {
        let expected = places.first().map_or("a value", |first| first.expected);
        let help = format!("expected {expected}; write it in place of {word}");
        let labels = places
            .iter()
            .map(|found| (found.at.clone(), format!("in `{}`", found.key)));
        let what = format!("the placeholder {word} is still in the file");
        notes.add(what, labels.collect(), help);
    }
}

fn conclude(name: &str, text: &str, notes: Notes) -> ConfigReport {
    let snippet = Arc::new(Snippet::new(name.to_owned(), text, &notes.hidden.take()));
    let mut problems: Vec<Problem> = notes.problems.take();
    problems.sort_by_key(|problem| problem.labels.iter().map(|(at, _)| at.start).min());
    for problem in &mut problems {
        problem.snippet = Some(Arc::clone(&snippet));
    }
    let count = match problems.len() {
        1 => "one problem".to_owned(),
        count => format!("{count} problems"),
    };
    ConfigReport {
        message: format!("{name} has {count}"),
        help: Some(
            "nothing has been changed on any machine; correct the file and try again".to_owned(),
        ),
        problems,
    }
}
