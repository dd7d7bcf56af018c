//! What all clients of a run share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::clock::Clock;
use crate::error::TrafficError;
use crate::event::Event;
use crate::log::LogWriter;
use crate::run::known::Known;
use crate::run::options::RunOptions;

/// Where clients send their requests now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    /// The register.
    pub(super) target: SocketAddr,
    /// The DNS server, where one is asked.
    pub(super) dns: Option<SocketAddr>,
}

/// The state of a run.
pub(super) struct Shared {
    pub(super) options: RunOptions,
    pub(super) clock: Clock,
    pub(super) acknowledged: AtomicU64,
    pub(super) failed: AtomicU64,
    log: LogWriter,
    next: AtomicU64,
    known: Mutex<Known>,
    route: Mutex<Route>,
    fault: Mutex<Option<TrafficError>>,
    broken: watch::Sender<bool>,
    stopped: watch::Sender<bool>,
}

impl Shared {
    /// The state before the first request.
    pub(super) fn new(options: RunOptions, log: LogWriter, first: u64) -> Arc<Self> {
        let route = Route {
            target: options.target,
            dns: options.dns.as_ref().map(|dns| dns.server),
        };
        Arc::new(Self {
            options,
            clock: Clock::start(),
            acknowledged: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            log,
            next: AtomicU64::new(first),
            known: Mutex::new(Known::new()),
            route: Mutex::new(route),
            fault: Mutex::new(None),
            broken: watch::Sender::new(false),
            stopped: watch::Sender::new(false),
        })
    }

    /// The number of the next user to register.
    pub(super) fn next_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes an event down. A log that cannot be written ends the run: what it does not say,
    /// nobody can judge. `false` when that has happened.
    pub(super) fn record(&self, event: &Event) -> bool {
        match self.log.append(event) {
            Ok(()) => {
                if matches!(event, Event::Fail { .. }) {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                }
                true
            }
            Err(error) => {
                lock(&self.fault).get_or_insert(error);
                self.broken.send_replace(true);
                false
            }
        }
    }

    /// Writes an acknowledgement down, and only then counts it.
    pub(super) fn record_ack(&self, number: u64, event: &Event) {
        if self.record(event) {
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
            lock(&self.known).add(number);
        }
    }

    /// The number of some acknowledged user.
    pub(super) fn pick(&self) -> Option<u64> {
        lock(&self.known).pick()
    }

    /// Where requests go now.
    pub(super) fn route(&self) -> Route {
        *lock(&self.route)
    }

    /// Sends requests elsewhere from now on.
    pub(super) fn set_route(&self, route: Route) {
        *lock(&self.route) = route;
    }

    /// Tells all clients to send nothing more.
    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Whether clients have been told to stop.
    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Waits until clients are told to stop.
    pub(super) async fn stopped(&self) {
        until_true(&self.stopped).await;
    }

    /// Waits until the log cannot be written.
    pub(super) async fn broken(&self) {
        until_true(&self.broken).await;
    }

    /// The fault that ended the run, if one did.
    pub(super) fn take_fault(&self) -> Result<(), TrafficError> {
        lock(&self.fault).take().map_or(Ok(()), Err)
    }
}

async fn until_true(flag: &watch::Sender<bool>) {
    // The sender is borrowed for as long as this waits, so the channel cannot close.
    let _ = flag.subscribe().wait_for(|value| *value).await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
