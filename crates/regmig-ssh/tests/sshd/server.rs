//! An sshd of our own.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use regmig_ssh::{Host, HostSpec, Limits, SshSpec, Transport};

/// Limits that find a loss within 4 s and let a busy test machine take its time.
pub(crate) const LIMITS: Limits = Limits {
    connect: Duration::from_secs(10),
    keepalive_interval: Duration::from_secs(1),
    keepalive_max: 3,
    command: Duration::from_secs(20),
};

pub(crate) struct Server {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) port: u16,
    child: Child,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with_options("")
    }

    /// Starts one with further lines of `sshd_config`, where `%F` is its folder.
    pub(crate) fn with_options(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for kind in ["ed25519", "ecdsa"] {
            keygen(&folder.path().join(format!("host_{kind}")), &["-t", kind]);
        }
        if options.contains("host_rsa") {
            keygen(
                &folder.path().join("host_rsa"),
                &["-t", "rsa", "-b", "2048"],
            );
        }
        keygen(&folder.path().join("id"), &["-t", "ed25519"]);
        std::fs::copy(
            folder.path().join("id.pub"),
            folder.path().join("authorized_keys"),
        )
        .unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let f = folder.path().display();
        let options = options.replace("%F", &f.to_string());
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {f}/host_ed25519\nHostKey {f}/host_ecdsa\n\
             AuthorizedKeysFile {f}/authorized_keys\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nAllowStreamLocalForwarding yes\n{options}\n"
        );
        std::fs::write(folder.path().join("sshd_config"), config).unwrap();
        // Where sshd as root keeps its unprivileged half; packages leave it to the init system.
        let _ = std::fs::create_dir("/run/sshd");
        let child = launch(folder.path());
        let server = Self {
            folder,
            port,
            child,
        };
        server.known(&["host_ed25519.pub"]);
        server.wait();
        server
    }

    fn wait(&self) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "sshd did not start: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Puts these public keys on record for the server.
    pub(crate) fn known(&self, keys: &[&str]) {
        let line = |key: &&str| format!("[127.0.0.1]:{} {}", self.port, self.text(key));
        std::fs::write(
            self.path("known_hosts"),
            keys.iter().map(line).collect::<String>(),
        )
        .unwrap();
    }

    pub(crate) fn spec(&self) -> SshSpec {
        SshSpec {
            address: "127.0.0.1".into(),
            port: self.port,
            user: user(),
            identity: Some(self.path("id")),
            use_agent: false,
            known_hosts: self.path("known_hosts"),
        }
    }

    pub(crate) fn host(&self) -> Host {
        self.host_as(self.spec(), false)
    }

    pub(crate) fn host_as(&self, spec: SshSpec, sudo: bool) -> Host {
        Host::new(
            HostSpec {
                label: "there".into(),
                transport: Transport::Ssh(spec),
                sudo,
            },
            LIMITS,
        )
    }

    /// The processes that serve connections, and what they have started.
    pub(crate) fn descendants(&self) -> Vec<u32> {
        let mut found = vec![self.child.id()];
        loop {
            let more: Vec<u32> = parents()
                .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
                .map(|p| p.0)
                .collect();
            if more.is_empty() {
                return found.split_off(1);
            }
            found.extend(more);
        }
    }

    /// Of those, the ones that are sshd.
    pub(crate) fn sessions(&self) -> Vec<u32> {
        self.descendants()
            .into_iter()
            .filter(|pid| name(*pid).starts_with("sshd"))
            .collect()
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        for pid in self.sessions() {
            signal("KILL", pid);
        }
    }

    /// Ends the server and starts it again on the same port.
    pub(crate) fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = launch(self.folder.path());
        self.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for pid in self.sessions() {
            signal("KILL", pid);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(folder: &Path) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(folder.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("these tests need sshd: apt-get install openssh-server")
}

pub(crate) fn keygen(path: &Path, options: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-C", "test"]).args(options);
    if !options.contains(&"-N") {
        command.args(["-N", ""]);
    }
    assert!(
        command
            .arg("-f")
            .arg(path)
            .status()
            .expect("ssh-keygen")
            .success()
    );
}

pub(crate) fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn signal(name: &str, pid: u32) {
    let _ = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Whether a process is there and is not merely waited for.
pub(crate) fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

fn name(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()
}

fn stat(pid: u32) -> Option<(String, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = text.rsplit_once(") ")?.1.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

fn parents() -> impl Iterator<Item = (u32, u32)> {
    let entries = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
    entries.filter_map(|pid: u32| Some((pid, stat(pid)?.1)))
}

/// Waits for something to become true.
pub(crate) async fn eventually(what: &str, limit: Duration, mut check: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !check() {
        assert!(
            begun.elapsed() < limit,
            "{what} did not come true within {limit:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
