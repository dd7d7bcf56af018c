//! A world of a few files, steps that write them, and faults at will.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use regmig_core::cursor::Cursor;
use regmig_core::effect::{Answer, Effect, Expect, Query};
use regmig_core::engine::{Engine, EngineError, Operator, Outcome};
use regmig_core::facts::FileState;
use regmig_core::journal::{Begun, Event, FORMAT, Journal, JournalError, Record};
use regmig_core::machine::Machine;
use regmig_core::port::{Act, Fut, Observe, PortError};
use regmig_core::report::{Note, Report};
use regmig_core::state::State;
use regmig_core::step::{Cx, Homeward, Patience, Probe, Procedure, Refusal, Step, StepError, Undo};

/// What goes wrong, at the point with that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The machine says no, and nothing happens.
    Refused,
    /// The request does not get there.
    NotSent,
    /// It happens, and the answer is lost.
    ReplyLost,
    /// The process ends before it happens.
    KilledBefore,
    /// It happens, and the process ends.
    KilledAfter,
}

pub(crate) const EFFECT_FAULTS: [Fault; 5] = [
    Fault::Refused,
    Fault::NotSent,
    Fault::ReplyLost,
    Fault::KilledBefore,
    Fault::KilledAfter,
];

/// Files by path, a clock, and the fault to come.
pub(crate) struct Toy {
    pub(crate) files: Mutex<BTreeMap<String, String>>,
    clock: Mutex<i64>,
    /// Effects and appends seen so far.
    pub(crate) points: Mutex<usize>,
    at: Mutex<Option<(usize, Fault)>>,
    killed: Mutex<bool>,
    /// A file that somebody else keeps changing back, and its content.
    kept: Mutex<Option<(String, String)>>,
}

impl Toy {
    pub(crate) fn new() -> Self {
        let files = BTreeMap::from([
            ("b".to_owned(), "was here".to_owned()),
            ("other".to_owned(), "not ours".to_owned()),
            ("room".to_owned(), "yes".to_owned()),
        ]);
        Self {
            files: Mutex::new(files),
            clock: Mutex::new(0),
            points: Mutex::new(0),
            at: Mutex::new(None),
            killed: Mutex::new(false),
            kept: Mutex::new(None),
        }
    }

    pub(crate) fn fault(&self, at: usize, fault: Fault) {
        *self.at.lock().unwrap() = Some((at, fault));
        *self.points.lock().unwrap() = 0;
    }

    /// Somebody else keeps a file as it is, or no longer does.
    pub(crate) fn keep(&self, path: &str, content: Option<&str>) {
        *self.kept.lock().unwrap() = content.map(|content| (path.to_owned(), content.to_owned()));
    }

    /// Somebody else changes a file.
    pub(crate) fn set(&self, path: &str, content: &str) {
        let mut files = self.files.lock().unwrap();
        files.insert(path.to_owned(), content.to_owned());
    }

    /// The process is started again; faults are over.
    pub(crate) fn restart(&self) {
        *self.at.lock().unwrap() = None;
        *self.killed.lock().unwrap() = false;
    }

    fn point(&self) -> Fault {
        let mut points = self.points.lock().unwrap();
        *points += 1;
        match *self.at.lock().unwrap() {
            Some((at, fault)) if at == *points => fault,
            _ => Fault::None,
        }
    }

    async fn die(&self) {
        *self.killed.lock().unwrap() = true;
        std::future::pending::<()>().await;
    }

    fn carry_out(&self, effect: &Effect) {
        let mut files = self.files.lock().unwrap();
        match effect {
            Effect::WriteFile {
                path,
                content,
                expect,
                ..
            } => {
                let now = files.get(path);
                if !matches!(expect, Expect::Content(wanted) if now != Some(wanted)) {
                    files.insert(path.clone(), content.clone());
                }
            }
            Effect::RemoveFile { path, .. } => {
                files.remove(path);
            }
            other => panic!("the toy does not know {other}"),
        }
        if let Some((path, content)) = &*self.kept.lock().unwrap() {
            files.insert(path.clone(), content.clone());
        }
    }
}

impl Observe for Toy {
    fn observe<'a>(&'a self, query: &'a Query) -> Fut<'a, Result<Answer, PortError>> {
        Box::pin(async move {
            let mut clock = self.clock.lock().unwrap();
            *clock += 1;
            Ok(match query {
                Query::Now => Answer::Millis(*clock),
                Query::Settled { .. } => Answer::Nothing,
                Query::Sleep { ms } => {
                    *clock += i64::try_from(*ms).unwrap();
                    Answer::Nothing
                }
                Query::File { path, .. } => Answer::File(self.files.lock().unwrap().get(path).map(
                    |content| FileState {
                        content: content.clone(),
                        mode: 0,
                        uid: 0,
                        gid: 0,
                        mtime_ns: 0,
                    },
                )),
                other => panic!("the toy does not know {other:?}"),
            })
        })
    }
}

impl Act for Toy {
    fn act<'a>(&'a self, effect: &'a Effect) -> Fut<'a, Result<Answer, PortError>> {
        Box::pin(async move {
            match self.point() {
                Fault::None => self.carry_out(effect),
                Fault::Refused => {
                    return Err(PortError::Refused {
                        what: "no".into(),
                        source: None,
                    });
                }
                Fault::NotSent => {
                    return Err(PortError::NotSent {
                        what: "away".into(),
                        source: None,
                    });
                }
                Fault::ReplyLost => {
                    self.carry_out(effect);
                    return Err(PortError::OutcomeUnknown {
                        what: "lost".into(),
                        source: None,
                    });
                }
                Fault::KilledBefore => self.die().await,
                Fault::KilledAfter => {
                    self.carry_out(effect);
                    self.die().await;
                }
            }
            Ok(Answer::Nothing)
        })
    }
}

/// A journal in memory. A kill at an append leaves it with or without the record.
pub(crate) struct Notes<'a> {
    pub(crate) toy: &'a Toy,
    pub(crate) records: RefCell<Vec<Record>>,
}

impl Journal for Notes<'_> {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let gone = || JournalError("the process has ended".into());
        if *self.toy.killed.lock().unwrap() {
            return Err(gone());
        }
        match self.toy.point() {
            Fault::KilledBefore => {
                *self.toy.killed.lock().unwrap() = true;
                return Err(gone());
            }
            Fault::KilledAfter => {
                self.records.borrow_mut().push(record.clone());
                *self.toy.killed.lock().unwrap() = true;
                return Err(gone());
            }
            // The others are faults of machines, not of the disk.
            _ => self.records.borrow_mut().push(record.clone()),
        }
        Ok(())
    }
}

pub(crate) struct Quiet;

impl Report for Quiet {
    fn note(&self, _: Note<'_>) {}
}

impl Operator for Quiet {
    fn agrees(&self, _: State) -> bool {
        true
    }

    fn wants_stop(&self) -> bool {
        false
    }
}

/// `Some` result, or nothing where the process was killed.
pub(crate) fn run<T>(toy: &Toy, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => (!*toy.killed.lock().unwrap()).then_some(value),
        Poll::Pending => None,
    }
}

pub(crate) fn forward(toy: &Toy, notes: &mut Notes<'_>) -> Option<Result<Outcome, EngineError>> {
    let mut engine = engine(toy, notes);
    run(toy, engine.forward(State::Proxy))
}

pub(crate) fn back(toy: &Toy, notes: &mut Notes<'_>) -> Option<Result<Outcome, EngineError>> {
    back_to(toy, notes, State::Start)
}

pub(crate) fn back_to(
    toy: &Toy,
    notes: &mut Notes<'_>,
    to: State,
) -> Option<Result<Outcome, EngineError>> {
    let mut engine = engine(toy, notes);
    run(toy, engine.rollback(to))
}

pub(crate) fn cursor(notes: &Notes<'_>) -> Cursor {
    Cursor::fold(&*notes.records.borrow()).unwrap()
}

fn engine<'a>(toy: &'a Toy, notes: &'a mut Notes<'_>) -> Engine<'a, ()> {
    engine_of(&PROCEDURE, toy, notes)
}

pub(crate) fn engine_of<'a>(
    procedure: &'a Procedure<()>,
    toy: &'a Toy,
    notes: &'a mut Notes<'_>,
) -> Engine<'a, ()> {
    let cursor = cursor(notes);
    Engine {
        procedure,
        spec: &(),
        world: toy,
        report: &Quiet,
        operator: &Quiet,
        journal: notes,
        cursor,
    }
}

pub(crate) fn begun(toy: &Toy) -> Notes<'_> {
    let begun = Begun {
        format: FORMAT,
        id: "toy".into(),
        regmig: String::new(),
        spec_digest: String::new(),
        spec: serde_json::Value::Null,
    };
    let record = Record {
        seq: 0,
        at_ms: 0,
        event: Event::Begun(Box::new(begun)),
    };
    Notes {
        toy,
        records: RefCell::new(vec![record]),
    }
}

macro_rules! step {
    ($id:literal, $enters:ident, $files:expr) => {
        step!(
            $id,
            $enters,
            $files,
            Undo::Run(|cx, before| Box::pin(undo(cx, $files, before)))
        )
    };
    ($id:literal, $enters:ident, $files:expr, $undo:expr) => {
        Step {
            id: $id,
            enters: State::$enters,
            title: $id,
            probe: |cx| Box::pin(probe(cx, $files)),
            before: |cx| Box::pin(before(cx, $files)),
            plan: |_| Box::pin(async { Ok(write($files)) }),
            undo: $undo,
            patience: |_| Patience {
                every_ms: 10,
                limit_ms: 100,
            },
            waits: false,
            stays: true,
        }
    };
}

/// Three files in two states; `b` was there before, and `c` takes two effects. Then dest is opened.
static STEPS: [Step<()>; 4] = [
    step!("launched/a", Launched, &[("a", "A")]),
    step!("launched/b", Launched, &[("b", "B")]),
    step!("backup/c", Backup, &[("c1", "C"), ("c2", "C")]),
    step!(
        "proxy/open",
        Proxy,
        &[("gate", "open")],
        Undo::OnceHome(|cx, _| Box::pin(close(cx)))
    ),
];

pub(crate) static HOME: [Step<()>; 2] = [
    step!("failback/fence", Synced, &[("gate", "shut")]),
    step!("failback/home", Synced, &[("home", "H")]),
];

/// Replication can be had while a file says so.
static PROCEDURE: Procedure<()> = Procedure {
    steps: &STEPS,
    replication: Homeward {
        ready: |cx| Box::pin(probe(cx, &[("link", "up")])),
        steps: &HOME,
    },
    copy: Homeward {
        ready: |cx| Box::pin(probe(cx, &[("room", "yes")])),
        steps: &HOME,
    },
};

/// Closing dest for good is refused unless it is fenced and its data is home.
pub(crate) async fn close(cx: &Cx<'_, ()>) -> Result<Vec<Effect>, StepError> {
    let gate = content(cx, "gate").await?;
    let home = content(cx, "home").await?;
    if gate.is_none() && home.is_none() {
        return Ok(Vec::new());
    }
    if gate.as_deref() == Some("open") || home.is_none() && gate.is_some() {
        return Err(StepError::refused(Refusal {
            what: "writes of dest".into(),
            found: format!("gate {gate:?}, home {home:?}"),
            expected: "a fence, and the data at home".into(),
            hint: String::new(),
        }));
    }
    let remove = |path: &str| Effect::RemoveFile {
        machine: Machine::Source,
        path: path.into(),
    };
    Ok(vec![remove("gate"), remove("home")])
}

type Files = &'static [(&'static str, &'static str)];

pub(crate) async fn content(cx: &Cx<'_, ()>, path: &str) -> Result<Option<String>, StepError> {
    match cx
        .ask(Query::File {
            machine: Machine::Source,
            path: path.to_owned(),
        })
        .await?
    {
        Answer::File(file) => Ok(file.map(|file| file.content)),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn probe(cx: &Cx<'_, ()>, files: Files) -> Result<Probe, StepError> {
    for (path, wanted) in files {
        if content(cx, path).await?.as_deref() != Some(wanted) {
            return Ok(Probe::absent(format!("{path} is not written")));
        }
    }
    Ok(Probe::holds())
}

async fn before(cx: &Cx<'_, ()>, files: Files) -> Result<serde_json::Value, StepError> {
    let mut before = BTreeMap::new();
    for (path, _) in files {
        before.insert(*path, content(cx, path).await?);
    }
    Ok(serde_json::to_value(before).unwrap())
}

fn write(files: Files) -> Vec<Effect> {
    let write = |(path, content): &(&str, &str)| Effect::WriteFile {
        machine: Machine::Source,
        path: (*path).to_owned(),
        content: (*content).to_owned(),
        mode: 0,
        expect: Expect::Any,
    };
    files.iter().map(write).collect()
}

async fn undo(
    cx: &Cx<'_, ()>,
    files: Files,
    before: &serde_json::Value,
) -> Result<Vec<Effect>, StepError> {
    let mut effects = Vec::new();
    for (path, _) in files {
        let was = before[path].as_str().map(str::to_owned);
        if content(cx, path).await? != was {
            let (machine, path) = (Machine::Source, (*path).to_owned());
            effects.push(match was {
                Some(content) => Effect::WriteFile {
                    machine,
                    path,
                    content,
                    mode: 0,
                    expect: Expect::Any,
                },
                None => Effect::RemoveFile { machine, path },
            });
        }
    }
    Ok(effects)
}
