//! nginx in its container: tested, and reloaded so that nobody is sent to where it sent its clients before.

use std::time::Duration;

use regmig_core::port::PortError;
use regmig_procedure::steps::live;
use regmig_ssh::Command;

use super::site::Site;

/// Shell functions; the one to call is `reload_nginx`.
pub(super) const RELOAD: &str = include_str!("reload.sh");

/// Ends where the file of a timer is named and not there.
const ARMED: &str = r#"[ -z "$1" ] || [ -e "$1" ] || { echo 'the way out of this cutover has been taken' >&2; exit 1; }
shift
"#;

/// Says what the file holds that names the site file, as often as it is asked.
const LOADED: &str = r#"echo ready
while read -r word && [ "$word" = loaded ]; do
  sum=; [ ! -r "$1" ] || read -r sum <"$1"; echo "${sum:--}"
done"#;

/// What a reload takes besides waiting for workers.
const BESIDES: Duration = Duration::from_secs(30);

impl Site {
    /// Has nginx say whether it accepts a main file, as seen inside the container.
    pub(super) async fn test_nginx(&self, main: &str) -> Result<(), PortError> {
        let name = self.name_of(&self.spec.stack.nginx).await?;
        let result = self.docker.exec(&name, ["nginx", "-t", "-c", main]).await?;
        if result.status == 0 {
            return Ok(());
        }
        let words = format!("{}{}", result.stdout, result.stderr);
        Err(PortError::refused(
            format!("nginx -t -c {main} on {}", self.machine),
            words.trim().to_owned(),
        ))
    }

    /// Has a shell at hand that says by which site file nginx serves.
    pub(super) async fn poise_loaded(&self) -> Result<(), PortError> {
        let loaded = live::nginx_loaded(&self.spec, self.machine);
        let command =
            Command::shell(LOADED, [loaded]).called("waiting to say what nginx serves by");
        let limit = Duration::from_secs(self.spec.limits.command_s);
        self.loaded.start(&self.host, &command, limit).await
    }

    /// By which site file nginx serves, as [`live::sum`] has it, where regmig has had it reloaded.
    pub(super) async fn nginx_loaded(&self) -> Result<Option<String>, PortError> {
        if let Some(said) = self.loaded.tell("loaded").await {
            return Ok((said != "-").then(|| format!("{said}\n")));
        }
        let file = self
            .file(&live::nginx_loaded(&self.spec, self.machine))
            .await?;
        Ok(file.map(|file| file.content))
    }

    /// Has nginx serve by its site file as it stands; waits at most `drain_ms` for what was asked of it before.
    pub(super) async fn reload_nginx(&self, drain_ms: Option<u64>) -> Result<(), PortError> {
        let spec = &self.spec;
        let name = self.name_of(&spec.stack.nginx).await?;
        let site = spec.path(self.machine, &spec.proxy.nginx_site);
        let loaded = live::nginx_loaded(spec, self.machine);
        let drain = drain_ms.map_or("-".to_owned(), |ms| ms.to_string());
        let limit = BESIDES + Duration::from_millis(drain_ms.unwrap_or_default());
        // Where a timer has put the former file back, nobody is sent to dest any more.
        let timer = drain_ms.map_or(String::new(), |_| live::timer(spec, self.machine));
        let script = format!("set -u\numask 077\n{RELOAD}{ARMED}reload_nginx \"$@\"");
        let arguments = [timer.as_str(), &site, &loaded, &name, &drain];
        self.script("reloading nginx", &script, &arguments, limit)
            .await
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use tempfile::TempDir;

    use super::LOADED;

    #[test]
    fn a_poised_shell_says_what_nginx_serves_by_as_often_as_it_is_asked() {
        let dir = TempDir::new().unwrap();
        let (file, words) = (dir.path().join("nginx-loaded"), dir.path().join("words"));
        fs::write(&words, "loaded\nloaded\nother\nloaded\n").unwrap();
        let said = || {
            let mut shell = Command::new("sh");
            shell.args(["-c", LOADED, "regmig"]).arg(&file);
            let output = shell.stdin(fs::File::open(&words).unwrap()).output();
            String::from_utf8(output.unwrap().stdout).unwrap()
        };
        assert_eq!(said(), "ready\n-\n-\n");
        fs::write(&file, "").unwrap();
        assert_eq!(said(), "ready\n-\n-\n");
        fs::write(&file, "1a2b\n").unwrap();
        assert_eq!(said(), "ready\n1a2b\n1a2b\n");
    }
}
