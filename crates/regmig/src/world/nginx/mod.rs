//! nginx in its container: tested, and reloaded so that nobody is sent to where it sent its clients before.

use std::time::Duration;

use regmig_core::port::PortError;
use regmig_procedure::steps::live;

use super::site::Site;

/// Shell functions; the one to call is `reload_nginx`.
pub(super) const RELOAD: &str = include_str!("reload.sh");

/// Ends where the file of a timer is named and not there.
const ARMED: &str = r#"[ -z "$1" ] || [ -e "$1" ] || { echo 'the way out of this cutover has been taken' >&2; exit 1; }
shift
"#;

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
