//! Saving the data set, and stopping the server with it saved.

use std::time::Duration;

use redis::Value;
use regmig_core::port::PortError;
use tokio::time::{Instant, sleep};

use crate::client::Redis;
use crate::fault::Fault;
use crate::info::Persistence;

/// How often a save in progress is looked at: a save takes 1 s or more from about 100 MB on.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How far a save has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveProgress {
    /// Another save or a rewrite of the append-only file has to end first.
    Waiting,
    /// The save is being written.
    Saving,
}

/// A save that has succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// When it ended by the server's clock, Unix time in seconds.
    pub at: u64,
}

/// How a server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shutdown {
    /// Nobody listens there any more.
    Gone,
    /// It ended, and something has started it again.
    Restarted {
        /// The run id of the server that is there now.
        run_id: String,
    },
}

impl Redis {
    /// Starts a background save and returns at once.
    ///
    /// # Errors
    ///
    /// Refused while another save, or a rewrite of the append-only file, is in progress.
    pub async fn bgsave(&self) -> Result<(), PortError> {
        let _words: Value = self.tell(&redis::cmd("BGSAVE"), "BGSAVE").await?;
        Ok(())
    }

    /// Saves everything written before this call to the dump file, and waits for its end.
    ///
    /// A save that is already in progress does not count, since it began earlier: it is waited for first.
    ///
    /// # Errors
    ///
    /// Refused when the save failed or did not end within `limit`; it goes on then.
    pub async fn save_and_wait(
        &self,
        progress: &mut (dyn FnMut(SaveProgress) + Send),
        limit: Duration,
    ) -> Result<Saved, PortError> {
        let what = "BGSAVE";
        let end = Instant::now() + limit;
        loop {
            let before = self.info().await?.persistence;
            if before.bgsave_in_progress || before.aof_rewrite_in_progress {
                progress(SaveProgress::Waiting);
                self.rest(what, end, limit).await?;
                continue;
            }
            match self.bgsave().await {
                Ok(()) => break,
                // Something else began between the look and the command: look again.
                Err(PortError::Refused { .. }) if self.is_writing().await? => {}
                Err(error) => return Err(error),
            }
        }
        loop {
            let now = self.info().await?.persistence;
            if !now.bgsave_in_progress {
                return self.judge(what, &now);
            }
            progress(SaveProgress::Saving);
            self.rest(what, end, limit).await?;
        }
    }

    /// Stops the server with everything on its disk, and looks whether it is gone.
    ///
    /// Where all is in the append-only file already, no dump is written besides: the server syncs that file when it ends,
    /// and loads nothing else.
    ///
    /// # Errors
    ///
    /// Refused when the server could not save; it goes on then. With an unknown outcome when the
    /// connection broke and nothing has proved within `limit` that the server ended. A server that
    /// saves for longer than that answers nobody meanwhile.
    pub async fn shutdown_saved(&self, limit: Duration) -> Result<Shutdown, PortError> {
        let end = Instant::now() + limit;
        let info = self.info().await?;
        let before = info.run_id;
        let (what, how) = if info.persistence.all_is_logged() {
            ("SHUTDOWN NOSAVE", "NOSAVE")
        } else {
            ("SHUTDOWN SAVE", "SAVE")
        };
        let mut command = redis::cmd("SHUTDOWN");
        command.arg(how);
        let fault = match self.once(&command, what).await? {
            Err(fault) if fault.ends_connection() => fault,
            Err(fault) => return Err(self.refused(what, fault)),
            Ok(value) => {
                let expected = "the end of the connection".to_owned();
                return Err(self.unknown(
                    what,
                    Fault::Unexpected {
                        found: format!("{value:?}"),
                        expected,
                    },
                ));
            }
        };
        loop {
            match self.info().await {
                Err(PortError::Refused { .. }) if !self.listens().await => {
                    return Ok(Shutdown::Gone);
                }
                Ok(info) if info.run_id != before => {
                    return Ok(Shutdown::Restarted {
                        run_id: info.run_id,
                    });
                }
                _ if Instant::now() >= end => return Err(self.unknown(what, fault)),
                _ => sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Whether somebody accepts connections there, or may do so for all that is known.
    async fn listens(&self) -> bool {
        !matches!(self.dial_only().await, Err(PortError::Refused { .. }))
    }

    async fn is_writing(&self) -> Result<bool, PortError> {
        let now = self.info().await?.persistence;
        Ok(now.bgsave_in_progress || now.aof_rewrite_in_progress)
    }

    fn judge(&self, what: &str, now: &Persistence) -> Result<Saved, PortError> {
        match (now.last_bgsave_status.as_deref(), now.last_save_time) {
            (Some("ok"), Some(at)) => Ok(Saved { at }),
            (status, _) => {
                let status = status.unwrap_or("not reported").to_owned();
                Err(self.refused(what, Fault::SaveFailed { status }))
            }
        }
    }

    async fn rest(&self, what: &str, end: Instant, limit: Duration) -> Result<(), PortError> {
        if Instant::now() >= end {
            return Err(self.refused(what, Fault::SaveTooSlow { limit }));
        }
        sleep(LOOK_EVERY).await;
        Ok(())
    }
}
