//! The points at which regmig can be killed, as `regmig-failpoints` names them.

use std::fmt;

use crate::support::{Tried, Trouble};

/// A point: `STEP#EFFECT:MOMENT`, on the way back `undo:STEP#EFFECT:MOMENT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    undo: bool,
    step: String,
    effect: u32,
    moment: String,
}

impl Point {
    /// Reads a point.
    ///
    /// # Errors
    ///
    /// When the text names none.
    pub fn parse(text: &str) -> Tried<Self> {
        let nonsense = || {
            Trouble::new(format!(
                "`{text}` is no point; expected `STEP#EFFECT:MOMENT`"
            ))
        };
        let (undo, rest) = match text.strip_prefix("undo:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (step, rest) = rest.split_once('#').ok_or_else(nonsense)?;
        let (effect, moment) = rest.split_once(':').ok_or_else(nonsense)?;
        if !step.contains('/') || !matches!(moment, "before" | "after" | "recorded") {
            return Err(nonsense());
        }
        Ok(Self {
            undo,
            step: step.to_owned(),
            effect: effect.parse().map_err(|_| nonsense())?,
            moment: moment.to_owned(),
        })
    }

    /// The id of the step in which it lies.
    pub fn step(&self) -> &str {
        &self.step
    }
}

/// A point that a run has passed, and the effect in whose course it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The point.
    pub point: Point,
    /// The effect, as people read it.
    pub effect: String,
}

impl Passed {
    /// The points of a run, each once, in the order in which they were passed first.
    ///
    /// # Errors
    ///
    /// When a line of the log names none.
    pub fn of_log(log: &str) -> Tried<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for line in log.lines() {
            let (name, effect) = line.split_once('\t').unwrap_or((line, ""));
            let point = Point::parse(name)?;
            if !all.iter().any(|passed| passed.point == point) {
                let effect = effect.to_owned();
                all.push(Self { point, effect });
            }
        }
        Ok(all)
    }

    /// What tells it from others wherever its effect stands in a step: as less and less is left to be undone, numbers
    /// change. Names that only one migration has are left out.
    pub fn key(&self) -> String {
        let words = self
            .effect
            .split(' ')
            .map(|word| match word.find("regmig-2") {
                Some(at) => word.get(..at).unwrap_or_default(),
                None => word,
            });
        let words: Vec<&str> = words.collect();
        let Point {
            undo, step, moment, ..
        } = &self.point;
        let way = if *undo { "undo:" } else { "" };
        format!("{way}{step}:{moment} {}", words.join(" "))
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.undo { "undo:" } else { "" };
        write!(f, "{way}{}#{}:{}", self.step, self.effect, self.moment)
    }
}

/// So many of the entries, as evenly spread as can be, the last one among them.
pub fn spread<T: Clone>(entries: &[T], count: usize) -> Vec<T> {
    let all = entries.len();
    let chosen = (1..=count.min(all)).filter_map(|nth| {
        let index = (nth * all).checked_div(count.min(all))?.checked_sub(1)?;
        entries.get(index).cloned()
    });
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use super::{Passed, Point, spread};

    #[test]
    fn points_read_back_as_they_are_written() {
        for name in ["cold/fence#1:after", "undo:warm/stage-nginx#12:recorded"] {
            assert_eq!(Point::parse(name).unwrap().to_string(), name);
        }
        assert_eq!(
            Point::parse("undo:cold/stop#0:before").unwrap().step(),
            "cold/stop"
        );
    }

    #[test]
    fn what_is_no_point_is_named() {
        for text in [
            "",
            "cold/fence",
            "cold/fence#1",
            "cold/fence#x:after",
            "cold/fence#1:during",
            "#1:after",
        ] {
            let told = Point::parse(text).unwrap_err().to_string();
            assert!(told.contains(&format!("`{text}`")), "{told}");
        }
    }

    #[test]
    fn a_log_lists_each_point_once() {
        let log = "a/b#0:before\tmake a folder\na/b#0:before\tmake a folder\na/b#0:after\tmake a folder\n";
        let passed = Passed::of_log(log).unwrap();
        let names: Vec<String> = passed.iter().map(|one| one.point.to_string()).collect();
        assert_eq!(names, ["a/b#0:before", "a/b#0:after"]);
        assert_eq!(passed[0].effect, "make a folder");
        assert!(Passed::of_log("something else\n").is_err());
    }

    #[test]
    fn the_same_effect_has_the_same_key_at_another_place_and_in_another_migration() {
        let key = |line: &str| Passed::of_log(line).unwrap()[0].key();
        let one =
            key("undo:a/b#1:after\tmove /x/data.before-regmig-20261122-4cae-0 back to /x/data");
        assert_eq!(
            one,
            key("undo:a/b#0:after\tmove /x/data.before-regmig-20261123-77aa-3 back to /x/data")
        );
        assert_ne!(
            one,
            key("undo:a/b#1:after\tmove /y/data.before-regmig-20261122-4cae-0 back to /y/data")
        );
        assert_ne!(
            one,
            key("a/b#1:after\tmove /x/data.before-regmig-20261122-4cae-0 back to /x/data")
        );
    }

    #[test]
    fn a_spread_is_even_and_ends_with_the_last() {
        let numbers: Vec<u32> = (1..=100).collect();
        assert_eq!(spread(&numbers, 4), [25, 50, 75, 100]);
        assert_eq!(spread(&numbers[..3], 9), [1, 2, 3]);
        assert_eq!(spread(&numbers, 0), [0_u32; 0]);
    }
}
