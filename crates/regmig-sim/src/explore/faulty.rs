//! Faults put into migrations: each alone, and pairs.

use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_procedure::spec::Strategy;

use super::{Base, FROM};
use crate::fault::{Cut, Fault, Point};
use crate::schedule::{Goal, Schedule, Then};
use crate::world::Done;

/// How many effects two faults of a live cutover are apart at most: the way out has fewer.
const FAR: u32 = 20;

/// Faults that an effect can meet.
pub(super) fn faults(done: &Done) -> Vec<Fault> {
    let mut all = vec![
        Fault::Refused,
        Fault::NotSent,
        Fault::Lost,
        Fault::Vain,
        Fault::Twice,
        Fault::KilledBefore,
        Fault::KilledAfter,
        Fault::Unreachable(3_000),
        Fault::Unreachable(20_000),
        Fault::TunnelLost,
        Fault::Clogged(20_000),
        Fault::Busy(100_000),
        Fault::Late(1_500),
        Fault::Late(4_000),
        Fault::Overtaken(1_500),
        Fault::LateKilled(1_500),
        Fault::LateKilled(4_000),
    ];
    for machine in Machine::BOTH {
        all.extend([
            Fault::RebootBefore(machine),
            Fault::RebootAfter(machine),
            Fault::DiskFull(machine),
        ]);
    }
    for parts in 1..done.beats {
        for cut in [Cut::Lost, Cut::Killed, Cut::Rebooted] {
            all.push(Fault::Half(parts, cut));
        }
    }
    if done.beats > 1 {
        all.push(Fault::Half(done.beats - 1, Cut::Refused));
    }
    all
}

/// What the operator may do after a fault: resume, or go back to any state reached by then.
fn thens(base: &Base, seen: (u32, u32), fault: Fault) -> Vec<Then> {
    let mut all = vec![Then::Resume];
    if let Some(Goal::Back(to)) = base.schedule.goals.get(1) {
        // Another target, or dest serves again. What matters is how far it had come, not what ended it.
        let ends = matches!(
            fault,
            Fault::Refused
                | Fault::KilledAfter
                | Fault::LateKilled(1_500)
                | Fault::Half(_, Cut::Killed)
        );
        if let Some(Goal::To(from)) = base.schedule.goals.first()
            && ends
            && *from >= State::Proxy
            && *to < State::Proxy
        {
            all.push(Then::Back(*from));
        }
        if ends && *to > State::Start {
            all.push(Then::Back(State::Start));
        }
        // Cut short, where the way back was the longest.
        if let Some(Goal::To(State::Drained)) = base.schedule.goals.first()
            && fault == Fault::KilledAfter
        {
            let between = |state: &State| state > to && *state < State::Proxy;
            let targets = State::ALL.into_iter().filter(between);
            all.extend(targets.map(Then::Back));
        }
        return all;
    }
    all.push(Then::Back(State::Start));
    let reached = base
        .states
        .iter()
        .filter(|(_, at)| at.0 <= seen.0 && at.1 <= seen.1);
    all.extend(reached.map(|(state, _)| Then::Back(*state)));
    all
}

pub(super) fn singles(base: &Base, effects: &[Done]) -> Vec<Schedule> {
    let mut all = Vec::new();
    let mut add = |point: Point, fault: Fault, then: Then| {
        all.push(Schedule {
            then,
            faults: vec![(point, fault)],
            ..base.schedule.clone()
        });
    };
    for (index, done) in (0..base.to.0).zip(effects).skip(base.from.0 as usize) {
        for fault in faults(done) {
            for then in thens(base, (index, u32::MAX), fault) {
                add(Point::Effect(index), fault, then);
            }
        }
    }
    for index in base.from.1..base.to.1 {
        for fault in [Fault::KilledBefore, Fault::KilledAfter, Fault::Unwritten] {
            for then in thens(base, (u32::MAX, index), fault) {
                add(Point::Append(index), fault, then);
            }
        }
    }
    all
}

/// Faults of which pairs are made.
const KINDS: [Fault; 13] = [
    Fault::Refused,
    Fault::Lost,
    Fault::Vain,
    Fault::Twice,
    Fault::KilledBefore,
    Fault::KilledAfter,
    Fault::Half(1, Cut::Refused),
    Fault::Half(1, Cut::Killed),
    Fault::RebootAfter(Machine::Source),
    Fault::RebootAfter(Machine::Dest),
    Fault::Late(1_500),
    Fault::LateKilled(1_500),
    Fault::Unreachable(20_000),
];

/// Two faults at neighbouring effects; the second may meet the run that resumes.
pub(super) fn pairs(base: &Base) -> Vec<Schedule> {
    let [Goal::To(from), rest @ ..] = base.schedule.goals.as_slice() else {
        return Vec::new();
    };
    let far = rest.contains(&Goal::Back(State::Start)) && FROM.contains(from);
    if !(rest.is_empty() || far) {
        return Vec::new();
    }
    let indices = base.from.0..base.to.0;
    indices
        .flat_map(|index| both(base, index, index + 1))
        .collect()
}

/// Two faults anywhere in the critical section of a live cutover, or on the way out of it.
pub(super) fn section_pairs(base: &Base) -> Vec<Schedule> {
    let at = |wanted: State| base.states.iter().find(|(state, _)| *state == wanted);
    let live = base.schedule.scene.strategy() == Strategy::Live;
    let (Some((_, begin)), Some((_, end))) = (at(State::Warm), at(State::Proxy)) else {
        return Vec::new();
    };
    let firsts = (begin.0..end.0).filter(|_| live);
    firsts
        .flat_map(|first| (first + 2..first + FAR).map(move |second| (first, second)))
        .flat_map(|(first, second)| both(base, first, second))
        .collect()
}

/// A migration with a fault of every kind at two effects.
fn both(base: &Base, first: u32, second: u32) -> Vec<Schedule> {
    let with = |kinds: (Fault, Fault)| Schedule {
        faults: vec![
            (Point::Effect(first), kinds.0),
            (Point::Effect(second), kinds.1),
        ],
        ..base.schedule.clone()
    };
    let kinds = KINDS.into_iter();
    let kinds = kinds.flat_map(|one| KINDS.into_iter().map(move |other| (one, other)));
    kinds.map(with).collect()
}
