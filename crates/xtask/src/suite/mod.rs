//! All tests: what needs nothing but this workspace, then what needs the lab.

mod beside;
mod error;
mod targets;

use std::ffi::OsString;
use std::time::Instant;

use crate::clock::{millis, span};
use crate::demo::{Demo, Report, Stage};
use crate::deps;
use crate::lab::{self, LabConfig};
use crate::matrix::Matrix;
use crate::program::Program;
use crate::say::{print, say};
use crate::table::columns;
use crate::workspace::cargo;

pub use error::SuiteError;

/// The package of whole-program tests.
const PACKAGE: &str = "regmig-tests";

/// The feature without which tests that need a lab are left out.
const FEATURE: &str = "lab";

/// The program with failpoints; the whole workspace, so that its dependencies have the same features as elsewhere.
const WITH_POINTS: [&str; 5] = [
    "--workspace",
    "--features",
    "regmig/failpoints",
    "--bin",
    "regmig-failpoints",
];

/// Parts that are no test targets.
const MATRIX: &str = "matrix";
const DEMO: &str = "demo";

/// Parts that take about as long together as all the others.
const BESIDE: [&str; 4] = ["bad_input", "matrix_check", "differential", MATRIX];

/// Writes per second in the demo.
const RATE: f64 = 20.0;

/// Which tests to run, and on which lab.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Whether to run what needs no lab.
    pub hermetic: bool,
    /// Whether to run what needs one.
    pub on_lab: bool,
    /// Which parts of that: names of test targets, `matrix` and `demo`; all where none is named.
    pub parts: Vec<String>,
    /// The lab.
    pub lab: LabConfig,
}

/// What was done, with times.
#[derive(Debug, Default)]
struct Done {
    stages: Vec<Stage>,
}

impl Suite {
    /// Runs the tests and shows where time went; ends with the first part that fails.
    ///
    /// # Errors
    ///
    /// When a part fails; the error names its command.
    pub fn run(&self) -> Result<(), SuiteError> {
        let begun = Instant::now();
        let mut done = Done::default();
        let result = self.parts(&mut done);
        let mut rows: Vec<[String; 2]> = done
            .stages
            .into_iter()
            .map(|stage| [stage.name, span(stage.ms)])
            .collect();
        rows.push(["all".to_owned(), span(millis(begun.elapsed()))]);
        print(format_args!(
            "\nWhere time went\n{}",
            columns(&rows).trim_end()
        ));
        result
    }

    fn parts(&self, done: &mut Done) -> Result<(), SuiteError> {
        done.part("what this machine needs", || {
            std::fs::create_dir_all(&self.lab.folder).map_err(|source| SuiteError::Folder {
                path: self.lab.folder.clone(),
                source,
            })?;
            deps::ensure(&self.lab.folder, false)?;
            Ok(deps::ensure_for_tests()?)
        })?;
        if self.hermetic {
            hermetic(done)?;
        }
        if self.on_lab {
            self.with_lab(done)?;
        }
        Ok(())
    }

    /// What needs a lab: whole-program tests, the quick matrix, and the demo; parts of it beside the others, on a second lab,
    /// unless parts are named.
    fn with_lab(&self, done: &mut Done) -> Result<(), SuiteError> {
        let all = self.known()?;
        programs(done)?;
        let with_points = cargo("build").args(WITH_POINTS);
        done.command("the program with failpoints", &with_points)?;
        done.part("lab", || Ok(lab::up(&self.lab).map(drop)?))?;
        if !self.parts.is_empty() {
            return self.on_this_lab(done, &self.parts);
        }
        done.part("tests of the lab's stand-ins", || {
            print(lab::selftest(&self.lab)?);
            Ok(())
        })?;
        let (beside, here): (Vec<String>, Vec<String>) =
            (all.into_iter()).partition(|part| BESIDE.contains(&part.as_str()));
        // What the tests are made of is built before two of them want it.
        done.command("tests on the lab", &tests_of(&here).args(["--no-run"]))?;
        let second = beside::second(&self.lab);
        let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
        let command = beside::command(&beside, &second);
        let log = beside::log(&self.lab);
        say(format_args!("Beside what follows: {}", command.line()));
        let (result, (stage, other)) = std::thread::scope(|scope| {
            let other = scope.spawn(|| beside::run(&command, &log));
            let result = self.on_this_lab(done, &here);
            let other = other
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (result, other)
        });
        done.stages.push(stage);
        result.and(other)?;
        Ok(lab::down(&second)?)
    }

    /// Every part by name, in order.
    ///
    /// Names that are wanted and not among them are refused.
    fn known(&self) -> Result<Vec<String>, SuiteError> {
        let mut all = targets::of(PACKAGE, FEATURE)?;
        all.extend([MATRIX.to_owned(), DEMO.to_owned()]);
        match self.parts.iter().find(|part| !all.contains(part)) {
            Some(unknown) => Err(SuiteError::NoSuchPart {
                found: unknown.clone(),
                expected: all.join(", "),
            }),
            None => Ok(all),
        }
    }

    fn on_this_lab(&self, done: &mut Done, parts: &[String]) -> Result<(), SuiteError> {
        let [a, b, c] = self.lab.subnet;
        for part in parts {
            match part.as_str() {
                MATRIX => done.part("crash matrix, quick", || self.matrix())?,
                DEMO => done.part("demo", || self.demo())?,
                target => {
                    let test = Program::new("env")
                        .args([format!("REGMIG_LAB={}", self.lab.name)])
                        .args([format!("REGMIG_LAB_SUBNET={a}.{b}.{c}")])
                        .args(tests_of(&[target.to_owned()]).words())
                        .args(["--", "--test-threads=1"]);
                    done.command(&format!("tests on the lab: {target}"), &test)?;
                }
            }
        }
        Ok(())
    }

    /// A spread of the crash matrix.
    fn matrix(&self) -> Result<(), SuiteError> {
        let matrix = Matrix {
            quick: true,
            only: Vec::new(),
            strategy: "copy".to_owned(),
            report: self.lab.folder.join("matrix.json"),
            lab: self.lab.clone(),
        };
        Ok(matrix.run()?)
    }

    /// The demo, judged by the report that it leaves.
    fn demo(&self) -> Result<(), SuiteError> {
        let demo = Demo {
            lab: self.lab.clone(),
            rate: RATE,
            strategy: "live".to_owned(),
            keep: false,
        };
        let path = self.lab.folder.join("demo-report.json");
        let report = demo.run()?;
        report.write(&path)?;
        print(report.tables().trim_end());
        Ok(Report::read(&path)?.verdict()?)
    }
}

/// Test targets of the package that need a lab; for the whole workspace, so that its dependencies have the same features as
/// elsewhere.
fn tests_of(parts: &[String]) -> Program {
    let targets = parts.iter().filter(|part| *part != MATRIX && *part != DEMO);
    cargo("test")
        .args(["--workspace", "--no-fail-fast"])
        .args(["--features".to_owned(), format!("{PACKAGE}/{FEATURE}")])
        .args(targets.flat_map(|target| ["--test", target]))
}

/// What needs nothing but this workspace and programs from Debian.
fn hermetic(done: &mut Done) -> Result<(), SuiteError> {
    let format = cargo("fmt").args(["--all", "--check"]);
    done.command("format", &format)?;
    let lints = cargo("clippy")
        .args(["--workspace", "--all-targets"])
        .args([
            "--features".to_owned(),
            format!("{PACKAGE}/{FEATURE},regmig/failpoints"),
        ])
        .args(["--", "-D", "warnings"]);
    done.command("lints", &lints)?;
    let docs = Program::new("env")
        .args(["RUSTDOCFLAGS=-D warnings"])
        .args(cargo("doc").words())
        .args(["--workspace", "--no-deps", "--document-private-items"]);
    done.command("documentation of the code", &docs)?;
    let here = std::env::current_exe().map_or(OsString::from("xtask"), Into::into);
    let pages = Program::new(here).args(["docs", "--check"]);
    done.command("generated pages", &pages)?;
    programs(done)?;
    let tests = cargo("test").args(["--workspace", "--no-fail-fast"]);
    done.command("tests without a lab", &tests)?;
    let of_points = cargo("test").args(WITH_POINTS).args(["--", "hands::"]);
    done.command("tests of the failpoints", &of_points)
}

/// Tests of one package cannot ask cargo to build the programs of another.
fn programs(done: &mut Done) -> Result<(), SuiteError> {
    done.command("programs", &cargo("build").args(["--workspace"]))
}

impl Done {
    /// Runs a command on this process's own output.
    fn command(&mut self, name: &str, program: &Program) -> Result<(), SuiteError> {
        self.part(name, || {
            say(format_args!("$ {}", program.line()));
            let status = program.interactive()?;
            if status.success() {
                return Ok(());
            }
            Err(SuiteError::Failed {
                command: program.line(),
                status,
            })
        })
    }

    fn part(
        &mut self,
        name: &str,
        what: impl FnOnce() -> Result<(), SuiteError>,
    ) -> Result<(), SuiteError> {
        say(format_args!("\n=== {name}"));
        let begun = Instant::now();
        let result = what();
        let failed = if result.is_err() { ": FAILED" } else { "" };
        self.stages.push(Stage {
            name: format!("{name}{failed}"),
            ms: millis(begun.elapsed()),
        });
        result
    }
}
