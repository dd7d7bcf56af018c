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

    /// The points of a run, each once, in the order in which they were passed first.
    ///
    /// # Errors
    ///
    /// When a line of the log names none.
    pub fn of_log(log: &str) -> Tried<Vec<Self>> {
        let mut points = Vec::new();
        for line in log.lines() {
            let name = line.split_once('\t').map_or(line, |(name, _)| name);
            let point = Self::parse(name)?;
            if !points.contains(&point) {
                points.push(point);
            }
        }
        Ok(points)
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
    use super::{Point, spread};

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
        let points = Point::of_log(log).unwrap();
        let names: Vec<String> = points.iter().map(Point::to_string).collect();
        assert_eq!(names, ["a/b#0:before", "a/b#0:after"]);
        assert!(Point::of_log("something else\n").is_err());
    }

    #[test]
    fn a_spread_is_even_and_ends_with_the_last() {
        let numbers: Vec<u32> = (1..=100).collect();
        assert_eq!(spread(&numbers, 4), [25, 50, 75, 100]);
        assert_eq!(spread(&numbers[..3], 9), [1, 2, 3]);
        assert_eq!(spread(&numbers, 0), [0_u32; 0]);
    }
}
