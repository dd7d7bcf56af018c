//! The journal of a simulated migration, and how little a run without faults tells.

use regmig_core::cursor::Cursor;
use regmig_core::engine::{Engine, Operator};
use regmig_core::journal::{Event, Journal, JournalError, Record};
use regmig_core::report::{Note, Report};
use regmig_core::state::State;
use regmig_procedure::spec::Spec;

use super::Made;
use super::checkpoint::Checkpoint;
use crate::fault::Fault;
use crate::planted::Slip;
use crate::world::World;

/// The journal: records in memory.
pub(super) struct Book<'w> {
    pub(super) world: &'w World,
    pub(super) records: &'w mut Vec<Record>,
    pub(super) slip: Slip,
    pub(super) held: Option<Record>,
    pub(super) checkpoints: Option<&'w mut Vec<Checkpoint>>,
    pub(super) goals: usize,
}

impl Book<'_> {
    pub(super) fn keep(&mut self, record: Record) {
        if self.slip == Slip::ForgetsBefore
            && let Event::Started { step, before } = &record.event
        {
            for earlier in self.records.iter_mut() {
                if let Event::Started {
                    step: same,
                    before: first,
                } = &mut earlier.event
                    && same == step
                {
                    first.clone_from(before);
                }
            }
        }
        self.records.push(record);
    }
}

impl Made {
    /// The engine in a simulated world, which nobody watches and nobody stops.
    pub(super) fn engine<'e>(
        &'e self,
        world: &'e World,
        journal: &'e mut dyn Journal,
        cursor: Cursor,
    ) -> Engine<'e, Spec> {
        Engine {
            procedure: &self.procedure,
            spec: &self.spec,
            world,
            report: &Silent,
            operator: &Agreeing,
            journal,
            cursor,
        }
    }
}

impl Journal for Book<'_> {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let fault = self.world.inner().append_fault();
        if self.slip == Slip::ActsFirst {
            // A record becomes durable only with the one after it.
            if let Some(held) = self.held.take() {
                self.keep(held);
            }
            if fault != Some(Fault::KilledBefore) {
                self.held = Some(record.clone());
            }
        } else if !matches!(fault, Some(Fault::KilledBefore | Fault::Unwritten)) {
            self.keep(record.clone());
        }
        match fault {
            None => {
                self.world.tell(|| told(&record.event));
                let rests = matches!(record.event, Event::Reached { .. } | Event::Undone { .. });
                if let (Some(checkpoints), true) = (&mut self.checkpoints, rests) {
                    let inner = self.world.inner();
                    checkpoints.push(Checkpoint {
                        state: inner.state.clone(),
                        records: self.records.len(),
                        done: inner.done.len(),
                        appends: inner.appends,
                        goals: self.goals,
                    });
                }
                Ok(())
            }
            Some(fault) => Err(JournalError(fault.to_string().into())),
        }
    }
}

fn told(event: &Event) -> String {
    match event {
        Event::Started { step, .. } => format!("  started {step}"),
        Event::Reached { step, .. } => format!("  reached {step}"),
        Event::Failed { step, failure } => format!("  failed {step}: {}", failure.chain.join(": ")),
        Event::RollbackBegun { to } => format!("  rollback to {to} begun"),
        Event::UndoStarted { step } => format!("  undo of {step} started"),
        Event::Undone { step } => format!("  undone {step}"),
        Event::UndoFailed { step, failure } => {
            format!("  undo of {step} failed: {}", failure.chain.join(": "))
        }
        Event::RollbackEnded { to } => format!("  rollback to {to} ended"),
        Event::Acting { step, .. } => format!("  acting for {step}"),
        other => format!("  {other:?}").chars().take(60).collect(),
    }
}

struct Silent;

impl Report for Silent {
    fn note(&self, _: Note<'_>) {}
}

struct Agreeing;

impl Operator for Agreeing {
    fn agrees(&self, _: State) -> bool {
        true
    }

    fn wants_stop(&self) -> bool {
        false
    }
}
