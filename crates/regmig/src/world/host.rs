//! What preflight asks of a machine.

use std::time::{SystemTime, UNIX_EPOCH};

use regmig_core::facts::HostState;
use regmig_core::port::PortError;
use regmig_procedure::spec::Reach;
use regmig_ssh::{Command, Sudo};

use super::site::Site;

/// Prints `name=value` lines. The argument is the root folder.
const FACTS: &str = r#"
export LC_ALL=C
printf 'compose=%s\n' "$( (docker compose version --short || docker-compose version --short) 2>/dev/null | head -n 1)"
printf 'rsync=%s\n' "$(rsync --version 2>/dev/null | sed -n '1s/^rsync  *version \([^ ]*\).*/\1/p')"
printf 'ssh=%s\n' "$(ssh -V 2>&1 | grep -i openssh | head -n 1)"
printf 'free=%s\n' "$(df -PB1 "$1" 2>/dev/null | awk 'NR==2 {print $4}')"
[ -d "$1" ] && echo root=yes
ss -Htuln 2>/dev/null | awk '{print "listen=" $1 " " $5}'
:
"#;

/// Milliseconds since the epoch by this machine's clock.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Site {
    /// Whom regmig, and the other machine, log in as.
    pub(super) async fn login_user(&self) -> Result<String, PortError> {
        match &self.spec.machine(self.machine).reach {
            Reach::Ssh(ssh) => Ok(ssh.user.clone()),
            Reach::Local { .. } => {
                let command = Command::new("id").arg("-un").sudo(Sudo::Never).query();
                let output = self
                    .host
                    .exec(&command)
                    .await?
                    .success_or_refused("asking who regmig runs as")?;
                Ok(output.stdout_text().trim().to_owned())
            }
        }
    }

    /// That user's home folder.
    pub(super) async fn home(&self) -> Result<String, PortError> {
        let user = self.login_user().await?;
        let home = self
            .look(
                "looking for a home folder",
                "getent passwd \"$1\" | cut -d: -f6",
                &[&user],
            )
            .await?;
        match home.trim() {
            "" => {
                let what = format!(
                    "looking for the home folder of {user} on {}: there is none",
                    self.machine
                );
                Err(PortError::Refused { what, source: None })
            }
            home => Ok(home.to_owned()),
        }
    }

    pub(super) async fn facts(&self) -> Result<HostState, PortError> {
        self.host.connect().await?;
        let root = &self.spec.machine(self.machine).root;
        let mut facts = HostState::default();
        let asked_ms = now_ms();
        let there = self.look("reading the clock", "date +%s%3N", &[]).await?;
        let answered_ms = now_ms();
        facts.clock_error_ms = (answered_ms - asked_ms) / 2 + 1;
        facts.clock_ahead_ms =
            there.trim().parse::<i64>().unwrap_or_default() - (asked_ms + answered_ms) / 2;
        let text = self
            .look("reading versions and disk", FACTS, &[root])
            .await?;
        for line in text.lines() {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            match name {
                "compose" => facts.compose = value.to_owned(),
                "rsync" => facts.rsync = value.to_owned(),
                "ssh" => facts.ssh = value.to_owned(),
                "free" => facts.free_bytes = value.parse().unwrap_or_default(),
                "root" => facts.root_exists = true,
                "listen" => facts.listening.push(value.to_owned()),
                _ => {}
            }
        }
        match self.docker.version().await {
            Ok(version) => {
                facts.docker = version.version;
                let images = self.docker.images().await?;
                facts.images = images.into_iter().flat_map(|image| image.tags).collect();
            }
            // What was being asked goes without saying there.
            Err(error) => facts.docker_error = error.chain().pop(),
        }
        Ok(facts)
    }
}
