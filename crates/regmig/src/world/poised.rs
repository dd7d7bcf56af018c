//! Shells that are started before clients have to wait, and then answer at a word.
//!
//! A command costs a program or two on the machine; a word to a shell that waits for it costs one round trip. Where its
//! connection goes, as where regmig was killed, such a shell ends and has done nothing.

use std::time::Duration;

use regmig_core::port::PortError;
use regmig_ssh::{BoxedStream, Command, Host};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);

/// A shell that waits for a word, if one is at hand.
#[derive(Default)]
pub(super) struct Poised(Mutex<Option<BufReader<BoxedStream>>>);

impl Poised {
    /// Starts the shell, which says `ready` within the limit; one that does not is none.
    pub(super) async fn start(
        &self,
        host: &Host,
        command: &Command,
        limit: Duration,
    ) -> Result<(), PortError> {
        let mut shell = BufReader::new(host.open_exec(command).await?);
        let poised =
            matches!(timeout(limit, line(&mut shell)).await, Ok(Some(said)) if said == "ready");
        *self.0.lock().await = poised.then_some(shell);
        Ok(())
    }

    /// Says a word, and hears a line; nothing where no shell is at hand, or it does not answer: then it is given up.
    pub(super) async fn tell(&self, word: &str) -> Option<String> {
        let mut at_hand = self.0.lock().await;
        let mut shell = at_hand.take()?;
        let answer = async {
            shell.write_all(format!("{word}\n").as_bytes()).await.ok()?;
            shell.flush().await.ok()?;
            line(&mut shell).await
        };
        let said = timeout(ANSWER, answer).await.ok()??;
        *at_hand = Some(shell);
        Some(said)
    }
}

/// The next line that a shell says.
async fn line(shell: &mut BufReader<BoxedStream>) -> Option<String> {
    let mut line = String::new();
    let read = shell.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}
