//! `nameservers`: every parent server delegates the domain to dest's name servers.

use regmig_core::effect::Effect;
use regmig_core::facts::Delegation;
use regmig_core::state::State;
use regmig_core::step::{Patience, Probe, Refusal, StepError, Undo};

use super::nothing;
use crate::ask::{self, Cx};
use crate::procedure::ProcedureStep;
use crate::spec::NameServer;

pub(crate) const DELEGATION: ProcedureStep = ProcedureStep {
    id: "nameservers/delegation",
    enters: State::Nameservers,
    title: "have the parent zone delegate the domain to dest's name servers",
    probe: |cx| {
        Box::pin(async move {
            Ok(match differing(cx, &cx.spec.nameservers.after).await? {
                None => Probe::holds(),
                Some(found) => {
                    let who = if cx.spec.nameservers.apply.is_some() {
                        ""
                    } else {
                        "; set them at your provider"
                    };
                    let wanted = records(cx, &cx.spec.nameservers.after);
                    Probe::Absent(format!(
                        "{found}; the records to publish are:\n{wanted}{who}"
                    ))
                }
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            Ok(cx
                .spec
                .nameservers
                .apply
                .clone()
                .map(|command| Effect::Run { command })
                .into_iter()
                .collect())
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let Some(found) = differing(cx, &cx.spec.nameservers.before).await? else {
                return Ok(Vec::new());
            };
            match cx.spec.nameservers.restore.clone() {
                Some(command) => Ok(vec![Effect::Run { command }]),
                None => Err(StepError::refused(Refusal {
                    what: "the delegation".to_owned(),
                    found,
                    expected: "the delegation as it was before the migration".to_owned(),
                    hint: format!(
                        "publish these records, wait until every parent server has them, and type `regmig resume`:\n{}",
                        records(cx, &cx.spec.nameservers.before)
                    ),
                })),
            }
        })
    }),
    patience: |spec| Patience {
        every_ms: 1000,
        limit_ms: spec.limits.delegation_s * 1000,
    },
    waits: true,
    stays: true,
};

/// The first parent server whose delegation is not the wanted one, and what it says.
pub(crate) async fn differing(
    cx: &Cx<'_>,
    wanted: &[NameServer],
) -> Result<Option<String>, StepError> {
    let wanted: Delegation = wanted
        .iter()
        .map(|server| {
            let mut addresses = server.addresses.clone();
            addresses.sort();
            (server.name.clone(), addresses)
        })
        .collect();
    for parent in &cx.spec.nameservers.parents {
        let found = ask::delegation(cx, *parent).await?;
        if found != wanted {
            let names = |delegation: &Delegation| {
                let each = delegation.iter().map(|(name, addresses)| {
                    let addresses: Vec<String> =
                        addresses.iter().map(ToString::to_string).collect();
                    format!("{name} ({})", addresses.join(" "))
                });
                each.collect::<Vec<_>>().join(", ")
            };
            return Ok(Some(format!(
                "parent {parent} delegates to {}, not to {}",
                names(&found),
                names(&wanted)
            )));
        }
    }
    Ok(None)
}

/// Records as one types them into a zone file.
fn records(cx: &Cx<'_>, servers: &[NameServer]) -> String {
    let mut lines = String::new();
    for server in servers {
        lines.push_str(&format!("  {}. NS {}.\n", cx.spec.domain, server.name));
    }
    for server in servers {
        for address in &server.addresses {
            let kind = if address.is_ipv4() { "A" } else { "AAAA" };
            lines.push_str(&format!("  {}. {kind} {address}\n", server.name));
        }
    }
    lines
}
