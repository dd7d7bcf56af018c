//! Waiting for what a process that has ended may have left under way.

use std::time::Duration;

use regmig_core::port::PortError;

use super::site::Site;

/// Scripts end first, since this one waits for their lock; a moment later whatever was on its way to Docker or Redis has arrived.
/// Docker tells at once, with `kill`, that a container is being stopped, and with `die` that it has; what a
/// signal is sent for otherwise (1 HUP, 10 USR1, 12 USR2, 28 WINCH) is no stop.
const SETTLED: &str = r#"sleep 1
for i in $(seq "$2"); do
  now=$(date +%s)
  docker events --since "$((now - $1))" --until "$now" --filter type=container \
    --format '{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.signal}}' \
  | awk '$1 == "kill" && $3 !~ /^(1|10|12|28)$/ { stopping[$2] = 1 }
         $1 == "die" || $1 == "start" || $1 == "destroy" { delete stopping[$2] }
         END { for (container in stopping) found = 1; exit found }' && exit
  sleep 1
done
echo 'a container is still being stopped' >&2
exit 1"#;

impl Site {
    /// Returns once nothing can take place any more that a process sent which has ended.
    pub(super) async fn settled(&self, since_ms: i64) -> Result<(), PortError> {
        let elapsed_ms = jiff::Timestamp::now()
            .as_millisecond()
            .saturating_sub(since_ms);
        // Seconds, and some more: Docker counts whole ones.
        let since_s = elapsed_ms.max(0) / 1000 + 5;
        let limit_s = self.spec.limits.stop_s + 10;
        let arguments = [since_s.to_string(), limit_s.to_string()];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let what = "waiting for what was sent before";
        // The scripts that it waits for may take long by nature.
        let limit = Duration::from_secs(limit_s + self.spec.limits.bulk_s);
        self.script(what, SETTLED, &arguments, limit)
            .await
            .map(|_| ())
    }
}
