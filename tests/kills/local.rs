//! An operator who works on dest itself, and is root on source through `sudo` only.

use std::fs;
use std::path::Path;

use regmig_tests::program;
use regmig_tests::support::{Rig, Traffic, Tried, Trouble};
use serde_json::Value;
use xtask::lab::Machine;
use xtask::program::Program;

/// The operator's folder on dest.
const THERE: &str = "/opt/operator";

/// The configuration as it stands on dest.
fn regmig_toml(rig: &Rig) -> String {
    let (source, dest) = (rig.lab.source.address, rig.lab.dest.address);
    let servers = |address| {
        let one = |label: &str| {
            format!(
                "{{ name = \"{label}.{}\", addresses = [\"{address}\"] }}",
                rig.lab.domain
            )
        };
        format!("[{}, {}]", one("dns1"), one("dns2"))
    };
    format!(
        "[platform]\ndomain = \"{domain}\"\nprofile = \"pryv-2019\"\n\
         [source]\naddress = \"{source}\"\nuser = \"{user}\"\nidentity = \"id_ed25519\"\nknown_hosts = \"known_hosts\"\n\
         [dest]\naddress = \"{dest}\"\nreach = \"local\"\n\
         [proxy]\ntrust = \"ca.crt\"\n\
         [nameservers]\nparents = [\"{parent}\"]\nbefore = {before}\nafter = {after}\n\
         [thresholds]\nquiet = \"3s\"\n",
        domain = rig.lab.domain,
        user = rig.lab.sudo_user,
        parent = rig.lab.parent.address,
        before = servers(source),
        after = servers(dest),
    )
}

/// Lays the operator's folder out on dest: regmig with the libraries of this host, which dest may not have, and keys.
fn lay_out(rig: &Rig) -> Tried<()> {
    let folder = rig.folder.join("operator");
    fs::create_dir(&folder)?;
    let regmig = program("regmig");
    let libraries = Program::new("ldd").args([&regmig]).text()?;
    for path in libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        put(Path::new(path), &folder)?;
    }
    for file in [
        &regmig,
        &rig.lab.identity,
        &rig.lab.known_hosts,
        &rig.lab.ca,
    ] {
        put(file, &folder)?;
    }
    fs::write(folder.join("regmig.toml"), regmig_toml(rig))?;
    let run = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\nexec ./ld-linux-*.so.* --library-path . ./regmig \"$@\"\n";
    fs::write(folder.join("run"), run)?;
    let container = Machine::Dest.container(&rig.config);
    Program::new("docker")
        .args([
            "cp",
            &folder.display().to_string(),
            &format!("{container}:{THERE}"),
        ])
        .done()?;
    rig.on(
        Machine::Dest,
        &format!("chown -R root: {THERE}; chmod 755 {THERE}/run; chmod 600 {THERE}/id_ed25519"),
    )
    .map(drop)
}

fn put(file: &Path, folder: &Path) -> Tried<()> {
    let name = file
        .file_name()
        .ok_or_else(|| Trouble::new(format!("{} has no name", file.display())))?;
    fs::copy(file, folder.join(name))?;
    Ok(())
}

#[test]
fn an_operator_on_dest_who_is_not_root_on_source() -> Tried<()> {
    let rig = Rig::new("local-and-sudo")?;
    lay_out(&rig)?;
    let regmig = |words: &str| rig.on(Machine::Dest, &format!("{THERE}/run {words} 2>&1"));
    let mut traffic = Traffic::start(&rig)?;
    regmig("check")?;
    // Killed on the way there, as everywhere else.
    let ended = rig.on(
        Machine::Dest,
        &format!(
            "{THERE}/run run --until replica --yes > {THERE}/killed 2>&1 & \
             until grep -qs 'acting.*launched/launch' {THERE}/regmig.state/journal.jsonl; do kill -0 $! || exit 1; sleep 0.1; done; \
             kill -KILL $!; wait $! || echo $?"
        ),
    )?;
    assert_eq!(ended, "137", "it was not killed");
    regmig("resume --until replica --yes")?;
    let status: Value = serde_json::from_str(&regmig("status --json")?)?;
    assert_eq!(status["state"], "replica", "{status:#}");
    assert_eq!(status["now"]["replication"]["link_up"], true, "{status:#}");
    regmig("rollback --to proxy --yes")?;
    regmig("resume --until replica --yes")?;
    traffic.wait_for_acknowledgements(10)?;
    traffic.stop()?;
    println!("{:?}", traffic.expect_nothing_lost(Machine::Dest)?);
    Ok(())
}
