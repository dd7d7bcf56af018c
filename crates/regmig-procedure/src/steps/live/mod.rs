//! What the `live` strategy does in place of copying files: dest's Redis follows source's while source serves, and
//! the cutover is as short as it takes two replication offsets to become equal.
//!
//! `warm` makes dest ready and `cold` sees that it still is ([`ready`]). What may fail slowly comes before the first
//! client has to wait; from `cold/switch` to `proxy/release` ([`section`], [`open`]) clients' requests wait in the
//! sockets of dest's frozen register. Timers on both machines take the way out should regmig fall silent there; they
//! and the promotion of dest's Redis compete for one key, the epoch, so that only one of them can win.

pub(crate) mod calm;
pub mod open;
pub(crate) mod ping;
pub mod ready;
pub mod section;

use regmig_core::machine::Machine;
use regmig_core::step::StepError;
use sha2::{Digest as _, Sha256};

use crate::ask::{self, Cx};
use crate::spec::{LiveSpec, Spec};

/// The key in dest's Redis by which the promotion and the timers decide who wins. Until the promotion it is a replica's own,
/// of which its primary does not hear.
pub const EPOCH_KEY: &str = "regmig:epoch";

/// What the key says while neither has won.
pub fn armed(epoch: &str) -> String {
    format!("armed {epoch}")
}

/// What the key says once dest's Redis was promoted.
pub fn promoted(epoch: &str) -> String {
    format!("promoted {epoch}")
}

/// What the key says once it never will be.
pub fn withdrawn(epoch: &str) -> String {
    format!("withdrawn {epoch}")
}

/// While a timer is armed on a machine, this file holds its epoch.
pub fn timer(spec: &Spec, machine: Machine) -> String {
    format!("{}/timer", spec.work(machine))
}

/// source's nginx file as the timer puts it back.
pub fn site_before(spec: &Spec) -> String {
    format!("{}/site-before", spec.work(Machine::Source))
}

/// Which site file a machine's nginx serves by since regmig had it reloaded: its SHA-256 in hex.
pub fn nginx_loaded(spec: &Spec, machine: Machine) -> String {
    format!("{}/nginx-loaded", spec.work(machine))
}

/// What [`nginx_loaded`] says of a file.
pub fn sum(content: &str) -> String {
    let hex: String = Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{hex}\n")
}

/// How long waiting may take.
fn limits(cx: &Cx<'_>) -> LiveSpec {
    cx.spec.live.clone().unwrap_or_default()
}

/// The primary that dest's Redis follows through its tunnel.
fn primary(cx: &Cx<'_>) -> String {
    format!("{}:{}", cx.spec.tunnel.name, cx.spec.tunnel.port)
}

/// What the epoch's key says; nothing where it is not there.
async fn epoch_says(cx: &Cx<'_>) -> Result<Option<String>, StepError> {
    ask::redis_get(cx, Machine::Dest, EPOCH_KEY.to_owned()).await
}

/// Whether the container of a machine's Redis runs.
async fn redis_runs(cx: &Cx<'_>, machine: Machine) -> Result<bool, StepError> {
    let services = ask::services(cx, machine).await?;
    Ok(services
        .get(&cx.spec.stack.redis)
        .is_some_and(|redis| redis.runs()))
}
