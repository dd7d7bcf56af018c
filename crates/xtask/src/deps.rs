//! Checks of what the lab needs on this machine, and how to get it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::program::{Program, ProgramError};
use crate::say::say;

/// How long a freshly started Docker Engine may take to answer.
const ENGINE_START_LIMIT: Duration = Duration::from_secs(45);

/// How long the installation of packages may take.
const INSTALL_LIMIT: Duration = Duration::from_secs(900);

/// Programs that the lab runs on this machine: any of the names will do.
const PROGRAMS: &[Need] = &[
    Need {
        names: &["docker"],
        package: "docker.io",
        what: "Docker's client",
    },
    Need {
        names: &[
            "docker-compose",
            "/usr/libexec/docker/cli-plugins/docker-compose",
        ],
        package: "docker-compose",
        what: "Docker Compose",
    },
    Need {
        names: &["ssh"],
        package: "openssh-client",
        what: "the SSH client",
    },
    Need {
        names: &["ssh-keygen"],
        package: "openssh-client",
        what: "the SSH key generator",
    },
    Need {
        names: &["rsync"],
        package: "rsync",
        what: "rsync",
    },
    Need {
        names: &["curl"],
        package: "curl",
        what: "the HTTP client",
    },
    Need {
        names: &["openssl"],
        package: "openssl",
        what: "OpenSSL",
    },
    Need {
        names: &["setsid"],
        package: "util-linux",
        what: "util-linux",
    },
];

/// Needed only where the engine has to be installed or started.
const ENGINE: Need = Need {
    names: &["dockerd"],
    package: "docker.io",
    what: "Docker Engine",
};

/// Needed only where no Debian base image can be pulled.
const BOOTSTRAP: Need = Need {
    names: &["mmdebstrap"],
    package: "mmdebstrap",
    what: "the Debian bootstrapper",
};

/// Programs that tests start on this machine themselves, on loopback.
const TEST_PROGRAMS: &[Need] = &[
    Need {
        names: &["sshd"],
        package: "openssh-server",
        what: "the SSH server",
    },
    Need {
        names: &["redis-server"],
        package: "redis-server",
        what: "Redis",
    },
    Need {
        names: &["named"],
        package: "bind9",
        what: "the DNS server BIND",
    },
    Need {
        names: &["nginx"],
        package: "nginx",
        what: "nginx",
    },
];

struct Need {
    names: &'static [&'static str],
    package: &'static str,
    what: &'static str,
}

impl Need {
    fn met(&self) -> bool {
        self.names.iter().any(|name| on_path(name))
    }
}

/// Why the lab cannot run here.
#[derive(Debug, thiserror::Error)]
pub enum DepsError {
    /// Something is missing and this user or system cannot install it.
    #[error("this machine lacks {missing}\nType this, then try again:\n{commands}")]
    Missing {
        /// What is missing, for people.
        missing: String,
        /// The commands, one a line, indented.
        commands: String,
    },
    /// The engine runs and refuses this user.
    #[error(
        "Docker Engine runs but refuses this user: {said}\n\
         Type this, log in anew, then try again:\n    sudo usermod -aG docker \"$USER\""
    )]
    EngineRefuses {
        /// What the client said.
        said: String,
    },
    /// The engine was started and did not come up.
    #[error("Docker Engine was started and did not answer within {seconds} s; the end of {}:{tail}", log.display())]
    EngineSilent {
        /// The limit.
        seconds: u64,
        /// Where the engine logs to.
        log: PathBuf,
        /// The end of that log.
        tail: String,
    },
    /// A command of the installation failed.
    #[error("cannot install what is missing")]
    Install(#[source] ProgramError),
    /// The engine could not be started at all.
    #[error("cannot start Docker Engine")]
    Start(#[source] ProgramError),
}

/// Makes sure that what the lab needs is here and Docker Engine answers.
///
/// As root on Debian or Ubuntu it says what it will install and installs it;
/// elsewhere it fails with the commands to type. `bootstrap` tells whether a base
/// image has to be made of packages. Takes well under a second when all is there.
///
/// # Errors
///
/// When something is missing and cannot be installed, or the engine does not answer.
pub fn ensure(log_folder: &Path, bootstrap: bool) -> Result<(), DepsError> {
    let mut engine = ask_engine();
    let mut missing: Vec<&Need> = PROGRAMS.iter().filter(|need| !need.met()).collect();
    let fresh = engine == Engine::Absent && !ENGINE.met();
    if fresh {
        missing.push(&ENGINE);
    }
    // A machine that never had an engine is about to need a base image.
    if (bootstrap || fresh) && !BOOTSTRAP.met() {
        missing.push(&BOOTSTRAP);
    }
    if !missing.is_empty() {
        install(&missing, &engine)?;
        // Where a service manager runs, the package has started it.
        engine = ask_engine();
    }
    match engine {
        Engine::Answers => Ok(()),
        Engine::Refuses(said) => Err(DepsError::EngineRefuses { said }),
        Engine::Absent => start_engine(log_folder),
    }
}

/// Makes sure that the servers which tests start on this machine are here.
///
/// # Errors
///
/// When one is missing and cannot be installed.
pub fn ensure_for_tests() -> Result<(), DepsError> {
    let missing: Vec<&Need> = TEST_PROGRAMS.iter().filter(|need| !need.met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    say("Tests start the servers that follow by themselves; no service has to run.");
    install(&missing, &Engine::Answers)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Engine {
    Answers,
    Refuses(String),
    Absent,
}

fn ask_engine() -> Engine {
    let asked = Program::new("docker")
        .args(["version", "--format", "{{.Server.Version}}"])
        .limit(Duration::from_secs(20))
        .run();
    match asked {
        Ok(output) if output.status.success() => Engine::Answers,
        Ok(output) if output.stderr.contains("permission denied") => {
            Engine::Refuses(output.stderr.trim().to_owned())
        }
        _ => Engine::Absent,
    }
}

fn install(missing: &[&Need], engine: &Engine) -> Result<(), DepsError> {
    let mut packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    packages.sort_unstable();
    packages.dedup();
    let what: Vec<&str> = missing.iter().map(|need| need.what).collect();
    if !is_root() || !is_debian() {
        return Err(DepsError::Missing {
            missing: what.join(", "),
            commands: commands_to_type(&packages, *engine == Engine::Absent),
        });
    }
    say(format_args!("This machine lacks {}.", what.join(", ")));
    say(format_args!(
        "Installing the packages: {}",
        packages.join(" ")
    ));
    let run = |args: &[&str]| {
        Program::new("env")
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2"])
            .args(args)
            .limit(INSTALL_LIMIT)
            .done()
            .map_err(DepsError::Install)
    };
    run(&["update"])?;
    let words: Vec<&str> = ["install", "--yes", "--no-install-recommends"]
        .into_iter()
        .chain(packages)
        .collect();
    run(&words)
}

/// The commands that bring what is missing, for a person to type.
fn commands_to_type(packages: &[&str], start: bool) -> String {
    let mut text = String::new();
    if !is_debian() {
        text.push_str("    (on Debian or Ubuntu; elsewhere the packages of the same programs)\n");
    }
    let _ = writeln!(text, "    sudo apt-get update");
    let _ = write!(
        text,
        "    sudo apt-get install --yes {}",
        packages.join(" ")
    );
    if start {
        text.push_str("\n    sudo systemctl start docker");
    }
    text
}

fn start_engine(log_folder: &Path) -> Result<(), DepsError> {
    if !is_root() {
        return Err(DepsError::Missing {
            missing: "a running Docker Engine".to_owned(),
            commands: "    sudo systemctl start docker".to_owned(),
        });
    }
    let log = log_folder.join("dockerd.log");
    if Path::new("/run/systemd/system").is_dir() {
        say("Docker Engine does not run: starting its service.");
        let start = Program::new("systemctl").args(["start", "docker"]);
        start.done().map_err(DepsError::Start)?;
    } else {
        say(format_args!(
            "Docker Engine does not run: starting it, log in {}",
            log.display()
        ));
        Program::new("dockerd")
            .daemon(&log)
            .map_err(DepsError::Start)?;
    }
    let begun = Instant::now();
    while ask_engine() != Engine::Answers {
        if begun.elapsed() > ENGINE_START_LIMIT {
            return Err(DepsError::EngineSilent {
                seconds: ENGINE_START_LIMIT.as_secs(),
                tail: tail(&log),
                log,
            });
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(10);
    lines
        .iter()
        .skip(skipped)
        .map(|line| format!("\n    {line}"))
        .collect()
}

/// Looks a program up where a shell would; a name with a slash is a path.
fn on_path(name: &str) -> bool {
    if name.contains('/') {
        return Path::new(name).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let also = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(also)
        .any(|folder| folder.join(name).is_file())
}

fn is_root() -> bool {
    Program::new("id")
        .args(["-u"])
        .text()
        .is_ok_and(|id| id == "0")
}

fn is_debian() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    says_debian(&release) && on_path("apt-get")
}

/// Tells from the text of os-release whether Debian's package names apply.
fn says_debian(release: &str) -> bool {
    release
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| matches!(*key, "ID" | "ID_LIKE"))
        .flat_map(|(_, value)| value.trim_matches('"').split(' '))
        .any(|word| matches!(word, "debian" | "ubuntu"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_its_kin_are_recognised() {
        assert!(says_debian("NAME=x\nID=debian\n"));
        assert!(says_debian("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!says_debian("ID=fedora\nNAME=\"not debian\"\n"));
    }

    #[test]
    fn programs_are_found_as_a_shell_would() {
        assert!(on_path("sh"));
        assert!(on_path("/bin/sh"));
        assert!(!on_path("regmig-no-such-program"));
        assert!(!on_path("/bin"));
    }

    #[test]
    fn commands_name_every_package_and_the_service() {
        let text = commands_to_type(&["docker.io", "rsync"], true);
        assert!(
            text.contains("sudo apt-get install --yes docker.io rsync\n"),
            "{text}"
        );
        assert!(text.ends_with("sudo systemctl start docker"), "{text}");
    }
}
