//! `regmig check`: preflight, as a table.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use regmig_core::step::Cx;
use regmig_procedure::steps::preflight;

use crate::cli::Cli;
use crate::exit_code::Code;
use crate::problem::Problem;
use crate::render;
use crate::render::progress::Bars;
use crate::session::Configured;

pub(super) async fn run(cli: &Cli) -> Result<Code, Problem> {
    let configured = Configured::load(cli)?;
    let (_, cursor) = configured.read()?;
    if !cursor.is_untouched() {
        return Err(Problem::refused(
            "error: `check` looks at machines before a migration, and one is under way\n  hint: type `regmig status`",
        ));
    }
    let world = configured.world(&Bars::new())?;
    let cx = Cx {
        spec: &configured.spec,
        world: &*world,
        past: &cursor,
    };
    let (checks, _) = preflight::checks(&cx).await?;
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(["", "what", "found", "expected"]);
    for check in &checks {
        let mark = if check.ok { "ok" } else { "NO" };
        table.add_row([
            mark,
            check.what.as_str(),
            check.found.as_str(),
            check.expected.as_str(),
        ]);
    }
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(120);
    }
    render::say(&table.trim_fmt());
    let failed: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
    if failed.is_empty() {
        render::say("Both machines are ready. `regmig plan` shows what a run would do.");
        return Ok(Code::Done);
    }
    Err(Problem::refused(render::failed_checks(&failed)))
}
