//! The clients: who sends what, and when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;

use crate::clock::ms_since;
use crate::dns;
use crate::event::{Event, Operation};
use crate::register::{Failure, Found};
use crate::run::shared::Shared;

/// Starts one request whenever one is due, whatever has become of those before.
///
/// A client that waited for the server would send nothing while it is away, and so hide how long that
/// was. What is due while too many are unanswered is recorded as skipped, not forgotten; what is
/// due while this process is held up is sent at once afterwards, its time counted from when it was due.
pub(super) async fn open_loop<F, W>(shared: Arc<Shared>, op: Operation, per_second: f64, start: W)
where
    F: Future<Output = ()> + Send + 'static,
    W: Fn(Arc<Shared>, Instant) -> F,
{
    if per_second <= 0.0 {
        return;
    }
    let slots = shared.options.in_flight;
    let free = Arc::new(Semaphore::new(slots));
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        let due = tokio::select! {
            biased;
            () = shared.stopped() => break,
            due = ticks.tick() => due.into_std(),
        };
        match Arc::clone(&free).try_acquire_owned() {
            Ok(slot) => {
                let request = start(Arc::clone(&shared), due);
                tokio::spawn(async move {
                    request.await;
                    drop(slot);
                });
            }
            Err(_) => {
                shared.record(&Event::Skipped {
                    at_ms: shared.clock.now_ms(),
                    op,
                });
            }
        }
    }
    // All slots are free once the last answer has come or its time has run out.
    let _ = free
        .acquire_many(u32::try_from(slots).unwrap_or(u32::MAX))
        .await;
}

/// Registers one user after the other, waiting for each answer.
pub(super) async fn closed_writer(shared: Arc<Shared>, think: Duration) {
    while !shared.is_stopped() {
        write_one(Arc::clone(&shared), Instant::now()).await;
        tokio::select! {
            () = shared.stopped() => {}
            () = tokio::time::sleep(think) => {}
        }
    }
}

/// Registers the next user.
pub(super) async fn write_one(shared: Arc<Shared>, due: Instant) {
    let number = shared.next_number();
    let user = shared.options.users.user(number);
    let target = shared.route().target;
    let options = &shared.options;
    let result = options.register.create(target, &options.key, &user).await;
    let (at_ms, ms) = (shared.clock.now_ms(), ms_since(due));
    match result {
        Ok(()) => {
            let event = Event::Ack {
                at_ms,
                user: user.name,
                core: user.core,
                target,
                ms,
            };
            shared.record_ack(number, &event);
        }
        Err(Failure { kind, detail }) => {
            let op = Operation::Write;
            shared.record(&Event::Fail {
                at_ms,
                op,
                kind,
                user: user.name,
                target,
                ms,
                detail,
            });
        }
    }
}

/// Asks the register for some acknowledged user; without one there is nothing to ask.
pub(super) async fn read_back(shared: Arc<Shared>, due: Instant) {
    let Some(user) = shared
        .pick()
        .map(|number| shared.options.users.user(number))
    else {
        return;
    };
    let target = shared.route().target;
    let result = match shared.options.register.find(target, &user.name).await {
        Ok(Found::On(core)) if core == user.core => Ok(()),
        Ok(Found::On(core)) => Err(Failure {
            kind: "wrong-core".to_owned(),
            detail: format!("found on {core}, expected {}", user.core),
        }),
        Ok(Found::Absent) => Err(Failure {
            kind: "missing".to_owned(),
            detail: "404 for an acknowledged user".to_owned(),
        }),
        Err(failure) => Err(failure),
    };
    record_result(&shared, Operation::Read, user.name, target, due, result);
}

/// Asks the DNS server for some acknowledged user.
pub(super) async fn ask_dns(shared: Arc<Shared>, due: Instant) {
    let Some(user) = shared
        .pick()
        .map(|number| shared.options.users.user(number))
    else {
        return;
    };
    let Some(server) = shared.route().dns else {
        return;
    };
    let name = format!("{}.{}", user.name, shared.options.domain);
    let limit = shared.options.register.limits.total;
    let result = match dns::core_of(server, &name, limit).await {
        Ok(Some(core)) if core == user.core.to_lowercase() => Ok(()),
        Ok(Some(core)) => Err(Failure {
            kind: "dns-wrong".to_owned(),
            detail: format!("answered {core}, expected {}", user.core),
        }),
        Ok(None) => Err(Failure {
            kind: "dns-missing".to_owned(),
            detail: "no answer for an acknowledged user".to_owned(),
        }),
        Err(failure) => Err(failure),
    };
    record_result(&shared, Operation::Dns, user.name, server, due, result);
}

fn record_result(
    shared: &Shared,
    op: Operation,
    user: String,
    target: std::net::SocketAddr,
    due: Instant,
    result: Result<(), Failure>,
) {
    let (at_ms, ms) = (shared.clock.now_ms(), ms_since(due));
    let event = match result {
        Ok(()) => Event::Ok {
            at_ms,
            op,
            user,
            target,
            ms,
        },
        Err(Failure { kind, detail }) => Event::Fail {
            at_ms,
            op,
            kind,
            user,
            target,
            ms,
            detail,
        },
    };
    shared.record(&event);
}
