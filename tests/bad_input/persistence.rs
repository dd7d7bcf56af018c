//! A Redis on dest that will not do, which shows when dest's stack is launched for the first time.

use regmig_tests::support::Tried;
use xtask::lab::{self, Machine};

use crate::scene::{Scene, on_scene};

const CONF: &str = "/var/pryv/reg-master/redis/conf/redis.conf";

/// Changes dest's redis.conf, insists that a run halts at the launch with these words, and has everything back to what it was.
fn halts(scene: &Scene, change: &str, words: &[&str]) -> Tried<()> {
    let rig = &scene.rig;
    let change = format!("set -e\ncp -p {CONF} {CONF}.kept\n{change}");
    rig.on(Machine::Dest, &change)?;
    let mut ended = rig.regmig(["run", "--yes"]).end()?.expect_code(4)?;
    for words in [&["HALTED at launched/launch"], words].concat() {
        ended = ended.expect_words(words)?;
    }
    rig.regmig(["rollback", "--to", "start", "--yes"]).done()?;
    rig.on(Machine::Dest, &format!("mv {CONF}.kept {CONF}"))?;
    Ok(())
}

#[test]
fn dest_does_not_append() -> Tried<()> {
    on_scene(|scene| {
        let change = format!("sed -i 's/^appendonly yes/appendonly no/' {CONF}");
        let words = [
            "persistence of Redis on dest: found appendonly no; expected appendonly yes",
            "set `appendonly yes` in dest's redis.conf",
        ];
        halts(scene, &change, &words)?;
        scene.expect_start()
    })
}

/// Later source's would have to read what dest's writes: it followed dest for ever without ever being linked.
#[test]
fn dest_writes_what_source_cannot_read() -> Tried<()> {
    on_scene(|scene| {
        let image = lab::load_valkey(&scene.rig.config)?;
        let compose = "/var/pryv/reg-master.yml";
        let change =
            format!("cp -p {compose} {compose}.kept; sed -i 's,pryv/redis:lab,{image},' {compose}");
        let words = [
            "Redis on dest: found version 7.2.4, which writes format 11; expected one that reads what source's writes",
            "which writes format 10)",
        ];
        halts(scene, &change, &words)?;
        let mend = format!("mv {compose}.kept {compose}");
        scene.rig.on(Machine::Dest, &mend)?;
        scene.expect_start()
    })
}

/// Strategy `live`: a file that dest's redis.conf includes has a user, of whom nothing is seen before Redis runs.
#[test]
fn dest_has_users_of_its_own() -> Tried<()> {
    on_scene(|scene| {
        scene.configure("platform", "\"copy\"", "\"live\"")?;
        let more = "/var/pryv/reg-master/redis/conf/more.conf";
        let change = format!(
            "echo 'include /app/conf/more.conf' >> {CONF}; echo 'user other on nopass' > {more}"
        );
        let words = [
            "Redis as it runs on dest, for strategy `live`: found users of its own: other",
            "go back with `regmig rollback --to start`, mend that on dest, or set `strategy = \"copy\"`",
        ];
        halts(scene, &change, &words)?;
        scene.rig.on(Machine::Dest, &format!("rm {more}"))?;
        scene.expect_start()
    })
}

/// Its compose file has Redis' files in another folder than the one to which data are copied, or in no folder of dest.
#[test]
fn dest_keeps_its_data_elsewhere() -> Tried<()> {
    let other = "s,redis/data/:,redis/other/:,";
    let memory = "/redis.data/d; /redis.log/a\\    tmpfs: /app/data";
    let cases = [
        (other, "/var/pryv/reg-master/redis/other"),
        (
            memory,
            "/app/data in its container, which is no folder of the machine",
        ),
    ];
    on_scene(|scene| {
        let compose = "/var/pryv/reg-master.yml";
        for (change, found) in cases {
            let change = format!("cp -p {compose} {compose}.kept; sed -i '{change}' {compose}");
            let found = format!(
                "the data folder of Redis on dest: found {found}; expected /var/pryv/reg-master/redis/data"
            );
            let hint = "have dest's compose file mount it where its Redis keeps its files";
            halts(scene, &change, &[&found, hint])?;
            let mend = format!("mv {compose}.kept {compose}");
            scene.rig.on(Machine::Dest, &mend)?;
        }
        let clear = "rm -r /var/pryv/reg-master/redis/other";
        scene.rig.on(Machine::Dest, clear)?;
        scene.expect_start()
    })
}
