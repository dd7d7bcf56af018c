//! The crash matrix: kills at every point and faults in every state, on the lab.
//!
//! The matrix itself is an example of the package of whole-program tests, whose eyes and hands it uses; this builds it
//! and the program with failpoints, runs it, and reads its report.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::span;

use crate::lab::{self, LabConfig, LabError};
use crate::program::{Program, ProgramError};
use crate::say::print;
use crate::table::columns;
use crate::workspace::{cargo, program};

/// How long a build from nothing may take.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// What to run, and where.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// Only a spread of everything.
    pub quick: bool,
    /// Only runs whose names contain one of these; none for all.
    pub only: Vec<String>,
    /// How data travels: `copy` or `live`.
    pub strategy: String,
    /// The file for what came of it.
    pub report: PathBuf,
    /// The lab.
    pub lab: LabConfig,
}

/// Why the matrix could not be run, or found something.
#[derive(Debug, thiserror::Error)]
pub enum MatrixError {
    /// The lab failed.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// Something could not be built or run.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The report could not be removed or read.
    #[error("cannot {what} {}", path.display())]
    File {
        /// What was to be done.
        what: &'static str,
        /// The report.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The report is not what a matrix writes.
    #[error("{} is no report of a matrix", path.display())]
    Report {
        /// The report.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The matrix ended before its end.
    #[error("the matrix broke off; what it said is above")]
    BrokeOff,
    /// A promise was not kept.
    #[error(
        "{failures} of {runs} runs failed: {lost} acknowledged writes lost, {two_writers} looks at two writers, \
         {leftovers} leftovers; {} names each with the command that repeats it", path.display()
    )]
    Found {
        /// How many runs.
        runs: u64,
        /// How many of them failed.
        failures: u64,
        /// Acknowledged writes that are lost.
        lost: u64,
        /// Looks at which both machines accepted writes.
        two_writers: u64,
        /// Things that a rollback did not bring back.
        leftovers: u64,
        /// The report.
        path: PathBuf,
    },
    /// It ran nothing.
    #[error("no run has such a name: {patterns}")]
    Nothing {
        /// What was asked for.
        patterns: String,
    },
}

/// What a matrix writes, as far as it is judged here.
#[derive(Debug, Deserialize)]
struct Report {
    points: u64,
    runs: u64,
    failures: u64,
    lost: u64,
    two_writers: u64,
    leftovers: u64,
    acknowledged: u64,
    looks: u64,
    kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    kind: String,
    runs: u64,
    failures: u64,
    seconds: u64,
}

impl Matrix {
    /// Builds what it needs, brings the lab up, runs it, and prints its table.
    ///
    /// # Errors
    ///
    /// When something cannot be built or run, or a run failed.
    pub fn run(&self) -> Result<(), MatrixError> {
        self.build()?;
        lab::up(&self.lab)?;
        if self.report.exists() {
            fs::remove_file(&self.report).map_err(|source| self.file("remove", source))?;
        }
        let [a, b, c] = self.lab.subnet;
        let how = if self.quick { "quick" } else { "full" };
        let matrix = program("examples/matrix_runs").map_err(|source| self.file("find", source))?;
        let status = Program::new("env")
            .args([
                format!("REGMIG_LAB={}", self.lab.name),
                format!("REGMIG_LAB_SUBNET={a}.{b}.{c}"),
            ])
            .args([matrix.as_os_str(), how.as_ref(), self.strategy.as_ref()])
            .args([&self.report])
            .args(&self.only)
            .interactive()?;
        let report = self.read()?;
        print(report.table().trim_end());
        report.verdict(self, status.success())
    }

    /// Builds regmig as people use it, the same with failpoints, the clients, and the matrix.
    ///
    /// For the whole workspace, as the tests do, so that dependencies are not built twice.
    fn build(&self) -> Result<(), ProgramError> {
        let all = || {
            cargo("build")
                .args(["--workspace", "--quiet"])
                .limit(BUILD_LIMIT)
        };
        all().done()?;
        all()
            .args([
                "--features",
                "regmig/failpoints",
                "--bin",
                "regmig-failpoints",
            ])
            .done()?;
        all()
            .args(["--features", "regmig-tests/lab", "--example", "matrix_runs"])
            .done()
    }

    fn file(&self, what: &'static str, source: io::Error) -> MatrixError {
        MatrixError::File {
            what,
            path: self.report.clone(),
            source,
        }
    }

    fn read(&self) -> Result<Report, MatrixError> {
        let text = match fs::read(&self.report) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(MatrixError::BrokeOff);
            }
            other => other.map_err(|source| self.file("read", source))?,
        };
        serde_json::from_slice(&text).map_err(|source| MatrixError::Report {
            path: self.report.clone(),
            source,
        })
    }
}

impl Report {
    /// One line for each kind of run, and the sums.
    fn table(&self) -> String {
        let line = |name: &str, runs: u64, failures: u64, ms: u64| {
            [
                name.to_owned(),
                runs.to_string(),
                failures.to_string(),
                span(ms),
            ]
        };
        let mut rows = vec![["", "runs", "failed", "took"].map(str::to_owned)];
        for kind in &self.kinds {
            let ms = kind.seconds.saturating_mul(1000);
            rows.push(line(&kind.kind, kind.runs, kind.failures, ms));
        }
        format!(
            "\nThe matrix\n{}\n{} points, {} runs, {} failed; {} acknowledged writes, {} lost; {} looks, {} at two writers; \
             {} leftovers\n",
            columns(&rows).trim_end(),
            self.points,
            self.runs,
            self.failures,
            self.acknowledged,
            self.lost,
            self.looks,
            self.two_writers,
            self.leftovers
        )
    }

    fn verdict(&self, matrix: &Matrix, ended_well: bool) -> Result<(), MatrixError> {
        let found = self.failures + self.lost + self.two_writers + self.leftovers;
        if found > 0 {
            return Err(MatrixError::Found {
                runs: self.runs,
                failures: self.failures,
                lost: self.lost,
                two_writers: self.two_writers,
                leftovers: self.leftovers,
                path: matrix.report.clone(),
            });
        }
        if !ended_well {
            return Err(MatrixError::BrokeOff);
        }
        if self.points == 0 && self.kinds.iter().all(|kind| kind.kind != "fault") {
            return Err(MatrixError::Nothing {
                patterns: matrix.only.join(", "),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn matrix(report: &Path) -> Matrix {
        Matrix {
            quick: true,
            only: vec!["cold/fench".to_owned()],
            strategy: "copy".to_owned(),
            report: report.to_owned(),
            lab: LabConfig::default(),
        }
    }

    fn verdict(points: u64, failures: u64, lost: u64, ended_well: bool) -> Result<(), MatrixError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!(
            r#"{{ "points": {points}, "runs": 3, "failures": {failures}, "lost": {lost}, "two_writers": 0, "leftovers": 0,
                "acknowledged": 70, "looks": 9, "failed": [],
                "kinds": [{{ "kind": "resume", "runs": 3, "failures": {failures}, "seconds": 61 }}] }}"#
        );
        fs::write(file.path(), text).unwrap();
        let matrix = matrix(file.path());
        matrix.read().unwrap().verdict(&matrix, ended_well)
    }

    #[test]
    fn only_a_matrix_that_found_nothing_is_good() {
        assert!(verdict(3, 0, 0, true).is_ok());
        let found = verdict(3, 1, 2, false).unwrap_err().to_string();
        assert!(
            found.starts_with("1 of 3 runs failed: 2 acknowledged writes lost"),
            "{found}"
        );
        assert!(matches!(
            verdict(3, 0, 1, true),
            Err(MatrixError::Found { .. })
        ));
        assert!(matches!(
            verdict(3, 0, 0, false),
            Err(MatrixError::BrokeOff)
        ));
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error() {
        let error = verdict(0, 0, 0, true).unwrap_err().to_string();
        assert_eq!(error, "no run has such a name: cold/fench");
    }

    #[test]
    fn a_missing_or_strange_report_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("matrix.json");
        assert!(matches!(matrix(&path).read(), Err(MatrixError::BrokeOff)));
        fs::write(&path, "{}").unwrap();
        assert!(matches!(
            matrix(&path).read(),
            Err(MatrixError::Report { .. })
        ));
    }

    #[test]
    fn the_table_has_a_line_for_each_kind_and_the_sums() {
        let kind = |kind: &str, runs| Kind {
            kind: kind.to_owned(),
            runs,
            failures: 0,
            seconds: 61,
        };
        let report = Report {
            points: 5,
            runs: 7,
            failures: 0,
            lost: 0,
            two_writers: 0,
            leftovers: 0,
            acknowledged: 300,
            looks: 40,
            kinds: vec![kind("resume", 5), kind("fault", 2)],
        };
        let table = report.table();
        assert!(table.contains("resume  5     0       61.0 s"), "{table}");
        assert!(
            table.contains("5 points, 7 runs, 0 failed; 300 acknowledged writes, 0 lost"),
            "{table}"
        );
    }
}
