//! Measures what clients see of source across the cutover, from where the operator sits.
//!
//! Three probes go on side by side; what they saw is kept in a file of the store's folder, so that it survives this
//! process. Nothing of it is needed to finish a migration: the file may be lost.

mod gaps;
mod probes;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use regmig_core::facts::Outage;
use regmig_core::machine::Machine;
use regmig_core::port::PortError;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use self::gaps::Gaps;
use self::probes::{Dns, Https, Probe};
use super::World;
use super::host::now_ms;

/// From one probe to the next.
const EVERY: Duration = Duration::from_millis(20);
/// How often what was seen is written down.
const KEEP_EVERY: Duration = Duration::from_millis(200);
/// Shorter names are not looked up by the platform's DNS.
const SHORTEST_IN_DNS: usize = 5;

/// The file, and what is measuring.
pub(super) struct Meter {
    path: PathBuf,
    under_way: tokio::sync::Mutex<Option<UnderWay>>,
}

struct UnderWay {
    stop: watch::Sender<bool>,
    work: JoinSet<()>,
    seen: Arc<Mutex<Seen>>,
}

/// What was seen so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Seen {
    from_ms: i64,
    /// When somebody measured last.
    to_ms: i64,
    unmeasured_ms: i64,
    writes: Gaps,
    reads: Gaps,
    dns: Gaps,
}

impl Seen {
    /// Begins, or goes on with what an earlier process saw.
    fn begin(&mut self, at_ms: i64) {
        if self.from_ms == 0 {
            self.from_ms = at_ms;
        } else {
            self.unmeasured_ms += at_ms.saturating_sub(self.to_ms);
        }
        self.to_ms = at_ms;
        for gaps in [&mut self.writes, &mut self.reads, &mut self.dns] {
            gaps.begin(at_ms);
        }
    }

    fn is_served(&self) -> bool {
        [&self.writes, &self.reads, &self.dns]
            .iter()
            .all(|gaps| gaps.is_served())
    }

    fn outage(&self) -> Outage {
        Outage {
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            unmeasured_ms: self.unmeasured_ms,
            writes: self.writes.until(self.to_ms),
            reads: self.reads.until(self.to_ms),
            dns: self.dns.until(self.to_ms),
        }
    }
}

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    UnderWay(Seen),
    Ended(Outage),
}

impl Kept {
    /// Reads the file; one that is not there or makes no sense holds nothing.
    fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    fn write(&self, path: &Path) -> Result<(), PortError> {
        let written = serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|text| {
                let part = path.with_extension("part");
                std::fs::write(&part, text)?;
                std::fs::rename(&part, path)
            });
        let what = || format!("keeping what was measured in {}", path.display());
        written.map_err(|error| PortError::refused(what(), error))
    }
}

impl Meter {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            under_way: tokio::sync::Mutex::default(),
        }
    }

    /// The outage, once it is measured.
    pub(super) fn outage(&self) -> Option<Outage> {
        match Kept::read(&self.path)? {
            Kept::Ended(outage) => Some(outage),
            Kept::UnderWay(_) => None,
        }
    }

    /// Ends measuring once everything is served, or after `within`; waits for probes that are under way, and keeps
    /// the outage.
    pub(super) async fn end(&self, within: Duration) -> Result<(), PortError> {
        // Where it takes longer, that is what was seen.
        let _ = tokio::time::timeout(within, self.served()).await;
        let seen = match self.stop().await {
            Some(seen) => seen,
            // A process that was killed was measuring, or none.
            None => match Kept::read(&self.path) {
                Some(Kept::Ended(_)) => return Ok(()),
                Some(Kept::UnderWay(seen)) => seen,
                None => Seen::default(),
            },
        };
        Kept::Ended(seen.outage()).write(&self.path)
    }

    /// Keeps nothing of what was measured.
    pub(super) async fn forget(&self) -> Result<(), PortError> {
        self.stop().await;
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let what = format!("removing {}", self.path.display());
                Err(PortError::refused(what, error))
            }
            _ => Ok(()),
        }
    }

    /// Waits until everything is served, or nobody measures.
    async fn served(&self) {
        let mut clock = interval(EVERY);
        loop {
            clock.tick().await;
            match &*self.under_way.lock().await {
                Some(under_way) if !lock(&under_way.seen).is_served() => {}
                _ => return,
            }
        }
    }

    async fn stop(&self) -> Option<Seen> {
        let mut under_way = self.under_way.lock().await.take()?;
        under_way.stop.send_replace(true);
        // Where a probe panicked, what it saw before is all there is.
        while under_way.work.join_next().await.is_some() {}
        let mut seen = lock(&under_way.seen).clone();
        seen.to_ms = now_ms();
        Some(seen)
    }

    async fn begin(&self, writes: Https, reads: Https, dns: Dns) {
        let mut seen = match Kept::read(&self.path) {
            Some(Kept::UnderWay(seen)) => seen,
            _ => Seen::default(),
        };
        seen.begin(now_ms());
        let seen = Arc::new(Mutex::new(seen));
        let (stop, stopped) = watch::channel(false);
        let mut work = JoinSet::new();
        let shared = || (Arc::clone(&seen), stopped.clone());
        work.spawn(watch_on(writes, |seen| &mut seen.writes, shared()));
        work.spawn(watch_on(reads, |seen| &mut seen.reads, shared()));
        work.spawn(watch_on(dns, |seen| &mut seen.dns, shared()));
        work.spawn(keep_on(self.path.clone(), shared()));
        *self.under_way.lock().await = Some(UnderWay { stop, work, seen });
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was seen, and whether to go on.
type Shared = (Arc<Mutex<Seen>>, watch::Receiver<bool>);

/// Probes again and again.
async fn watch_on<P: Probe>(mut probe: P, of: fn(&mut Seen) -> &mut Gaps, (seen, stop): Shared) {
    let mut clock = interval(EVERY);
    while !*stop.borrow() {
        clock.tick().await;
        let served = probe.is_served().await;
        of(&mut lock(&seen)).probed(served, now_ms());
    }
}

/// Writes down what was seen, again and again.
async fn keep_on(path: PathBuf, (seen, stop): Shared) {
    let mut clock = interval(KEEP_EVERY);
    while !*stop.borrow() {
        clock.tick().await;
        let now = {
            let mut seen = lock(&seen);
            seen.to_ms = now_ms();
            seen.clone()
        };
        if let Err(error) = Kept::UnderWay(now).write(&path) {
            tracing::warn!("{}", error.one_line());
        }
    }
}

fn interval(every: Duration) -> tokio::time::Interval {
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    clock
}

impl World {
    /// Begins to measure; where an earlier process did, its figures count on.
    pub(super) async fn measure(
        &self,
        canary: (&str, &str),
        known: &str,
        goes_on: bool,
    ) -> Result<(), PortError> {
        self.meter.stop().await;
        if !goes_on {
            self.meter.forget().await?;
        }
        let https = |request, served| Https {
            address: self.https_address(Machine::Source),
            trust: self.trust.clone(),
            server_name: self.spec.proxy.public_name.clone(),
            request,
            served,
            kept: None,
        };
        let write = self.registration(Machine::Source, canary).await?;
        let read = self.look_for(known);
        let domain = &self.spec.domain;
        let (name, kind) = if known.len() >= SHORTEST_IN_DNS {
            (format!("{known}.{domain}"), regmig_dns::Kind::Cname)
        } else {
            (domain.clone(), regmig_dns::Kind::Soa)
        };
        let server = (self.spec.source.address, 53).into();
        let dns = Dns { server, name, kind };
        self.meter
            .begin(https(write, 201), https(read, 302), dns)
            .await;
        Ok(())
    }
}
