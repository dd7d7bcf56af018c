//! The users that have been acknowledged, to pick from for reading back.

/// How many of the last acknowledged users count as recent.
const RECENT: usize = 20;

/// The numbers of the acknowledged users, and a source of picks that every run repeats.
#[derive(Debug)]
pub(super) struct Known {
    numbers: Vec<u64>,
    state: u64,
}

impl Known {
    /// Knows nobody.
    pub(super) fn new() -> Self {
        Self {
            numbers: Vec::new(),
            state: 0x9E37_79B9_7F4A_7C15,
        }
    }

    /// Adds an acknowledged user.
    pub(super) fn add(&mut self, number: u64) {
        self.numbers.push(number);
    }

    /// Picks a user: every other time one of the last few, since a stale copy lacks those.
    pub(super) fn pick(&mut self) -> Option<u64> {
        let draw = self.draw();
        let recent = draw & 1 == 0;
        let first = if recent {
            self.numbers.len().saturating_sub(RECENT)
        } else {
            0
        };
        let choice = self.numbers.get(first..)?;
        let count = u64::try_from(choice.len())
            .ok()
            .filter(|count| *count > 0)?;
        let place = usize::try_from((draw >> 1) % count).ok()?;
        choice.get(place).copied()
    }

    /// One step of Marsaglia's 64-bit xorshift generator (shifts 13, 7 and 17).
    fn draw(&mut self) -> u64 {
        let mut x = self.state;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.state = x;
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_are_known_users_both_recent_and_early() {
        let mut known = Known::new();
        assert_eq!(known.pick(), None);
        for number in 1..=1000 {
            known.add(number);
        }
        let picks: Vec<u64> = (0..400).filter_map(|_| known.pick()).collect();
        assert_eq!(picks.len(), 400);
        assert!(picks.iter().all(|number| (1..=1000).contains(number)));
        let recent = picks.iter().filter(|number| **number > 980).count();
        assert!(
            (150..=260).contains(&recent),
            "{recent} of 400 are among the last 20"
        );
    }
}
