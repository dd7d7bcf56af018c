//! The steps of the `copy` strategy with what a run records of each, shortened.

use serde_json::{Value, json};

use crate::script::{Acts, ID, Script};

/// A step that takes half a second.
pub(crate) fn act(
    step: &'static str,
    before: Value,
    effects: &'static [&'static str],
    evidence: Value,
) -> Acts {
    Acts {
        step,
        before,
        effects,
        evidence,
        ms: 500,
    }
}

/// A file before an edit, and after it.
fn edit(content: &str, becomes: &str) -> Value {
    json!({
        "was": { "content": content, "mode": 0o644, "uid": 0, "gid": 0, "mtime_ns": 1_560_988_800_000_000_000_i64 },
        "becomes": becomes,
    })
}

pub(crate) fn preflight(script: &mut Script) {
    script.holds(
        "launched/preflight",
        json!({ "user": "amelie", "core": "co1.register.test", "redis_version": "7.0.15", "keys": 6026 }),
    );
}

pub(crate) fn launch(script: &mut Script) {
    script.takes(&act(
        "launched/folders",
        Value::Null,
        &[
            "on source: make folder /var/pryv/.regmig",
            "on dest: make folder /var/pryv/.regmig",
        ],
        Value::Null,
    ));
    let aside = format!("/var/pryv/reg-master/redis/data.before-regmig-{ID}-0");
    script.takes(&act(
        "launched/set-aside",
        json!({ "services": {}, "data": true, "aside": aside }),
        &["on dest: move /var/pryv/reg-master/redis/data aside, leave an empty folder"],
        Value::Null,
    ));
    script.takes(&act(
        "launched/publish-redis",
        edit(
            "services:\n  redis:\n    image: redis\n",
            "services:\n  redis:\n    ports:\n      - \"127.0.0.1:6379:6379\"\n    image: redis\n",
        ),
        &["on dest: write /var/pryv/reg-master.yml"],
        Value::Null,
    ));
    script.takes(&act(
        "launched/launch",
        Value::Null,
        &["on dest: run the start command"],
        json!({ "redis": "7.0.15", "logs": { "dns": ["dns serving"], "register": ["register serving"] } }),
    ));
    script.takes(&act(
        "launched/stop",
        Value::Null,
        &[
            "on dest: set restart policies dns=no mail=no redis=no register=no reverse_proxy=no",
            "on dest: stop register, mail, reverse_proxy, dns, redis (killed after 30 s)",
            "on dest: empty /var/pryv/reg-master/redis/data",
        ],
        Value::Null,
    ));
}

pub(crate) fn backup(script: &mut Script) {
    script.takes(&act(
        "backup/copy",
        Value::Null,
        &[
            "on source: Redis BGSAVE, and wait for its end",
            "on source: copy /var/pryv/reg-master/redis/data with a SHA-256 manifest, and check the copy",
        ],
        json!(format!("/var/pryv/regmig-backup-{ID}-0")),
    ));
}

pub(crate) fn link(script: &mut Script) {
    script.takes(&act(
        "linked/keys",
        Value::Null,
        &[
            "on source: make folder /var/pryv/.regmig/tunnel",
            "on dest: make ed25519 key pair /var/pryv/.regmig/pull_key; at the same time on source: make ed25519 \
             key pair /var/pryv/.regmig/tunnel/key",
        ],
        json!(["Nothing", { "Each": ["Nothing", "Nothing"] }]),
    ));
    let keys = |machine: &str| {
        json!({
            "machine": machine, "path": "/root/.ssh/authorized_keys", "mode": 0o600,
            "edited": edit("# the operators' keys\n", "# the operators' keys\n# and one of regmig\n"),
        })
    };
    script.takes(&act(
        "linked/authorize",
        json!([keys("source"), keys("dest")]),
        &[
            "on source: write /root/.ssh/authorized_keys",
            "on dest: write /root/.ssh/authorized_keys",
        ],
        Value::Null,
    ));
    script.holds("linked/prove-pull", Value::Null);
    script.takes(&act(
        "linked/prove-tunnel",
        Value::Null,
        &["on source: prove the tunnel's login in a container of its own"],
        Value::Null,
    ));
}

pub(crate) fn passes() -> Acts {
    Acts {
        ms: 5_200,
        ..act(
            "warm/passes",
            Value::Null,
            &[
                "on dest: rsync source's data, again until a pass moves under 65536 bytes, 5 passes at most",
            ],
            json!([
                { "bytes": 1_243_245, "total_bytes": 1_243_245, "ms": 3340 },
                { "bytes": 3_356, "total_bytes": 1_246_125, "ms": 286 },
            ]),
        )
    }
}

pub(crate) fn fence() -> Acts {
    let always = json!({ "runs": true, "restart": "always" });
    act(
        "cold/fence",
        json!({ "dns": always, "mail": always, "redis": always, "register": always, "reverse_proxy": always }),
        &[
            "on source: set restart policies dns=no mail=no redis=no register=no reverse_proxy=no",
            "on source: Redis CLIENT PAUSE 60000 WRITE",
            "on source: stop register, mail (killed after 30 s)",
        ],
        json!({ "at_ms": 1_795_309_300_000_i64, "started_ms": { "mail": 1_790_000_000_000_i64, "register": 1_790_000_000_500_i64 } }),
    )
}

pub(crate) fn stop() -> Acts {
    act(
        "cold/stop",
        Value::Null,
        &[
            "on source: stop reverse_proxy, dns (killed after 30 s)",
            "on source: Redis SHUTDOWN SAVE",
        ],
        Value::Null,
    )
}

/// From `cold` to `proxy`.
pub(crate) fn cutover(script: &mut Script) {
    script.takes(&act(
        "synced/last-pass",
        Value::Null,
        &["on dest: last rsync of source's data"],
        json!([{ "Passes": [{ "bytes": 160_082, "total_bytes": 1_268_101, "ms": 254 }] }, "Nothing"]),
    ));
    script.holds("synced/files-equal", json!({ "files": 4 }));
    script.takes(&act(
        "synced/start",
        Value::Null,
        &["on dest: start redis; at the same time on source: start redis"],
        Value::Null,
    ));
    script.holds(
        "synced/data-equal",
        json!({ "keys": 6599, "sum": "e9".repeat(32) }),
    );
    script.holds("synced/healthy", Value::Null);
    script.takes(&act(
        "proxy/nginx-file",
        edit(
            "upstream register_server {\n}\n",
            "# upstream register_server {\n# }\n",
        ),
        &["on source: write /var/pryv/reg-master/nginx/conf/site.conf"],
        Value::Null,
    ));
    script.takes(&act(
        "proxy/open",
        Value::Null,
        &["on source: start reverse_proxy", "on source: start dns"],
        json!(1_795_309_310_000_i64),
    ));
    canary(script, "proxy/canary", "proxy/canary-gone");
}

/// From `proxy` to `replica`.
pub(crate) fn replicate(script: &mut Script) {
    script.takes(&act(
        "replica/tunnel",
        Value::Null,
        &["on source: run the tunnel's container"],
        Value::Null,
    ));
    script.takes(&act(
        "replica/redis-conf",
        edit("port 6379\n", "port 6379\nreplicaof regmig-tunnel 4567\n"),
        &["on source: write /var/pryv/reg-master/redis/conf/redis.conf"],
        Value::Null,
    ));
    script.takes(&act(
        "replica/attach",
        Value::Null,
        &["on source: Redis REPLICAOF regmig-tunnel 4567"],
        json!({ "offset": 1943 }),
    ));
    canary(script, "replica/canary", "replica/canary-gone");
}

/// dest is fenced, as on every way home.
fn fence_dest() -> Acts {
    act(
        "failback/fence",
        Value::Null,
        &[
            "on dest: set restart policies mail=no register=no reverse_proxy=no",
            "on dest: stop reverse_proxy (killed after 30 s)",
            "on dest: stop register, mail (killed after 30 s)",
        ],
        json!({ "at_ms": 1_795_320_000_000_i64, "started_ms": { "mail": 1_795_309_308_000_i64, "register": 1_795_309_308_100_i64, "reverse_proxy": 1_795_309_309_000_i64 } }),
    )
}

/// Everything before dest's data is copied home.
pub(crate) fn home_to_the_copy(script: &mut Script) {
    script.takes(&fence_dest());
    script.takes(&act(
        "failback/save",
        Value::Null,
        &["on source: Redis SHUTDOWN SAVE; at the same time on dest: Redis SHUTDOWN SAVE"],
        Value::Null,
    ));
    script.takes(&act(
        "failback/set-aside",
        Value::Null,
        &["on source: move /var/pryv/reg-master/redis/data to /var/pryv/.regmig/data-before-failback, leave an empty folder"],
        Value::Null,
    ));
    script.takes(&act(
        "failback/gate",
        Value::Null,
        &["on source: write /var/pryv/.regmig/homeward"],
        Value::Null,
    ));
}

pub(crate) fn home_by_replication(script: &mut Script) {
    script.takes(&fence_dest());
    script.holds(
        "failback/caught-up",
        json!({ "source": 412_345, "dest": 412_345 }),
    );
    script.holds(
        "failback/data-equal",
        json!({ "keys": 6_702, "sum": "0f".repeat(32) }),
    );
}

fn canary(script: &mut Script, written: &'static str, gone: &'static str) {
    script.takes(&act(
        written,
        Value::Null,
        &["register a canary"],
        Value::Null,
    ));
    script.takes(&act(
        gone,
        Value::Null,
        &["on dest: Redis DEL the canary"],
        Value::Null,
    ));
}

pub(crate) fn delegation(script: &mut Script) {
    script.takes(&Acts {
        ms: 1_800_000,
        ..act("nameservers/delegation", Value::Null, &[], Value::Null)
    });
    script.holds(
        "verified/answers",
        json!({ "users": 2000, "questions": 4004, "different": 0, "samples": [], "from_ms": 1_795_311_000_000_i64, "to_ms": 1_795_311_002_000_i64 }),
    );
}

pub(crate) fn quiet(script: &mut Script) {
    script.takes(&act(
        "drained/quiet",
        Value::Null,
        &[],
        json!({ "served": { "last_ms": null, "last": null, "last_hour": 0, "total": 0 }, "left_ms": 0 }),
    ));
}

/// From `drained` to `finalized`.
pub(crate) fn retirement(script: &mut Script) {
    for (step, effects) in [
        (
            "finalized/retire",
            ["on source: stop register, mail, reverse_proxy, dns, redis (killed after 30 s)"]
                .as_slice(),
        ),
        (
            "finalized/unpublish-redis",
            ["on dest: write /var/pryv/reg-master.yml"].as_slice(),
        ),
        (
            "finalized/keys",
            ["on source: put /root/.ssh/authorized_keys back as it was"].as_slice(),
        ),
        (
            "finalized/tidy",
            [
                "on source: remove folder /var/pryv/.regmig",
                "on dest: remove folder /var/pryv/.regmig",
            ]
            .as_slice(),
        ),
    ] {
        script.takes(&act(step, Value::Null, effects, Value::Null));
    }
}
