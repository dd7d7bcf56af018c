//! `linked/authorize`: each key may do on the other machine the one thing it is for.

use regmig_core::effect::{Effect, Expect};
use regmig_core::facts::FileState;
use regmig_core::machine::Machine;
use regmig_core::state::State;
use regmig_core::step::{Probe, Refusal, StepError, Undo};
use serde::{Deserialize, Serialize};

use super::{
    GREETING, before_failback, follow_key, homeward, known_hosts, pull_key, tunnel_key,
    tunnel_known_hosts,
};
use crate::ask::{self, Cx};
use crate::edit::{EditErrorKind, authorized_keys};
use crate::procedure::ProcedureStep;
use crate::spec::{Reach, Spec, Strategy};
use crate::steps::{Edited, at_once, edit_refused, keep, marker, read_back, restore};

const AUTHORIZE: &str = "linked/authorize";

/// The forced command of the pull key, on source.
fn gate(spec: &Spec) -> String {
    format!("{}/pull-gate", spec.work(Machine::Source))
}

/// One file that this step writes.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    machine: Machine,
    path: String,
    mode: u32,
    edited: Edited,
    /// The folder around it, where that has to be made first.
    #[serde(default)]
    new_folder: Option<String>,
}

pub(crate) const AUTHORIZED: ProcedureStep = ProcedureStep {
    id: AUTHORIZE,
    enters: State::Linked,
    title: "install both keys, restricted to what they are for, and pin both host keys",
    probe: |cx| {
        Box::pin(async move {
            for file in written(cx).await? {
                let now = ask::file(cx, file.machine, file.path.clone()).await?;
                if now.map(|now| now.content).as_deref() != Some(file.edited.becomes.as_str()) {
                    return Ok(Probe::Absent(format!(
                        "{} on {} is not written yet",
                        file.path, file.machine
                    )));
                }
            }
            Ok(Probe::holds())
        })
    },
    before: |cx| Box::pin(async move { keep(&written(cx).await?) }),
    plan: |cx| {
        Box::pin(async move {
            let mut effects = Vec::new();
            for file in written(cx).await? {
                if let Some(path) = file.new_folder {
                    effects.push(Effect::MakeFolder {
                        machine: file.machine,
                        path,
                        mode: 0o700,
                    });
                }
                effects.push(Effect::WriteFile {
                    machine: file.machine,
                    path: file.path,
                    content: file.edited.becomes,
                    mode: file.mode,
                    expect: file
                        .edited
                        .was
                        .map_or(Expect::Absent, |was| Expect::Content(was.content)),
                });
            }
            Ok(effects)
        })
    },
    undo: Undo::Run(|cx, before| {
        Box::pin(async move {
            let files: Vec<Written> = read_back(before)?;
            let mut effects = Vec::new();
            for file in files.into_iter().rev() {
                // Somebody else may have added keys of their own meanwhile: only regmig's line goes.
                if file.path.ends_with("/authorized_keys") {
                    let undo = unauthorize(cx, file.machine, file.path, file.edited.was).await?;
                    let removed = undo
                        .iter()
                        .any(|effect| matches!(effect, Effect::RemoveFile { .. }));
                    effects.extend(undo);
                    // A folder that regmig made goes, unless somebody has put something else in it.
                    if let Some(path) = file.new_folder
                        && ask::folder(cx, file.machine, path.clone())
                            .await?
                            .is_some_and(|folder| folder.files == u64::from(removed))
                    {
                        effects.push(Effect::RemoveFolder {
                            machine: file.machine,
                            path,
                        });
                    }
                } else {
                    effects.extend(restore(cx, file.machine, file.path, &file.edited).await?);
                }
            }
            Ok(effects)
        })
    }),
    patience: at_once,
    waits: false,
    stays: true,
};

/// The effects that take regmig's line out of an `authorized_keys` file.
pub(crate) async fn unauthorize(
    cx: &Cx<'_>,
    machine: Machine,
    path: String,
    was: Option<FileState>,
) -> Result<Vec<Effect>, StepError> {
    let Some(now) = ask::file(cx, machine, path.clone()).await? else {
        return Ok(Vec::new());
    };
    let markers = key_markers(cx, machine)?;
    let contains = |marker| authorized_keys::contains(&now.content, marker);
    if was.as_ref() == Some(&now) || (was.is_some() && !markers.iter().any(contains)) {
        return Ok(Vec::new());
    }
    let mut after = now.content.clone();
    // The first one may have had to end a line before it.
    for marker in markers.iter().rev() {
        after = authorized_keys::remove(&after, marker)
            .map_err(|error| edit_refused(&error.in_file(&path)))?
            .after;
    }
    let expect = Expect::Content(now.content.clone());
    Ok(match was {
        Some(was) if was.content == after => vec![Effect::RestoreFile {
            machine,
            path,
            state: was,
            expect,
        }],
        None if after.is_empty() => vec![Effect::RemoveFile { machine, path }],
        _ if after == now.content => Vec::new(),
        _ => vec![Effect::WriteFile {
            machine,
            path,
            content: after,
            mode: now.mode,
            expect,
        }],
    })
}

/// Whom the peer logs in as, and with which home folder.
pub(crate) async fn authorized_keys_path(
    cx: &Cx<'_>,
    machine: Machine,
) -> Result<String, StepError> {
    Ok(format!(
        "{}/.ssh/authorized_keys",
        ask::home(cx, machine).await?.unwrap_or_default()
    ))
}

/// The pre-images that the step keeps, by machine.
pub(crate) fn authorized_before(
    cx: &Cx<'_>,
    machine: Machine,
) -> Result<Option<FileState>, StepError> {
    let Some(before) = cx
        .past
        .step(AUTHORIZE)
        .and_then(|state| state.before.as_ref())
    else {
        return Ok(None);
    };
    let files: Vec<Written> = read_back(before)?;
    Ok(files
        .into_iter()
        .find(|file| file.machine == machine && file.path.ends_with("/authorized_keys"))
        .and_then(|file| file.edited.was))
}

/// The markers of regmig's lines in a machine's `authorized_keys`, in the order in which they are added.
pub(crate) fn key_markers(
    cx: &Cx<'_>,
    machine: Machine,
) -> Result<Vec<crate::edit::Marker>, StepError> {
    let suffixes: &[&str] = match (machine, cx.spec.strategy) {
        (Machine::Source, Strategy::Copy) => &[".pull"],
        (Machine::Source, Strategy::Live) => &[".pull", ".follow"],
        (Machine::Dest, _) => &[".tunnel"],
    };
    suffixes.iter().map(|suffix| marker(cx, suffix)).collect()
}

/// Where source's Redis answers on source itself: the address of its container, which nothing has to publish.
async fn source_redis(cx: &Cx<'_>) -> Result<String, StepError> {
    let services = ask::services(cx, Machine::Source).await?;
    let redis = services.get(&cx.spec.stack.redis);
    let address =
        redis.and_then(|redis| redis.networks.values().find(|address| !address.is_empty()));
    address
        .map(|address| format!("{address}:{}", cx.spec.redis.port))
        .ok_or_else(|| {
            StepError::refused(Refusal {
                what: format!("{} on source", cx.spec.stack.redis),
                found: "no container with an address".to_owned(),
                expected: "a Redis that runs".to_owned(),
                hint: format!("start it (`{}`) and look at its log", cx.spec.stack.start),
            })
        })
}

/// What goes into a machine's `authorized_keys`: keys, and the options of each.
async fn lines(cx: &Cx<'_>, machine: Machine) -> Result<Vec<(String, String)>, StepError> {
    let spec = cx.spec;
    let forward = |to: &str| {
        format!(
            "restrict,port-forwarding,permitopen=\"{to}\",command=\"echo {GREETING}; exec cat >/dev/null\""
        )
    };
    let keys = match machine {
        Machine::Source => {
            let mut lines = vec![(
                pull_key(spec),
                format!("restrict,command=\"{}\"", gate(spec)),
            )];
            if spec.strategy == Strategy::Live {
                lines.push((follow_key(spec), forward(&source_redis(cx).await?)));
            }
            lines
        }
        Machine::Dest => vec![(tunnel_key(spec), forward(&spec.redis.published.to_string()))],
    };
    let mut lines = Vec::new();
    for (key, options) in keys {
        let public = ask::required_file(cx, machine.peer(), format!("{key}.pub")).await?;
        lines.push((public.content.trim().to_owned(), options));
    }
    Ok(lines)
}

/// The effects after which dest's tunnel may reach source's Redis where that is now: a restart may give its container
/// another address.
pub(crate) async fn allow_tunnel(cx: &Cx<'_>) -> Result<Vec<Effect>, StepError> {
    let machine = Machine::Source;
    let path = authorized_keys_path(cx, machine).await?;
    let now = ask::required_file(cx, machine, path.clone()).await?;
    let refused = |error: crate::edit::EditError| edit_refused(&error.in_file(&path));
    let mut content = now.content.clone();
    let markers = key_markers(cx, machine)?;
    for ((key, options), marker) in lines(cx, machine).await?.iter().zip(&markers) {
        let line = format!("{options} {key}");
        let edit = match authorized_keys::add(&content, &line, marker) {
            Err(error) if error.kind == EditErrorKind::OtherEdit => {
                let without = authorized_keys::remove(&content, marker).map_err(refused)?;
                authorized_keys::add(&without.after, &line, marker)
            }
            other => other,
        };
        content = edit.map_err(refused)?.after;
    }
    if content == now.content {
        return Ok(Vec::new());
    }
    Ok(vec![Effect::WriteFile {
        machine,
        path,
        content,
        mode: now.mode,
        expect: Expect::Content(now.content),
    }])
}

async fn written(cx: &Cx<'_>) -> Result<Vec<Written>, StepError> {
    let spec = cx.spec;
    let mut all = Vec::new();
    let mut own = async |machine: Machine,
                         path: String,
                         mode: u32,
                         becomes: String|
           -> Result<(), StepError> {
        let was = ask::file(cx, machine, path.clone()).await?;
        // regmig's own files have no former content worth keeping.
        let was = was.filter(|was| was.content != becomes);
        all.push(Written {
            machine,
            path,
            mode,
            edited: Edited { was, becomes },
            new_folder: None,
        });
        Ok(())
    };
    own(Machine::Source, gate(spec), 0o755, gate_script(spec)).await?;
    for machine in Machine::BOTH {
        let peer = machine.peer();
        let key = ask::host_key(cx, peer).await?.unwrap_or_default();
        let port = match peer {
            Machine::Source => spec.tunnel.source_ssh_port,
            Machine::Dest => spec.tunnel.dest_ssh_port,
        };
        let address = spec.machine(peer).address;
        let name = if port == 22 {
            address.to_string()
        } else {
            format!("[{address}]:{port}")
        };
        let mut paths = vec![known_hosts(spec, machine)];
        if machine == Machine::Dest && spec.strategy == Strategy::Live {
            paths.push(tunnel_known_hosts(spec, machine));
        }
        for path in paths {
            own(machine, path, 0o600, format!("{name} {key}\n")).await?;
        }
    }
    for machine in Machine::BOTH {
        let path = authorized_keys_path(cx, machine).await?;
        let now = ask::file(cx, machine, path.clone()).await?;
        let mut becomes = now
            .as_ref()
            .map_or(String::new(), |file| file.content.clone());
        let markers = key_markers(cx, machine)?;
        for ((key, options), marker) in lines(cx, machine).await?.iter().zip(&markers) {
            let line = format!("{options} {key}");
            becomes = match authorized_keys::add(&becomes, &line, marker) {
                Ok(edit) => edit.after,
                // source's Redis has had another address when this was written: `warm` sees to it.
                Err(error) if error.kind == EditErrorKind::OtherEdit && becomes.contains(key) => {
                    becomes
                }
                Err(error) => return Err(edit_refused(&error.in_file(&path)).into()),
            };
        }
        let folder = path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let new_folder = match folder {
            Some(folder) if ask::folder(cx, machine, folder.clone()).await?.is_none() => {
                Some(folder)
            }
            _ => None,
        };
        all.push(Written {
            machine,
            path,
            mode: 0o600,
            edited: Edited { was: now, becomes },
            new_folder,
        });
    }
    Ok(all)
}

/// Lets rsync read the data folder and, while dest's data comes home, write it; nothing else.
///
/// rsync's client composes the command; the gate takes its option letters and
/// its flags of fixed form, and puts the paths in by itself.
fn gate_script(spec: &Spec) -> String {
    let sudo = match &spec.source.reach {
        Reach::Ssh(ssh) if ssh.user != "root" => "sudo -n ",
        Reach::Local { sudo: true } => "sudo -n ",
        _ => "",
    };
    GATE.replace("@SUDO@", sudo)
        .replace("@DATA@", &spec.data(Machine::Source))
        .replace("@HOMEWARD@", &homeward(spec))
        .replace("@BASIS@", &before_failback(spec))
}

const GATE: &str = r#"#!/bin/sh
# Made by regmig: lets the migration's key read @DATA@ with rsync, and write it
# while @HOMEWARD@ is there; nothing else.
set -f
# shellcheck disable=SC2086
set -- $SSH_ORIGINAL_COMMAND
case "$1 $2 $3" in
  'rsync --server --sender') way=read; shift 3 ;;
  'rsync --server '*) way=write; shift 2 ;;
  *) echo 'regmig: refused' >&2; exit 1 ;;
esac
if [ $way = write ] && ! [ -e '@HOMEWARD@' ]; then
  echo 'regmig: refused to write' >&2
  exit 1
fi
flags=
for word in "$@"; do
  case $word in
    .) break ;;
    --numeric-ids|--checksum-choice=[a-z0-9]*|--compress-choice=[a-z0-9]*|--new-compress|--old-compress)
      flags="$flags $word" ;;
    --delete|--delete-before|--delete-during|--stats|--info=[A-Za-z0-9,]*)
      [ $way = write ] || { echo "regmig: refused $word" >&2; exit 1; }
      flags="$flags $word" ;;
    --*) echo "regmig: refused $word" >&2; exit 1 ;;
    -[a-zA-Z]*) flags="$flags $word" ;;
    *) echo "regmig: refused $word" >&2; exit 1 ;;
  esac
done
if [ $way = write ]; then
  exec @SUDO@rsync --server $flags --copy-dest '@BASIS@' . '@DATA@/'
fi
exec @SUDO@rsync --server --sender $flags . '@DATA@/'
"#;
