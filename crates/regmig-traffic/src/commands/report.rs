//! The command `report`.

use std::path::Path;

use regmig_traffic::audit::Audit;
use regmig_traffic::error::TrafficError;
use regmig_traffic::log::read_log;
use regmig_traffic::report::{Report, render};

use super::DONE;
use super::files::{read, say, write_json};
use crate::args::ReportArgs;

/// Shows the figures of a log.
pub(crate) fn report(args: &ReportArgs) -> Result<u8, TrafficError> {
    let events = read_log(&args.log)?;
    let audit = args.audit.as_deref().map(read_audit).transpose()?;
    let report = Report::new(&args.log, &events, audit.as_ref(), args.gap_ms)?;
    let shown = args
        .json
        .as_deref()
        .map(|path| write_json("the report", path, &report));
    if !shown.transpose()?.unwrap_or(false) {
        say(&render(&report))?;
    }
    Ok(DONE)
}

fn read_audit(path: &Path) -> Result<Audit, TrafficError> {
    serde_json::from_slice(&read("the audit", path)?).map_err(|source| TrafficError::Damaged {
        path: path.to_owned(),
        line: source.line(),
        source,
    })
}
