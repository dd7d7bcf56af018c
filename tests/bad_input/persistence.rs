//! A Redis on dest that keeps no log of its writes.

use regmig_tests::support::Tried;
use xtask::lab::Machine;

use crate::scene::on_scene;

/// It shows when dest's stack is launched for the first time; everything goes back to what it was.
#[test]
fn dest_does_not_append() -> Tried<()> {
    on_scene(|scene| {
        let rig = &scene.rig;
        let conf = "/var/pryv/reg-master/redis/conf/redis.conf";
        rig.on(
            Machine::Dest,
            &format!(
                "cp -p {conf} {conf}.kept && sed -i 's/^appendonly yes/appendonly no/' {conf}"
            ),
        )?;
        rig.regmig(["run", "--yes"])
            .end()?
            .expect_code(4)?
            .expect_words("HALTED at launched/launch")?
            .expect_words(
                "persistence of Redis on dest: found appendonly no; expected appendonly yes",
            )?
            .expect_words("set `appendonly yes` in dest's redis.conf")?;
        rig.regmig(["rollback", "--to", "start", "--yes"]).done()?;
        rig.on(Machine::Dest, &format!("mv {conf}.kept {conf}"))?;
        scene.expect_start()
    })
}
