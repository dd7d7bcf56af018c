//! A connection that is made when it is needed and made anew when it was lost.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::connection::{Access, Connection};
use crate::error::ConnectError;
use crate::spec::SshSpec;

/// One of several connections to the same machine.
///
/// On one connection an unread stream holds up everything else, so commands, streams and
/// bulk each have their own.
#[derive(Default)]
pub(crate) struct Lane {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    failure: Option<(Instant, Arc<ConnectError>)>,
}

impl Lane {
    /// The live connection, or a new one.
    ///
    /// Whoever waited while an attempt failed that began after the asking shares that failure.
    pub(crate) async fn connection(
        &self,
        spec: &SshSpec,
        access: &Access,
    ) -> Result<Arc<Connection>, Arc<ConnectError>> {
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(live) = state.connection.as_ref().filter(|c| !c.is_lost()) {
            return Ok(Arc::clone(live));
        }
        if let Some((begun, failure)) = &state.failure
            && *begun >= asked
        {
            return Err(Arc::clone(failure));
        }
        state.connection = None;
        let begun = Instant::now();
        match Connection::open(spec, access).await {
            Ok(made) => {
                let made = Arc::new(made);
                state.connection = Some(Arc::clone(&made));
                state.failure = None;
                Ok(made)
            }
            Err(error) => {
                let error = Arc::new(error);
                state.failure = Some((begun, Arc::clone(&error)));
                Err(error)
            }
        }
    }
}
