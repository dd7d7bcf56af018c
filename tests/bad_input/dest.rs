//! A dest that is not ready.

use insta::assert_snapshot;
use regmig_tests::support::Tried;
use xtask::lab::Machine;

use crate::scene::on_scene;

#[test]
fn engine_disk_and_ports() -> Tried<()> {
    on_scene(|scene| {
        let on = |script: &str| scene.rig.on(Machine::Dest, script);

        // With its engine down, a machine cannot be asked for its containers: it is looked at before and after.
        on("service docker stop > /dev/null")?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  Docker Engine on dest: found Docker Engine cannot be asked: there is no socket /var/run/docker.sock; expected an engine that answers
    hint: install Docker Engine, or start it: systemctl start docker
"#);
        on(
            "service docker start > /dev/null; until docker info > /dev/null 2>&1; do sleep 0.1; done",
        )?;
        scene.expect_start()?;

        // The stack's folder is on a disk of its own, which has less room than source's data needs twice.
        let (small, large) = (
            "cp -a /var/pryv /root/kept
         mount -t tmpfs -o size=1m,mode=755 tmpfs /var/pryv
         cp -a /root/kept/. /var/pryv",
            "umount /var/pryv
         rm -r /root/kept",
        );
        assert_snapshot!(scene.refused_while(Machine::Dest, small, large)?, @r#"
error: the migration cannot start; nothing was changed
  free disk on dest: found 0 MiB; expected 2 MiB or more: 2 times source's data
    hint: make room in /var/pryv on dest
"#);

        let (take, free) = (
            "nohup python3 -c 'import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((\"0.0.0.0\", 443)); s.listen(); time.sleep(600)' > /dev/null 2>&1 & echo $! > /root/taker
         until ss -Hltn | grep -q ':443 '; do sleep 0.05; done",
            "kill $(cat /root/taker); rm /root/taker
         while ss -Hltn | grep -q ':443 '; do sleep 0.05; done",
        );
        assert_snapshot!(scene.refused_while(Machine::Dest, take, free)?, @r#"
error: the migration cannot start; nothing was changed
  ports of the stack on dest: found taken: tcp 0.0.0.0:443; expected :443 :53 :6379 free
    hint: stop what listens there (`ss -tulpn` shows it)
"#);

        let (foreign, gone) = (
            "docker run --detach --name stranger pryv/redis:lab sleep 600 > /dev/null",
            "docker rm --force stranger > /dev/null",
        );
        assert_snapshot!(scene.refused_while(Machine::Dest, foreign, gone)?, @r#"
error: the migration cannot start; nothing was changed
  other containers on dest: found stranger; expected none
    hint: regmig stops only the stack, but `./stop-containers`, typed by hand, stops every container; set `foreign_containers = true` under [consent] if that is understood
"#);

        scene.rig.regmig(["check"]).done()?;
        scene.expect_start()
    })
}

#[test]
fn compose_files_and_images() -> Tried<()> {
    on_scene(|scene| {
        let keep = "cp -a /var/pryv/reg-master.yml /root/kept.yml";
        let back = "mv /root/kept.yml /var/pryv/reg-master.yml";

        let broken = format!(
            "{keep}\nprintf 'services:\\n  redis: [unclosed\\n' > /var/pryv/reg-master.yml"
        );
        assert_snapshot!(scene.refused_while(Machine::Dest, &broken, back)?, @r#"
error: the migration cannot start; nothing was changed
  /var/pryv/reg-master.yml, line 3 on dest: found what is not a compose file: `Unclosed flow sequence. Expected: ']' to close sequence. Found: end of input. Co…`; expected one YAML document with `services:` at the top
    hint: correct the file; `docker-compose config` shows whether it is read as meant
"#);

        let nonsense = format!(
            "{keep}\nprintf '  mail2:\\n    imagine: x\\n' | sed -i '/^services:/r /dev/stdin' /var/pryv/reg-master.yml"
        );
        assert_snapshot!(scene.refused_while(Machine::Dest, &nonsense, back)?, @r#"
error: the migration cannot start; nothing was changed
  /var/pryv/reg-master.yml on dest: found a file of which compose says: The Compose file './reg-master.yml' is invalid because:
    Unsupported config option for services.mail2: 'imagine'; expected a file that compose accepts
    hint: mend it; `docker-compose config -q` tells more
"#);

        let newer =
            format!("{keep}\nsed -i 's#pryv/dns:lab#pryv/dns:1.3.9#' /var/pryv/reg-master.yml");
        assert_snapshot!(scene.refused_while(Machine::Dest, &newer, back)?, @r#"
error: the migration cannot start; nothing was changed
  images on dest: found missing: pryv/dns:1.3.9; expected every image of the compose file
    hint: pull them on dest before the migration (`docker-compose pull`)
"#);

        scene.rig.regmig(["check"]).done()?;
        scene.expect_start()
    })
}
