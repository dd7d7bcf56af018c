//! A schedule: which migration is walked, and what goes wrong on the way.
//!
//! As text, four parts with slashes between them:
//! `SCENE/GOAL,GOAL…/THEN/POINT:FAULT+POINT:FAULT…`, for example
//! `former/to:proxy,back:warm/resume/E12:lost+J40:killed-after`.

use std::fmt;
use std::str::FromStr;

use regmig_core::state::State;

use crate::fault::{Fault, Point};
use crate::world::scene::Scene;

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Goal {
    /// Forward, up to a state.
    To(State),
    /// Back to a state.
    Back(State),
}

/// What the operator does when a run forward has ended before its goal, for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Then {
    /// Resume.
    Resume,
    /// Roll back to a state, then run again.
    Back(State),
}

/// One schedule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Schedule {
    pub(crate) scene: Scene,
    pub(crate) goals: Vec<Goal>,
    pub(crate) then: Then,
    pub(crate) faults: Vec<(Point, Fault)>,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.scene)?;
        for (index, goal) in self.goals.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match goal {
                Goal::To(state) => write!(f, "{comma}to:{state}")?,
                Goal::Back(state) => write!(f, "{comma}back:{state}")?,
            }
        }
        match self.then {
            Then::Resume => f.write_str("/resume/")?,
            Then::Back(state) => write!(f, "/back:{state}/")?,
        }
        for (index, (point, fault)) in self.faults.iter().enumerate() {
            let plus = if index > 0 { "+" } else { "" };
            write!(f, "{plus}{point}:{fault}")?;
        }
        Ok(())
    }
}

fn state(word: &str) -> Result<State, String> {
    word.parse().map_err(|error| format!("{error}"))
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let [scene, goals, then, faults] = parts.as_slice() else {
            return Err(format!(
                "`{text}` is no schedule: expected SCENE/GOALS/THEN/FAULTS"
            ));
        };
        let goal = |word: &str| match word.split_once(':') {
            Some(("to", name)) => Ok(Goal::To(state(name)?)),
            Some(("back", name)) => Ok(Goal::Back(state(name)?)),
            _ => Err(format!(
                "`{word}` is no goal; expected to:STATE or back:STATE"
            )),
        };
        let fault = |word: &str| match word.split_once(':') {
            Some((point, fault)) => Ok((point.parse()?, fault.parse()?)),
            None => Err(format!("`{word}` is not POINT:FAULT")),
        };
        Ok(Self {
            scene: scene.parse()?,
            goals: goals.split(',').map(goal).collect::<Result<_, _>>()?,
            then: match then.split_once(':') {
                Some(("back", name)) => Then::Back(state(name)?),
                _ if *then == "resume" => Then::Resume,
                _ => return Err(format!("`{then}`: expected resume or back:STATE")),
            },
            faults: faults
                .split('+')
                .filter(|word| !word.is_empty())
                .map(fault)
                .collect::<Result<_, String>>()?,
        })
    }
}
