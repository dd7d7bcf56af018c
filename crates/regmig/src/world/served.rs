//! Whom source still serves, read from its logs.

use regmig_core::facts::Served;
use regmig_core::machine::Machine;
use regmig_core::port::PortError;
use regmig_docker::LogRange;

use super::World;
use super::host::now_ms;
use super::public::AGENT;
use crate::access_log::{Request, http_requests};

const HOUR_MS: i64 = 3_600_000;
/// How much of a log is read; requests before that are not counted, the last one always is.
const TAIL_BYTES: usize = 8 << 20;

impl World {
    /// Requests that source has served since a time, regmig's own left out.
    ///
    /// Requests by HTTP are told apart by their user agent. DNS carries none:
    /// there, canaries are told apart by name, and the questions that `verify`
    /// asks for every user by their time. A client's own question within such a
    /// span is missed; whoever goes on asking is seen after it.
    pub(super) async fn served(
        &self,
        since_ms: i64,
        own: &[(i64, i64)],
    ) -> Result<Served, PortError> {
        let mut requests = self.http_requests().await?;
        requests.extend(self.dns_requests(since_ms, own).await?);
        requests.retain(|request| request.at_ms >= since_ms);
        let now = now_ms();
        let last = requests.iter().max_by_key(|request| request.at_ms);
        Ok(Served {
            last_ms: last.map(|request| request.at_ms),
            last: last.map(|request| request.words.clone()),
            last_hour: requests
                .iter()
                .filter(|request| request.at_ms > now - HOUR_MS)
                .count() as u64,
            total: requests.len() as u64,
        })
    }

    async fn http_requests(&self) -> Result<Vec<Request>, PortError> {
        let path = self
            .spec
            .path(Machine::Source, &self.spec.stack.nginx_access_log);
        // A log that is not there would look like silence.
        let script = "tail -c \"$2\" -- \"$1\"";
        let text = self
            .source
            .look(
                "reading nginx's access log",
                script,
                &[&path, &TAIL_BYTES.to_string()],
            )
            .await?;
        http_requests(&text, AGENT).ok_or_else(|| PortError::Refused {
            what: format!(
                "{path} on source: found no line with a time such as [22/Nov/2026:12:30:05 +0100], expected nginx's \
                 access log in its `combined` format; correct `nginx_access_log` under [stack] in regmig.toml"
            ),
            source: None,
        })
    }

    async fn dns_requests(
        &self,
        since_ms: i64,
        own: &[(i64, i64)],
    ) -> Result<Vec<Request>, PortError> {
        let container = self.source.container(&self.spec.stack.dns).await?;
        let range = LogRange {
            since_ms: Some(since_ms),
            tail: None,
            limit_bytes: TAIL_BYTES,
        };
        let logs = self.source.docker.logs(&container.name, &range).await?;
        let domain = self.spec.domain.to_ascii_lowercase();
        Ok(logs
            .lines
            .into_iter()
            .filter(|line| {
                let words = line.text.to_ascii_lowercase();
                let ours = own
                    .iter()
                    .any(|(from, to)| (*from..=*to).contains(&line.at_ms));
                // What names the domain is a request; a service's other words are not.
                words.contains(&domain) && !words.contains("regmigcanary") && !ours
            })
            .map(|line| Request {
                at_ms: line.at_ms,
                words: line.text,
            })
            .collect())
    }
}
