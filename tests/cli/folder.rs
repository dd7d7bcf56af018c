//! A folder of an operator, and what regmig says in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use regmig_tests::program;

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";

/// A certificate whose private key nobody has.
const CA: &str = include_str!("given/ca.pem");

/// A configuration whose machines are at addresses that nobody has, of the strategy that the frozen journals have.
pub(crate) const CONFIG: &str = r#"[platform]
domain = "register.test"
strategy = "copy"
profile = "pryv-2019"

[source]
address = "192.0.2.10"
identity = "id_ed25519"
known_hosts = "known_hosts"

[dest]
address = "192.0.2.20"
identity = "id_ed25519"
known_hosts = "known_hosts"

[proxy]
trust = "ca.pem"

[nameservers]
parents = ["192.0.2.53"]
before = [{ name = "dns1.register.test", addresses = ["192.0.2.10"] }]
after = [{ name = "dns1.register.test", addresses = ["192.0.2.20"] }]
"#;

/// An operator's folder.
pub(crate) struct Folder(tempfile::TempDir);

/// How a call ended.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    /// A folder with nothing in it.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with a configuration and the files that it names.
    pub(crate) fn configured() -> Self {
        let folder = Self::empty();
        folder.write("regmig.toml", CONFIG);
        folder.write("id_ed25519", KEY);
        let key = folder.path().join("id_ed25519");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        folder.write("known_hosts", "192.0.2.10 ssh-ed25519 AAAA\n");
        folder.write("ca.pem", CA);
        folder
    }

    /// The same, with one of the journals of `fixtures/journals/v1`.
    pub(crate) fn with_journal(name: &str) -> Self {
        let folder = Self::configured();
        let store = folder.path().join("regmig.state");
        fs::create_dir(&store).unwrap();
        fs::copy(fixture(name), store.join("journal.jsonl")).unwrap();
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path().join(name), content).unwrap();
    }

    /// Names of what is in the folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Calls regmig here.
    pub(crate) fn regmig<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Said {
        let output = Command::new(program("regmig"))
            .args(words)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("TZ", "UTC")
            .timeout(std::time::Duration::from_secs(60))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            let text = text.replace(&self.path().display().to_string(), "[folder]");
            text.lines()
                .map(|line| format!("{}\n", line.trim_end()))
                .collect()
        };
        Said {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Said {
    /// What people see.
    pub(crate) fn text(&self) -> String {
        let code = self.code.map_or("none".to_owned(), |code| code.to_string());
        let mut text = format!("exit {code}\n");
        for (name, said) in [("stdout", &self.out), ("stderr", &self.err)] {
            if !said.is_empty() {
                text.push_str(&format!("--- {name}\n{said}"));
            }
        }
        text
    }
}

/// A journal that was written once and is never written again.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/journals/v1")
        .join(name)
        .with_extension("jsonl")
}
