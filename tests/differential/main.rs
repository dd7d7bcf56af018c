//! The simulator is honest: the same walks on the lab and in the simulated world show the same at every state.

#[cfg(test)]
mod seen;

#[cfg(test)]
mod walks {
    use regmig_sim::{Observed, compared, observe};
    use regmig_tests::support::{Rig, Tried};
    use xtask::lab::Machine;

    use super::seen::seen;

    /// Walks the goals on the lab and tells what can be seen at the start and at each of them.
    fn on_the_lab(rig: &Rig, goals: &[&str]) -> Tried<Vec<Observed>> {
        let mut all = vec![seen(rig)?];
        for goal in goals {
            match goal.split_once(':') {
                Some(("to", state)) => {
                    rig.regmig(["run", "--until", state, "--yes"]).done()?;
                }
                Some(("back", state)) => {
                    rig.regmig(["rollback", "--to", state, "--yes"]).done()?;
                }
                Some(("reboot", "source")) => rig.reboot(Machine::Source)?,
                Some(("reboot", "dest")) => rig.reboot(Machine::Dest)?,
                _ => unreachable!("{goal}"),
            }
            all.push(seen(rig)?);
        }
        let first = all[0].clone();
        Ok(all.iter().map(|one| compared(one, &first)).collect())
    }

    fn expect_same(name: &str, goals: &[&str]) -> Tried<()> {
        let rig = Rig::new(name)?;
        let simulated = observe(goals).map_err(std::io::Error::other)?;
        let real = on_the_lab(&rig, goals)?;
        assert_eq!(simulated.len(), real.len());
        let mut differences = Vec::new();
        for (index, (simulated, real)) in simulated.iter().zip(&real).enumerate() {
            let at = match index {
                0 => "the start",
                _ => goals[index - 1],
            };
            assert!(real.len() > 20, "little was seen at {at}: {real:?}");
            for thing in simulated.keys().chain(real.keys()) {
                if simulated.get(thing) != real.get(thing) {
                    differences.push(format!(
                        "at {at}, {thing}: {:?} simulated, {:?} on the lab",
                        simulated.get(thing),
                        real.get(thing)
                    ));
                }
            }
        }
        differences.dedup();
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        Ok(())
    }

    #[test]
    fn every_state_forward_and_failback_by_replication() -> Tried<()> {
        expect_same(
            "differential-states",
            &[
                "to:launched",
                "to:backup",
                "to:linked",
                "to:warm",
                "to:cold",
                "to:synced",
                "to:proxy",
                "to:replica",
                "to:verified",
                "back:replica",
                "back:synced",
                "back:warm",
                "back:start",
            ],
        )
    }

    #[test]
    fn failback_by_copy() -> Tried<()> {
        expect_same(
            "differential-copy",
            &[
                "to:proxy",
                "back:synced",
                "back:cold",
                "to:replica",
                "back:proxy",
                "back:linked",
            ],
        )
    }

    #[test]
    fn what_a_reboot_brings_back() -> Tried<()> {
        expect_same("differential-cold", &["to:cold", "reboot:source"])?;
        expect_same("differential-replica", &["to:replica", "reboot:source"])
    }
}
