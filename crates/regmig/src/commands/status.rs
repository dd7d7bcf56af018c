//! `regmig status`: what is true now, what comes next, what to type.

use regmig_core::cursor::{Cursor, Direction};
use regmig_core::edge::Failback;
use regmig_core::engine::{Leg, way_back};
use regmig_core::state::State;
use regmig_core::step::Cx;
use regmig_procedure::procedure;
use regmig_procedure::steps::{drained, outage};
use serde_json::{Value, json};

use crate::cli::Cli;
use crate::commands::cost::Cost;
use crate::commands::rollback::leaves;
use crate::commands::truth::{self, PATIENCE, Truth};
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::render::progress::Bars;
use crate::render::{self, span, time};
use crate::session::Configured;
use crate::world::World;

/// Version of `status --json`.
const FORMAT: u32 = 1;

/// Commands that are safe now, with what each does.
pub(crate) fn next_commands(configured: &Configured, cursor: &Cursor) -> Vec<(String, String)> {
    let procedure = procedure::procedure(configured.spec.strategy);
    let state = cursor.state(procedure.order());
    let leads_back = |to: &State| {
        way_back(procedure, cursor, *to, |_| Ok(())).is_ok_and(|way| !way.legs.is_empty())
    };
    let mut next = Vec::new();
    if let Direction::Back(to) = cursor.direction() {
        next.push((
            configured.command("resume"),
            format!("goes on with the rollback to `{to}`"),
        ));
        let reopens = way_back(procedure, cursor, state, |_| Ok(()))
            .is_ok_and(|way| matches!(way.legs.first(), Some(Leg::Reopen(_))));
        if to != state && reopens {
            next.push((
                configured.command(&format!("rollback --to {state}")),
                "has dest serve again instead".to_owned(),
            ));
        }
        return next;
    }
    if let Some(after) = state.next() {
        next.push((
            configured.command("resume"),
            format!("goes on, to `{after}` first"),
        ));
    }
    next.push((configured.command("status"), "shows this again".to_owned()));
    // The states in which clients are served, nearest first; in between nobody would want to rest.
    let back = State::ALL.into_iter().rev().find(|to| {
        *to < state.next().unwrap_or(state)
            && matches!(
                to,
                State::Start | State::Warm | State::Proxy | State::Replica
            )
            && leads_back(to)
    });
    if let Some(to) = back {
        next.push((
            configured.command(&format!("rollback --to {to}")),
            format!("returns to `{to}`"),
        ));
    }
    next
}

pub(super) async fn run(cli: &Cli, as_json: bool, offline: bool) -> Result<Code, Problem> {
    let configured = Configured::load(cli)?;
    let (_, cursor) = configured.read()?;
    let state = cursor.state(procedure::order(configured.spec.strategy));
    let world = if offline {
        None
    } else {
        Some(configured.world(&Bars::new())?)
    };
    let truth = match &world {
        Some(world) => Some(truth::look(&configured.spec, world).await),
        None => None,
    };
    let running = regmig_store::in_use(&configured.store);
    let quiet = match &world {
        Some(world) if state == State::Verified => Some(quiet(&configured, world, &cursor).await),
        _ => None,
    };
    let view = View {
        configured: &configured,
        cursor: &cursor,
        state,
        running,
        truth,
        quiet,
    };
    render::say(&if as_json {
        view.json().to_string()
    } else {
        view.text()
    });
    Ok(Code::Done)
}

async fn quiet(
    configured: &Configured,
    world: &World,
    cursor: &Cursor,
) -> Result<drained::Quiet, String> {
    let cx = Cx {
        spec: &configured.spec,
        world,
        past: cursor,
    };
    let looked = tokio::time::timeout(PATIENCE, drained::quiet(&cx)).await;
    match looked {
        Ok(Ok(quiet)) => Ok(quiet),
        Ok(Err(error)) => Err(error.one_line()),
        Err(_) => Err(format!(
            "source did not answer within {} s",
            PATIENCE.as_secs()
        )),
    }
}

struct View<'a> {
    configured: &'a Configured,
    cursor: &'a Cursor,
    state: State,
    running: bool,
    truth: Option<Truth>,
    quiet: Option<Result<drained::Quiet, String>>,
}

impl View<'_> {
    fn direction(&self) -> String {
        match self.cursor.direction() {
            Direction::Forward => "forward".to_owned(),
            Direction::Back(to) => format!("back to {to}"),
        }
    }

    /// The state where the way leads: the next one, or the target of a rollback.
    fn next(&self) -> Option<State> {
        match self.cursor.direction() {
            Direction::Forward => self.state.next(),
            Direction::Back(to) => Some(to),
        }
    }

    /// The next state, where a step of it has begun: what the state promises may not hold any more.
    fn half_entered(&self) -> Option<State> {
        let next = self.state.next()?;
        procedure::steps(self.configured.spec.strategy)
            .iter()
            .any(|step| step.enters == next && self.cursor.step(step.id).is_some())
            .then_some(next)
    }

    /// Whether a rollback has begun to fence dest, so that what the state says of writes does not hold.
    fn is_coming_home(&self) -> bool {
        self.cursor.step("failback/fence").is_some()
    }

    /// When the state was entered: when its last step was reached.
    fn since_ms(&self) -> Option<i64> {
        procedure::steps(self.configured.spec.strategy)
            .iter()
            .filter(|step| step.enters == self.state)
            .filter_map(|step| self.cursor.step(step.id))
            .map(|step| step.reached_ms)
            .max()
    }

    fn commands(&self) -> Vec<(String, String)> {
        if self.cursor.begun().is_none() {
            return vec![
                (
                    self.configured.command("check"),
                    "looks at both machines".to_owned(),
                ),
                (
                    self.configured.command("run"),
                    "begins the migration".to_owned(),
                ),
            ];
        }
        next_commands(self.configured, self.cursor)
    }

    /// Whether there is a way back to be told of: where a rollback is under way, it is the way.
    fn may_go_back(&self) -> bool {
        self.cursor.begun().is_some() && self.cursor.direction() == Direction::Forward
    }

    /// What going back to `start` costs now, or why there is no way.
    fn going_back(&self) -> Option<Result<Cost, String>> {
        let somewhere = self.state > State::Start || self.half_entered().is_some();
        let ready = |by| match (by, &self.truth) {
            (Failback::Replication, Some(truth)) => truth.replicates(),
            _ => Ok(()),
        };
        let procedure = procedure::procedure(self.configured.spec.strategy);
        (self.may_go_back() && somewhere).then(|| {
            way_back(procedure, self.cursor, State::Start, ready)
                .map(|way| {
                    let from = leaves(&way, self.state);
                    Cost::of(self.cursor, from, State::Start, way.failback())
                })
                .map_err(|error| error.to_string())
        })
    }

    /// What going back to `start` will cost once the next state is entered, or why there will be no way.
    fn going_back_later(&self) -> Option<Result<Cost, String>> {
        let next = self.state.next().filter(|_| self.may_go_back())?;
        Some(Cost::later(self.cursor, next).map_err(|error| error.to_string()))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| text.push_str(&format!("{name:<12} {value}\n"));
        let domain = &self.configured.spec.domain;
        line(
            "migration",
            match self.cursor.begun() {
                Some(begun) => format!("{}, of {domain}", begun.id),
                None => format!("none of {domain} has begun"),
            },
        );
        let since = self
            .since_ms()
            .map_or(String::new(), |at| format!(", since {}", time(at)));
        line("state", format!("{}{since}", self.state));
        line("", self.state.meaning().to_owned());
        line("direction", self.direction());
        let writes = |state: State| {
            state
                .writes()
                .map_or("nobody".to_owned(), |machine| machine.to_string())
        };
        line(
            "writes",
            match self.half_entered() {
                _ if self.is_coming_home() => {
                    "nobody: dest is fenced, and what it has accepted comes home".to_owned()
                }
                Some(half) if half.writes() != self.state.writes() => format!(
                    "{} or {}: `{half}` is half entered",
                    writes(self.state),
                    writes(half)
                ),
                _ => format!("{}, in this state", writes(self.state)),
            },
        );
        line(
            "process",
            if self.running {
                "a regmig is at work"
            } else {
                "no regmig is at work"
            }
            .to_owned(),
        );
        if let Some((step, at)) = self.cursor.in_progress() {
            line("step", format!("{step}, started {}", time(at)));
        }
        if let Some((step, failure)) = self.cursor.failure() {
            let word = if self.cursor.is_stuck() {
                "STUCK"
            } else {
                "failed"
            };
            line(word, format!("{step}: {}", failure.chain.join(": ")));
            if let Some(effect) = &failure.effect {
                let unknown = if failure.outcome_unknown {
                    " (it may have taken place)"
                } else {
                    ""
                };
                line("while", format!("{effect}{unknown}"));
            }
            if let Some(hint) = &failure.hint {
                line("hint", hint.replace('\n', "\n             "));
            }
        }
        if let Some(truth) = &self.truth {
            for (index, seen) in truth.lines().into_iter().enumerate() {
                line(if index == 0 { "true now" } else { "" }, seen);
            }
        }
        if let Some(outage) = outage::measured(self.cursor) {
            line("outage", render::outage::briefly(&outage));
        }
        match &self.quiet {
            Some(Ok(quiet)) => {
                let last = quiet.served.last_ms.map_or("none".to_owned(), time);
                let hour = quiet.served.last_hour;
                line(
                    "quiet",
                    format!(
                        "last request {last}, {hour} in the last hour, {} left",
                        span(quiet.left_ms)
                    ),
                );
            }
            Some(Err(reason)) => line("quiet", format!("not known: {reason}")),
            None => {}
        }
        if let Some(next) = self.next() {
            line("next", format!("{next}: {}", next.meaning()));
        }
        let words = |cost: Result<Cost, String>| match cost {
            Ok(cost) => cost.words(),
            Err(reason) => reason,
        };
        if let Some(cost) = self.going_back() {
            line("going back", format!("now: {}", words(cost)));
        }
        if let (Some(cost), Some(next)) = (self.going_back_later(), self.state.next()) {
            let name = if self.going_back().is_some() {
                ""
            } else {
                "going back"
            };
            line(name, format!("after `{next}`: {}", words(cost)));
        }
        for (index, (command, why)) in self.commands().into_iter().enumerate() {
            line(
                if index == 0 { "type" } else { "" },
                format!("{command:<34} {why}"),
            );
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn json(&self) -> Value {
        let failure = self
            .cursor
            .failure()
            .map(|(step, failure)| json!({ "step": step, "failure": failure }));
        json!({
            "format": FORMAT,
            "migration": self.cursor.begun().map(|begun| begun.id.clone()),
            "domain": self.configured.spec.domain,
            "state": self.state,
            "since_ms": self.since_ms(),
            "direction": match self.cursor.direction() { Direction::Forward => "forward", Direction::Back(_) => "back" },
            "rollback_to": match self.cursor.direction() { Direction::Forward => None, Direction::Back(to) => Some(to) },
            "stuck": self.cursor.is_stuck(),
            "writes": self.state.writes().filter(|_| !self.is_coming_home()),
            "half_entered": self.half_entered(),
            "at_work": self.running,
            "step": self.cursor.in_progress().map(|(step, at)| json!({ "id": step, "started_ms": at })),
            "failure": failure,
            "next": self.next(),
            "going_back": {
                "now": self.going_back().map(cost_json),
                "after_next": self.going_back_later().map(cost_json),
            },
            "commands": self.commands().into_iter().map(|(command, _)| command).collect::<Vec<_>>(),
            "now": self.truth.as_ref().map(Truth::json),
            "outage": outage::measured(self.cursor),
            "quiet": self.quiet.as_ref().and_then(|quiet| quiet.as_ref().ok()),
        })
    }
}

fn cost_json(cost: Result<Cost, String>) -> Value {
    match cost {
        Ok(cost) => cost.json(),
        Err(reason) => json!({ "no_way": reason }),
    }
}
