//! A run that is killed at one point after another, and resumed each time.

use std::fs;
use std::time::{Duration, Instant};

use super::point::{Passed, Point};
use crate::support::{Rig, Tried, Trouble};

/// How often a chain may back out of a cutover because many deaths in it took longer than its timers wait.
const BACK_OUTS: usize = 20;

/// Where a chain of runs dies.
#[derive(Debug, Clone)]
pub(super) enum Deadly {
    /// Nowhere: the points are only listed.
    Nowhere,
    /// At each of these, once.
    Each(Vec<Point>),
    /// Each run at the Nth point that it passes.
    Every {
        /// How many points apart.
        stride: u32,
        /// Which one it is for the next run: further on, where the last two died at the same.
        nth: u32,
    },
}

impl Deadly {
    /// Each run at the Nth point that it passes.
    pub(super) fn every(stride: u32) -> Self {
        Self::Every {
            stride,
            nth: stride,
        }
    }

    /// As `regmig-failpoints` is told.
    fn words(&self) -> String {
        match self {
            Self::Nowhere => String::new(),
            Self::Each(points) => {
                let names: Vec<String> = points.iter().map(Point::to_string).collect();
                names.join(",")
            }
            Self::Every { nth, .. } => format!("+{nth}"),
        }
    }

    /// Follows a death; `before` is where the run before it died.
    fn strike(&mut self, point: &Point, before: Option<&Point>) {
        match self {
            Self::Nowhere => {}
            Self::Each(points) => points.retain(|left| left != point),
            // A step of many effects is begun anew by every run: it would die at the same one for ever.
            Self::Every { stride, nth } if before == Some(point) => *nth += *stride,
            Self::Every { stride, nth } => *nth = *stride,
        }
    }
}

/// One death of a chain, and what came of the run after it.
#[derive(Debug)]
pub(super) struct Death {
    /// Where.
    pub(super) at: Passed,
    /// Why the run after it did not go on; nothing where it did.
    pub(super) trouble: Option<String>,
    /// How long the run after it took, until its own death or its end.
    pub(super) took: Duration,
}

/// What came of a chain.
#[derive(Debug, Default)]
pub(super) struct Chained {
    /// Every death.
    pub(super) deaths: Vec<Death>,
    /// Every point that was passed.
    pub(super) passed: Vec<Passed>,
    /// Why it has no end, where it has none.
    pub(super) trouble: Option<String>,
}

/// Runs a command until it dies, then another again and again, until one ends with a code that means it is done.
///
/// A run that ends otherwise counts as a failure of the death before it; it is tried once more, so that the rest
/// of the chain can still be seen.
pub(super) fn chain(
    rig: &Rig,
    first: &[&str],
    then: &[&str],
    done: &[i32],
    deadly: &mut Deadly,
) -> Chained {
    let mut chained = Chained::default();
    let mut again = false;
    let mut backed_out = 0;
    loop {
        let words = if chained.deaths.is_empty() && !again {
            first
        } else {
            then
        };
        let begun = Instant::now();
        let run = run(rig, words, deadly);
        let took = begun.elapsed();
        if let Some(death) = chained.deaths.last_mut() {
            death.took += took;
        }
        let (code, said, passed) = match run {
            Ok(run) => run,
            Err(trouble) => {
                chained.trouble = Some(trouble.to_string());
                return chained;
            }
        };
        let last = passed.last().cloned();
        for one in passed {
            if !chained.passed.iter().any(|other| other.point == one.point) {
                chained.passed.push(one);
            }
        }
        match (code, last) {
            (Some(code), _) if done.contains(&code) => return chained,
            (None, Some(at)) => {
                again = false;
                let before = chained.deaths.last().map(|death| &death.at.point);
                deadly.strike(&at.point, before);
                chained.deaths.push(Death {
                    at,
                    trouble: None,
                    took: Duration::ZERO,
                });
            }
            (code, _) if rig.has_backed_out(code).unwrap_or_default() && backed_out < BACK_OUTS => {
                backed_out += 1;
            }
            (code, _) => {
                let what = format!(
                    "`regmig {}` ended with {code:?}; it said:\n{said}",
                    words.join(" ")
                );
                if again {
                    chained.trouble = Some(what);
                    return chained;
                }
                again = true;
                match chained.deaths.last_mut() {
                    Some(death) => death.trouble = Some(what),
                    None => chained.trouble = Some(what),
                }
            }
        }
    }
}

/// One run: its exit code, what it said, and the points that it passed; the last is where it died, if it did.
fn run(rig: &Rig, words: &[&str], deadly: &Deadly) -> Tried<(Option<i32>, String, Vec<Passed>)> {
    let log = rig.log("points");
    let ended = rig.regmig(words).dying_at(&deadly.words(), &log).end()?;
    let text = fs::read_to_string(&log).unwrap_or_default();
    let mut passed = Passed::of_log(&text)?;
    if let Some(last) = text.lines().last() {
        // A point that was passed twice, because an effect was asked for again, is listed once.
        let last = Passed::of_log(last)?;
        passed.retain(|one| last.iter().all(|last| last.point != one.point));
        passed.extend(last);
    }
    if ended.code.is_none() && passed.is_empty() {
        return Err(Trouble::new(format!(
            "{} was killed before any point: {}",
            ended.name,
            ended.said()
        )));
    }
    Ok((ended.code, ended.said(), passed))
}

#[cfg(test)]
mod tests {
    use super::{Deadly, Point};

    fn point(name: &str) -> Point {
        Point::parse(name).unwrap()
    }

    #[test]
    fn each_point_is_struck_once() {
        let (one, two) = (point("a/b#0:after"), point("a/b#1:before"));
        let mut deadly = Deadly::Each(vec![one.clone(), two]);
        assert_eq!(deadly.words(), "a/b#0:after,a/b#1:before");
        deadly.strike(&one, None);
        assert_eq!(deadly.words(), "a/b#1:before");
    }

    #[test]
    fn a_stride_gets_past_a_step_of_many_effects() {
        let (one, two) = (point("a/b#4:after"), point("a/c#0:after"));
        let mut deadly = Deadly::every(9);
        deadly.strike(&one, None);
        assert_eq!(deadly.words(), "+9");
        deadly.strike(&one, Some(&one));
        assert_eq!(deadly.words(), "+18");
        deadly.strike(&two, Some(&one));
        assert_eq!(deadly.words(), "+9");
    }
}
