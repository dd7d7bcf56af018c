//! Machines that regmig cannot log in to, or where it may not do what it has to.

use std::fs;

use insta::assert_snapshot;
use regmig_tests::support::Tried;
use xtask::lab::Machine;

use crate::scene::Scene;

#[test]
fn host_keys() -> Tried<()> {
    let scene = Scene::new("host-keys")?;
    let before = scene.look()?;
    let lab = &scene.rig.lab;
    let known = fs::read_to_string(&lab.known_hosts)?;
    let of = |address: std::net::Ipv4Addr| {
        let start = format!("{address} ");
        known.lines().find_map(|line| line.strip_prefix(&start)).unwrap()
    };
    let (source, dest) = (lab.source.address, lab.dest.address);
    let mine = scene.rig.folder.join("known_hosts");

    // dest shows another key than the one on record, which is source's.
    fs::write(&mine, format!("{source} {key}\n{dest} {key}\n", key = of(source)))?;
    scene.configure("dest", &lab.known_hosts.display().to_string(), "known_hosts")?;
    assert_snapshot!(scene.refused()?, @"");

    fs::write(&mine, format!("{source} {}\n", of(source)))?;
    assert_snapshot!(scene.refused()?, @"");

    fs::write(&mine, format!("@revoked * {}\n", of(dest)))?;
    assert_snapshot!(scene.refused()?, @"");
    scene.expect_same(&before)
}

#[test]
fn keys_and_users() -> Tried<()> {
    let scene = Scene::new("keys-and-users")?;
    let before = scene.look()?;
    let lab = &scene.rig.lab;
    let (key, refused) = (&lab.identity, &lab.identity_refused);
    scene.configure("dest", &key.display().to_string(), &refused.display().to_string())?;
    assert_snapshot!(scene.refused()?, @"");

    scene.add("source", "user = \"nobodyhere\"")?;
    assert_snapshot!(scene.refused()?, @"");

    // Faults of both machines are told together.
    scene.configure("source", "[source]", "[source]\nport = 2222")?;
    let text = fs::read_to_string(&scene.rig.toml)?;
    fs::write(&scene.rig.toml, text.replace("[dest]\n", "[dest]\nuser = \"nobodyhere\"\n"))?;
    assert_snapshot!(scene.refused()?, @"");
    scene.correct()?;
    scene.expect_same(&before)?;

    let (add, remove) = (
        "useradd --create-home guest
         install -d -o guest -m 700 /home/guest/.ssh
         install -o guest -m 600 /root/.ssh/authorized_keys /home/guest/.ssh/authorized_keys",
        "userdel --remove guest 2> /dev/null",
    );
    scene.add("dest", "user = \"guest\"")?;
    assert_snapshot!(scene.refused_while(Machine::Dest, add, remove)?, @"");

    scene.correct()?;
    let down = "service ssh stop > /dev/null";
    let up = "service ssh start > /dev/null";
    assert_snapshot!(scene.refused_while(Machine::Dest, down, up)?, @"");

    scene.rig.regmig(["check"]).done()?;
    scene.expect_same(&before)
}
