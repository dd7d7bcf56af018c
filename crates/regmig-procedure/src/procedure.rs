//! The procedure: one table, read from top to bottom.

use regmig_core::state::State;
use regmig_core::step::Step;

use crate::spec::{Spec, Strategy};
use crate::steps::{
    backup, cold, drained, finalized, launched, linked, nameservers, preflight, proxy, replica,
    synced, verified, warm,
};

/// A step of this procedure.
pub type ProcedureStep = Step<Spec>;

/// The steps of the `copy` strategy, in order.
///
/// What stands between `cold/fence` and `proxy/canary` is the cold window.
pub static COPY: [ProcedureStep; 36] = [
    preflight::STEP,
    launched::FOLDERS,
    launched::ASIDE,
    launched::PUBLISHED,
    launched::LAUNCH,
    launched::STOP,
    backup::COPY,
    linked::KEYS,
    linked::AUTHORIZED,
    linked::PULL,
    linked::TUNNEL,
    warm::STAGE,
    warm::PASSES,
    cold::FENCE,
    cold::STOP,
    synced::PASS,
    synced::FILES,
    synced::START,
    synced::EQUAL,
    synced::HEALTHY,
    proxy::FILE,
    proxy::OPEN,
    proxy::CANARY,
    proxy::CLEAN,
    replica::TUNNEL,
    replica::CONF,
    replica::ATTACH,
    replica::PROVE,
    replica::CLEAN,
    nameservers::DELEGATION,
    verified::ANSWERS,
    drained::QUIET,
    finalized::RETIRE,
    finalized::UNPUBLISH,
    finalized::KEYS,
    finalized::TIDY,
];

/// The steps of a strategy, in order.
pub fn steps(strategy: Strategy) -> &'static [ProcedureStep] {
    match strategy {
        Strategy::Copy => &COPY,
    }
}

/// Every step with the state that it belongs to.
pub fn order(strategy: Strategy) -> impl Iterator<Item = (&'static str, State)> {
    steps(strategy).iter().map(|step| (step.id, step.enters))
}
