//! Records as a run appends them, told step by step.

use regmig_core::journal::{Begun, Event, FORMAT, Failure, Record};
use regmig_core::state::State;
use serde_json::{Value, json};

/// 2026-11-22 01:00:00 UTC.
const BEGINNING_MS: i64 = 1_795_309_200_000;

/// The migration's id.
pub(crate) const ID: &str = "20261122-0a1b";

/// A journal that is being told.
pub(crate) struct Script {
    records: Vec<Record>,
    at_ms: i64,
}

/// A step that acts: what undo needs, its effects, and what showed that it holds.
pub(crate) struct Acts {
    pub(crate) step: &'static str,
    pub(crate) before: Value,
    pub(crate) effects: &'static [&'static str],
    pub(crate) evidence: Value,
    /// How long it took.
    pub(crate) ms: i64,
}

impl Script {
    /// A migration begins.
    pub(crate) fn begin() -> Self {
        Self::begin_with(FORMAT)
    }

    /// A migration begins, in another format.
    pub(crate) fn begin_with(format: u32) -> Self {
        let mut script = Self {
            records: Vec::new(),
            at_ms: BEGINNING_MS,
        };
        script.add(Event::Begun(Box::new(Begun {
            format,
            id: ID.to_owned(),
            regmig: "0.1.0".to_owned(),
            spec_digest: "5ec0ffee".repeat(8),
            spec: spec(),
        })));
        script
    }

    pub(crate) fn add(&mut self, event: Event) {
        self.records.push(Record {
            seq: self.records.len() as u64,
            at_ms: self.at_ms,
            event,
        });
        self.at_ms += 20;
    }

    /// When the next record will be appended.
    pub(crate) fn now_ms(&self) -> i64 {
        self.at_ms
    }

    /// Time passes.
    pub(crate) fn wait_ms(&mut self, ms: i64) {
        self.at_ms += ms;
    }

    /// A step that only looks, and holds.
    pub(crate) fn holds(&mut self, step: &str, evidence: Value) {
        self.wait_ms(400);
        self.add(Event::Reached {
            step: step.to_owned(),
            evidence,
        });
    }

    /// A step starts and carries out its effects.
    pub(crate) fn starts(&mut self, acts: &Acts) {
        self.add(Event::Started {
            step: acts.step.to_owned(),
            before: acts.before.clone(),
        });
        for effect in acts.effects {
            self.acting(acts.step, effect);
        }
    }

    /// A step starts, acts and holds.
    pub(crate) fn takes(&mut self, acts: &Acts) {
        self.starts(acts);
        self.wait_ms(acts.ms);
        self.add(Event::Reached {
            step: acts.step.to_owned(),
            evidence: acts.evidence.clone(),
        });
    }

    pub(crate) fn acting(&mut self, step: &str, effect: &str) {
        self.add(Event::Acting {
            step: step.to_owned(),
            effect: effect.to_owned(),
        });
    }

    pub(crate) fn agrees(&mut self, state: State) {
        self.wait_ms(60_000);
        self.add(Event::Agreed { state });
    }

    pub(crate) fn fails(&mut self, step: &str, failure: Failure) {
        self.add(Event::Failed {
            step: step.to_owned(),
            failure,
        });
    }

    pub(crate) fn undo_starts(&mut self, step: &str, effects: &[&str]) {
        self.add(Event::UndoStarted {
            step: step.to_owned(),
        });
        for effect in effects {
            self.acting(step, effect);
        }
    }

    pub(crate) fn undoes(&mut self, step: &str, effects: &[&str]) {
        self.undo_starts(step, effects);
        self.wait_ms(150);
        self.add(Event::Undone {
            step: step.to_owned(),
        });
    }

    pub(crate) fn end(self) -> Vec<Record> {
        self.records
    }
}

/// What the operator of this migration configured, as it was recorded.
fn spec() -> Value {
    let machine = |address: &str| {
        json!({
            "address": address,
            "reach": { "ssh": {
                "host": address, "port": 22, "user": "root", "identity": "/home/ops/.ssh/id_ed25519",
                "agent": false, "known_hosts": "/home/ops/.ssh/known_hosts",
            } },
            "root": "/var/pryv",
        })
    };
    let servers = |address: &str| {
        json!([
            { "name": "dns1.register.test", "addresses": [address] },
            { "name": "dns2.register.test", "addresses": [address] },
        ])
    };
    json!({
        "domain": "register.test",
        "strategy": "copy",
        "source": machine("192.0.2.10"),
        "dest": machine("192.0.2.20"),
        "stack": {
            "profile": "pryv-2019", "compose_file": "reg-master.yml", "start": "./run-reg-master",
            "stop": "./stop-containers", "stop_is_global": true, "nginx": "reverse_proxy",
            "register": "register", "register_port": 9000, "dns": "dns", "redis": "redis",
            "other_writers": ["mail"], "register_conf": "reg-master/register/conf/register.json",
            "nginx_access_log": "reg-master/nginx/log/reg.access.log",
        },
        "redis": {
            "port": 6379, "published": "127.0.0.1:6379", "password": null,
            "data": "reg-master/redis/data", "conf": "reg-master/redis/conf/redis.conf",
            "user_keys": "*:users",
            "startup_keys": [
                "wactiv:users", "wactiv:server", "wactiv@pryv.io:email", "dbversion",
                "reservedwords:version", "reservedwords:list",
            ],
        },
        "proxy": {
            "nginx_main": "reg-master/nginx/conf/nginx.conf",
            "nginx_site": "reg-master/nginx/conf/site.conf",
            "nginx_conf_inside": "/app/conf", "nginx_log_inside": "/app/log",
            "upstreams": ["register_server", "mail_server"], "port": 443,
            "public_name": "reg.register.test", "trust": "/home/ops/regmig/ca.pem",
            "trust_sha256": "7e57".repeat(16),
        },
        "tunnel": {
            "image": null, "name": "regmig-tunnel", "port": 4567, "dest_ssh_port": 22,
            "source_ssh_port": 22, "key": "ed25519",
        },
        "nameservers": {
            "parents": ["192.0.2.53:53"], "before": servers("192.0.2.10"), "after": servers("192.0.2.20"),
            "apply": null, "restore": null,
        },
        "thresholds": {
            "warm_bytes": 65536, "warm_passes": 5, "disk_factor": 2, "clock_ms": 2000,
            "verify_sample": null, "quiet_s": 86400,
        },
        "limits": {
            "connect_s": 10, "command_s": 60, "stop_s": 30, "healthy_s": 600, "bulk_s": 21600,
            "replication_s": 3600, "delegation_s": 86400,
        },
        "consent": { "foreign_containers": false, "dest_data": false },
    })
}
