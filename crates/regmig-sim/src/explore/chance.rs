//! Schedules by chance, the same for the same seed.

use std::collections::BTreeSet;

use regmig_core::state::State;

use super::Base;
use super::faulty;
use crate::fault::{Fault, Point};
use crate::schedule::{Schedule, Then};
use crate::world::Done;

/// Numbers that look random and are the same for the same seed (splitmix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap_or_default()
    }

    fn of<T: Copy>(&mut self, all: &[T], otherwise: T) -> T {
        let index = self.below(all.len());
        all.get(index).copied().unwrap_or(otherwise)
    }

    /// Two to four faults anywhere in a migration.
    pub(super) fn schedule(&mut self, base: &Base, effects: &[Done]) -> Schedule {
        let mut faults = BTreeSet::new();
        let count = 2 + self.below(3);
        let whole = Done { beats: 1 };
        while faults.len() < count {
            if self.below(3) == 0 {
                let append = u32::try_from(self.below(base.to.1 as usize + 20)).unwrap_or_default();
                let kinds = [Fault::KilledBefore, Fault::KilledAfter, Fault::Unwritten];
                faults.insert((Point::Append(append), self.of(&kinds, Fault::Unwritten)));
            } else {
                // What is resumed or undone has more effects than the run without faults.
                let at = self.below(base.to.0 as usize + 12);
                let kinds = faulty::faults(effects.get(at).unwrap_or(&whole));
                let index = u32::try_from(at).unwrap_or_default();
                faults.insert((Point::Effect(index), self.of(&kinds, Fault::Lost)));
            }
        }
        let then = if self.below(2) == 0 {
            Then::Resume
        } else {
            Then::Back(self.of(&State::ALL, State::Start))
        };
        Schedule {
            then,
            faults: faults.into_iter().collect(),
            ..base.schedule.clone()
        }
    }
}
