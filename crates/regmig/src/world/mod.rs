//! The real world: queries and effects carried out over SSH, Docker, Redis, HTTP and DNS.

mod act;
mod backup;
mod figures;
mod files;
mod freezer;
mod host;
pub(crate) mod lease;
mod names;
mod nginx;
mod observe;
mod outage;
mod poised;
mod program;
pub(crate) mod progress;
mod public;
mod rehearsal;
mod resync;
mod rsync;
mod served;
mod settled;
mod site;
mod timer;
mod tunnel;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use regmig_core::cursor::Cursor;
use regmig_core::machine::Machine;
use regmig_core::port::PortError;
use regmig_http::TlsTrust;
use regmig_procedure::spec::Spec;
use regmig_procedure::steps::live;
use secrecy::SecretString;

pub(crate) use self::figures::FIGURES;
use self::progress::Progress;
use self::site::Site;

/// Both machines, and what stands around them.
pub(crate) struct World {
    spec: Arc<Spec>,
    source: Site,
    dest: Site,
    password: Option<SecretString>,
    trust: TlsTrust,
    trust_pem: String,
    progress: Arc<dyn Progress>,
    /// Locked while a program of the operator's runs.
    program_lock: PathBuf,
    /// What a comparison of the keys has read.
    compared: PathBuf,
    meter: outage::Meter,
    lease: Mutex<Option<lease::Held>>,
    figures: figures::Figures,
}

impl World {
    /// Prepares to reach both machines; nothing is connected yet. `store` is the folder of this migration.
    ///
    /// # Errors
    ///
    /// Where the trusted certificates cannot be read any more.
    pub(crate) fn new(
        spec: Spec,
        password: Option<SecretString>,
        progress: Arc<dyn Progress>,
        store: &Path,
    ) -> Result<Self, PortError> {
        let what = format!("reading {}", spec.proxy.trust.display());
        let pem =
            std::fs::read(&spec.proxy.trust).map_err(|error| PortError::refused(&what, error))?;
        let trust =
            TlsTrust::from_ca_pem(&pem).map_err(|error| PortError::refused(&what, error))?;
        let trust_pem = String::from_utf8(pem).map_err(|error| PortError::refused(&what, error))?;
        let spec = Arc::new(spec);
        Ok(Self {
            source: Site::new(Machine::Source, Arc::clone(&spec), password.clone()),
            dest: Site::new(Machine::Dest, Arc::clone(&spec), password.clone()),
            spec,
            password,
            trust,
            trust_pem,
            progress,
            program_lock: store.join("program.lock"),
            compared: store.join("verify.part"),
            meter: outage::Meter::new(store.join("outage.json")),
            lease: Mutex::new(None),
            figures: figures::Figures::new(),
        })
    }

    fn site(&self, machine: Machine) -> &Site {
        match machine {
            Machine::Source => &self.source,
            Machine::Dest => &self.dest,
        }
    }

    /// Logs what this run has cost so far.
    pub(crate) fn log_figures(&self) {
        self.figures.log();
    }

    /// Compares both data sets key by key and names the first keys that differ; goes on where an interrupted one ended, if
    /// nothing has been done `since`.
    ///
    /// # Errors
    ///
    /// Where either Redis does not answer.
    pub(crate) async fn differing_keys(
        &self,
        limit: usize,
        since: &Cursor,
    ) -> Result<regmig_redis::Differences, PortError> {
        let options = regmig_redis::DigestOptions {
            pace: regmig_redis::Pace::Gentle,
            ..self.digest_options()
        };
        let id = since.begun().map_or("", |begun| begun.id.as_str());
        let kept = regmig_redis::Kept {
            path: self.compared.clone(),
            about: format!("{id} {}", since.next_seq()),
        };
        let meter = self.progress.begin("comparing keys");
        let mut seen =
            |progress: regmig_redis::DigestProgress| meter.keys(progress.done, progress.total);
        regmig_redis::diff(
            &self.source.redis,
            &self.dest.redis,
            &options,
            limit,
            Some(&kept),
            &mut seen,
        )
        .await
    }

    /// Those of some keys that still differ.
    ///
    /// # Errors
    ///
    /// Where either Redis does not answer.
    pub(crate) async fn still_differing(
        &self,
        keys: &[regmig_redis::KeyDifference],
    ) -> Result<Vec<regmig_redis::KeyDifference>, PortError> {
        let (source, dest) = (&self.source.redis, &self.dest.redis);
        regmig_redis::diff_again(source, dest, &self.digest_options(), keys).await
    }

    fn digest_options(&self) -> regmig_redis::DigestOptions {
        let mut excluded = self.spec.redis.startup_keys.clone();
        excluded.push(live::EPOCH_KEY.to_owned());
        regmig_redis::DigestOptions {
            excluded,
            ..Default::default()
        }
    }
}
