//! What came of the matrix, for people line by line and for scripts as one file.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Tried, Trouble};

/// What was found out about one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledged writes that are not where they have to be.
    pub lost: Vec<String>,
    /// Looks at which both machines accepted writes, in milliseconds since the epoch.
    pub two_writers: Vec<i64>,
    /// What a rollback did not bring back, in words.
    pub leftovers: Vec<String>,
    /// What else went wrong.
    pub trouble: Vec<String>,
}

impl Verdict {
    /// Something went wrong that has no figure of its own.
    pub fn trouble(what: impl std::fmt::Display) -> Self {
        Self {
            trouble: vec![what.to_string()],
            ..Self::default()
        }
    }

    /// Nothing went wrong.
    pub fn is_good(&self) -> bool {
        *self == Self::default()
    }

    fn words(&self) -> String {
        let mut lines = Vec::new();
        if !self.lost.is_empty() {
            lines.push(format!(
                "{} acknowledged writes are lost: {}",
                self.lost.len(),
                some(&self.lost)
            ));
        }
        if !self.two_writers.is_empty() {
            lines.push(format!(
                "two machines accepted writes at {}",
                some(&self.two_writers)
            ));
        }
        if !self.leftovers.is_empty() {
            lines.push(format!(
                "left over or changed:\n  {}",
                self.leftovers.join("\n  ")
            ));
        }
        lines.extend(self.trouble.iter().cloned());
        lines.join("\n")
    }
}

/// The first few entries.
fn some<T: ToString>(entries: &[T]) -> String {
    let mut words: Vec<String> = entries.iter().take(3).map(T::to_string).collect();
    if entries.len() > words.len() {
        words.push("…".to_owned());
    }
    words.join(", ")
}

impl From<Trouble> for Verdict {
    fn from(trouble: Trouble) -> Self {
        Self::trouble(trouble)
    }
}

/// Everything that was run, and what came of it.
#[derive(Debug)]
pub struct Report {
    path: Option<PathBuf>,
    /// What was asked for.
    asked: Value,
    /// The effects before or after which regmig was killed, with the moment.
    pub struck: BTreeSet<String>,
    kinds: BTreeMap<String, Kind>,
    failed: Vec<Value>,
    lost: usize,
    two_writers: usize,
    leftovers: usize,
    /// Looks at both machines that were judged.
    pub looks: usize,
    /// Acknowledged writes that were asked for in the end.
    pub acknowledged: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Kind {
    runs: usize,
    failures: usize,
    took: Duration,
}

impl Report {
    /// An empty report that is written to a file, where one is given, whenever something is added.
    pub fn new(path: Option<&Path>, asked: Value) -> Self {
        Self {
            path: path.map(Path::to_owned),
            asked,
            struck: BTreeSet::new(),
            kinds: BTreeMap::new(),
            failed: Vec::new(),
            lost: 0,
            two_writers: 0,
            leftovers: 0,
            looks: 0,
            acknowledged: 0,
        }
    }

    /// Adds a run, prints its line, and says whether it was good.
    ///
    /// `evidence` is the folder with everything that the programs said.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn add(
        &mut self,
        name: &str,
        verdict: &Verdict,
        took: Duration,
        evidence: &Path,
    ) -> Tried<bool> {
        let kind = name.split_once(':').map_or(name, |(kind, _)| kind);
        let kind = self.kinds.entry(kind.to_owned()).or_default();
        kind.runs += 1;
        kind.took += took;
        let good = verdict.is_good();
        if !good {
            kind.failures += 1;
            self.lost += verdict.lost.len();
            self.two_writers += verdict.two_writers.len();
            self.leftovers += verdict.leftovers.len();
            self.failed.push(json!({
                "name": name,
                "what": verdict.words(),
                "lost": verdict.lost.len(),
                "two_writers": verdict.two_writers.len(),
                "leftovers": verdict.leftovers.len(),
                "repeat": self.repeat(name),
                "evidence": evidence.display().to_string(),
            }));
        }
        let word = if good { "ok    " } else { "FAILED" };
        say(&format!("{word} {:6.1} s  {name}", took.as_secs_f64()));
        if !good {
            say(&format!("    {}", verdict.words().replace('\n', "\n    ")));
            say(&format!("    again: {}", self.repeat(name)));
        }
        self.write()?;
        Ok(good)
    }

    /// How many runs were not good.
    pub fn failures(&self) -> usize {
        self.failed.len()
    }

    /// The report as scripts read it.
    pub fn json(&self) -> Value {
        let kinds: Vec<Value> = self
            .kinds
            .iter()
            .map(|(name, kind)| {
                json!({
                    "kind": name,
                    "runs": kind.runs,
                    "failures": kind.failures,
                    "seconds": kind.took.as_secs(),
                })
            })
            .collect();
        json!({
            "asked": self.asked,
            "points": self.struck.len(),
            "runs": self.kinds.values().map(|kind| kind.runs).sum::<usize>(),
            "failures": self.failures(),
            "lost": self.lost,
            "two_writers": self.two_writers,
            "leftovers": self.leftovers,
            "acknowledged": self.acknowledged,
            "looks": self.looks,
            "kinds": kinds,
            "failed": self.failed,
            "struck": self.struck,
        })
    }

    /// Writes the file anew, so that a matrix which is ended early leaves what it found.
    fn write(&self) -> Tried<()> {
        if let Some(path) = &self.path {
            std::fs::write(path, format!("{:#}\n", self.json()))?;
        }
        Ok(())
    }

    /// The command that makes a run again.
    fn repeat(&self, name: &str) -> String {
        let strategy = match self.asked.get("strategy").and_then(Value::as_str) {
            Some("live") => " --strategy live",
            _ => "",
        };
        format!("cargo xtask matrix{strategy} --only '{name}'")
    }

    /// Writes the file a last time.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn finish(&self) -> Tried<()> {
        self.write()
    }
}

/// Writes a line; a reader that has gone away is no reason to end.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report::new(None, json!({ "quick": true }))
    }

    #[test]
    fn every_figure_is_there_and_failures_can_be_repeated() {
        let mut report = report();
        let folder = Path::new("lab/matrix-1");
        let second = Duration::from_secs(1);
        report.struck.insert("cold/fence#0:after".to_owned());
        assert!(
            report
                .add(
                    "resume:cold/fence#0:after",
                    &Verdict::default(),
                    second,
                    folder
                )
                .unwrap()
        );
        let bad = Verdict {
            lost: vec!["ann".to_owned(), "bob".to_owned()],
            two_writers: vec![5],
            leftovers: vec!["file x was not there".to_owned()],
            trouble: vec![],
        };
        assert!(
            !report
                .add("rollback:cold/fence#0:after", &bad, second, folder)
                .unwrap()
        );
        assert!(
            !report
                .add(
                    "rollback:cold/stop#0:after",
                    &Verdict::trouble("it hangs"),
                    second,
                    folder
                )
                .unwrap()
        );
        let json = report.json();
        for (name, figure) in [
            ("points", 1),
            ("runs", 3),
            ("failures", 2),
            ("lost", 2),
            ("two_writers", 1),
            ("leftovers", 1),
        ] {
            assert_eq!(json[name], figure, "{name} in {json:#}");
        }
        assert_eq!(
            json["failed"][0]["repeat"],
            "cargo xtask matrix --only 'rollback:cold/fence#0:after'"
        );
        let what = json["failed"][0]["what"].as_str().unwrap();
        assert!(
            what.contains("2 acknowledged writes are lost: ann, bob"),
            "{what}"
        );
        assert!(what.contains("file x was not there"), "{what}");
        assert_eq!(json["failed"][1]["what"], "it hangs");
        assert_eq!(
            json["kinds"][1],
            json!({ "kind": "rollback", "runs": 2, "failures": 2, "seconds": 2 })
        );
    }

    #[test]
    fn the_file_is_written_as_it_goes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut report = Report::new(Some(file.path()), json!({}));
        let folder = Path::new("lab");
        report
            .add(
                "resume:a/b#0:after",
                &Verdict::default(),
                Duration::ZERO,
                folder,
            )
            .unwrap();
        let read: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
        assert_eq!(read["runs"], 1);
    }
}
