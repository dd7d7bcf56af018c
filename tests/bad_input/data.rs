//! Redis that is not what it should be, and data where there should be none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use regmig_tests::support::Tried;
use xtask::lab::Machine;
use xtask::program::Program;

use crate::scene::Scene;

const REDIS: &str = "docker exec pryv_redis_1 redis-cli";

#[test]
fn redis_on_source() -> Tried<()> {
    let scene = Scene::new("redis-on-source")?;
    let guard = format!("{REDIS} config set requirepass correct-horse > /dev/null");
    let unguard = format!("{REDIS} --no-auth-warning -a correct-horse config set requirepass '' > /dev/null");
    assert_snapshot!(scene.refused_while(Machine::Source, &guard, &unguard)?, @"");

    let file = scene.rig.folder.join("redis-password");
    fs::write(&file, "battery-staple\n")?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    scene.add("redis", "password_file = \"redis-password\"")?;
    let told = scene.refused_while(Machine::Source, &guard, &unguard)?;
    assert!(!told.contains("battery-staple"), "{told}");
    assert_snapshot!(told, @"");

    // This Redis has no password, and one is configured.
    assert_snapshot!(scene.refused()?, @"");

    scene.correct()?;
    let follow = format!("{REDIS} replicaof 127.0.0.1 6390 > /dev/null");
    let lead = format!("{REDIS} replicaof no one > /dev/null");
    assert_snapshot!(scene.refused_while(Machine::Source, &follow, &lead)?, @"");

    let (stop, start) = ("docker stop pryv_mail_1 > /dev/null", "docker start pryv_mail_1 > /dev/null");
    assert_snapshot!(scene.refused_while(Machine::Source, stop, start)?, @"");
    scene.rig.regmig(["check"]).done().map(drop)
}

#[test]
fn users_on_dest() -> Tried<()> {
    let scene = Scene::new("users-on-dest")?;
    let (source, dest) = [Machine::Source, Machine::Dest].map(|machine| machine.container(&scene.rig.config)).into();
    let data = "/var/pryv/reg-master/redis/data";
    let copy = format!(
        "docker exec {source} tar -C {data} -c . | docker exec --interactive {dest} tar -C {data} -x"
    );
    Program::new("sh").args(["-c", &copy]).done()?;
    assert_snapshot!(scene.refused_while(Machine::Dest, ":", ":")?, @"");

    // The same with Redis running on it.
    let start = "cd /var/pryv && docker-compose -f reg-master.yml up -d redis > /dev/null 2>&1
        until docker exec pryv_redis_1 redis-cli ping | grep -q PONG; do sleep 0.05; done";
    assert_snapshot!(scene.refused_while(Machine::Dest, start, ":")?, @"");
    Ok(())
}
