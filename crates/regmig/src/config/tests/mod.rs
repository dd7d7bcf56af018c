//! Tests of the configuration as a whole.

mod arbitrary;
mod messages;
mod schema;
mod secrecy;
mod specs;
mod template;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use regmig_procedure::spec::Spec;

use super::files::Place;
use super::report::{ConfigReport, printer};
use super::resolve::Surroundings;

const MINIMAL: &str = include_str!("../../../../../fixtures/config/regmig/minimal.toml");
const FULL: &str = include_str!("../../../../../fixtures/config/regmig/full.toml");
const DEST_LOCAL: &str = include_str!("../../../../../fixtures/config/regmig/dest-local.toml");
const GENERIC: &str = include_str!("../../../../../fixtures/config/regmig/generic.toml");
const MISTAKES: &str = include_str!("../../../../../fixtures/config/regmig/mistakes.toml");

/// The least that passes for a certificate, and for a private key.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";

/// A folder with the files that configurations name.
struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Self { folder };
        fs::create_dir_all(this.path().join("home/.ssh")).unwrap();
        fs::create_dir_all(this.path().join("keys")).unwrap();
        for key in ["id_ed25519", "home/.ssh/id_ed25519"] {
            this.write(key, KEY, 0o600);
        }
        this.write(
            "home/.ssh/known_hosts",
            "192.0.2.10 ssh-ed25519 AAAA\n",
            0o644,
        );
        this.write("hosts", "", 0o644);
        this.write("id_ed25519.pub", "ssh-ed25519 AAAA operator\n", 0o644);
        this.write("open-key", KEY, 0o644);
        this.write("not-a-key", "nothing\n", 0o600);
        this.write("ca.pem", CERTIFICATE, 0o644);
        this.write("both.pem", &format!("{CERTIFICATE}{KEY}"), 0o600);
        this.write("cut.pem", "-----BEGIN CERTIFICATE-----\nMAMC\n", 0o644);
        this.write("redis-password", "hunter2\n", 0o600);
        this.write("open-password", "hunter2\n", 0o640);
        this.write("empty-password", "\nhunter2\n", 0o600);
        this.write("set-nameservers", "#!/bin/sh\n", 0o755);
        this
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, content: &str, mode: u32) {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn around(&self) -> Surroundings {
        let place = Place {
            folder: self.path().into(),
            home: Some(self.path().join("home")),
        };
        Surroundings { place, root: false }
    }

    fn understand(&self, text: &str) -> Result<Spec, ConfigReport> {
        super::understand("regmig.toml", text, &self.around())
    }

    /// The spec of a text that is right.
    fn spec(&self, text: &str) -> Spec {
        self.understand(text)
            .unwrap_or_else(|report| panic!("{}", render(&report, 80)))
    }

    /// What an operator reads, with this folder's name replaced before lines are wrapped.
    fn message(&self, text: &str) -> String {
        let mut report = self.understand(text).unwrap_err();
        let own = self.path().display().to_string();
        for problem in &mut report.problems {
            problem.what = problem.what.replace(&own, "/etc/regmig");
            problem.help = problem.help.replace(&own, "/etc/regmig");
        }
        render(&report, 80)
    }
}

/// Renders a report as plain text.
fn render(report: &ConfigReport, width: usize) -> String {
    let mut text = String::new();
    printer(width, false)
        .render_report(&mut text, report)
        .unwrap();
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// Replaces a part that is there exactly once.
fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?}");
    text.replacen(from, to, 1)
}
