//! When a run ends.

use std::path::PathBuf;
use std::time::Duration;

use regmig_traffic::error::TrafficError;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often the stop file is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Gives the reason to end once there is one. Signals are caught from the moment this returns.
pub(super) fn until_told(
    duration: Option<Duration>,
    stop_file: Option<PathBuf>,
) -> Result<impl Future<Output = String>, TrafficError> {
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut terminate = catch(SignalKind::terminate())?;
    Ok(async move {
        let over = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        let appeared = async {
            match stop_file {
                Some(path) => {
                    while !path.exists() {
                        tokio::time::sleep(LOOK_EVERY).await;
                    }
                }
                None => std::future::pending().await,
            }
        };
        let reason = tokio::select! {
            () = over => "duration",
            () = appeared => "stop file",
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        reason.to_owned()
    })
}

fn catch(kind: SignalKind) -> Result<Signal, TrafficError> {
    signal(kind).map_err(TrafficError::Signals)
}
