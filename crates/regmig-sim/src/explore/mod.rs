//! Walks schedules: every single fault at every point, pairs at neighbouring effects, and random ones beyond.

mod chance;
mod faulty;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use regmig_core::state::State;
use regmig_procedure::procedure::rests;

use self::chance::Chance;
use self::faulty::{pairs, section_pairs, singles};
use crate::driver::{Made, Marked, Run, mark, run, run_on};
use crate::schedule::{Goal, Schedule, Then};
use crate::world::scene::Scene;

/// How much is explored.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) scenes: Vec<Scene>,
    /// The state up to which migrations go.
    pub(crate) until: State,
    /// Every single fault,
    pub(crate) singles: bool,
    /// and pairs of faults.
    pub(crate) pairs: bool,
    /// Rollbacks from every state to every earlier one, not only those on the way.
    pub(crate) rollbacks: bool,
    /// Random schedules until there are so many in all,
    pub(crate) at_least: usize,
    /// and so many of them at least.
    pub(crate) random: usize,
    pub(crate) seed: u64,
    /// Stop after so many violations.
    pub(crate) enough: usize,
    /// Only migrations whose text contains this.
    pub(crate) only: String,
    /// On the way forward, faults from this effect on; at records only where it is 0.
    pub(crate) first: u32,
    /// Violations that this one has too do not count: a planted bug shall show itself.
    pub(crate) beside: Option<Arc<Made>>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Distinct schedules that were run.
    pub(crate) schedules: usize,
    /// Those with a single fault.
    pub(crate) single: usize,
    /// Those with two faults at neighbouring effects.
    pub(crate) pairs: usize,
    /// Random ones.
    pub(crate) random: usize,
    /// Violations with the schedule that led to each.
    pub(crate) violations: Vec<(Schedule, String)>,
}

impl Found {
    /// What was found elsewhere, too.
    pub(crate) fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.single += other.single;
        self.pairs += other.pairs;
        self.random += other.random;
        self.violations.extend(other.violations);
    }
}

/// A migration without faults, of which others are made.
struct Base {
    schedule: Schedule,
    /// Effects and records from which on faults are of interest.
    from: (u32, u32),
    /// Effects and records up to which they are.
    to: (u32, u32),
    /// The states reached on the way, with effects and records seen by then.
    states: Vec<(State, (u32, u32))>,
}

/// Explores.
pub(crate) fn explore(made: &Made, scope: &Scope) -> Found {
    let mut found = Found::default();
    let bases = bases(made, scope, &mut found);
    let mut seen = HashSet::new();
    for base in &bases {
        let marked = mark(made, &base.schedule);
        let effects = &marked.run.effects;
        let fresh = |one: &Schedule, seen: &mut HashSet<Schedule>| seen.insert(one.clone());
        if scope.singles {
            let all: Vec<Schedule> = singles(base, effects)
                .into_iter()
                .filter(|one| fresh(one, &mut seen))
                .collect();
            found.single += run_all(made, scope, &marked, &all, &mut found);
        }
        if scope.pairs {
            let all: Vec<Schedule> = (pairs(base).into_iter())
                .chain(section_pairs(base))
                .filter(|one| fresh(one, &mut seen))
                .collect();
            found.pairs += run_all(made, scope, &marked, &all, &mut found);
        }
    }
    let mut chance = Chance(scope.seed);
    let missing = scope
        .at_least
        .saturating_sub(found.schedules)
        .max(scope.random);
    let each = missing.div_ceil(bases.len().max(1));
    for base in bases.iter().filter(|_| missing > 0) {
        let marked = mark(made, &base.schedule);
        let mut all = Vec::new();
        while all.len() < each {
            let one = chance.schedule(base, &marked.run.effects);
            if seen.insert(one.clone()) {
                all.push(one);
            }
        }
        found.random += run_all(made, scope, &marked, &all, &mut found);
    }
    found
}

fn plain(scene: Scene, goals: Vec<Goal>) -> Schedule {
    Schedule {
        scene,
        goals,
        then: Then::Resume,
        faults: Vec::new(),
    }
}

/// States from which a rollback to `start` is explored whatever dest was like, and with pairs of faults.
const FROM: [State; 4] = [State::Launched, State::Synced, State::Proxy, State::Drained];

fn bases(made: &Made, scope: &Scope, found: &mut Found) -> Vec<Base> {
    let mut bases = Vec::new();
    let states: Vec<State> = State::ALL
        .into_iter()
        .filter(|state| (State::Launched..=scope.until).contains(state))
        .filter(|state| rests(made.spec.strategy, *state))
        .collect();
    let wanted = |schedule: &Schedule| schedule.to_string().contains(&scope.only);
    for scene in &scope.scenes {
        let whole = plain(*scene, vec![Goal::To(scope.until)]);
        if wanted(&whole) {
            // State by state, to learn where each is reached; a run in one go does the same.
            let chain = plain(
                *scene,
                states.iter().map(|state| Goal::To(*state)).collect(),
            );
            let run = run(made, &chain, false);
            keep(found, &chain, &run);
            bases.push(Base {
                schedule: whole,
                from: (scope.first, if scope.first > 0 { run.appends } else { 0 }),
                to: (
                    u32::try_from(run.effects.len()).unwrap_or(u32::MAX),
                    run.appends,
                ),
                states: states
                    .iter()
                    .copied()
                    .zip(run.reached.iter().copied())
                    .collect(),
            });
        }
        for from in states.iter().filter(|_| scope.rollbacks) {
            let everywhere = scene == scope.scenes.first().unwrap_or(scene);
            let asked = |to: &State| {
                // How dest was found matters only where it is left as it was.
                everywhere || (*to == State::Start && FROM.contains(from))
            };
            let to = State::ALL
                .into_iter()
                .filter(|to| rests(made.spec.strategy, *to));
            for to in to.filter(|to| to < from && asked(to)) {
                let mut goals = vec![Goal::To(*from), Goal::Back(to)];
                // And again forward, where everything was undone.
                if to == State::Start {
                    goals.push(Goal::To(*from));
                }
                let schedule = plain(*scene, goals);
                if !wanted(&schedule) {
                    continue;
                }
                let run = run(made, &schedule, false);
                if run.no_way {
                    continue;
                }
                keep(found, &schedule, &run);
                // A violation that needs no fault: what is made of it would only say so again.
                if run.violations.is_empty()
                    && let [start, end, ..] = run.reached.as_slice()
                {
                    bases.push(Base {
                        schedule,
                        from: *start,
                        to: *end,
                        states: Vec::new(),
                    });
                }
            }
        }
    }
    bases
}

fn keep(found: &mut Found, schedule: &Schedule, run: &Run) {
    found.schedules += 1;
    for violation in &run.violations {
        found.violations.push((schedule.clone(), violation.clone()));
    }
}

/// Runs schedules on all cores; stops early once there are enough violations. Returns how many were run.
fn run_all(
    made: &Made,
    scope: &Scope,
    marked: &Marked,
    schedules: &[Schedule],
    found: &mut Found,
) -> usize {
    let next = AtomicUsize::new(0);
    let bad = AtomicUsize::new(found.violations.len());
    let violations = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scoped| {
        for _ in 0..threads {
            scoped.spawn(|| {
                while bad.load(Ordering::Relaxed) < scope.enough {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(schedule) = schedules.get(index) else {
                        break;
                    };
                    let run = run_on(made, marked, schedule);
                    let violates = |made: &Arc<Made>| {
                        !crate::driver::run(made, schedule, false)
                            .violations
                            .is_empty()
                    };
                    if !run.violations.is_empty() && !scope.beside.as_ref().is_some_and(violates) {
                        bad.fetch_add(1, Ordering::Relaxed);
                        violations
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .insert(index, run.violations);
                    }
                }
            });
        }
    });
    let count = next.load(Ordering::Relaxed).min(schedules.len());
    found.schedules += count;
    for (index, all) in violations
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        if let Some(schedule) = schedules.get(index) {
            found.violations.extend(
                all.into_iter()
                    .map(|violation| (schedule.clone(), violation)),
            );
        }
    }
    count
}
