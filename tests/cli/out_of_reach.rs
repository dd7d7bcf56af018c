//! Machines that cannot be reached.

use insta::assert_snapshot;

use crate::folder::{CONFIG, Folder};

/// A port on which nothing has listened for decades (tcpmux).
const CLOSED: u16 = 1;

#[test]
fn a_machine_that_does_not_answer_is_named_and_nothing_is_done() {
    let folder = Folder::configured();
    let mut text = CONFIG.to_owned();
    for (machine, host) in [("source", "127.0.0.1"), ("dest", "127.0.0.2")] {
        let section = format!("[{machine}]\n");
        let there = format!("{section}host = \"{host}\"\nport = {CLOSED}\n");
        text = text.replace(&section, &there);
    }
    folder.write("regmig.toml", &text);
    let check = folder.regmig(["check"]);
    assert_eq!(check.code, Some(3));
    assert_snapshot!(check.err, @r#"
error: the migration cannot start; nothing was changed
  SSH to source: found 127.0.0.1 port 1 cannot be reached: Connection refused (os error 111); expected a login as root
    hint: is it the right address, is sshd running, does a firewall stand between?
  SSH to dest: found 127.0.0.2 port 1 cannot be reached: Connection refused (os error 111); expected a login as root
    hint: is it the right address, is sshd running, does a firewall stand between?
"#);

    let run = folder.regmig(["run", "--yes"]);
    assert_eq!((run.code, &run.err), (Some(3), &check.err));
    let journal = folder.regmig(["journal"]);
    assert_eq!((journal.code, journal.out.as_str()), (Some(0), ""));

    let status = folder.regmig(["status"]);
    assert_eq!(status.code, Some(0));
    assert_snapshot!(status.out, @r#"
migration    none of register.test has begun
state        start
             nothing has been touched
direction    forward
writes       source, in this state
process      no regmig is at work
true now     source: not known, 127.0.0.1 port 1 cannot be reached; is it the right address, is sshd running, does a firewall stand between?: Connection refused (os error 111)
             dest: not known, 127.0.0.2 port 1 cannot be reached; is it the right address, is sshd running, does a firewall stand between?: Connection refused (os error 111)
             writes: not known while a machine is out of reach
next         launched: dest's stack was launched, found healthy and stopped; its data is set aside
type         regmig check                       looks at both machines
             regmig run                         begins the migration
"#);
}
