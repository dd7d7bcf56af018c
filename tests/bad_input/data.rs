//! Redis that is not what it should be, and data where there should be none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use regmig_tests::support::Tried;
use xtask::lab::Machine;
use xtask::program::Program;

use crate::scene::{on_scene, without};

const REDIS: &str = "docker exec pryv_redis_1 redis-cli";

#[test]
fn redis_on_source() -> Tried<()> {
    on_scene(|scene| {
        let guard = format!("{REDIS} config set requirepass correct-horse > /dev/null");
        let unguard = format!(
            "{REDIS} --no-auth-warning -a correct-horse config set requirepass '' > /dev/null"
        );
        assert_snapshot!(scene.refused_while(Machine::Source, &guard, &unguard)?, @r#"
error: the migration cannot start; nothing was changed
  Redis on source: found Redis wants a password and none is configured; expected a Redis that answers
    hint: set the one that its `requirepass` names
    look at `password_file` and `password_env` under [redis] in regmig.toml, and at its log
"#);

        let file = scene.rig.folder.join("redis-password");
        fs::write(&file, "battery-staple\n")?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        scene.add("redis", "password_file = \"redis-password\"")?;
        let told = scene.refused_while(Machine::Source, &guard, &unguard)?;
        assert!(!told.contains("battery-staple"), "{told}");
        assert_snapshot!(told, @r#"
error: the migration cannot start; nothing was changed
  Redis on source: found Redis refuses the password; expected a Redis that answers
    hint: set the one that its `requirepass` or ACL names
    look at `password_file` and `password_env` under [redis] in regmig.toml, and at its log
"#);

        // This Redis has no password, and one is configured.
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  Redis on source: found a password is configured, but this Redis has none; expected a Redis that answers
    hint: remove it from the configuration, or set `requirepass` in redis.conf
    look at `password_file` and `password_env` under [redis] in regmig.toml, and at its log
"#);

        scene.correct()?;
        let follow = format!("{REDIS} replicaof 127.0.0.1 6390 > /dev/null");
        let lead = format!("{REDIS} replicaof no one > /dev/null");
        let told = scene.refused_while(Machine::Source, &follow, &lead)?;
        let number = |c: char| c.is_ascii_digit() || c == '.';
        let told = without(&without(&told, "version ", number), "slave, ", number);
        assert_snapshot!(told, @r#"
error: the migration cannot start; nothing was changed
  Redis on source: found version …, role slave, … keys; expected a primary that has loaded its data
    hint: the migration starts from the machine that holds the data; is this the master register?
"#);

        let (stop, start) = (
            "docker stop pryv_mail_1 > /dev/null",
            "docker start pryv_mail_1 > /dev/null",
        );
        assert_snapshot!(scene.refused_while(Machine::Source, stop, start)?, @r#"
error: the migration cannot start; nothing was changed
  the stack on source: found mail is exited; expected every service runs
    hint: start it (`./run-reg-master`) and look at its logs
"#);
        scene.rig.regmig(["check"]).done().map(drop)
    })
}

/// Another folder would be backed up and copied, and a link renamed in place of the folder.
#[test]
fn redis_keeps_its_data_elsewhere() -> Tried<()> {
    on_scene(|scene| {
        scene.add("redis", "data = \"reg-master/dns\"")?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  the data folder of Redis on source: found /var/pryv/reg-master/redis/data; expected /var/pryv/reg-master/dns, which `data` names
    hint: set `data` under [redis] in regmig.toml to the folder itself in which Redis keeps its files, beneath `root`: it is backed up, copied, and set aside by its name
"#);

        scene.correct()?;
        let data = "/var/pryv/reg-master/redis/data";
        let link = format!("mv {data} {data}.real && ln -s {data}.real {data}");
        let unlink = format!("rm {data} && mv {data}.real {data}");
        assert_snapshot!(scene.refused_while(Machine::Source, &link, &unlink)?, @r#"
error: the migration cannot start; nothing was changed
  the data folder of Redis on source: found /var/pryv/reg-master/redis/data.real, to which that is a link; expected /var/pryv/reg-master/redis/data, which `data` names
    hint: set `data` under [redis] in regmig.toml to the folder itself in which Redis keeps its files, beneath `root`: it is backed up, copied, and set aside by its name
"#);

        // A link further up is none: the folder itself is renamed beneath it.
        scene.add("redis", "data = \"linked/redis/data\"")?;
        let both = [Machine::Source, Machine::Dest];
        for machine in both {
            let link = "ln -s reg-master /var/pryv/linked";
            scene.rig.on(machine, link)?;
        }
        scene.rig.regmig(["check"]).done()?;
        for machine in both {
            scene.rig.on(machine, "rm /var/pryv/linked")?;
        }
        scene.correct()
    })
}

/// What the timers of `live`, which take the way out where regmig has gone silent, could not get past.
#[test]
fn redis_for_live() -> Tried<()> {
    on_scene(|scene| {
        scene.configure("platform", "\"copy\"", "\"live\"")?;
        let conf = "/var/pryv/reg-master/redis/conf/redis.conf";
        let lines = "rename-command FLUSHALL \"\"\nuser other on nopass\nrequirepass correct-horse\ntls-port 6380\n";
        let say = format!("cp -p {conf} {conf}.kept && printf '{lines}' >> {conf}");
        let unsay = format!("mv {conf}.kept {conf}");
        assert_snapshot!(scene.refused_while(Machine::Source, &say, &unsay)?, @r#"
error: the migration cannot start; nothing was changed
  /var/pryv/reg-master/redis/conf/redis.conf on source, for strategy `live`: found rename-command (commands under other names), user (users of its own), requirepass (a password), tls-port (TLS); expected no password, no users of its own, no renamed commands, no TLS: the timers that take the way out speak plain Redis
    hint: set `strategy = "copy"` under [platform] in regmig.toml: it moves such a register too, at the price of an outage of some seconds
"#);

        // What its file does not name: said to the running Redis alone, and in a file that its own includes.
        let meet = format!("{REDIS} acl setuser other on nopass > /dev/null");
        let part = format!("{REDIS} acl deluser other > /dev/null");
        assert_snapshot!(scene.refused_while(Machine::Source, &meet, &part)?, @r#"
error: the migration cannot start; nothing was changed
  Redis as it runs on source, for strategy `live`: found users of its own: other; expected no password, no users of its own, no renamed commands, no TLS: the timers that take the way out speak plain Redis
    hint: set `strategy = "copy"` under [platform] in regmig.toml: it moves such a register too, at the price of an outage of some seconds
"#);
        let more = "/var/pryv/reg-master/redis/conf/more.conf";
        let restart = "docker restart --time 10 pryv_redis_1 > /dev/null
        until docker exec pryv_redis_1 redis-cli ping | grep -q PONG; do sleep 0.05; done";
        let say = format!(
            "cp -p {conf} {conf}.kept && printf 'include /app/conf/more.conf\n' >> {conf}
            printf 'rename-command EVAL \"\"\nrename-command CLIENT other\n' > {more}
            {restart}"
        );
        let unsay = format!("{unsay}; rm {more}; {restart}");
        assert_snapshot!(scene.refused_while(Machine::Source, &say, &unsay)?, @r#"
error: the migration cannot start; nothing was changed
  Redis as it runs on source, for strategy `live`: found commands that are disabled or under other names: CLIENT, EVAL; expected no password, no users of its own, no renamed commands, no TLS: the timers that take the way out speak plain Redis
    hint: set `strategy = "copy"` under [platform] in regmig.toml: it moves such a register too, at the price of an outage of some seconds
"#);

        // A password that its file does not name.
        let file = scene.rig.folder.join("redis-password");
        fs::write(&file, "correct-horse\n")?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        let live = fs::read_to_string(&scene.rig.toml)?;
        fs::write(
            &scene.rig.toml,
            format!("{live}\n[redis]\npassword_file = \"redis-password\"\n"),
        )?;
        let guard = format!("{REDIS} config set requirepass correct-horse > /dev/null");
        let unguard = format!(
            "{REDIS} --no-auth-warning -a correct-horse config set requirepass '' > /dev/null"
        );
        assert_snapshot!(scene.refused_while(Machine::Source, &guard, &unguard)?, @r#"
error: the migration cannot start; nothing was changed
  Redis as it runs on source, for strategy `live`: found its user `default` needs a password, or may not do everything; expected no password, no users of its own, no renamed commands, no TLS: the timers that take the way out speak plain Redis
    hint: set `strategy = "copy"` under [platform] in regmig.toml: it moves such a register too, at the price of an outage of some seconds
"#);
        scene.correct()
    })
}

#[test]
fn users_on_dest() -> Tried<()> {
    on_scene(|scene| {
        let (source, dest) = [Machine::Source, Machine::Dest]
            .map(|machine| machine.container(&scene.rig.config))
            .into();
        let data = "/var/pryv/reg-master/redis/data";
        let copy = format!(
            "docker exec {source} tar -C {data} -c . | docker exec --interactive {dest} tar -C {data} -x"
        );
        Program::new("sh").args(["-c", &copy]).done()?;
        let told = scene.refused_while(Machine::Dest, ":", ":")?;
        let users = scene.rig.lab.seed_users.to_string();
        assert_snapshot!(told.replace(&users, "[users]"), @r#"
error: the migration cannot start; nothing was changed
  users on dest: found [users]; expected none
    hint: dest already holds users: is it the right machine? If its data may be set aside (it is kept), set `dest_data = true` under [consent]
"#);

        // The same with Redis running on it.
        let start = "cd /var/pryv && docker-compose -f reg-master.yml up -d redis > /dev/null 2>&1
        until docker exec pryv_redis_1 redis-cli ping | grep -q PONG; do sleep 0.05; done";
        assert_snapshot!(scene.refused_while(Machine::Dest, start, ":")?, @r#"
error: the migration cannot start; nothing was changed
  users on dest: found 1000 or more; expected none
    hint: dest already holds users: is it the right machine? If its data may be set aside (it is kept), set `dest_data = true` under [consent]
"#);
        Ok(())
    })
}
