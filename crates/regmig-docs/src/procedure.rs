//! `docs/procedure.md`.

use regmig_core::edge::{Failback, NoWay, ROLLBACK, Way, rollback_path};
use regmig_core::state::State;
use regmig_core::step::Undo;
use regmig_procedure::procedure::{self, ProcedureStep};
use regmig_procedure::spec::Strategy;

use super::{cell, head};

const INTRODUCTION: &str = "\
What `regmig run` does, in order. There are two
*strategies*: `copy` is the published procedure, and `live` moves the data by replication, so that clients
only wait for a moment. They walk the same states by different steps; `strategy` under `[platform]` in regmig.toml chooses.
[Departures](departures.md) says where it differs from the published procedure, and why.
`regmig plan` shows the same steps with their effects and file changes on your machines.

A *state* is what is true when nothing is under way. A *step* is one thing to do on the way
to a state. A state is entered when its last step holds. Before each step regmig looks
whether it holds already; afterwards it looks again. Nothing counts as done because it was sent.

## States

| state | what is true | writes are accepted by | asked before |
|---|---|---|---|
";

const STEPS: &str = "
## Steps

*Undo* says what a rollback does about the step. `brings back` means: what is still needed to
bring back what was found before the step, and nothing where it is back already; `once home` means: only after
everything that dest has accepted is proven to be on source. A step that held before
regmig came to it is never undone. *Waits* marks steps that wait for people or for time; SIGINT stops
regmig there as well, not only between steps.
";

const BACK: &str = "
## Rollback

An edge leads from a state to one before it. Travelling it undoes the steps of the states that
are left, newest first. Where dest has accepted writes, they come home first: that is a *failback*. The
cheapest path is taken whose edges can be travelled now; failback through replication needs source's Redis
to follow dest's over a link that is up, failback through copy needs room on source.
`regmig rollback --to STATE --plan` shows the path, what each edge does and what it costs.

| from | to | how |
|---|---|---|
";

const REACH: &str = "
So this is how far back `regmig rollback --to STATE` can go:

| from | as far back as | what stands in the way of more |
|---|---|---|
";

const HALF: &str = "
A run that halted on the way to a state has steps of that state on the machines while it still
rests in the state before. They are undone by a rollback to that state or an earlier one.
Steps that are never undone stand in the way as soon as they have been started:
";

const HOME: &str = "
## Failback

Steps on the way home, taken as steps forward are, while a rollback is under way. They end where `synced`
rests. Until something behind them is undone, dest can be opened again instead: `regmig rollback --to STATE` with the state in
which the migration rests undoes them.
";

fn home(page: &mut String) {
    page.push_str(HOME);
    for by in Failback::ALL {
        page.push_str(&format!(
            "\nThrough {by}:\n\n| step | what it does | undo |\n|---|---|---|\n"
        ));
        for step in procedure::procedure(Strategy::Copy).homeward(by).steps {
            page.push_str(&format!(
                "| `{}` | {} | {} |\n",
                step.id,
                cell(step.title),
                cell(&undo(step))
            ));
        }
    }
}

/// What a rollback does about a step.
fn undo(step: &ProcedureStep) -> String {
    match step.undo {
        Undo::Run(_) => "brings back".to_owned(),
        Undo::OnceHome(_) => "brings back, once home".to_owned(),
        Undo::OnceHomeUnless { .. } => {
            "brings back, once home; where it may or may not have taken place, it is prevented first".to_owned()
        }
        Undo::Nothing(reason) => format!("nothing to do: {reason}"),
        Undo::Never(reason) => format!("never: {reason}"),
    }
}

/// The page.
pub(super) fn page() -> String {
    let mut page = head(
        "The procedure",
        "the table of steps, the states and the rollback edges",
    );
    page.push_str(INTRODUCTION);
    for state in State::ALL {
        let asked = if state.asks_first() { "yes" } else { "" };
        page.push_str(&format!(
            "| [`{state}`](#{state}) | {} | {} | {asked} |\n",
            cell(state.meaning()),
            writes(state)
        ));
    }
    page.push_str(STEPS);
    for state in State::ALL {
        section(&mut page, state);
    }
    back(&mut page);
    page
}

fn writes(state: State) -> &'static str {
    state.writes().map_or("nobody", |machine| machine.as_str())
}

fn section(page: &mut String, state: State) {
    page.push_str(&format!(
        "\n### {state}\n\nTrue here: {}. Writes are accepted by {}.\n",
        state.meaning(),
        writes(state)
    ));
    if state.asks_first() {
        page.push_str("The operator is asked before the first step, unless `--yes` was given.\n");
    }
    let of = |strategy| {
        let steps = procedure::steps(strategy).iter();
        steps
            .filter(|step| step.enters == state)
            .collect::<Vec<_>>()
    };
    let (copy, live) = (of(Strategy::Copy), of(Strategy::Live));
    let same = copy
        .iter()
        .map(|step| step.id)
        .eq(live.iter().map(|step| step.id));
    if copy.is_empty() {
        page.push_str("\nNo steps lead here: it is where a migration begins.\n");
    } else if same {
        let undos = copy.iter().zip(&live).map(|(copy, live)| {
            let (by_copy, by_live) = (undo(copy), undo(live));
            if by_copy == by_live {
                by_copy
            } else {
                format!("`copy`: {by_copy}; `live`: {by_live}")
            }
        });
        table(page, &copy, undos);
    } else {
        for (strategy, steps) in [("copy", &copy), ("live", &live)] {
            page.push_str(&format!("\nStrategy `{strategy}`:\n"));
            table(page, steps, steps.iter().map(|step| undo(step)));
        }
    }
}

fn table(page: &mut String, steps: &[&ProcedureStep], undos: impl Iterator<Item = String>) {
    page.push_str("\n| step | what it does | waits | undo |\n|---|---|---|---|\n");
    for (step, undo) in steps.iter().zip(undos) {
        let waits = if step.waits { "yes" } else { "" };
        page.push_str(&format!(
            "| `{}` | {} | {waits} | {} |\n",
            step.id,
            cell(step.title),
            cell(&undo)
        ));
    }
}

fn back(page: &mut String) {
    page.push_str(BACK);
    for edge in ROLLBACK {
        let how = match edge.way {
            Way::Undo => format!("undo the steps of `{}`", edge.from),
            Way::Failback(by) => format!(
                "failback through {by}, then undo the steps behind `{}`",
                edge.to
            ),
            Way::Closed(reason) => format!("closed: {reason}"),
        };
        page.push_str(&format!(
            "| `{}` | `{}` | {} |\n",
            edge.from,
            edge.to,
            cell(&how)
        ));
    }
    page.push_str(REACH);
    for from in State::ALL.into_iter().skip(1) {
        let (furthest, obstacle) = reach(from);
        let furthest = furthest.map_or("nowhere".to_owned(), |state| format!("`{state}`"));
        page.push_str(&format!(
            "| `{from}` | {furthest} | {} |\n",
            cell(&obstacle.unwrap_or_default())
        ));
    }
    page.push_str(HALF);
    let mut named = Vec::new();
    for step in (procedure::steps(Strategy::Copy).iter()).chain(procedure::steps(Strategy::Live)) {
        if named.contains(&step.id) {
            continue;
        }
        named.push(step.id);
        if let Undo::Never(reason) = step.undo {
            page.push_str(&format!("\n- `{}`: {reason}", step.id));
        }
    }
    page.push('\n');
    home(page);
}

/// The earliest state to which a rollback leads, and why it leads no further.
fn reach(from: State) -> (Option<State>, Option<String>) {
    let mut obstacle = None;
    for to in State::ALL.into_iter().filter(|to| *to < from) {
        match rollback_path(from, to, |_| Ok(())) {
            Ok(_) => return (Some(to), obstacle),
            Err(NoWay::Closed { reason, .. }) => obstacle = Some(reason),
            Err(NoWay::NotBefore { .. } | NoWay::NotServed { .. }) => {}
        }
    }
    (None, obstacle)
}
