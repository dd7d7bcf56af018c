//! Bringing the lab up, back to its start, and down.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::deps;
use crate::program::Program;
use crate::say::say;

use super::LabConfig;
use super::description::{self, Lab};
use super::error::{At, Doing, LabError};
use super::images::{self, Images};
use super::lock::Lock;
use super::machine::{self, Machine, docker, label};
use super::{layout, network, seed};

/// How long a machine may take to load one image.
const LOAD_LIMIT: Duration = Duration::from_secs(120);

/// How long source's stack may take until it answers; users are scanned at its start.
const STACK_LIMIT: Duration = Duration::from_secs(300);

/// Makes sure that the lab is there; one that runs is left as it is.
///
/// Machines that were stopped are started, as servers are switched on. Machines that do
/// not exist, or whose fixtures have changed since, are made anew in the starting state:
/// source serves its seed users, dest's stack is deployed and has never run.
///
/// # Errors
///
/// When something is missing here, an image cannot be built, or source does not serve.
pub fn up(config: &LabConfig) -> Result<Lab, LabError> {
    let _lock = Lock::acquire(&config.folder)?;
    let (lab, images) = prepare(config)?;
    let states = Machine::ALL.map(|machine| machine::state(machine, config));
    let exist = states.iter().all(Option::is_some);
    if !exist || open(config).ok().as_ref() != Some(&lab) {
        return begin(config, lab, &images);
    }
    for (machine, state) in Machine::ALL.into_iter().zip(states) {
        match state.as_deref() {
            Some("running") => {}
            Some("paused") => {
                say(format_args!("Resuming {machine}, which was paused."));
                machine::unpause(machine, config)?;
            }
            _ => {
                say(format_args!("Starting {machine}, which was stopped."));
                machine::start(machine, config)?;
                machine::wait_ready(machine, config)?;
            }
        }
    }
    Ok(lab)
}

/// Brings both machines and the parent zone back to the starting state.
///
/// Machines are made anew, so nothing that a test did to them is left, wherever it did
/// it; only the images in their engines stay.
///
/// # Errors
///
/// As [`up`].
pub fn reset(config: &LabConfig) -> Result<Lab, LabError> {
    let _lock = Lock::acquire(&config.folder)?;
    let (lab, images) = prepare(config)?;
    begin(config, lab, &images)
}

/// Removes the machines and the network; images and their volumes stay for the next time.
///
/// # Errors
///
/// When the engine refuses.
pub fn down(config: &LabConfig) -> Result<(), LabError> {
    let _lock = Lock::acquire(&config.folder)?;
    deps::ensure(&config.folder, false)?;
    remove_containers(config)?;
    network::remove(config)?;
    for path in [config.description(), unfinished(config)] {
        if path.exists() {
            fs::remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(())
}

/// Removes the machines, the network and the volumes of their images.
///
/// Once no lab has machines any more, the images and the cache go as well.
///
/// # Errors
///
/// When the engine refuses or a file cannot be removed.
pub fn purge(config: &LabConfig) -> Result<(), LabError> {
    down(config)?;
    let _lock = Lock::acquire(&config.folder)?;
    for volume in Machine::ALL
        .into_iter()
        .filter_map(|machine| machine.volume(config))
    {
        docker(["volume", "rm", "--force", &volume])
            .done()
            .doing("remove a volume")?;
    }
    let _cache = Lock::acquire(&config.cache)?;
    let others = docker(["ps", "--all", "--quiet", "--filter", "label=regmig.lab"])
        .text()
        .doing("list the containers of all labs")?;
    if !others.is_empty() {
        say("Another lab has machines: the images and the cache stay.");
        return Ok(());
    }
    images::remove_all()?;
    for entry in fs::read_dir(&config.cache).at("read", &config.cache)? {
        let path = entry.at("read", &config.cache)?.path();
        fs::remove_file(&path).at("remove", &path)?;
    }
    Ok(())
}

/// Runs the tests of the stand-in services in their own image and returns what they say.
///
/// # Errors
///
/// When one fails; the error quotes the end of what they say.
pub fn selftest(config: &LabConfig) -> Result<String, LabError> {
    let (_, images) = prepare(config)?;
    let tests = super::config::fixtures().join("tests");
    let output = docker([
        "run",
        "--rm",
        "--network",
        "none",
        "--label",
        &label(config),
    ])
    .args([
        "--volume",
        &format!("{}:/tests:ro", tests.display()),
        &images.register,
    ])
    .args([
        "bash",
        "-c",
        "python3 -W ignore /tests/test_standin.py 2>&1",
    ])
    .text()
    .doing("pass the tests of the stand-in")?;
    Ok(output)
}

/// Has the engines of source and dest know Valkey, and returns the name of its image; no service is made from it yet.
///
/// # Errors
///
/// When it cannot be built, or a machine is not up.
pub fn load_valkey(config: &LabConfig) -> Result<String, LabError> {
    let image = {
        let _cache = Lock::acquire(&config.cache)?;
        images::valkey()?
    };
    for machine in [Machine::Source, Machine::Dest] {
        let load = "docker save \"$1\" | docker exec --interactive \"$2\" docker load --quiet";
        Program::new("bash")
            .args(["-o", "pipefail", "-c", load, "load"])
            .args([&image, &machine.container(config)])
            .limit(LOAD_LIMIT)
            .done()
            .doing(format!("load {image} on {machine}"))?;
    }
    Ok(image)
}

/// Reads the description of a lab that is up.
///
/// # Errors
///
/// When there is none or it cannot be read.
pub fn open(config: &LabConfig) -> Result<Lab, LabError> {
    if unfinished(config).exists() {
        return Err(LabError::Unfinished {
            path: config.folder.clone(),
        });
    }
    read_description(config)
}

fn read_description(config: &LabConfig) -> Result<Lab, LabError> {
    let path = config.description();
    if !path.exists() {
        return Err(LabError::Absent { path });
    }
    let text = fs::read_to_string(&path).at("read", &path)?;
    serde_json::from_str(&text).map_err(|source| LabError::Description { path, source })
}

/// Exists while machines are being made, and for as long as they are half made because
/// the process that made them was killed.
fn unfinished(config: &LabConfig) -> PathBuf {
    config.folder.join("unfinished")
}

/// Everything that comes before machines: programs, keys, images.
fn prepare(config: &LabConfig) -> Result<(Lab, Images), LabError> {
    deps::ensure(&config.folder, false)?;
    let before = read_description(config).ok().map(|lab| lab.seed_users);
    let users = config
        .seed_users
        .or(before)
        .unwrap_or(LabConfig::DEFAULT_USERS);
    let images = {
        let _cache = Lock::acquire(&config.cache)?;
        images::ensure(config)?
    };
    let lab = description::describe(config, &images, users)?;
    Ok((lab, images))
}

/// Makes the machines anew and starts source's stack.
fn begin(config: &LabConfig, lab: Lab, images: &Images) -> Result<Lab, LabError> {
    let begun = Instant::now();
    let marker = unfinished(config);
    fs::write(&marker, "").at("write", &marker)?;
    let seed = {
        let _cache = Lock::acquire(&config.cache)?;
        seed::ensure(config, &lab, images)?
    };
    remove_containers(config)?;
    network::ensure(config)?;
    layout::lay_out(config, &lab, images, seed.as_deref())?;
    let boot = |machine: Machine| {
        machine::create(machine, config, images)?;
        machine::wait_ready(machine, config)
    };
    std::thread::scope(|scope| {
        let boot = &boot;
        let others = [Machine::Dest, Machine::Parent].map(|m| scope.spawn(move || boot(m)));
        let source = boot(Machine::Source).and_then(|()| {
            machine::exec(Machine::Source, config, "cd /var/pryv && ./run-reg-master")
                .done()
                .doing("start source's stack")
        });
        others.into_iter().fold(source, |sofar, other| {
            let other = other
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            sofar.and(other)
        })
    })?;
    lab.wait_healthy(Machine::Source, STACK_LIMIT)?;
    write_description(config, &lab)?;
    fs::remove_file(&marker).at("remove", &marker)?;
    say(format_args!(
        "The lab is up after {:.1} s.",
        begun.elapsed().as_secs_f64()
    ));
    Ok(lab)
}

fn write_description(config: &LabConfig, lab: &Lab) -> Result<(), LabError> {
    let path = config.description();
    let text = serde_json::to_string_pretty(lab).map_err(|source| LabError::Description {
        path: path.clone(),
        source,
    })?;
    crate::program::write_private(&path, format!("{text}\n").as_bytes()).at("write", &path)
}

/// Has whatever is frozen in a machine run on.
const THAW: &str = "docker ps --quiet --filter status=paused | xargs -r docker unpause";

/// Removes all containers of the lab, those of its machines and any helper's.
fn remove_containers(config: &LabConfig) -> Result<(), LabError> {
    let ids = docker([
        "ps",
        "--all",
        "--quiet",
        "--filter",
        &format!("label={}", label(config)),
    ])
    .text()
    .doing("list the lab's containers")?;
    let ids: Vec<&str> = ids.split_whitespace().collect();
    std::thread::scope(|scope| {
        let removals: Vec<_> = ids
            .into_iter()
            .map(|id| {
                scope.spawn(move || {
                    // The kernel ends nothing that is frozen. Most have no engine, or nothing in it is.
                    docker(["exec", id, "sh", "-c", THAW]).succeeds();
                    docker(["rm", "--force", "--volumes", id])
                        .done()
                        .doing("remove a container of the lab")
                })
            })
            .collect();
        removals.into_iter().try_for_each(|removal| {
            removal
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}
