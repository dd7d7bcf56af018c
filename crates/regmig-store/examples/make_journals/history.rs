//! What the journals tell: one migration, left at several places.

use regmig_core::journal::{Event, FORMAT, Failure, Record};
use regmig_core::state::State;
use serde_json::Value;

use crate::script::Script;
use crate::steps::{self, act};

/// Tells a journal.
type Telling = fn() -> Vec<Record>;

/// The journals by name whose every line is as a store writes it.
///
/// One that is added here is written beside the others, which stay as they are; `frozen` in
/// `tests/cli` wants its SHA-256.
pub(crate) const ALL: &[(&str, Telling)] = &[
    ("killed", killed),
    ("halted", halted),
    ("outcome-unknown", outcome_unknown),
    ("rolling-back", rolling_back),
    ("stuck", stuck),
    ("rolled-back", rolled_back),
    ("finalized", finalized),
    ("nonsense", nonsense),
    ("way-home-halted", way_home_halted),
    ("came-home", came_home),
];

/// Up to `linked`, and then killed during the first passes.
pub(crate) fn killed() -> Vec<Record> {
    let mut script = linked();
    script.starts(&steps::passes());
    script.end()
}

/// Up to `linked`, and then the passes do not come to an end.
fn halted() -> Vec<Record> {
    let mut script = linked();
    let passes = steps::passes();
    script.starts(&passes);
    script.wait_ms(12_000);
    script.fails(
        passes.step,
        Failure {
            chain: vec![
                "rsync of source's data on dest".to_owned(),
                "it ended with status 11: rsync: write failed on \"/var/pryv/reg-master/redis/data/dump.rdb\": \
                 No space left on device (28)"
                    .to_owned(),
            ],
            effect: passes.effects.first().map(|effect| (*effect).to_owned()),
            outcome_unknown: false,
            hint: Some("make room in /var/pryv on dest".to_owned()),
        },
    );
    script.end()
}

/// In the cold window, where the answer to the stop of Redis was lost.
fn outcome_unknown() -> Vec<Record> {
    let mut script = warm();
    script.agrees(State::Cold);
    script.takes(&steps::fence());
    let stop = steps::stop();
    script.starts(&stop);
    script.wait_ms(30_000);
    script.fails(
        stop.step,
        Failure {
            chain: vec![
                "source: Redis SHUTDOWN SAVE".to_owned(),
                "the connection was lost after the request was sent: timed out".to_owned(),
            ],
            effect: stop.effects.last().map(|effect| (*effect).to_owned()),
            outcome_unknown: true,
            hint: None,
        },
    );
    script.end()
}

/// A rollback to `start` was killed half way.
fn rolling_back() -> Vec<Record> {
    let mut script = half_back();
    script.undo_starts(
        "linked/keys",
        &["on source: remove folder /var/pryv/.regmig/tunnel"],
    );
    script.end()
}

/// A rollback to `start` in which an undo failed for good.
fn stuck() -> Vec<Record> {
    let mut script = half_back();
    script.undo_starts(
        "linked/keys",
        &["on source: remove folder /var/pryv/.regmig/tunnel"],
    );
    script.wait_ms(9_000);
    script.add(Event::UndoFailed {
        step: "linked/keys".to_owned(),
        failure: Failure {
            chain: vec![
                "removing /var/pryv/.regmig/tunnel on source".to_owned(),
                "it ended with status 1: rm: cannot remove '/var/pryv/.regmig/tunnel/key': Operation not permitted"
                    .to_owned(),
            ],
            effect: Some("on source: remove folder /var/pryv/.regmig/tunnel".to_owned()),
            outcome_unknown: false,
            hint: None,
        },
    });
    script.end()
}

/// A rollback to `start` that has ended.
fn rolled_back() -> Vec<Record> {
    let mut script = half_back();
    for step in [
        "linked/keys",
        "backup/copy",
        "launched/stop",
        "launched/launch",
        "launched/publish-redis",
        "launched/set-aside",
        "launched/folders",
        "launched/preflight",
    ] {
        script.undoes(step, &[]);
    }
    script.add(Event::RollbackEnded { to: State::Start });
    script.end()
}

/// A migration from its beginning to its end.
fn finalized() -> Vec<Record> {
    let mut script = replica();
    script.agrees(State::Nameservers);
    steps::delegation(&mut script);
    let from_ms = script.now_ms();
    script.wait_ms(4_000);
    script.add(Event::Probed {
        from_ms,
        to_ms: from_ms + 4_000,
    });
    script.wait_ms(86_400_000);
    steps::quiet(&mut script);
    script.agrees(State::Finalized);
    steps::retirement(&mut script);
    script.end()
}

/// A rollback from `proxy` to `start` that halted while dest's data came home.
fn way_home_halted() -> Vec<Record> {
    let mut script = proxy();
    script.wait_ms(600_000);
    script.add(Event::RollbackBegun { to: State::Start });
    steps::home_to_the_copy(&mut script);
    let pass = act(
        "failback/pass",
        Value::Null,
        &["on dest: rsync its data home to source, by checksum"],
        Value::Null,
    );
    script.starts(&pass);
    script.fails(
        pass.step,
        Failure {
            chain: vec![
                "rsync from dest to source".to_owned(),
                "it ended with status 11: rsync: write failed: No space left on device (28)"
                    .to_owned(),
            ],
            effect: pass.effects.first().map(|effect| (*effect).to_owned()),
            outcome_unknown: false,
            hint: None,
        },
    );
    script.end()
}

/// From `replica` back to `synced`, through replication; dest was opened by hand once in between.
fn came_home() -> Vec<Record> {
    let mut script = replica();
    script.wait_ms(600_000);
    script.add(Event::RollbackBegun { to: State::Start });
    steps::home_by_replication(&mut script);
    script.add(Event::RollbackBegun { to: State::Synced });
    steps::home_by_replication(&mut script);
    for step in [
        "replica/canary-gone",
        "replica/canary",
        "replica/attach",
        "replica/redis-conf",
        "replica/tunnel",
        "proxy/canary-gone",
        "proxy/canary",
        "proxy/open",
        "proxy/nginx-file",
    ] {
        script.undoes(step, &[]);
    }
    script.add(Event::RollbackEnded { to: State::Synced });
    script.end()
}

/// The head of a journal of a regmig that is newer than any.
pub(crate) fn newer_format() -> Vec<Record> {
    Script::begin_with(FORMAT + 1).end()
}

/// Every line is as it was written, and the story cannot be true.
fn nonsense() -> Vec<Record> {
    let mut script = Script::begin();
    steps::preflight(&mut script);
    steps::preflight(&mut script);
    script.end()
}

fn linked() -> Script {
    let mut script = Script::begin();
    steps::preflight(&mut script);
    steps::launch(&mut script);
    steps::backup(&mut script);
    steps::link(&mut script);
    script.takes(&act(
        "warm/stage-nginx",
        Value::Null,
        &[
            "on source: write /var/pryv/reg-master/nginx/conf/regmig-dest.pem",
            "on source: write /var/pryv/reg-master/nginx/conf/regmig-staged-site.conf",
            "on source: nginx -t -c /app/conf/regmig-staged-nginx.conf",
        ],
        Value::Null,
    ));
    script
}

fn warm() -> Script {
    let mut script = linked();
    script.takes(&steps::passes());
    script
}

/// The first state in which dest has accepted writes and source has them too.
fn replica() -> Script {
    let mut script = proxy();
    steps::replicate(&mut script);
    script
}

/// The first state in which dest has accepted writes.
fn proxy() -> Script {
    let mut script = warm();
    script.agrees(State::Cold);
    script.takes(&steps::fence());
    script.takes(&steps::stop());
    steps::cutover(&mut script);
    script
}

/// A rollback from `warm` to `start`, at `backup`.
fn half_back() -> Script {
    let mut script = warm();
    script.wait_ms(600_000);
    script.add(Event::RollbackBegun { to: State::Start });
    script.undoes(
        "warm/passes",
        &["on dest: empty /var/pryv/reg-master/redis/data"],
    );
    script.undoes(
        "warm/stage-nginx",
        &["on source: remove /var/pryv/reg-master/nginx/conf/regmig-staged-site.conf"],
    );
    script.undoes(
        "linked/prove-tunnel",
        &["on source: remove /var/pryv/.regmig/tunnel-proven"],
    );
    script.undoes("linked/prove-pull", &[]);
    script.undoes(
        "linked/authorize",
        &[
            "on dest: put /root/.ssh/authorized_keys back as it was",
            "on source: put /root/.ssh/authorized_keys back as it was",
        ],
    );
    script
}
