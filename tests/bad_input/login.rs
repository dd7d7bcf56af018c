//! Machines that regmig cannot log in to, or where it may not do what it has to.

use std::fs;

use insta::assert_snapshot;
use regmig_tests::support::Tried;
use xtask::lab::Machine;

use crate::scene::on_scene;

#[test]
fn host_keys() -> Tried<()> {
    on_scene(|scene| {
        let lab = &scene.rig.lab;
        let known = fs::read_to_string(&lab.known_hosts)?;
        let of = |address: std::net::Ipv4Addr| {
            let start = format!("{address} ");
            known
                .lines()
                .find_map(|line| line.strip_prefix(&start))
                .unwrap()
        };
        let (source, dest) = (lab.source.address, lab.dest.address);
        let mine = scene.rig.folder.join("known_hosts");

        // dest shows another key than the one on record, which is source's.
        fs::write(
            &mine,
            format!("{source} {key}\n{dest} {key}\n", key = of(source)),
        )?;
        scene.configure(
            "dest",
            &lab.known_hosts.display().to_string(),
            "known_hosts",
        )?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  SSH to dest: found THE HOST KEY OF [dest] HAS CHANGED: the server shows ssh-ed25519 SHA256:…, but [folder]/known_hosts line 2 expects ssh-ed25519 SHA256:…; expected a login as root
    hint: someone may be in between, or the machine was installed anew; compare with what this prints on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub
    if the new key is right, type: ssh-keygen -R [dest] -f [folder]/known_hosts && ssh-keyscan -t ed25519 -p 22 [dest] >> [folder]/known_hosts
"#);

        fs::write(&mine, format!("{source} {}\n", of(source)))?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  SSH to dest: found the host key of [dest] is not known: the server shows ssh-ed25519 SHA256:…, and [folder]/known_hosts has no entry for it; expected a login as root
    hint: compare with what this prints on the machine's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub
    if they agree, type: ssh-keyscan -t ed25519 -p 22 [dest] >> [folder]/known_hosts
"#);

        fs::write(&mine, format!("@revoked * {}\n", of(dest)))?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  SSH to dest: found the host key of [dest] is revoked: the server shows ssh-ed25519 SHA256:…, which [folder]/known_hosts line 1 marks @revoked; expected a login as root
    hint: whoever holds that key is not to be trusted; give the machine a new host key, do not remove the mark
"#);
        scene.expect_start()
    })
}

#[test]
fn keys_and_users() -> Tried<()> {
    on_scene(|scene| {
        let lab = &scene.rig.lab;
        let (key, refused) = (&lab.identity, &lab.identity_refused);
        scene.configure(
            "dest",
            &key.display().to_string(),
            &refused.display().to_string(),
        )?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  SSH to dest: found [dest] port 22 lets nobody in as root with ssh-ed25519 SHA256:…; expected a login as root
    hint: either there is no such user, or the key is not in that user's authorized_keys (the server accepts: publickey); try: ssh -v -p 22 root@[dest] true
"#);

        scene.add("source", "user = \"nobodyhere\"")?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  SSH to source: found [source] port 22 lets nobody in as nobodyhere with ssh-ed25519 SHA256:…; expected a login as nobodyhere that runs commands as root
    hint: either there is no such user, or the key is not in that user's authorized_keys (the server accepts: publickey); try: ssh -v -p 22 nobodyhere@[source] true
"#);

        // Faults of both machines are told together.
        scene.add("source", "port = 2222")?;
        let text = fs::read_to_string(&scene.rig.toml)?;
        fs::write(
            &scene.rig.toml,
            text.replace("[dest]\n", "[dest]\nuser = \"nobodyhere\"\n"),
        )?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  SSH to source: found [source] port 2222 cannot be reached: Connection refused (os error 111); expected a login as root
    hint: is it the right address, is sshd running, does a firewall stand between?
  SSH to dest: found [dest] port 22 lets nobody in as nobodyhere with ssh-ed25519 SHA256:…; expected a login as nobodyhere that runs commands as root
    hint: either there is no such user, or the key is not in that user's authorized_keys (the server accepts: publickey); try: ssh -v -p 22 nobodyhere@[dest] true
"#);
        scene.correct()?;
        scene.expect_start()?;

        let (add, remove) = (
            "useradd --create-home guest
         install -d -o guest -m 700 /home/guest/.ssh
         install -o guest -m 600 /root/.ssh/authorized_keys /home/guest/.ssh/authorized_keys",
            "userdel --remove guest 2> /dev/null",
        );
        scene.add("dest", "user = \"guest\"")?;
        assert_snapshot!(scene.refused_while(Machine::Dest, add, remove)?, @r#"
error: the migration cannot start; nothing was changed
  SSH to dest: found guest may not run commands as root without a password (sudo: a password is required); expected a login as guest that runs commands as root
    hint: allow it with a line in /etc/sudoers.d: guest ALL=(ALL) NOPASSWD: ALL
"#);

        // A clock that is a minute ahead, as far as the machine's own `date` tells.
        let (ahead, right) = (
            "printf '#!/bin/sh\\nexec /bin/date --date=+1minute \"$@\"\\n' > /usr/local/bin/date
             chmod 755 /usr/local/bin/date",
            "rm /usr/local/bin/date",
        );
        scene.correct()?;
        assert_snapshot!(scene.refused_while(Machine::Dest, ahead, right)?, @r#"
error: the migration cannot start; nothing was changed
  clock of dest: found … ms ahead of this machine's (± … ms); expected within 2000 ms
    hint: set the clock of dest (chronyc makestep, or alike), or this machine's
"#);

        let down = "service ssh stop > /dev/null";
        let up = "service ssh start > /dev/null";
        assert_snapshot!(scene.refused_while(Machine::Dest, down, up)?, @r#"
error: the migration cannot start; nothing was changed
  SSH to dest: found [dest] port 22 cannot be reached: Connection refused (os error 111); expected a login as root
    hint: is it the right address, is sshd running, does a firewall stand between?
"#);

        scene.rig.regmig(["check"]).done()?;
        scene.expect_start()
    })
}
