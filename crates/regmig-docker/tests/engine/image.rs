//! An image of this machine's own shell and tools.

use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) const IMAGE: &str = "regmig-docker-test:1";

const TOOLS: [&str; 3] = ["/bin/sh", "/bin/cat", "/bin/sleep"];

/// Makes the image where it is not there.
pub(crate) fn image() {
    let there = Command::new("docker")
        .args(["image", "inspect", IMAGE])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if there
        .expect("these tests need Docker Engine: apt-get install docker.io")
        .success()
    {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("tmp")).unwrap();
    for tool in TOOLS {
        copy(root.path(), tool);
        let output = Command::new("ldd").arg(tool).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace()
            .filter(|word| word.starts_with('/'))
            .for_each(|library| copy(root.path(), library));
    }
    let script = "tar -C \"$1\" -c . | docker import - \"$2\"";
    let made = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(root.path())
        .arg(IMAGE)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
}

fn copy(root: &Path, path: &str) {
    let target = root.join(path.trim_start_matches('/'));
    std::fs::create_dir_all(target.parent().unwrap()).unwrap();
    std::fs::copy(path, target).unwrap();
}

/// A name of our own for a container and a network; both are gone with it.
pub(crate) struct Named(pub(crate) String);

impl Named {
    pub(crate) fn new(part: &str) -> Self {
        Self(format!("regmig-docker-test-{part}-{}", std::process::id()))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let quiet = |arguments: &[&str]| {
            let _ = Command::new("docker")
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        };
        quiet(&["rm", "-f", "-v", &self.0]);
        quiet(&["network", "rm", &self.0]);
    }
}

/// The command line program, for what is not ours to make.
pub(crate) fn docker(arguments: &[&str]) {
    assert!(
        Command::new("docker")
            .args(arguments)
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
}
