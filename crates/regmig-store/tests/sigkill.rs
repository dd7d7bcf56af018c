//! SIGKILL at random instants while records are appended: what was acknowledged is there.
//!
//! The test starts itself again as the process that writes. That one opens the
//! store, appends records of all sizes, and writes the number of each to its
//! standard output once `append` has returned. After each kill the store is
//! read as `status` reads it, and opened as `resume` opens it; on every other
//! round the index is taken away first, so that the file has to speak for itself.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use regmig_core::journal::{Begun, Event, FORMAT, Journal as _, Record};
use regmig_store::{JOURNAL, Store};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

/// Kills in one run of the test, and the fewest, where a machine is so busy that it would take too long.
const ROUNDS: RangeInclusive<u32> = 15..=40;
/// How long is too long.
const LIMIT: Duration = Duration::from_secs(10);
/// Fewer records than this, in all rounds together, would show nothing.
const FEWEST_RECORDS: u64 = 10;
/// How long a process may write before its kill.
const LONGEST: Duration = Duration::from_millis(40);
/// Every how many rounds the kill comes within that time from the start of the process, most of which it takes to open the store.
const EARLY_EVERY: u32 = 4;
/// Every how many records one is large: the kernel looks for a kill between the pages of a write.
const LARGE_EVERY: u64 = 16;
/// How often a large one repeats its 8 bytes; they take 32 KiB.
const LARGE: usize = 4_096;

/// Said once the store is open.
const READY: &[u8; 8] = b"is ready";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let outcome = match (words.next(), words.next()) {
        (Some(word), Some(folder)) if word == "append-to" => append_for_ever(folder.as_ref()),
        _ => kill_again_and_again(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A record that is known by its number alone.
fn record(seq: u64) -> Record {
    let step = format!("step-{}", seq.div_ceil(2));
    let count = if seq % LARGE_EVERY == 7 { LARGE } else { 10 };
    let event = match seq {
        0 => Event::Begun(Box::new(Begun {
            format: FORMAT,
            id: "20261122-0a1b".into(),
            regmig: "0.1.0".into(),
            spec_digest: "d".into(),
            spec: json!({}),
        })),
        _ if seq % 2 == 1 => Event::Started {
            step,
            before: json!({ "content": "é12345\n".repeat(count) }),
        },
        _ => Event::Reached {
            step,
            evidence: json!(seq),
        },
    };
    let at_ms = i64::try_from(seq).unwrap_or(i64::MAX);
    Record { seq, at_ms, event }
}

/// The process that is killed.
fn append_for_ever(folder: &Path) -> Outcome<()> {
    let (mut store, contents) = Store::open(folder)?;
    let mut out = std::io::stdout().lock();
    out.write_all(READY)?;
    out.flush()?;
    for seq in contents.records.len() as u64.. {
        store.append(&record(seq))?;
        out.write_all(&seq.to_le_bytes())?;
        out.flush()?;
    }
    Ok(())
}

fn start(folder: &Path) -> Outcome<Child> {
    let child = Command::new(std::env::current_exe()?)
        .arg("append-to")
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()?;
    Ok(child)
}

/// What the rounds saw.
#[derive(Debug, Default)]
struct Seen {
    acknowledged: u64,
    torn: u32,
    completed: u32,
    not_acknowledged: u32,
    rebuilt: u32,
}

fn kill_again_and_again() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("store");
    let begun = Instant::now();
    let mut seen = Seen::default();
    let mut rounds = 0;
    while rounds < *ROUNDS.end() && (rounds < *ROUNDS.start() || begun.elapsed() < LIMIT) {
        let round = rounds;
        rounds += 1;
        let instant = after(round);
        let mut child = start(&store)?;
        let mut pipe = child.stdout.take().ok_or("no pipe")?;
        let mut said = Vec::new();
        if round % EARLY_EVERY != 0 {
            said.resize(READY.len(), 0);
            pipe.read_exact(&mut said)?;
        }
        std::thread::sleep(instant);
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::KILL)?;
        pipe.read_to_end(&mut said)?;
        let status = child.wait()?;
        if std::os::unix::process::ExitStatusExt::signal(&status) != Some(9) {
            return Err(format!("round {round}: it ended by itself: {status}").into());
        }
        let numbers = said.as_chunks::<8>().0.get(1..).unwrap_or_default();
        let last = numbers.last().copied();
        if let Some(last) = last.map(u64::from_le_bytes) {
            seen.acknowledged = last + 1;
        }
        look(&store, round, &mut seen)
            .map_err(|error| format!("round {round}, {instant:?}: {error}"))?;
    }
    let took = begun.elapsed();
    writeln!(
        std::io::stdout(),
        "{rounds} kills in {took:.1?}: none of {} acknowledged records lost; {} torn ends dropped, {} ends completed, \
         {} whole records that were never acknowledged, {} indices made anew",
        seen.acknowledged,
        seen.torn,
        seen.completed,
        seen.not_acknowledged,
        seen.rebuilt
    )?;
    if seen.acknowledged < FEWEST_RECORDS {
        return Err(format!("only {} records in {rounds} rounds", seen.acknowledged).into());
    }
    Ok(())
}

/// Holds a killed process's store against what it had acknowledged.
fn look(folder: &Path, round: u32, seen: &mut Seen) -> Outcome<()> {
    if !folder.exists() {
        return Ok(());
    }
    let file = std::fs::read(folder.join(JOURNAL)).unwrap_or_default();
    let as_read = regmig_store::read(folder)?.unwrap_or_default();
    let index = folder.join("checkpoints.sled");
    if round % 2 == 1 && index.exists() {
        std::fs::remove_dir_all(&index)?;
        seen.rebuilt += 1;
    }
    let (store, contents) = Store::open(folder)?;
    let found = contents.records.len() as u64;
    if found < seen.acknowledged || found > seen.acknowledged + 1 {
        return Err(format!("{} acknowledged, {found} found", seen.acknowledged).into());
    }
    if as_read.records != contents.records || contents.restored {
        return Err("the file does not say by itself what the store says".into());
    }
    for (seq, found) in (0..).zip(&contents.records) {
        if *found != record(seq) {
            return Err(format!("record {seq} is not as it was appended").into());
        }
        let checkpoint = match &found.event {
            Event::Started { step, .. } => store.checkpoint(step).is_some(),
            Event::Reached { step, .. } => store.checkpoint(step).is_some_and(|step| step.reached),
            _ => true,
        };
        if !checkpoint {
            return Err(format!("the index does not know of record {seq}").into());
        }
    }
    drop(store);
    let (torn, cut) = (
        contents.torn > 0,
        file.last().is_some_and(|byte| *byte != b'\n'),
    );
    seen.torn += u32::from(torn);
    seen.completed += u32::from(cut && !torn);
    seen.not_acknowledged += u32::from(found > seen.acknowledged);
    // What was found is from now on what must be there.
    seen.acknowledged = found;
    if cut && !std::fs::read(folder.join(JOURNAL))?.ends_with(b"\n") {
        return Err("the journal was not mended by being opened".into());
    }
    Ok(())
}

/// When the kill of a round comes: anywhere, from before the store is open.
fn after(round: u32) -> Duration {
    let mut seed = [0; 4];
    let random =
        std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut seed));
    let part = match random {
        Ok(()) => u32::from_le_bytes(seed) % 1000,
        Err(_) => round * 997 % 1000,
    };
    LONGEST * part / 1000
}
