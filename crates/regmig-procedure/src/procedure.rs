//! The procedure: one table, read from top to bottom.

use regmig_core::engine::{Engine, EngineError, Outcome};
use regmig_core::state::State;
use regmig_core::step::{Homeward, Procedure, Step};

use crate::spec::{Spec, Strategy};
use crate::steps::{
    backup, cold, drained, failback, finalized, launched, linked, live, nameservers, outage,
    preflight, proxy, replica, synced, verified, warm,
};

/// A step of this procedure.
pub type ProcedureStep = Step<Spec>;

/// The steps of the `copy` strategy, in order.
///
/// What stands between `cold/fence` and `proxy/canary` is the cold window.
pub static COPY: [ProcedureStep; 40] = [
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
    outage::BEGIN,
    cold::FENCE,
    cold::STOP,
    synced::PASS,
    synced::FILES,
    synced::START,
    synced::EQUAL,
    synced::HEALTHY,
    proxy::FILE,
    proxy::DNS,
    proxy::OPEN,
    outage::END,
    proxy::CANARY,
    proxy::CLEAN,
    replica::TUNNEL,
    replica::CONF,
    replica::ATTACH,
    replica::DNS,
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

/// The steps of the `live` strategy, in order.
///
/// From `cold/switch` to `proxy/release` clients wait.
pub static LIVE: [ProcedureStep; 51] = [
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
    linked::DEST_TUNNEL,
    warm::STAGE,
    live::ready::WAY_HOME,
    live::ready::REDIS,
    live::ready::FOLLOW,
    live::calm::CALM,
    live::ready::SERVE,
    live::ready::SHUT,
    live::ready::REDIS_STILL,
    live::ready::FOLLOW_STILL,
    live::ready::SERVE_STILL,
    live::ready::SHUT_STILL,
    outage::BEGIN,
    live::section::QUIET,
    live::ping::STEP,
    live::section::HOLD,
    live::section::REHEARSE,
    live::section::ARM,
    live::section::SWITCH,
    live::section::CAUGHT_UP,
    live::open::PROMOTE,
    live::open::RELEASE,
    live::open::TURN,
    live::open::DISARM,
    outage::END,
    proxy::CANARY,
    proxy::CLEAN,
    live::ready::WAY_HOME_STILL,
    replica::CONF,
    replica::ATTACH,
    replica::PROVE,
    replica::CLEAN,
    nameservers::DELEGATION,
    verified::ANSWERS,
    drained::QUIET,
    finalized::RETIRE,
    live::open::RETIRE_TUNNEL,
    finalized::UNPUBLISH,
    finalized::KEYS,
    finalized::TIDY,
];

/// The way home where source's Redis follows dest's: nothing has to be copied.
pub static HOME_BY_REPLICATION: [ProcedureStep; 3] =
    [failback::FENCE, failback::CAUGHT_UP, failback::EQUAL];

/// The way home where it does not.
pub static HOME_BY_COPY: [ProcedureStep; 9] = [
    failback::FENCE,
    failback::SAVE,
    failback::ASIDE,
    failback::GATE,
    failback::PASS,
    failback::GATE_SHUT,
    failback::START,
    failback::EQUAL_FROM_FILES,
    failback::TIDY,
];

/// A strategy, forward and back.
const fn with_ways_home(steps: &'static [ProcedureStep]) -> Procedure<Spec> {
    Procedure {
        steps,
        replication: Homeward {
            ready: |cx| Box::pin(failback::follows(cx)),
            steps: &HOME_BY_REPLICATION,
        },
        copy: Homeward {
            ready: |cx| Box::pin(failback::has_room(cx)),
            steps: &HOME_BY_COPY,
        },
    }
}

static BY_COPY: Procedure<Spec> = with_ways_home(&COPY);
static BY_LIVE: Procedure<Spec> = with_ways_home(&LIVE);

/// Everything that a strategy does.
pub fn procedure(strategy: Strategy) -> &'static Procedure<Spec> {
    match strategy {
        Strategy::Copy => &BY_COPY,
        Strategy::Live => &BY_LIVE,
    }
}

/// Whether a migration can rest in a state: in the critical section of a `live` one clients wait, and timers end it.
pub fn rests(strategy: Strategy, state: State) -> bool {
    strategy == Strategy::Copy || !matches!(state, State::Cold | State::Synced)
}

/// Goes forward. A `live` cutover that fails is not left half done: dest serves if it was promoted after all, and else source
/// does, and the migration rests at `warm`.
///
/// # Errors
///
/// As [`Engine::forward`] and [`Engine::rollback`].
pub async fn forward(engine: &mut Engine<'_, Spec>, until: State) -> Result<Outcome, EngineError> {
    let halted = engine.forward(until).await?;
    if !matches!(halted, Outcome::Halted { .. }) || !live::section::in_section(&engine.cursor) {
        return Ok(halted);
    }
    if let Some(undecided) = engine.decide().await? {
        return Ok(undecided);
    }
    if !live::section::in_section(&engine.cursor) {
        return engine.forward(until).await;
    }
    Ok(match engine.rollback(State::Warm).await? {
        Outcome::RolledBack(_) => halted,
        other => other,
    })
}

/// The steps of a strategy, in order.
pub fn steps(strategy: Strategy) -> &'static [ProcedureStep] {
    procedure(strategy).steps
}

/// Every step with the state that it belongs to.
pub fn order(strategy: Strategy) -> impl Iterator<Item = (&'static str, State)> + Clone {
    procedure(strategy).order()
}

#[cfg(test)]
mod tests {
    use regmig_core::step::Undo;

    use super::*;

    /// A step that stands in a strategy twice is taken back once, at its first place: what rests in between needs it.
    #[test]
    fn what_is_looked_at_again_is_not_taken_back_there() {
        let mut again = Vec::new();
        for (at, step) in LIVE.iter().enumerate() {
            let same = |earlier: &&ProcedureStep| std::ptr::fn_addr_eq(earlier.probe, step.probe);
            if LIVE[..at].iter().any(|earlier| same(&earlier)) {
                again.push(step.id);
                assert!(matches!(step.undo, Undo::Nothing(_)), "{}", step.id);
            }
        }
        assert!(again.contains(&"replica/tunnel"), "{again:?}");
    }
}
