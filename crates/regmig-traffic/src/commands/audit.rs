//! The command `audit`.

use regmig_traffic::audit::{Audit, Machine, Patience};
use regmig_traffic::error::TrafficError;

use super::files::{say, write_json};
use super::{DONE, LOST, UNKNOWN, register};
use crate::args::AuditArgs;

/// Asks machines for all acknowledged users.
pub(crate) async fn audit(args: AuditArgs) -> Result<u8, TrafficError> {
    let register = register(&args.register)?;
    let machines: Vec<Machine> = args
        .at
        .into_iter()
        .map(|(name, address)| Machine { name, address })
        .collect();
    let patience = Patience {
        at_a_time: usize::from(args.at_a_time),
        attempts: args.attempts,
        ..Patience::default()
    };
    let audit = regmig_traffic::audit::audit(&args.log, &machines, &register, &patience).await?;
    let shown = args
        .json
        .as_deref()
        .map(|path| write_json("the audit", path, &audit));
    if !shown.transpose()?.unwrap_or(false) {
        say(&audit_text(&audit))?;
    }
    Ok(match (audit.lost, audit.unknown) {
        (0, 0) => DONE,
        (0, _) => UNKNOWN,
        _ => LOST,
    })
}

fn audit_text(audit: &Audit) -> String {
    let mut text = String::new();
    for machine in &audit.machines {
        text.push_str(&format!(
            "{} ({}): {} of {} found, {} lost, {} unknown\n",
            machine.name,
            machine.address,
            machine.found,
            audit.acknowledged,
            machine.lost.len(),
            machine.unknown.len(),
        ));
        for lost in machine.lost.iter().take(10) {
            let found = lost.found.as_deref().unwrap_or("absent");
            text.push_str(&format!(
                "  lost: {} on {}, acknowledged by {} at {} ms, found: {found}\n",
                lost.user, lost.core, lost.acknowledged_by, lost.acknowledged_ms
            ));
        }
        if let Some(unknown) = machine.unknown.first() {
            text.push_str(&format!(
                "  unknown: {}: {}\n",
                unknown.user, unknown.detail
            ));
        }
    }
    text.push_str(&format!(
        "{} acknowledged, {} lost, {} unknown\n",
        audit.acknowledged, audit.lost, audit.unknown
    ));
    text
}
