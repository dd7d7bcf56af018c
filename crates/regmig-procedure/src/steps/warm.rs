//! `warm`: the bulk of the data is on dest, and source's next nginx file has been accepted by nginx.
//!
//! Whatever can be done before the cold window is done here.

use regmig_core::effect::{Effect, Expect};
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, Refusal, StepError, Undo};
use sha2::{Digest as _, Sha256};

use super::{Edited, at_once, edit_refused, marker, nothing};
use crate::ask::{self, Cx};
use crate::edit::nginx;
use crate::procedure::ProcedureStep;
use crate::spec::Spec;

/// What the warm passes leave on dest once little is left to move.
pub fn passes_marker(spec: &Spec) -> String {
    format!("{}/warm-passes", spec.work(Machine::Dest))
}

/// Name of the file with the certificates that nginx trusts, in its configuration folder.
const TRUST: &str = "regmig-dest.pem";
const STAGED_SITE: &str = "regmig-staged-site.conf";
const STAGED_MAIN: &str = "regmig-staged-nginx.conf";

pub(crate) const PASSES: ProcedureStep = ProcedureStep {
    id: "warm/passes",
    enters: State::Warm,
    title: "copy source's data to dest while source serves",
    probe: |cx| {
        Box::pin(async move {
            Ok(
                match ask::file(cx, Machine::Dest, passes_marker(cx.spec)).await? {
                    Some(file) => {
                        Probe::Holds(serde_json::from_str(&file.content).unwrap_or_default())
                    }
                    None => Probe::absent("there is still much to copy"),
                },
            )
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let thresholds = &cx.spec.thresholds;
            Ok(vec![Effect::WarmUp {
                below_bytes: thresholds.warm_bytes,
                passes: thresholds.warm_passes,
            }])
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let machine = Machine::Dest;
            let mut effects = Vec::new();
            let path = passes_marker(cx.spec);
            if ask::file(cx, machine, path.clone()).await?.is_some() {
                effects.push(Effect::RemoveFile { machine, path });
            }
            effects.extend(without_data(cx, machine).await?);
            Ok(effects)
        })
    }),
    patience: at_once,
    waits: false,
    stays: true,
};

/// The effects that empty a machine's data folder, if there is anything in it.
pub(crate) async fn without_data(cx: &Cx<'_>, machine: Machine) -> Result<Vec<Effect>, StepError> {
    let path = cx.spec.data(machine);
    let folder = ask::folder(cx, machine, path.clone()).await?;
    let holds = folder.is_some_and(|folder| folder.files > 0);
    Ok(holds
        .then_some(Effect::EmptyFolder { machine, path })
        .into_iter()
        .collect())
}

/// nginx's configuration folder on the host, without a trailing slash.
fn conf_folder(cx: &Cx<'_>) -> String {
    let site = cx.spec.path(Machine::Source, &cx.spec.proxy.nginx_site);
    site.rsplit_once('/')
        .map_or(site.clone(), |(folder, _)| folder.to_owned())
}

/// source's nginx file as it will be when it proxies to dest.
///
/// # Errors
///
/// Where a file is missing or cannot be edited safely.
pub(crate) async fn proxied(cx: &Cx<'_>) -> Result<Edited, StepError> {
    let spec = cx.spec;
    let path = spec.path(Machine::Source, &spec.proxy.nginx_site);
    let main_path = spec.path(Machine::Source, &spec.proxy.nginx_main);
    let was = ask::required_file(cx, Machine::Source, path.clone()).await?;
    let main = ask::required_file(cx, Machine::Source, main_path.clone()).await?;
    let down: Vec<String> = spec
        .stack
        .all()
        .into_iter()
        .filter(|service| *service != spec.stack.nginx)
        .collect();
    let plan = nginx::ProxyPlan {
        file: path,
        upstreams: spec.proxy.upstreams.clone(),
        services: down,
        dest: (spec.dest.address, spec.proxy.port).into(),
        trusted_certificate: format!("{}/{TRUST}", spec.proxy.nginx_conf_inside),
        tls_name: spec.proxy.public_name.clone(),
        main: Some(nginx::SeenFile {
            path: main_path,
            text: main.content,
        }),
        included: Vec::new(),
        marker: marker(cx, "")?,
    };
    let edit = nginx::proxy_to(&was.content, &plan).map_err(|error| edit_refused(&error))?;
    Ok(Edited {
        was: Some(was),
        becomes: edit.after,
    })
}

struct Staged {
    files: Vec<(String, String)>,
    /// Written last, once nginx has accepted the others.
    accepted: (String, String),
}

async fn staged(cx: &Cx<'_>, trust: String) -> Result<Staged, StepError> {
    let spec = cx.spec;
    let folder = conf_folder(cx);
    let inside = &spec.proxy.nginx_conf_inside;
    let site_name = spec.proxy.nginx_site.rsplit('/').next().unwrap_or_default();
    let main_path = spec.path(Machine::Source, &spec.proxy.nginx_main);
    let main = ask::required_file(cx, Machine::Source, main_path.clone())
        .await?
        .content;
    let included = format!("{inside}/{site_name}");
    let count = main.matches(&included).count();
    if count != 1 {
        return Err(StepError::refused(Refusal {
            what: format!("{main_path} on source"),
            found: format!("{included} is named {count} times"),
            expected: "one `include` of it".to_owned(),
            hint: "correct `nginx_main` or `nginx_conf_inside` under [proxy] in regmig.toml"
                .to_owned(),
        }));
    }
    let main = main.replace(&included, &format!("{inside}/{STAGED_SITE}"));
    let site = proxied(cx).await?.becomes;
    let sum: String = Sha256::digest(&site)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Staged {
        files: vec![
            (format!("{folder}/{TRUST}"), trust),
            (format!("{folder}/{STAGED_SITE}"), site),
            (format!("{folder}/{STAGED_MAIN}"), main),
        ],
        accepted: (
            format!("{}/nginx-accepted", spec.work(Machine::Source)),
            format!("{sum}\n"),
        ),
    })
}

/// Files that the step leaves beside nginx's own.
pub(crate) fn staged_paths(cx: &Cx<'_>) -> Vec<String> {
    [STAGED_SITE, STAGED_MAIN]
        .iter()
        .map(|name| format!("{}/{name}", conf_folder(cx)))
        .collect()
}

pub(crate) const STAGE: ProcedureStep = ProcedureStep {
    id: "warm/stage-nginx",
    enters: State::Warm,
    title: "have source's nginx accept the file with which it will proxy to dest",
    probe: |cx| {
        Box::pin(async move {
            let staged = staged(cx, String::new()).await?;
            let (path, content) = staged.accepted;
            Ok(match ask::file(cx, Machine::Source, path).await? {
                Some(file) if file.content == content => Probe::holds(),
                _ => Probe::absent("nginx has not accepted the new file yet"),
            })
        })
    },
    before: nothing,
    plan: |cx| {
        Box::pin(async move {
            let machine = Machine::Source;
            let trust = ask::trust(cx).await?;
            let staged = staged(cx, trust).await?;
            let write = |(path, content): (String, String)| Effect::WriteFile {
                machine,
                path,
                content,
                mode: 0o644,
                expect: Expect::Any,
            };
            let mut effects: Vec<Effect> = staged.files.into_iter().map(write).collect();
            let main = format!("{}/{STAGED_MAIN}", cx.spec.proxy.nginx_conf_inside);
            effects.push(Effect::TestNginx { machine, main });
            effects.push(write(staged.accepted));
            Ok(effects)
        })
    },
    undo: Undo::Run(|cx, _| {
        Box::pin(async move {
            let mut paths = staged_paths(cx);
            paths.push(format!("{}/{TRUST}", conf_folder(cx)));
            paths.push(format!("{}/nginx-accepted", cx.spec.work(Machine::Source)));
            let mut effects = Vec::new();
            for path in paths {
                if ask::file(cx, Machine::Source, path.clone())
                    .await?
                    .is_some()
                {
                    effects.push(Effect::RemoveFile {
                        machine: Machine::Source,
                        path,
                    });
                }
            }
            Ok(effects)
        })
    }),
    patience: at_once,
    waits: false,
    stays: true,
};
