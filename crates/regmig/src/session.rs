//! What commands share: the configuration, the store, the machines and the lease.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use regmig_core::cursor::Cursor;
use regmig_core::engine::{Engine, Operator};
use regmig_core::journal::{Begun, FORMAT};
use regmig_core::state::State;
use regmig_procedure::procedure;
use regmig_procedure::spec::{Spec, Strategy};
use regmig_procedure::steps::preflight;
use regmig_store::Store;
use sha2::{Digest as _, Sha256};

use crate::cli::Cli;
use crate::config;
use crate::exit_code::Code;
use crate::hands::{self, Hands, Keeper};
use crate::problem::Problem;
use crate::render::progress::Bars;
use crate::render::{self, report::Lines};
use crate::world::World;
use crate::world::lease::Lease;

/// The configuration, and where its migration is remembered.
pub(crate) struct Configured {
    pub(crate) spec: Spec,
    pub(crate) path: PathBuf,
    pub(crate) store: PathBuf,
}

impl Configured {
    pub(crate) fn load(cli: &Cli) -> Result<Self, Problem> {
        let loaded =
            config::load(&cli.config, &|name| std::env::var(name).ok()).map_err(|report| {
                Problem {
                    text: render::diagnostic(report),
                    code: Code::Usage,
                }
            })?;
        let store = cli
            .store
            .clone()
            .unwrap_or_else(|| loaded.path.with_extension("state"));
        let store = std::path::absolute(&store).unwrap_or(store);
        Ok(Self {
            spec: loaded.spec,
            path: loaded.path,
            store,
        })
    }

    pub(crate) fn world(&self, bars: &Bars) -> Result<Arc<World>, Problem> {
        let password = match &self.spec.redis.password {
            None => None,
            Some(source) => Some(config::secret(source).map_err(|error| Problem {
                text: render::diagnostic(error),
                code: Code::Usage,
            })?),
        };
        Ok(Arc::new(World::new(
            self.spec.clone(),
            password,
            bars.progress(),
            &self.store,
        )?))
    }

    /// The journal as it stands, and its fold.
    pub(crate) fn read(&self) -> Result<(regmig_store::Contents, Cursor), Problem> {
        let contents = regmig_store::read(&self.store)?.unwrap_or_default();
        let cursor = fold(&contents, &self.store)?;
        Ok((contents, cursor))
    }

    /// How an operator types a command for this configuration.
    pub(crate) fn command(&self, words: &str) -> String {
        let here = std::env::current_dir()
            .unwrap_or_default()
            .join("regmig.toml");
        if self.path == here {
            format!("regmig {words}")
        } else {
            format!("regmig -c {} {words}", self.path.display())
        }
    }
}

fn fold(contents: &regmig_store::Contents, store: &Path) -> Result<Cursor, Problem> {
    Cursor::fold(&contents.records).map_err(|nonsense| Problem {
        text: format!(
            "error: the journal in {} makes no sense: {nonsense}\n  hint: nothing was done; keep the folder, it is the evidence",
            store.display()
        ),
        code: Code::Internal,
    })
}

/// A migration that this process alone works on.
pub(crate) struct Session {
    pub(crate) configured: Configured,
    pub(crate) world: Arc<World>,
    pub(crate) store: Keeper,
    hands: Hands,
    pub(crate) cursor: Cursor,
    pub(crate) report: Lines,
    pub(crate) operator: Terminal,
    lease: Option<Lease>,
}

impl Session {
    /// Opens the store of a migration that has begun; where none has, none is made.
    pub(crate) fn open_begun(cli: &Cli, yes: bool, purpose: &str) -> Result<Self, Problem> {
        let configured = Configured::load(cli)?;
        let (_, cursor) = configured.read()?;
        if cursor.begun().is_none() {
            return Err(Problem::refused(format!(
                "error: found no migration in {}, expected one to {purpose}\n  hint: nothing has been touched; `{}` begins one",
                configured.store.display(),
                configured.command("run")
            )));
        }
        Self::open(cli, yes)
    }

    /// Opens the store and refuses a spec that is not the one the migration began with.
    pub(crate) fn open(cli: &Cli, yes: bool) -> Result<Self, Problem> {
        let configured = Configured::load(cli)?;
        let bars = Bars::new();
        let world = configured.world(&bars)?;
        let (mut store, contents) = Store::open(&configured.store)?;
        let mut cursor = fold(&contents, &configured.store)?;
        if contents.torn > 0 {
            render::complain(&format!(
                "note: the journal ended in half a record ({} bytes), as a kill leaves it; it was dropped",
                contents.torn
            ));
        }
        if contents.restored {
            render::complain(
                "note: the journal's last record was cut off, and is put back from the index beside it",
            );
        }
        if let Some(begun) = cursor.begun()
            && begun.spec_digest != configured.spec.digest()
        {
            if cursor.is_untouched() {
                // Nothing of that migration is on the machines: this one is another.
                store.set_aside(&begun.id)?;
                cursor = Cursor::default();
            } else {
                return Err(changed(&configured, begun));
            }
        }
        let operator = Terminal {
            yes,
            stop: Arc::new(AtomicBool::new(false)),
            spec: configured.spec.clone(),
        };
        let report = Lines::new(bars);
        let (hands, store) = hands::over(Arc::clone(&world), store)?;
        Ok(Self {
            configured,
            world,
            store,
            hands,
            cursor,
            report,
            operator,
            lease: None,
        })
    }

    /// Looks at both machines before the first change, takes the lease, and begins the journal if need be.
    pub(crate) async fn begin(&mut self) -> Result<(), Problem> {
        if self.cursor.is_untouched() {
            let cx = regmig_core::step::Cx {
                spec: &self.configured.spec,
                world: &*self.world,
                past: &self.cursor,
            };
            let (checks, _) = preflight::checks(&cx).await?;
            let failed: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
            if !failed.is_empty() {
                return Err(Problem::refused(render::failed_checks(&failed)));
            }
        }
        self.lease =
            Some(Lease::take(Arc::clone(&self.world), holder(&self.configured.store)).await?);
        if self.cursor.begun().is_none() {
            let spec = &self.configured.spec;
            let begun = Begun {
                format: FORMAT,
                id: new_id(),
                regmig: env!("CARGO_PKG_VERSION").to_owned(),
                spec_digest: spec.digest(),
                spec: serde_json::to_value(spec).unwrap_or_default(),
            };
            let mut engine = self.engine();
            engine.begin(begun).await?;
            self.cursor = engine.cursor;
        }
        Ok(())
    }

    /// The engine over this session. Its cursor has to be taken back after use.
    pub(crate) fn engine(&mut self) -> Engine<'_, Spec> {
        Engine {
            procedure: procedure::procedure(self.configured.spec.strategy),
            spec: &self.configured.spec,
            world: hands::act(&self.hands),
            report: &self.report,
            operator: &self.operator,
            journal: &mut self.store,
            cursor: self.cursor.clone(),
        }
    }

    pub(crate) async fn end(&mut self) {
        self.world.log_figures();
        if let Some(lease) = self.lease.take() {
            lease.release().await;
        }
    }
}

fn changed(configured: &Configured, begun: &Begun) -> Problem {
    let mut text = format!(
        "error: {} is not what migration {} began with: found digest {:.12}, expected {:.12}",
        configured.path.display(),
        begun.id,
        configured.spec.digest(),
        begun.spec_digest
    );
    match serde_json::from_value::<Spec>(begun.spec.clone()) {
        Ok(was) => {
            for (path, was, now) in was.differences(&configured.spec) {
                text.push_str(&format!("\n  {path}: was {was}, is {now}"));
            }
        }
        Err(error) => text.push_str(&format!(
            "\n  because: the recorded spec cannot be read: {error}"
        )),
    }
    text.push_str(
        "\n  hint: change it back and type the command again, or roll back to `start` with the former one; \
         a migration keeps the configuration it began with",
    );
    Problem::refused(text)
}

/// Who holds the lease, in words that its owner recognises.
///
/// The store's own lock lets one process at a time work from a folder, so that a
/// process that was killed and the one that resumes are the same holder.
fn holder(store: &Path) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| "somebody".to_owned());
    format!("{user} at {}, {}", host.trim(), store.display())
}

/// Today's date and a few letters that no other migration has.
fn new_id() -> String {
    let now = jiff::Timestamp::now();
    let seed = format!("{}{}", now.as_nanosecond(), std::process::id());
    let letters: String = Sha256::digest(seed)
        .iter()
        .take(2)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}-{letters}", now.strftime("%Y%m%d"))
}

/// The person at the terminal.
pub(crate) struct Terminal {
    yes: bool,
    stop: Arc<AtomicBool>,
    spec: Spec,
}

impl Terminal {
    /// Has the first SIGINT or SIGTERM stop the run at the next safe point, and the second end it at once.
    pub(crate) fn listen(&self) {
        let stop = Arc::clone(&self.stop);
        tokio::spawn(async move {
            loop {
                interrupted().await;
                if stop.swap(true, Ordering::SeqCst) {
                    render::complain(
                        "ended at once; `regmig resume` looks at what is true and goes on",
                    );
                    std::process::exit(130);
                }
                render::complain(
                    "stopping at the next safe point; again to end at once (`regmig resume` copes)",
                );
            }
        });
    }
}

async fn interrupted() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

impl Operator for Terminal {
    fn agrees(&self, state: State) -> bool {
        if self.yes {
            return true;
        }
        render::ask(&question(state, &self.spec))
    }

    fn wants_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

fn question(state: State, spec: &Spec) -> String {
    match state {
        State::Cold if spec.strategy == Strategy::Live => format!(
            "Next is `cold`: after a rehearsal clients of {} wait until dest has taken over; where that takes more than {} s, \
             source serves on. Go on?",
            spec.domain,
            spec.live.clone().unwrap_or_default().way_out_s
        ),
        State::Cold => format!(
            "Next is `cold`: source stops serving, and clients of {} get errors until `proxy`. Go on?",
            spec.domain
        ),
        State::Nameservers => format!("Next is `nameservers`: the delegation of {} changes. Go on?", spec.domain),
        State::Finalized => {
            "Next is `finalized`, the point of no return: no rollback afterwards. dest's Redis restarts once. Go on?"
                .to_owned()
        }
        other => format!("Next is `{other}`. Go on?"),
    }
}
