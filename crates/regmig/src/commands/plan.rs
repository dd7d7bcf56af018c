//! `regmig plan`: every step, what it would run where, and every file change.

use regmig_core::cursor::Cursor;
use regmig_core::effect::{Answer, Effect, Query};
use regmig_core::journal::{Begun, Event, FORMAT, Record};
use regmig_core::port::Observe as _;
use regmig_core::step::{Cx, Probe, Undo};
use regmig_procedure::edit::unified_diff;
use regmig_procedure::procedure;

use crate::cli::Cli;
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::render;
use crate::render::progress::Bars;
use crate::session::Configured;
use crate::world::World;

pub(super) async fn run(cli: &Cli) -> Result<Code, Problem> {
    let configured = Configured::load(cli)?;
    let (_, mut cursor) = configured.read()?;
    if cursor.begun().is_none() {
        cursor = imagined(&configured);
    }
    let world = configured.world(&Bars::new())?;
    let spec = &configured.spec;
    let cx = Cx {
        spec,
        world: &*world,
        past: &cursor,
    };
    let mut state = None;
    let steps = procedure::steps(spec.strategy);
    let passed = cursor.passed(steps.iter().map(|step| step.id));
    for (index, step) in steps.iter().enumerate() {
        if state != Some(step.enters) {
            state = Some(step.enters);
            let writes = step
                .enters
                .writes()
                .map_or("nobody".to_owned(), |machine| machine.to_string());
            render::say(&format!(
                "\n== {} (then {writes} accepts writes)",
                step.enters
            ));
        }
        let done = if index < passed { " [done]" } else { "" };
        render::say(&format!("{}: {}{done}", step.id, step.title));
        if !done.is_empty() {
            continue;
        }
        match (step.plan)(&cx).await {
            Ok(effects) => {
                for effect in &effects {
                    show(&world, effect).await;
                }
                if effects.is_empty() && step.waits {
                    // What it waits for can be said where it can be seen from here already.
                    let missing = match (step.probe)(&cx).await {
                        Ok(Probe::Absent(missing)) => format!(", as things are now: {missing}"),
                        _ => String::new(),
                    };
                    let lines = missing.trim_end().replace('\n', "\n      ");
                    render::say(&format!("    waits{lines}"));
                } else if effects.is_empty() {
                    render::say("    looks only");
                }
            }
            Err(error) => render::say(&format!(
                "    decided when it is reached: {}",
                error.one_line()
            )),
        }
        match step.undo {
            Undo::Never(reason) => render::say(&format!("    no undo: {reason}")),
            Undo::OnceHome(_) | Undo::OnceHomeUnless { .. } => {
                render::say("    undone only once what dest has accepted is home on source");
            }
            Undo::Nothing(_) | Undo::Run(_) => {}
        }
    }
    render::say("\nNothing was changed.");
    Ok(Code::Done)
}

/// A journal as it will begin, so that names that carry the migration's id can be shown.
fn imagined(configured: &Configured) -> Cursor {
    let begun = Begun {
        format: FORMAT,
        id: "ID".to_owned(),
        regmig: String::new(),
        spec_digest: configured.spec.digest(),
        spec: serde_json::Value::Null,
    };
    let record = Record {
        seq: 0,
        at_ms: 0,
        event: Event::Begun(Box::new(begun)),
    };
    Cursor::fold([&record]).unwrap_or_default()
}

async fn show(world: &World, effect: &Effect) {
    render::say(&format!("    {effect}"));
    let Effect::WriteFile {
        machine,
        path,
        content,
        ..
    } = effect
    else {
        return;
    };
    let query = Query::File {
        machine: *machine,
        path: path.clone(),
    };
    let before = match world.observe(&query).await {
        Ok(Answer::File(file)) => file.map(|file| file.content).unwrap_or_default(),
        _ => String::new(),
    };
    for line in unified_diff(path, &before, content).lines() {
        render::say(&format!("      {line}"));
    }
}
