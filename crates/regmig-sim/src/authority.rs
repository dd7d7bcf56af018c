//! Who may write: a model small enough to be explored to its end.
//!
//! It leaves out everything but what decides whether a machine accepts writes: whether its gate
//! (nginx and register) runs, whether Docker would start it again, where source's nginx file points, and which machines hold
//! every acknowledged write. Machines reboot and regmig is killed at any time, so every action stands alone.

use stateright::{Checker as _, Model, Property};

/// One machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Machine {
    /// Its services run and take writes.
    open: bool,
    /// Docker starts them when the machine comes up.
    comes_back: bool,
    /// It holds every acknowledged write.
    complete: bool,
}

/// What is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    source: Machine,
    dest: Machine,
    /// source's nginx sends clients to dest.
    proxies: bool,
}

/// What happens. Each is one effect, or what happens by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    SourceWritten,
    DestWritten,
    RebootSource,
    RebootDest,
    PolicyOfSourceOff,
    StopSource,
    CopyToDest,
    Proxy,
    PolicyOfDestOn,
    OpenDest,
    PolicyOfDestOff,
    StopDest,
    BringHome,
    Unproxy,
    StartSource,
    PolicyOfSourceOn,
}

/// The rules that regmig keeps; without one of them, the variant has a bug.
struct Authority {
    /// The policy goes before the stop, on both machines.
    fences: bool,
    /// dest opens, and source reopens, only where every acknowledged write is.
    compares: bool,
}

impl World {
    fn fenced(machine: Machine) -> bool {
        !machine.open && !machine.comes_back
    }

    fn written(mut self, by_source: bool) -> Self {
        self.source.complete &= by_source;
        self.dest.complete &= !by_source;
        self
    }
}

impl Model for Authority {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let source = Machine {
            open: true,
            comes_back: true,
            complete: true,
        };
        let dest = Machine {
            open: false,
            comes_back: false,
            complete: false,
        };
        vec![World {
            source,
            dest,
            proxies: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let World {
            source,
            dest,
            proxies,
        } = *world;
        let source_fenced = World::fenced(source);
        let dest_fenced = World::fenced(dest);
        let off = |machine: Machine| !machine.open && (!self.fences || !machine.comes_back);
        actions.extend([Action::RebootSource, Action::RebootDest]);
        let mut can = |condition: bool, action: Action| {
            if condition {
                actions.push(action);
            }
        };
        can(source.open, Action::SourceWritten);
        can(dest.open, Action::DestWritten);
        can(self.fences && dest_fenced, Action::PolicyOfSourceOff);
        can(!self.fences || !source.comes_back, Action::StopSource);
        can(
            off(source) && off(dest) && source.complete,
            Action::CopyToDest,
        );
        can(
            off(source) && (dest.complete || !self.compares),
            Action::Proxy,
        );
        let may_open = off(source) && proxies && (dest.complete || !self.compares);
        can(may_open, Action::PolicyOfDestOn);
        can(may_open, Action::OpenDest);
        can(self.fences && source_fenced, Action::PolicyOfDestOff);
        can(!self.fences || !dest.comes_back, Action::StopDest);
        can(off(source) && off(dest) && dest.complete, Action::BringHome);
        let may_reopen = off(dest) && (source.complete || !self.compares);
        can(may_reopen, Action::Unproxy);
        can(may_reopen && !proxies, Action::StartSource);
        can(may_reopen && !proxies, Action::PolicyOfSourceOn);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = *last;
        match action {
            Action::SourceWritten => world = world.written(true),
            Action::DestWritten => world = world.written(false),
            Action::RebootSource => world.source.open = world.source.comes_back && !world.proxies,
            Action::RebootDest => world.dest.open = world.dest.comes_back,
            Action::PolicyOfSourceOff => world.source.comes_back = false,
            Action::StopSource => world.source.open = false,
            Action::CopyToDest => world.dest.complete = true,
            Action::Proxy => world.proxies = true,
            Action::PolicyOfDestOn => world.dest.comes_back = true,
            Action::OpenDest => world.dest.open = true,
            Action::PolicyOfDestOff => world.dest.comes_back = false,
            Action::StopDest => world.dest.open = false,
            Action::BringHome => world.source.complete = true,
            Action::Unproxy => world.proxies = false,
            Action::StartSource => world.source.open = true,
            Action::PolicyOfSourceOn => world.source.comes_back = true,
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "at most one machine accepts writes",
                |_: &Self, world: &World| !(world.source.open && world.dest.open),
            ),
            Property::always("not after a reboot either", |_: &Self, world: &World| {
                let source = world.source.open || (world.source.comes_back && !world.proxies);
                let dest = world.dest.open || world.dest.comes_back;
                !(source && dest)
            }),
            Property::always(
                "whoever accepts writes holds them all",
                |_: &Self, world: &World| {
                    [world.source, world.dest]
                        .iter()
                        .all(|machine| !machine.open || machine.complete)
                },
            ),
            Property::sometimes("dest serves", |_: &Self, world: &World| world.dest.open),
        ]
    }
}

/// Every state that can be reached.
fn reachable(model: &Authority) -> Vec<World> {
    let mut seen = model.init_states();
    let mut next = 0;
    while let Some(world) = seen.get(next).copied() {
        next += 1;
        for step in steps(model, &world) {
            if !seen.contains(&step) {
                seen.push(step);
            }
        }
    }
    seen
}

fn steps(model: &Authority, world: &World) -> Vec<World> {
    let mut actions = Vec::new();
    model.actions(world, &mut actions);
    actions
        .into_iter()
        .filter_map(|action| model.next_state(world, action))
        .collect()
}

const REGMIG: Authority = Authority {
    fences: true,
    compares: true,
};

#[test]
fn never_two_writers_and_none_that_lacks_a_write() {
    let checker = REGMIG.checker().spawn_bfs().join();
    checker.assert_properties();
    assert_eq!(checker.unique_state_count(), reachable(&REGMIG).len());
}

#[test]
fn from_everywhere_one_writer_can_be_reached_again() {
    for begun in reachable(&REGMIG) {
        let mut seen = vec![begun];
        let mut next = 0;
        let writes = |world: &World| world.source.open != world.dest.open;
        while let Some(world) = seen.get(next).copied() {
            next += 1;
            for step in steps(&REGMIG, &world) {
                if !seen.contains(&step) {
                    seen.push(step);
                }
            }
        }
        assert!(seen.iter().any(writes), "{begun:?}");
    }
}

#[test]
fn without_the_fence_two_write() {
    let unfenced = Authority {
        fences: false,
        compares: true,
    };
    let checker = unfenced.checker().spawn_bfs().join();
    let path = checker.assert_any_discovery("at most one machine accepts writes");
    let actions = path.into_actions();
    assert!(actions.contains(&Action::RebootSource), "{actions:?}");
}

#[test]
fn without_comparing_a_machine_serves_that_lacks_writes() {
    let blind = Authority {
        fences: true,
        compares: false,
    };
    let checker = blind.checker().spawn_bfs().join();
    checker.assert_any_discovery("whoever accepts writes holds them all");
}
