//! Faults that are no kills: machines, services and connections that fail while a migration rests or goes on.

use std::fs;
use std::time::{Duration, Instant};

use regmig_core::state::State;
use xtask::lab::Machine;

use super::report::Verdict;
use super::stage::Stage;
use super::{Matrix, Selection};
use crate::support::{Rig, Tried, Trouble, Unfinished};

/// How long what fails for a while does.
const WHILE: Duration = Duration::from_secs(5);

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(240);

/// How often a command that halted because of the fault is typed again once the fault has gone.
const AGAIN: usize = 2;

/// What passes before each time: Docker doubles what it waits before it starts a container again that ends time after time.
const PAUSE: Duration = Duration::from_secs(5);

/// Exit codes of a command that could not do it now and says what to type.
const HALTED: [i32; 4] = [3, 4, 5, 6];

/// When a fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before the command is typed, and over by itself.
    Before,
    /// Before the command is typed, until it has ended.
    Around,
    /// While the command runs, for a while.
    During,
}

/// One fault.
#[derive(Debug, Clone, Copy)]
struct Fault {
    name: &'static str,
    when: When,
    machine: Machine,
    /// A script on the machine; none switches it off and on.
    strike: Option<&'static str>,
    /// What ends it.
    mend: &'static str,
    /// The states in which it can happen; none for all.
    states: &'static [State],
}

const ENGINE_IS_BACK: &str =
    "for i in $(seq 300); do docker info > /dev/null 2>&1 && exit; sleep 0.1; done; exit 1";

/// Kills the process of a container's service, as the kernel does when memory runs out.
const KILL_REDIS: &str = "pid=$(docker inspect --format '{{.State.Pid}}' pryv_redis_1 2> /dev/null || echo 0); \
    [ \"$pid\" = 0 ] || kill -9 $pid; sleep 1";

const KILL_TUNNEL: &str = "for name in $(docker ps --format '{{.Names}}' | grep tunnel); do \
    kill -9 $(docker inspect --format '{{.State.Pid}}' $name); done; sleep 1";

/// Nothing gets in or out by SSH; what is under way stands still, and goes on afterwards.
const CUT: &str = "iptables -I INPUT -p tcp --dport 22 -j DROP; iptables -I OUTPUT -p tcp --sport 22 -j DROP; \
    iptables -I OUTPUT -p tcp --dport 22 -j DROP";
const JOIN: &str = "iptables -D INPUT -p tcp --dport 22 -j DROP; iptables -D OUTPUT -p tcp --sport 22 -j DROP; \
    iptables -D OUTPUT -p tcp --dport 22 -j DROP";

/// The same, and every connection breaks off at its next packet.
const RESET: &str = "iptables -I INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset";
const NO_RESET: &str = "iptables -D INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset";

const SSHD_DOWN: &str = "service ssh stop > /dev/null";
const SSHD_UP: &str = "service ssh start > /dev/null";

const MINUTE_AHEAD: &str = "printf '#!/bin/sh\\nexec /bin/date --date=+1minute \"$@\"\\n' > /usr/local/bin/date; \
    chmod 755 /usr/local/bin/date";
const RIGHT_TIME: &str = "rm -f /usr/local/bin/date";

/// All but a little of dest's disk is taken: enough for a lease, not for data.
const FILL: &str = "dd if=/dev/zero of=/var/pryv/filler bs=64k 2> /dev/null; truncate --size=-128K /var/pryv/filler";
const FREE: &str = "rm -f /var/pryv/filler";

/// For a while source's register answers only now and then: `live` does not start dest's services meanwhile.
const SLOW: &str = "touch /run/slow; { for i in $(seq 60); do docker pause pryv_register_1; sleep 0.4; \
    docker unpause pryv_register_1; sleep 0.1; done; rm /run/slow; } > /dev/null 2>&1 < /dev/null &";
const QUICK_AGAIN: &str = "while [ -e /run/slow ]; do sleep 0.1; done";

/// Gives dest's stack a small disk of its own, on which everything is as it was.
const SMALL_DISK: &str = "set -e; cp -a /var/pryv /root/kept; mount -t tmpfs -o size=48m,mode=755 tmpfs /var/pryv; \
    cp -a /root/kept/. /var/pryv; rm -r /root/kept";

const fn fault(
    name: &'static str,
    when: When,
    machine: Machine,
    strike: Option<&'static str>,
    mend: &'static str,
) -> Fault {
    Fault {
        name,
        when,
        machine,
        strike,
        mend,
        states: &[],
    }
}

/// The states in which source follows dest through the tunnel.
const REPLICATING: &[State] = &[
    State::Replica,
    State::Nameservers,
    State::Verified,
    State::Drained,
];

const FAULTS: [Fault; 17] = [
    fault(
        "reboot-source",
        When::Before,
        Machine::Source,
        None,
        ENGINE_IS_BACK,
    ),
    fault(
        "reboot-dest",
        When::Before,
        Machine::Dest,
        None,
        ENGINE_IS_BACK,
    ),
    fault(
        "docker-dest",
        When::Before,
        Machine::Dest,
        Some("service docker restart > /dev/null"),
        ENGINE_IS_BACK,
    ),
    fault(
        "redis-source",
        When::Before,
        Machine::Source,
        Some(KILL_REDIS),
        "true",
    ),
    fault(
        "redis-dest",
        When::Before,
        Machine::Dest,
        Some(KILL_REDIS),
        "true",
    ),
    Fault {
        states: REPLICATING,
        ..fault(
            "tunnel",
            When::Before,
            Machine::Source,
            Some(KILL_TUNNEL),
            "true",
        )
    },
    // For as long as it is down, what dest has accepted can only come home by a copy.
    Fault {
        states: REPLICATING,
        ..fault(
            "tunnel-down",
            When::Around,
            Machine::Source,
            Some("docker stop $(docker ps --format '{{.Names}}' | grep tunnel) > /dev/null"),
            "docker start $(docker ps --all --format '{{.Names}}' | grep tunnel) > /dev/null || true",
        )
    },
    fault(
        "sshd-source",
        When::During,
        Machine::Source,
        Some(SSHD_DOWN),
        SSHD_UP,
    ),
    fault(
        "sshd-dest",
        When::During,
        Machine::Dest,
        Some(SSHD_DOWN),
        SSHD_UP,
    ),
    fault("cut-source", When::During, Machine::Source, Some(CUT), JOIN),
    fault("cut-dest", When::During, Machine::Dest, Some(CUT), JOIN),
    fault(
        "reset-source",
        When::During,
        Machine::Source,
        Some(RESET),
        NO_RESET,
    ),
    fault(
        "reset-dest",
        When::During,
        Machine::Dest,
        Some(RESET),
        NO_RESET,
    ),
    fault(
        "clock-dest",
        When::Around,
        Machine::Dest,
        Some(MINUTE_AHEAD),
        RIGHT_TIME,
    ),
    Fault {
        states: &[State::Linked, State::Cold],
        ..fault("disk-dest", When::Around, Machine::Dest, Some(FILL), FREE)
    },
    Fault {
        states: &[State::Linked],
        ..fault(
            "slow-source",
            When::Around,
            Machine::Source,
            Some(SLOW),
            QUICK_AGAIN,
        )
    },
    // In the middle of what the next command does, not before it.
    fault(
        "redis-dest-during",
        When::During,
        Machine::Dest,
        Some(KILL_REDIS),
        "true",
    ),
];

/// In a quick matrix: these faults, in these states.
const QUICK: [(&str, State); 2] = [
    ("reboot-dest", State::Synced),
    ("reset-source", State::Warm),
];

/// The states in which a migration can rest before the last one.
fn resting() -> impl Iterator<Item = State> {
    State::ALL
        .into_iter()
        .filter(|state| (State::Launched..=State::Drained).contains(state))
}

/// Every fault in every state: then `resume` goes on, or `rollback` returns.
pub(super) fn all(matrix: &mut Matrix, selection: &Selection) -> Tried<()> {
    if selection.is_spread() {
        let faults = FAULTS.iter().flat_map(|fault| {
            let of_it = QUICK
                .iter()
                .filter(|(name, state)| *name == fault.name && matrix.rests(*state));
            of_it.map(move |(_, state)| (fault, *state))
        });
        return rolled_back(matrix, faults.collect());
    }
    for fault in &FAULTS {
        let wanted = |then: &str| -> Vec<State> {
            let states =
                resting().filter(|state| fault.states.is_empty() || fault.states.contains(state));
            let states = states.filter(|state| matrix.rests(*state));
            states
                .filter(|state| selection.wants(&name(fault, *state, then)))
                .collect()
        };
        let (on, back) = (wanted("resume"), wanted("rollback"));
        resumed(matrix, fault, &on)?;
        let back = back.into_iter().map(|state| (fault, state));
        rolled_back(matrix, back.collect())?;
    }
    Ok(())
}

fn name(fault: &Fault, state: State, then: &str) -> String {
    format!("fault:{}@{state}:{then}", fault.name)
}

/// One migration to `finalized`, with the fault in each of the states.
fn resumed(matrix: &mut Matrix, fault: &Fault, states: &[State]) -> Tried<()> {
    if states.is_empty() {
        return Ok(());
    }
    let mut at = 0;
    // A failure ends the stage; the states after it get another.
    while let Some(rest) = states.get(at..).filter(|rest| !rest.is_empty()) {
        let done = matrix.on_stage(&mut |stage, matrix| {
            let unfinished = Unfinished::of(stage.rig)?;
            prepare(stage.rig, fault)?;
            for state in rest {
                at += 1;
                let began = Instant::now();
                let next = matrix.next_rest(*state);
                let verdict = one_resumed(stage, fault, *state, next).unwrap_or_else(Verdict::from);
                if !matrix.add(
                    &name(fault, *state, "resume"),
                    &verdict,
                    began.elapsed(),
                    stage,
                )? {
                    return Ok(());
                }
            }
            stage.expect(&["resume", "--yes"], &[0])?;
            stage.traffic.wait_for_acknowledgements(3)?;
            if fault.name != "disk-dest" {
                unfinished.expect_finalized(stage.rig)?;
            }
            Ok(())
        });
        if let Err(trouble) = done {
            let name = format!("fault:{}@finalized:resume", fault.name);
            matrix.add_here(&name, &trouble.into(), Duration::ZERO)?;
        }
    }
    Ok(())
}

/// Goes to a state, fails there, and goes on to the next.
fn one_resumed(stage: &mut Stage<'_>, fault: &Fault, state: State, next: State) -> Tried<Verdict> {
    stage.expect(&["run", "--until", state.as_str(), "--yes"], &[0])?;
    under_fault(
        stage.rig,
        fault,
        &["resume", "--until", next.as_str(), "--yes"],
        0,
    )?;
    let mut verdict = Verdict::default();
    if next.writes().is_some() {
        stage.traffic.wait_for_acknowledgements(3)?;
        verdict.lost = stage.traffic.missing(super::machine(stage.rig)?)?;
    }
    verdict.two_writers = stage.two_writers()?;
    Ok(verdict)
}

/// For each fault in its state, a migration that is rolled back to `start`.
fn rolled_back(matrix: &mut Matrix, runs: Vec<(&Fault, State)>) -> Tried<()> {
    let mut runs = runs.into_iter().peekable();
    while let Some((first, _)) = runs.peek().copied() {
        let done = matrix.on_stage(&mut |stage, matrix| {
            if prepare(stage.rig, first)? {
                stage.look_anew()?;
            }
            for (fault, state) in runs.by_ref() {
                let began = Instant::now();
                let next = matrix.next_rest(state);
                let verdict =
                    one_rolled_back(stage, fault, state, next).unwrap_or_else(Verdict::from);
                let name = name(fault, state, "rollback");
                if !matrix.add(&name, &verdict, began.elapsed(), stage)? || stage.is_full() {
                    return Ok(());
                }
            }
            Ok(())
        });
        if let Err(trouble) = done {
            let name = format!("fault:{} to its end", first.name);
            matrix.add_here(&name, &trouble.into(), Duration::ZERO)?;
        }
    }
    Ok(())
}

fn one_rolled_back(
    stage: &mut Stage<'_>,
    fault: &Fault,
    state: State,
    next: State,
) -> Tried<Verdict> {
    stage.expect(&["run", "--until", state.as_str(), "--yes"], &[0])?;
    if fault.name == "disk-dest" {
        // It is the way forward that needs room: it halts, and then one goes back.
        strike(stage.rig, fault)?;
        stage.expect(&["resume", "--until", next.as_str(), "--yes"], &[3, 4, 5])?;
        mend(stage.rig, fault)?;
        stage.expect(&["rollback", "--to", "start", "--yes"], &[0])?;
    } else {
        under_fault(stage.rig, fault, &["rollback", "--to", "start", "--yes"], 8)?;
    }
    Ok(stage.judge_start(false))
}

/// Types a command under a fault; where it halts, types `resume` once the fault has gone.
///
/// `resumed` is the exit code of a `resume` that did the rest.
fn under_fault(rig: &Rig, fault: &Fault, words: &[&str], resumed: i32) -> Tried<()> {
    let mut running = None;
    match fault.when {
        When::Before => {
            strike(rig, fault)?;
            mend(rig, fault)?;
        }
        When::Around => strike(rig, fault)?,
        When::During => {
            let from = rig.journal().records()?.len();
            let mut started = rig.regmig(words).start()?;
            rig.journal()
                .wait_for(from, &mut started, LIMIT, |records| !records.is_empty())?;
            strike(rig, fault)?;
            std::thread::sleep(WHILE);
            mend(rig, fault)?;
            running = Some(started);
        }
    }
    let mut ended = match running {
        Some(running) => running.wait(LIMIT)?,
        None => rig.regmig(words).start()?.wait(LIMIT)?,
    };
    if fault.when == When::Around {
        mend(rig, fault)?;
    }
    let mut done = 0;
    for _ in 0..AGAIN {
        match ended.code {
            Some(code) if HALTED.contains(&code) => {
                std::thread::sleep(PAUSE);
                // A rollback that was refused has not begun: it is typed again, as everything that was refused.
                let begun =
                    rig.status()?.get("direction").and_then(|way| way.as_str()) == Some("back");
                let is_back = words.first() == Some(&"rollback");
                if is_back && begun {
                    done = resumed;
                    ended = rig.regmig(["resume", "--yes"]).start()?.wait(LIMIT)?;
                } else {
                    ended = rig.regmig(words).start()?.wait(LIMIT)?;
                }
            }
            _ => break,
        }
    }
    if ended.code == Some(0) || ended.code == Some(done) {
        return Ok(());
    }
    Err(Trouble::new(format!(
        "after the fault, {} ended with {:?}; it said:\n{}",
        ended.name,
        ended.code,
        ended.said()
    )))
}

fn strike(rig: &Rig, fault: &Fault) -> Tried<()> {
    match fault.strike {
        None => rig.reboot(fault.machine),
        Some(script) => rig.on(fault.machine, script).map(drop),
    }
}

fn mend(rig: &Rig, fault: &Fault) -> Tried<()> {
    rig.on(fault.machine, fault.mend).map(drop)
}

/// What has to be there before a fault can happen; whether it changed the machines.
fn prepare(rig: &Rig, fault: &Fault) -> Tried<bool> {
    if fault.name != "disk-dest" {
        return Ok(false);
    }
    rig.on(fault.machine, SMALL_DISK)?;
    fs::write(rig.folder.join("small-disk"), "48 MiB\n")?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FAULTS, QUICK, name, resting};

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let names: BTreeSet<_> = FAULTS.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), FAULTS.len());
    }

    #[test]
    fn the_quick_ones_are_among_them() {
        for (quick, state) in QUICK {
            let fault = FAULTS.iter().find(|fault| fault.name == quick).unwrap();
            assert!(resting().any(|at| at == state), "{quick}@{state}");
            assert_eq!(
                name(fault, state, "rollback"),
                format!("fault:{quick}@{state}:rollback")
            );
        }
    }

    #[test]
    fn faults_happen_in_states_in_which_a_migration_rests() {
        let states: Vec<_> = resting().collect();
        for fault in FAULTS {
            assert!(
                fault.states.iter().all(|state| states.contains(state)),
                "{}",
                fault.name
            );
        }
    }
}
