//! A register, a log and a run with everything set.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use regmig_http::{Limits, TlsTrust};
use regmig_traffic::audit::{Audit, Machine, Patience, audit};
use regmig_traffic::error::TrafficError;
use regmig_traffic::event::Event;
use regmig_traffic::log::read_log;
use regmig_traffic::register::Register;
use regmig_traffic::report::{GAP_MS, Report};
use regmig_traffic::run::{Load, RunOptions, Summary, run};
use regmig_traffic::user::{Users, default_cores};
use tempfile::TempDir;

use crate::name_server::DOMAIN;
use crate::register::{HOST, Identity, KEY, Shared};

pub(crate) struct Rig {
    pub(crate) identity: Identity,
    pub(crate) address: SocketAddr,
    pub(crate) state: Shared,
    pub(crate) folder: TempDir,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let identity = Identity::new();
        let (address, state) = identity.serve("127.0.0.1:0".parse().unwrap()).await;
        Self {
            identity,
            address,
            state,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("traffic.log")
    }

    pub(crate) fn register(&self) -> Register {
        Register {
            host: HOST.to_owned(),
            trust: TlsTrust::from_ca_pem(self.identity.ca_pem.as_bytes()).unwrap(),
            limits: Limits {
                connect: Duration::from_secs(5),
                total: Duration::from_secs(5),
                ..Limits::default()
            },
        }
    }

    /// 50 writes a second and nothing else.
    pub(crate) fn options(&self) -> RunOptions {
        RunOptions {
            target: self.address,
            register: self.register(),
            key: KEY.to_owned(),
            users: Users::new("trf", default_cores(DOMAIN)).unwrap(),
            domain: DOMAIN.to_owned(),
            load: Load::Open { per_second: 50.0 },
            reads_per_second: 0.0,
            dns: None,
            follow: None,
            log: self.log(),
            in_flight: 100,
        }
    }

    /// Runs for a second, while `meanwhile` happens.
    pub(crate) async fn run_while(
        &self,
        options: RunOptions,
        meanwhile: impl Future<Output = ()>,
    ) -> Result<Summary, TrafficError> {
        let stop = async {
            tokio::join!(tokio::time::sleep(Duration::from_secs(1)), meanwhile);
            "the test".to_owned()
        };
        run(options, stop).await
    }

    /// Runs for a second without a fault.
    pub(crate) async fn run(&self) -> Summary {
        self.run_while(self.options(), async {}).await.unwrap()
    }

    /// Asks for all acknowledged users, with little patience.
    pub(crate) async fn audit(
        &self,
        machines: &[(&str, SocketAddr)],
    ) -> Result<Audit, TrafficError> {
        let machines: Vec<Machine> = machines
            .iter()
            .map(|(name, address)| Machine {
                name: (*name).to_owned(),
                address: *address,
            })
            .collect();
        let patience = Patience {
            attempts: 4,
            pause: Duration::from_millis(10),
            ..Patience::default()
        };
        audit(&self.log(), &machines, &self.register(), &patience).await
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        read_log(&self.log()).unwrap()
    }

    pub(crate) fn report(&self) -> Report {
        Report::new(&self.log(), &self.events(), None, GAP_MS).unwrap()
    }
}

/// Whether a run of 50 writes a second kept its rate, as far as a busy machine allows.
pub(crate) fn kept_its_rate(report: &Report) -> bool {
    let due = (report.ended_ms - report.started_ms) / 20;
    (due * 7 / 10..=due + 2).contains(&report.acknowledged)
}

/// Waits a moment.
pub(crate) async fn after_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// An address on which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}
