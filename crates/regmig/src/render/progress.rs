//! Progress of long work: bars on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::world::progress::{Meter, Progress};

/// Between two plain lines about the same work.
const EVERY: Duration = Duration::from_secs(5);

/// Where bars are drawn, above which lines are printed.
#[derive(Clone)]
pub(crate) struct Bars {
    bars: Option<MultiProgress>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        Self {
            bars: std::io::stderr().is_terminal().then(MultiProgress::new),
        }
    }

    pub(crate) fn progress(&self) -> Arc<dyn Progress> {
        Arc::new(self.clone())
    }

    /// Prints a line without tearing a bar apart.
    pub(crate) fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| super::say(line)),
            None => super::say(line),
        }
    }
}

impl Progress for Bars {
    fn begin(&self, what: &str) -> Box<dyn Meter> {
        match &self.bars {
            Some(bars) => {
                let bar = bars.add(ProgressBar::new(0));
                let style = ProgressStyle::with_template(
                    "           {prefix} {wide_bar} {percent:>3} % {msg}",
                );
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_prefix(what.to_owned());
                Box::new(Bar(bar))
            }
            None => Box::new(Plain {
                what: what.to_owned(),
                begun: Instant::now(),
                said: AtomicU64::new(0),
            }),
        }
    }
}

struct Bar(ProgressBar);

impl Meter for Bar {
    fn keys(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
        self.0.set_message(format!("{done} of {total}"));
    }

    fn bytes(&self, done: u64, percent: u8, words: &str) {
        self.0.set_length(100);
        self.0.set_position(percent.into());
        self.0.set_message(format!("{} MiB {words}", done >> 20));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

struct Plain {
    what: String,
    begun: Instant,
    said: AtomicU64,
}

impl Plain {
    fn say(&self, line: impl FnOnce() -> String) {
        let elapsed = self.begun.elapsed().as_secs();
        if elapsed >= self.said.load(Ordering::Relaxed) + EVERY.as_secs() {
            self.said.store(elapsed, Ordering::Relaxed);
            super::say(&format!("           {}: {}", self.what, line()));
        }
    }
}

impl Meter for Plain {
    fn keys(&self, done: u64, total: u64) {
        self.say(|| format!("{done} of {total}"));
    }

    fn bytes(&self, done: u64, percent: u8, words: &str) {
        self.say(|| format!("{percent} %, {} MiB {words}", done >> 20));
    }
}
