//! What a run costs by itself: how long it was at work while no machine was waited for, and what that took of this one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use regmig_core::effect::Query;

/// Where figures are logged: `REGMIG_LOG=regmig::figures=info` shows them.
pub(crate) const FIGURES: &str = "regmig::figures";

/// Counts what is asked of the machines, and the time in which that was waited for.
pub(super) struct Figures {
    begun: Instant,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    questions: u64,
    effects: u64,
    under_way: u32,
    since: Option<Instant>,
    waited: Duration,
}

/// Something is waited for as long as this lives.
pub(super) struct Waiting<'a>(&'a Figures);

impl Figures {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            counts: Mutex::default(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A question; those of regmig to itself are not counted.
    pub(super) fn question(&self, query: &Query) -> Waiting<'_> {
        let own = matches!(query, Query::Now | Query::Sleep { .. });
        self.counts().questions += u64::from(!own);
        self.wait()
    }

    pub(super) fn effect(&self) -> Waiting<'_> {
        self.counts().effects += 1;
        self.wait()
    }

    fn wait(&self) -> Waiting<'_> {
        let mut counts = self.counts();
        counts.under_way += 1;
        if counts.under_way == 1 {
            counts.since = Some(Instant::now());
        }
        Waiting(self)
    }

    /// Logs the figures of this run.
    pub(super) fn log(&self) {
        let counts = self.counts();
        let all = self.begun.elapsed();
        let (cpu_ms, peak_kb) = process();
        tracing::info!(
            target: FIGURES,
            all_ms = millis(all),
            own_us = u64::try_from(all.saturating_sub(counts.waited).as_micros()).unwrap_or(u64::MAX),
            cpu_ms,
            peak_kb,
            questions = counts.questions,
            effects = counts.effects,
        );
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut counts = self.0.counts();
        counts.under_way -= 1;
        if counts.under_way == 0
            && let Some(since) = counts.since.take()
        {
            counts.waited += since.elapsed();
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Processor time of this process in milliseconds and its largest resident size in kilobytes, where `/proc` tells them (proc(5)).
fn process() -> (Option<u64>, Option<u64>) {
    // Fields are counted after the program's name, which may hold spaces; clock ticks are 10 ms on every Linux.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let mut times = after_name.split_whitespace().skip(11).take(2);
    let mut tick = || times.next()?.parse::<u64>().ok();
    let cpu_ms = tick()
        .zip(tick())
        .map(|(user, system)| (user + system) * 10);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak_kb = peak.and_then(|words| words.split_whitespace().next()?.parse().ok());
    (cpu_ms, peak_kb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_several_things_are_waited_for_counts_once() {
        let figures = Figures::new();
        let first = figures.question(&Query::Rehearsal);
        let second = figures.effect();
        std::thread::sleep(Duration::from_millis(30));
        drop(first);
        std::thread::sleep(Duration::from_millis(30));
        drop(second);
        drop(figures.question(&Query::Now));
        let counts = figures.counts();
        assert_eq!(
            (counts.questions, counts.effects, counts.under_way),
            (1, 1, 0)
        );
        assert!(counts.waited >= Duration::from_millis(60));
        assert!(counts.waited <= figures.begun.elapsed());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_has_a_size() {
        let (cpu_ms, peak_kb) = process();
        assert!(cpu_ms.is_some() && peak_kb > Some(100));
    }
}
