//! A run: the clients, and everything that they share.

mod clients;
mod follow;
mod known;
mod options;
mod shared;

use std::sync::atomic::Ordering;

use tokio::task::JoinSet;

use crate::error::TrafficError;
use crate::event::{Event, Operation};
use crate::log::LogWriter;
use crate::register::Found;
use clients::{ask_dns, closed_writer, open_loop, read_back, write_one};
pub use options::{DnsOptions, Load, RunOptions};
use shared::Shared;

/// What a run did, in short; the log has the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How many writes were acknowledged.
    pub acknowledged: u64,
    /// How many requests failed, of any kind.
    pub failed: u64,
    /// Why it ended.
    pub reason: String,
}

/// Runs clients against a register until `stop` gives a reason, and waits for their last answers.
///
/// Refuses to begin when the first user of the run exists already: its loss could not be noticed. A
/// register that cannot be asked is no reason not to begin, since outages are what a run is for.
pub async fn run(
    options: RunOptions,
    stop: impl Future<Output = String>,
) -> Result<Summary, TrafficError> {
    let (log, before) = LogWriter::open(&options.log)?;
    let first = next_number(&options, &before);
    let user = options.users.user(first);
    if let Ok(Found::On(_)) = options.register.find(options.target, &user.name).await {
        return Err(TrafficError::PrefixInUse {
            user: user.name,
            target: options.target,
        });
    }
    let shared = Shared::new(options, log, first);
    shared.record(&Event::Start {
        at_ms: shared.clock.now_ms(),
        target: shared.options.target,
        host: shared.options.register.host.clone(),
        prefix: shared.options.users.prefix().to_owned(),
        first,
    });

    let mut clients = JoinSet::new();
    match shared.options.load {
        Load::Open { per_second } => {
            clients.spawn(open_loop(
                shared.clone(),
                Operation::Write,
                per_second,
                write_one,
            ));
        }
        Load::Closed { writers, think } => {
            for _ in 0..writers {
                clients.spawn(closed_writer(shared.clone(), think));
            }
        }
    }
    let reads = shared.options.reads_per_second;
    clients.spawn(open_loop(shared.clone(), Operation::Read, reads, read_back));
    if let Some(dns) = &shared.options.dns {
        clients.spawn(open_loop(
            shared.clone(),
            Operation::Dns,
            dns.per_second,
            ask_dns,
        ));
    }
    if let Some(parent) = shared.options.follow {
        clients.spawn(follow::follow(shared.clone(), parent));
    }

    let reason = tokio::select! {
        reason = stop => reason,
        () = shared.broken() => "the log cannot be written".to_owned(),
    };
    shared.record(&Event::End {
        at_ms: shared.clock.now_ms(),
        reason: reason.clone(),
    });
    shared.stop();
    while clients.join_next().await.is_some() {}
    shared.take_fault()?;
    Ok(Summary {
        acknowledged: shared.acknowledged.load(Ordering::Relaxed),
        failed: shared.failed.load(Ordering::Relaxed),
        reason,
    })
}

/// The number of the first user, behind all that an earlier run in the same log may have sent.
fn next_number(options: &RunOptions, before: &[Event]) -> u64 {
    let used = before
        .iter()
        .filter_map(|event| options.users.number(event.user()?))
        .max();
    // A killed run leaves no trace of the requests that were unanswered when it ended.
    let unanswered = u64::try_from(options.in_flight).unwrap_or(u64::MAX);
    used.map_or(1, |highest| {
        highest.saturating_add(unanswered).saturating_add(1)
    })
}
