//! Fencing: clients' writes made to wait, and whether they do.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use regmig_core::port::PortError;
use tokio::time::sleep;

use crate::client::{Own, Redis};
use crate::fault::Fault;

/// How often the server is asked whether it holds a command back that it has not answered.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// No key has this name; where one has, it is only counted.
const NO_KEY: &str = "regmig:no-such-key";

impl Redis {
    /// Makes every client's write wait, for at most `limit` or until [`Redis::unpause`].
    ///
    /// Reads are answered, and the offset stands still: that is what makes it a fence. Its end is
    /// bounded by the server itself, so that a fence whose holder dies falls. On a
    /// *replica* it stops the stream of the primary as well.
    ///
    /// # Errors
    ///
    /// Refused below Redis 6.2, which can pause everything only.
    pub async fn pause_writes(&self, limit: Duration) -> Result<(), PortError> {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("CLIENT");
        command.arg("PAUSE").arg(millis).arg("WRITE");
        let answer = self.tell(&command, "CLIENT PAUSE … WRITE").await;
        self.explain(answer, "pausing writes alone").await
    }

    /// Ends a pause; without one, nothing changes.
    ///
    /// # Errors
    ///
    /// Refused below Redis 6.2, where a pause ends by its time limit only.
    pub async fn unpause(&self) -> Result<(), PortError> {
        let mut command = redis::cmd("CLIENT");
        command.arg("UNPAUSE");
        let answer = self.tell(&command, "CLIENT UNPAUSE").await;
        self.explain(answer, "ending a pause").await
    }

    /// Says so when it is its age that made a server refuse.
    ///
    /// Looked at afterwards, so that a fence costs one round trip and not two.
    async fn explain<T>(
        &self,
        answer: Result<T, PortError>,
        feature: &'static str,
    ) -> Result<T, PortError> {
        let Err(PortError::Refused { .. }) = answer else {
            return answer;
        };
        match self.info().await {
            Ok(info) if !info.version.can_pause_writes() => {
                let found = info.version.to_string();
                Err(self.refused(
                    feature,
                    Fault::TooOld {
                        feature,
                        needed: "6.2",
                        found,
                    },
                ))
            }
            _ => answer,
        }
    }

    /// Whether clients' writes are made to wait at this moment; nothing is changed by asking.
    ///
    /// A `PFCOUNT` is sent, which reads, and which a pause of writes holds back all the same since it may write down
    /// what it has counted. It meets none of the refusals that a write would meet before, on a
    /// replica or a server that cannot save. That it is held back, and not only late, is the server's own word.
    ///
    /// # Errors
    ///
    /// As every question: never with an unknown outcome. Refused below Redis 6.2.
    pub async fn writes_paused(&self) -> Result<bool, PortError> {
        let answer = self.ask_paused().await;
        self.explain(answer, "pausing writes alone").await
    }

    async fn ask_paused(&self) -> Result<bool, PortError> {
        let what = "asking whether writes are paused";
        let mut attempt = 1;
        loop {
            let own = self.take_own(what).await?;
            match self.is_held_back(&own, what).await? {
                Ok(true) => return Ok(true),
                Ok(false) => {
                    self.keep_own(own).await;
                    return Ok(false);
                }
                Err(fault) if !fault.ends_connection() => return Err(self.refused(what, fault)),
                Err(fault) if attempt >= self.limits().attempts => {
                    return Err(self.not_sent(what, fault));
                }
                Err(_) => attempt += 1,
            }
        }
    }

    async fn is_held_back(&self, own: &Own, what: &str) -> Result<Result<bool, Fault>, PortError> {
        let mut count = redis::cmd("PFCOUNT");
        count.arg(NO_KEY);
        let mut list = redis::cmd("CLIENT");
        list.arg("LIST").arg("ID").arg(own.id);
        let mut answered = pin!(own.session.command(&count, what, self.limits().answer));
        loop {
            let looked = pin!(async {
                let listed: Result<String, _> = self.ask(&list, "CLIENT LIST ID").await;
                if !listed.as_deref().is_ok_and(is_blocked) {
                    sleep(LOOK_EVERY).await;
                }
                listed
            });
            match select(answered.as_mut(), looked).await {
                Either::Left((answer, _)) => return Ok(answer.map(|_| false)),
                Either::Right((listed, _)) => {
                    if is_blocked(&listed?) {
                        return Ok(Ok(true));
                    }
                }
            }
        }
    }
}

/// Whether a line of `CLIENT LIST` is of a client whose command is held back.
fn is_blocked(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    words.any(|word| {
        word.strip_prefix("flags=")
            .is_some_and(|flags| flags.contains('b'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_blocked;

    #[test]
    fn a_client_that_waits_is_told_from_one_that_does_not() {
        assert!(is_blocked(
            "id=6 name= flags=b db=0 cmd=pfcount user=default"
        ));
        assert!(is_blocked("id=6 name= flags=xb db=0"));
        assert!(!is_blocked("id=6 name=b flags=N db=0 cmd=pfcount"));
        assert!(!is_blocked(""));
    }
}
