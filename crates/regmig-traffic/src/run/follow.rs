//! Clients that follow the DNS: from the parent's delegation to the register's address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::ms_since;
use crate::dns;
use crate::event::{Event, Operation};
use crate::register::Failure;
use crate::run::shared::{Route, Shared};

/// How often the parent is asked: nothing is cached longer than this.
const EVERY: Duration = Duration::from_secs(1);

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(2);

/// The port of DNS, where no DNS server of another port was given.
const DNS_PORT: u16 = 53;

/// Asks the parent every second where the platform is, and sends all clients there.
///
/// A failed question leaves them where they are.
pub(super) async fn follow(shared: Arc<Shared>, parent: SocketAddr) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            biased;
            () = shared.stopped() => return,
            _ = ticks.tick() => {}
        }
        let due = Instant::now();
        match look_up(&shared, parent).await {
            Ok((target, name_server)) => enter(&shared, target, name_server),
            Err(Failure { kind, detail }) => {
                shared.record(&Event::Fail {
                    at_ms: shared.clock.now_ms(),
                    op: Operation::Follow,
                    kind,
                    user: String::new(),
                    target: parent,
                    ms: ms_since(due),
                    detail,
                });
            }
        }
    }
}

fn enter(shared: &Shared, target: SocketAddr, name_server: SocketAddr) {
    let before = shared.route();
    let route = Route {
        target,
        dns: before.dns.map(|_| name_server),
    };
    if route != before {
        shared.set_route(route);
        let at_ms = shared.clock.now_ms();
        shared.record(&Event::Target {
            at_ms,
            target,
            name_server,
        });
    }
}

/// The register's address and the name server that gave it: the first of those delegated to that answers.
async fn look_up(shared: &Shared, parent: SocketAddr) -> Result<(SocketAddr, SocketAddr), Failure> {
    let options = &shared.options;
    let port = options
        .dns
        .as_ref()
        .map_or(DNS_PORT, |dns| dns.server.port());
    let mut last = None;
    for address in dns::glue(parent, &options.domain, LIMIT).await? {
        let server = SocketAddr::new(address, port);
        match dns::address_of(server, &options.register.host, LIMIT).await {
            Ok(host) => return Ok((SocketAddr::new(host, options.target.port()), server)),
            Err(failure) => last = Some(failure),
        }
    }
    Err(last.unwrap_or_else(|| Failure {
        kind: "follow-no-glue".to_owned(),
        detail: format!("{parent} names no name server"),
    }))
}
