//! A dest that is not ready.

use insta::assert_snapshot;
use regmig_tests::support::Tried;
use xtask::lab::Machine;

use crate::scene::Scene;

#[test]
fn engine_disk_and_ports() -> Tried<()> {
    let scene = Scene::new("engine-disk-and-ports")?;
    let before = scene.look()?;
    let on = |script: &str| scene.rig.on(Machine::Dest, script);

    // With its engine down, a machine cannot be asked for its containers: it is looked at before and after.
    on("service docker stop > /dev/null")?;
    assert_snapshot!(scene.refused()?, @"");
    on("service docker start > /dev/null; until docker info > /dev/null 2>&1; do sleep 0.1; done")?;
    scene.expect_same(&before)?;

    // The stack's folder is on a disk of its own, which has less room than source's data needs twice.
    let (small, large) = (
        "cp -a /var/pryv /root/kept
         mount -t tmpfs -o size=1m,mode=755 tmpfs /var/pryv
         cp -a /root/kept/. /var/pryv",
        "umount /var/pryv
         rm -r /root/kept",
    );
    assert_snapshot!(scene.refused_while(Machine::Dest, small, large)?, @"");

    let (take, free) = (
        "nohup python3 -c 'import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((\"0.0.0.0\", 443)); s.listen(); time.sleep(600)' > /dev/null 2>&1 & echo $! > /root/taker
         until ss -Hltn | grep -q ':443 '; do sleep 0.05; done",
        "kill $(cat /root/taker); rm /root/taker
         while ss -Hltn | grep -q ':443 '; do sleep 0.05; done",
    );
    assert_snapshot!(scene.refused_while(Machine::Dest, take, free)?, @"");

    let (foreign, gone) = (
        "docker run --detach --name stranger pryv/redis:lab sleep 600 > /dev/null",
        "docker rm --force stranger > /dev/null",
    );
    assert_snapshot!(scene.refused_while(Machine::Dest, foreign, gone)?, @"");

    scene.rig.regmig(["check"]).done()?;
    scene.expect_same(&before)
}

#[test]
fn compose_files_and_images() -> Tried<()> {
    let scene = Scene::new("compose-files")?;
    let keep = "cp -a /var/pryv/reg-master.yml /root/kept.yml";
    let back = "mv /root/kept.yml /var/pryv/reg-master.yml";
    let before = scene.look()?;

    let broken = format!("{keep}\nprintf 'services:\\n  redis: [unclosed\\n' > /var/pryv/reg-master.yml");
    assert_snapshot!(scene.refused_while(Machine::Dest, &broken, back)?, @"");

    let nonsense = format!("{keep}\nprintf '  mail2:\\n    imagine: x\\n' | sed -i '/^services:/r /dev/stdin' /var/pryv/reg-master.yml");
    assert_snapshot!(scene.refused_while(Machine::Dest, &nonsense, back)?, @"");

    let newer = format!("{keep}\nsed -i 's#pryv/dns:lab#pryv/dns:1.3.9#' /var/pryv/reg-master.yml");
    assert_snapshot!(scene.refused_while(Machine::Dest, &newer, back)?, @"");

    scene.rig.regmig(["check"]).done()?;
    scene.expect_same(&before)
}
