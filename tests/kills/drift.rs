//! Files that somebody else edits during a migration.

use regmig_tests::support::{Rig, Scope, Snapshot, Tried};
use xtask::lab::Machine;

const COMPOSE: &str = "/var/pryv/reg-master.yml";
const NOTE: &str = "# Ask Ada before changing this.\n";

/// The difference that a refusal offers as safe; empty where it offers none.
fn offered(hint: &str) -> &str {
    let offer = hint.split_once("apply this:\n").map(|(_, offer)| offer);
    let diff = offer.and_then(|offer| offer.split_once("then type"));
    diff.map_or("", |(diff, _)| diff)
}

#[test]
fn what_somebody_changed_is_kept_once_they_say_how() -> Tried<()> {
    let rig = Rig::new("drift")?;
    let before = Snapshot::of(&rig, Machine::Dest, Scope::All)?;
    // What a machine says comes without the newline at its end.
    let read = || {
        rig.on(Machine::Dest, &format!("cat {COMPOSE}"))
            .map(|text| text + "\n")
    };
    let was = read()?;
    rig.regmig(["run", "--until", "backup", "--yes"]).done()?;
    rig.on(
        Machine::Dest,
        &format!("sed -i '$a {}' {COMPOSE}", NOTE.trim()),
    )?;
    let stuck = rig
        .regmig(["rollback", "--to", "start", "--yes"])
        .end()?
        .expect_code(6)?
        .expect_words("STUCK at launched/publish-redis")?
        .expect_words("regmig had changed:")?
        .expect_words("somebody has changed since:")?
        .expect_words("undone so far: ")?
        .expect_words("regmig resume")?;
    assert!(stuck.stderr.contains(NOTE.trim()), "{}", stuck.stderr);
    let changed = read()?;
    let records = rig.journal().records()?;
    let failed = records.last().expect("the record of the failure");
    assert_eq!(failed.event(), "undo_failed");
    let patch = diffy::Patch::from_str(offered(failed.hint())).expect("a patch");
    let safe = diffy::apply(&changed, &patch).expect("the patch applies");
    assert_eq!(safe, format!("{was}{NOTE}"));
    // Forward is refused, and nothing has touched the file.
    rig.regmig(["run", "--yes"]).end()?.expect_code(3)?;
    assert_eq!(read()?, changed);
    rig.on(
        Machine::Dest,
        &format!("cat > {COMPOSE} << 'END'\n{safe}END\n"),
    )?;
    rig.regmig(["resume", "--yes"]).end()?.expect_code(8)?;
    assert_eq!(rig.state()?, "start");
    assert_eq!(read()?, safe);
    // But for that file everything is as it was.
    let now = Snapshot::of(&rig, Machine::Dest, Scope::All)?;
    let other: Vec<_> = before
        .differences(&now)
        .into_iter()
        .filter(|difference| !difference.contains(COMPOSE))
        .collect();
    assert!(other.is_empty(), "{other:#?}");
    Ok(())
}
