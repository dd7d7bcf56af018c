//! Machines that cannot be reached.

use std::net::TcpListener;

use insta::assert_snapshot;

use crate::folder::{CONFIG, Folder};

/// A port of this machine on which nothing listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_machine_that_does_not_answer_is_named_and_nothing_is_done() {
    let folder = Folder::configured();
    let port = closed_port();
    let mut text = CONFIG.to_owned();
    for (machine, host) in [("source", "127.0.0.1"), ("dest", "127.0.0.2")] {
        let section = format!("[{machine}]\n");
        let there = format!("{section}host = \"{host}\"\nport = {port}\n");
        text = text.replace(&section, &there);
    }
    folder.write("regmig.toml", &text);
    let check = folder.regmig(["check"]);
    let told = check.err.replace(&port.to_string(), "[port]");
    assert_eq!(check.code, Some(3));
    assert_snapshot!(told, @r#"
error: the migration cannot start; nothing was changed
  SSH to source: found 127.0.0.1 port [port] cannot be reached; is it the right address, is sshd running, does a firewall stand between?: Connection refused (os error 111); expected a login as root that runs commands as root
    hint: correct [source] in regmig.toml, or the machine, until `ssh` logs in the same way
  SSH to dest: found 127.0.0.2 port [port] cannot be reached; is it the right address, is sshd running, does a firewall stand between?: Connection refused (os error 111); expected a login as root that runs commands as root
    hint: correct [dest] in regmig.toml, or the machine, until `ssh` logs in the same way
"#);

    let run = folder.regmig(["run", "--yes"]);
    assert_eq!((run.code, &run.err), (Some(3), &check.err));
    let journal = folder.regmig(["journal"]);
    assert_eq!((journal.code, journal.out.as_str()), (Some(0), ""));

    let status = folder.regmig(["status"]);
    assert_eq!(status.code, Some(0));
    assert_snapshot!(status.out.replace(&port.to_string(), "[port]"), @r#"
migration    none has begun, of register.test
state        start
             nothing has been touched
direction    forward
writes       source, in this state
process      no regmig is at work
true now     source: not known, source: list the containers: source: reach the socket /var/run/docker.sock: 127.0.0.1 port [port] cannot be reached; is it the right address, is sshd running, does a firewall stand between?: Connection refused (os error 111)
             dest: not known, dest: list the containers: dest: reach the socket /var/run/docker.sock: 127.0.0.2 port [port] cannot be reached; is it the right address, is sshd running, does a firewall stand between?: Connection refused (os error 111)
             writes: not known while a machine is out of reach
next         launched: dest's stack was launched, found healthy and stopped; its data is set aside
type         regmig check                       looks at both machines
             regmig run                         begins the migration
"#);
}
