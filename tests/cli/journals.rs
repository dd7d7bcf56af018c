//! What people read of a migration that was left in the middle, from its journal alone.

use std::fs;
use std::path::PathBuf;

use insta::assert_snapshot;

use crate::folder::{Folder, Said};

/// `status`, without looking at any machine.
fn status(journal: &str) -> String {
    Folder::with_journal(journal)
        .regmig(["status", "--offline"])
        .text()
}

#[test]
fn killed_during_a_step() {
    assert_snapshot!(status("killed"), @r#"
exit 0
--- stdout
migration    20261122-0a1b, of register.test
state        linked, since 2026-11-22 01:00:06
             keys made for this migration are installed and proven in both directions
direction    forward
writes       source, in this state
process      no regmig is at work
step         warm/passes, started 2026-11-22 01:00:06
next         warm: the bulk of the data is on dest
going back   now: no outage; 0 writes at risk
             after `warm`: no outage; 0 writes at risk
type         regmig resume                      goes on, to `warm` first
             regmig status                      shows this again
             regmig rollback --to start         returns to `start`
"#);
}

#[test]
fn halted_at_a_step() {
    assert_snapshot!(status("halted"), @r#"
exit 0
--- stdout
migration    20261122-0a1b, of register.test
state        linked, since 2026-11-22 01:00:06
             keys made for this migration are installed and proven in both directions
direction    forward
writes       source, in this state
process      no regmig is at work
step         warm/passes, started 2026-11-22 01:00:06
failed       warm/passes: rsync of source's data on dest: it ended with status 11: rsync: write failed on "/var/pryv/reg-master/redis/data/dump.rdb": No space left on device (28)
while        on dest: rsync source's data, again until a pass moves under 65536 bytes, 5 passes at most
hint         make room in /var/pryv on dest
next         warm: the bulk of the data is on dest
going back   now: no outage; 0 writes at risk
             after `warm`: no outage; 0 writes at risk
type         regmig resume                      goes on, to `warm` first
             regmig status                      shows this again
             regmig rollback --to start         returns to `start`
"#);
}

#[test]
fn halted_in_the_cold_window_with_an_unknown_outcome() {
    assert_snapshot!(status("outcome-unknown"), @r#"
exit 0
--- stdout
migration    20261122-0a1b, of register.test
state        warm, since 2026-11-22 01:00:11
             the bulk of the data is on dest
direction    forward
writes       source or nobody: `cold` is half entered
process      no regmig is at work
step         cold/stop, started 2026-11-22 01:01:12
failed       cold/stop: source: Redis SHUTDOWN SAVE: the connection was lost after the request was sent: timed out
while        on source: Redis SHUTDOWN SAVE (it may have taken place)
next         cold: writes are fenced on source and its last write is accounted for
going back   now: an outage of about 0.5 s; 0 writes at risk
             after `cold`: an outage of about 0.5 s; 0 writes at risk
type         regmig resume                      goes on, to `cold` first
             regmig status                      shows this again
             regmig rollback --to warm          returns to `warm`
"#);
}

#[test]
fn rolling_back() {
    assert_snapshot!(status("rolling-back"), @r#"
exit 0
--- stdout
migration    20261122-0a1b, of register.test
state        backup, since 2026-11-22 01:00:03
             a verified copy of source's Redis data exists
direction    back to start
writes       source, in this state
process      no regmig is at work
step         linked/keys, started 2026-11-22 01:00:03
next         start: nothing has been touched
type         regmig resume                      goes on with the rollback to `start`
"#);
}

#[test]
fn stuck() {
    assert_snapshot!(status("stuck"), @r#"
exit 0
--- stdout
migration    20261122-0a1b, of register.test
state        backup, since 2026-11-22 01:00:03
             a verified copy of source's Redis data exists
direction    back to start
writes       source, in this state
process      no regmig is at work
step         linked/keys, started 2026-11-22 01:00:03
STUCK        linked/keys: removing /var/pryv/.regmig/tunnel on source: it ended with status 1: rm: cannot remove '/var/pryv/.regmig/tunnel/key': Operation not permitted
while        on source: remove folder /var/pryv/.regmig/tunnel
next         start: nothing has been touched
type         regmig resume                      goes on with the rollback to `start`
"#);
}

#[test]
fn halted_on_the_way_home() {
    assert_snapshot!(status("way-home-halted"), @r#"
exit 0
--- stdout
migration    20261122-0a1b, of register.test
state        proxy, since 2026-11-22 01:01:17
             source's nginx forwards to dest; clients are served again
direction    back to start
writes       nobody: dest is fenced, and what it has accepted comes home
process      no regmig is at work
step         failback/pass, started 2026-11-22 01:11:20
failed       failback/pass: rsync from dest to source: it ended with status 11: rsync: write failed: No space left on device (28)
while        on dest: rsync its data home to source, by checksum
next         start: nothing has been touched
type         regmig resume                      goes on with the rollback to `start`
             regmig rollback --to proxy         has dest serve again instead
"#);
}

#[test]
fn after_a_failback() {
    assert_snapshot!(status("came-home"), @r#"
exit 0
--- stdout
migration    20261122-0a1b, of register.test
state        synced, since 2026-11-22 01:01:15
             both data sets are proven equal and dest's register was seen healthy on them
direction    forward
writes       nobody, in this state
process      no regmig is at work
next         proxy: source's nginx forwards to dest; clients are served again
going back   now: nobody can write now, and for about 0.5 s more; 0 writes at risk
             after `proxy`: a short outage; what dest has accepted comes home by copy; 0 writes at risk
type         regmig resume                      goes on, to `proxy` first
             regmig status                      shows this again
             regmig rollback --to warm          returns to `warm`
"#);
}

#[test]
fn rolled_back() {
    assert_snapshot!(status("rolled-back"), @r#"
exit 0
--- stdout
migration    20261122-0a1b, of register.test
state        start
             nothing has been touched
direction    forward
writes       source, in this state
process      no regmig is at work
next         launched: dest's stack was launched, found healthy and stopped; its data is set aside
going back   after `launched`: no outage; 0 writes at risk
type         regmig resume                      goes on, to `launched` first
             regmig status                      shows this again
"#);
}

#[test]
fn finalized() {
    assert_snapshot!(status("finalized"), @r#"
exit 0
--- stdout
migration    20261122-0a1b, of register.test
state        finalized, since 2026-11-23 01:33:27
             nothing of the migration is left but the backup; source is retired
direction    forward
writes       dest, in this state
process      no regmig is at work
going back   now: step finalized/tidy cannot be undone: `finalized` is the point of no return
type         regmig status                      shows this again
"#);
}

#[test]
fn a_last_line_that_was_not_written_to_its_end_does_not_count() {
    let folder = Folder::with_journal("torn");
    let said = folder.regmig(["journal"]);
    assert_eq!(said.code, Some(0));
    assert_snapshot!(said.err, @r#"
note: 128 bytes of a torn last record follow
"#);
    assert_eq!(
        said.out.lines().count() + 1,
        Folder::with_journal("killed")
            .regmig(["journal"])
            .out
            .lines()
            .count()
    );
    assert_snapshot!(folder.regmig(["status", "--offline"]).text(), @r#"
exit 0
--- stdout
migration    20261122-0a1b, of register.test
state        linked, since 2026-11-22 01:00:06
             keys made for this migration are installed and proven in both directions
direction    forward
writes       source, in this state
process      no regmig is at work
step         warm/passes, started 2026-11-22 01:00:06
next         warm: the bulk of the data is on dest
going back   now: no outage; 0 writes at risk
             after `warm`: no outage; 0 writes at risk
type         regmig resume                      goes on, to `warm` first
             regmig status                      shows this again
             regmig rollback --to start         returns to `start`
"#);
}

#[test]
fn a_damaged_line_is_named_by_its_number() {
    let folder = Folder::with_journal("damaged");
    let said = folder.regmig(["status", "--offline"]);
    assert_snapshot!(said.text(), @r#"
exit 1
--- stderr
error: [folder]/regmig.state/journal.jsonl, line 14 (byte 5210): its hash does not follow from the line before: it, or that one, was changed; the lines before it are sound
  hint: nothing was done; keep this file, it is the evidence, and put a copy in its place that is whole
"#);
    every_verb_says_the_same(&folder, &said);
}

/// Of every verb that needs the journal.
fn every_verb_says_the_same(folder: &Folder, said: &Said) {
    for words in [
        ["journal"].as_slice(),
        &["resume", "--yes"],
        &["rollback", "--to", "start", "--yes"],
        &["verify"],
        &["check"],
        &["run", "--yes"],
    ] {
        let same = folder.regmig(words.iter().copied());
        assert_eq!((same.code, &same.err), (Some(1), &said.err), "{words:?}");
    }
}

#[test]
fn a_last_line_with_a_changed_end_is_damage_and_no_torn_record() {
    let folder = Folder::with_journal("killed");
    let mut bytes = fs::read(journal_of(&folder)).unwrap();
    *bytes.last_mut().unwrap() = b'J';
    fs::write(journal_of(&folder), bytes).unwrap();
    let said = folder.regmig(["status", "--offline"]);
    assert_snapshot!(said.text(), @r#"
exit 1
--- stderr
error: [folder]/regmig.state/journal.jsonl, line 43 (byte 11750): its record is whole, and what follows it (2 bytes) is not the end of a line; the lines before it are sound
  hint: nothing was done; keep this file, it is the evidence, and put a copy in its place that is whole
"#);
    every_verb_says_the_same(&folder, &said);
}

#[test]
fn a_line_that_was_taken_out_is_named() {
    let folder = Folder::with_journal("killed");
    let text = fs::read_to_string(journal_of(&folder)).unwrap();
    let without: String = text
        .split_inclusive('\n')
        .enumerate()
        .filter(|(index, _)| *index != 20)
        .map(|(_, line)| line)
        .collect();
    fs::write(journal_of(&folder), without).unwrap();
    assert_snapshot!(folder.regmig(["status", "--offline"]).text(), @r#"
exit 1
--- stderr
error: [folder]/regmig.state/journal.jsonl, line 21 (byte 6727): found record 21, expected record 20: a line was removed, repeated or moved; the lines before it are sound
  hint: nothing was done; keep this file, it is the evidence, and put a copy in its place that is whole
"#);
}

/// As `with_journal`, with the index that a regmig had made of it.
fn indexed(journal: &str) -> Folder {
    let folder = Folder::with_journal(journal);
    regmig_store::Store::open(&folder.path().join("regmig.state")).unwrap();
    folder
}

#[test]
fn a_journal_that_is_gone_is_not_taken_for_none() {
    let folder = indexed("killed");
    fs::remove_file(journal_of(&folder)).unwrap();
    let said = folder.regmig(["status", "--offline"]);
    assert_snapshot!(said.text(), @r#"
exit 1
--- stderr
error: [folder]/regmig.state/journal.jsonl is missing, and [folder]/regmig.state/checkpoints.sled beside it shows that there was one
  hint: nothing was done; put the journal back. Only if nothing of a migration is on the machines, remove [folder]/regmig.state/checkpoints.sled
"#);
    every_verb_says_the_same(&folder, &said);
    fs::write(journal_of(&folder), "").unwrap();
    let said = folder.regmig(["status", "--offline"]);
    assert_snapshot!(said.text(), @r#"
exit 1
--- stderr
error: [folder]/regmig.state/journal.jsonl ends after 0 records, and its index in [folder]/regmig.state/checkpoints.sled knows of 43: what had been acknowledged is missing
  hint: nothing was done; put a copy of the journal back that is whole. Where there is none, look at both machines yourself, then remove [folder]/regmig.state/checkpoints.sled: regmig goes on from what is left, and knows nothing of the rest
"#);
    every_verb_says_the_same(&folder, &said);
}

#[test]
fn a_journal_that_lost_its_end_is_not_gone_on_from() {
    let folder = indexed("killed");
    let text = fs::read_to_string(journal_of(&folder)).unwrap();
    let shorter: String = text.split_inclusive('\n').take(40).collect();
    fs::write(journal_of(&folder), &shorter).unwrap();
    // Whoever only reads sees what there is.
    assert_eq!(folder.regmig(["journal"]).out.lines().count(), 40);
    assert_snapshot!(folder.regmig(["resume", "--yes"]).text(), @r#"
exit 1
--- stderr
error: [folder]/regmig.state/journal.jsonl ends after 40 records, and its index in [folder]/regmig.state/checkpoints.sled knows of 43: what had been acknowledged is missing
  hint: nothing was done; put a copy of the journal back that is whole. Where there is none, look at both machines yourself, then remove [folder]/regmig.state/checkpoints.sled: regmig goes on from what is left, and knows nothing of the rest
"#);
    assert_eq!(fs::read_to_string(journal_of(&folder)).unwrap(), shorter);
}

/// The notes of whoever opens the journal to write come before its refusal of this configuration.
#[test]
fn what_became_of_the_journals_end_is_said() {
    let cut = |folder: &Folder| {
        let bytes = fs::read(journal_of(folder)).unwrap();
        fs::write(journal_of(folder), &bytes[..bytes.len() - 50]).unwrap();
        let said = folder.regmig(["resume", "--yes"]);
        said.err.lines().next().unwrap().to_owned()
    };
    assert_snapshot!(cut(&Folder::with_journal("killed")), @r#"
note: the journal ended in half a record (208 bytes), as a kill leaves it; it was dropped
"#);
    assert_snapshot!(cut(&indexed("killed")), @r#"
note: the journal's last record was cut off, and is put back from the index beside it
"#);
}

fn journal_of(folder: &Folder) -> PathBuf {
    folder.path().join("regmig.state/journal.jsonl")
}

#[test]
fn a_journal_of_a_regmig_to_come_is_left_alone() {
    let folder = Folder::with_journal("newer-format");
    let said = folder.regmig(["status", "--offline"]);
    assert_snapshot!(said.text(), @r#"
exit 1
--- stderr
error: [folder]/regmig.state/journal.jsonl is a journal of format 2; this regmig reads formats up to 1: use the one that wrote it, or a newer one
"#);
    let same = folder.regmig(["resume", "--yes"]);
    assert_eq!((same.code, &same.err), (Some(1), &said.err));
}

#[test]
fn a_story_that_cannot_be_true() {
    assert_snapshot!(status("nonsense"), @r#"
exit 1
--- stderr
error: the journal in [folder]/regmig.state makes no sense: record 2 of the journal: step launched/preflight reached twice
  hint: nothing was done; keep the folder, it is the evidence
"#);
}

#[test]
fn status_for_scripts() {
    for journal in ["killed", "halted", "rolling-back", "stuck", "finalized"] {
        let said = Folder::with_journal(journal).regmig(["status", "--offline", "--json"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        assert_snapshot!(format!("status_{journal}"), pretty);
    }
}

#[test]
fn the_whole_story() {
    for journal in ["stuck", "finalized"] {
        let said = Folder::with_journal(journal).regmig(["journal"]);
        assert_snapshot!(format!("journal_{journal}"), said.text());
    }
}

#[test]
fn journal_for_scripts_is_every_record_with_its_pre_images() {
    let said = Folder::with_journal("killed").regmig(["journal", "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let records: Vec<serde_json::Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (seq, record) in records.iter().enumerate() {
        assert_eq!(record["seq"], seq);
    }
    let published = records
        .iter()
        .find(|record| record["event"] == "started" && record["step"] == "launched/publish-redis");
    let was = &published.unwrap()["before"]["was"]["content"];
    assert_eq!(was, "services:\n  redis:\n    image: redis\n");
}

#[test]
fn another_configuration_than_the_one_it_began_with_is_refused() {
    let folder = Folder::with_journal("halted");
    let said = folder.regmig(["resume", "--yes"]);
    // The digest of this configuration depends on the folder's name.
    let (before, after) = said.err.split_once("found digest ").unwrap();
    let (_, after) = after.split_once(',').unwrap();
    assert_snapshot!(format!("{before}found digest [digest],{after}"), @r#"
error: [folder]/regmig.toml is not what migration 20261122-0a1b began with: found digest [digest], expected 5ec0ffee5ec0
  dest.reach.ssh.identity: was "/home/ops/.ssh/id_ed25519", is "[folder]/id_ed25519"
  dest.reach.ssh.known_hosts: was "/home/ops/.ssh/known_hosts", is "[folder]/known_hosts"
  nameservers.after: was [{"name":"dns1.register.test","addresses":["192.0.2.20"]},{"name":"dns2.register.test","addresses":["192.0.2.20"]}], is [{"name":"dns1.register.test","addresses":["192.0.2.20"]}]
  nameservers.before: was [{"name":"dns1.register.test","addresses":["192.0.2.10"]},{"name":"dns2.register.test","addresses":["192.0.2.10"]}], is [{"name":"dns1.register.test","addresses":["192.0.2.10"]}]
  proxy.trust: was "/home/ops/regmig/ca.pem", is "[folder]/ca.pem"
  proxy.trust_sha256: was "7e577e577e577e577e577e577e577e577e577e577e577e577e577e577e577e57", is "8a938ee8c56e80f40ed45dc8fae3d571347e12a16da4c7f06014a146c8d5e724"
  source.reach.ssh.identity: was "/home/ops/.ssh/id_ed25519", is "[folder]/id_ed25519"
  source.reach.ssh.known_hosts: was "/home/ops/.ssh/known_hosts", is "[folder]/known_hosts"
  hint: change it back and type the command again, or roll back to `start` with the former one; a migration keeps the configuration it began with
"#);
    let same = folder.regmig(["rollback", "--to", "start", "--yes"]);
    assert_eq!((same.code, &same.err), (Some(3), &said.err));
}

#[test]
fn check_is_for_before_a_migration() {
    assert_snapshot!(Folder::with_journal("killed").regmig(["check"]).text(), @r#"
exit 3
--- stderr
error: `check` looks at machines before a migration, and one is under way
  hint: type `regmig status`
"#);
}
