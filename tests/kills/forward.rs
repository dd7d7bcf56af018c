//! regmig is killed on its way forward, and resumed.

use std::env;
use std::fs;
use std::path::PathBuf;

use regmig_tests::support::{Chance, Rig, Sampler, Traffic, Tried, Trouble};
use serde_json::{Value, json};
use xtask::lab::Machine;

use super::instants::{Instant, cold_window, steps};

/// How many kills one migration gets.
const KILLS: usize = 10;

/// How many of them, at least, fall within the cold window.
const IN_THE_COLD_WINDOW: usize = 4;

/// Ten instants of one run, in order, several of them in the cold window.
fn ten_instants(chance: &mut Chance) -> Tried<Vec<Instant>> {
    let order = steps();
    let cold = cold_window()?;
    let others: Vec<&str> = order
        .iter()
        .copied()
        .filter(|step| !cold.contains(step))
        .collect();
    let mut chosen = chance.some_of(&cold, IN_THE_COLD_WINDOW);
    chosen.extend(chance.some_of(&others, KILLS - IN_THE_COLD_WINDOW));
    chosen.sort_by_key(|step| order.iter().position(|id| id == step));
    Ok(chosen
        .into_iter()
        .map(|step| Instant::in_step(step, chance))
        .collect())
}

/// Never two machines that accept writes, but for dest's trial launch, of which no client knows.
fn expect_one_writer(rig: &Rig, sampler: Sampler) -> Tried<usize> {
    let samples = sampler.end()?;
    let trials = rig.journal().trials()?;
    let judged = samples.iter().filter(|sample| {
        trials
            .iter()
            .all(|(from, to)| sample.to_ms < *from || sample.from_ms > *to)
    });
    let mut count = 0;
    for sample in judged {
        count += 1;
        if sample.writers.len() > 1 {
            return Err(Trouble::new(format!(
                "both machines accepted writes at {} ms since the epoch",
                sample.from_ms
            )));
        }
    }
    Ok(count)
}

/// Files that a finalized migration leaves as it found them, with what can be told of them.
const PUT_BACK: &str = "stat --format '%n %a %U:%G' /root/.ssh/* /home/ops/.ssh/*; \
    sha256sum /root/.ssh/* /home/ops/.ssh/*; ls -A /var/pryv | grep -v ^regmig-backup-";

/// What a finalized migration has to leave as it was.
struct Before {
    source: String,
    dest: String,
}

impl Before {
    fn of(rig: &Rig) -> Tried<Self> {
        Ok(Self {
            source: rig.on(Machine::Source, PUT_BACK)?,
            dest: rig.on(
                Machine::Dest,
                &format!("{PUT_BACK}; sha256sum /var/pryv/reg-master.yml"),
            )?,
        })
    }

    /// What holds once a migration is finalized, however it came there.
    fn expect_finalized(&self, rig: &Rig) -> Tried<()> {
        let state = rig.state()?;
        assert_eq!(state, "finalized");
        let now = Self::of(rig)?;
        assert_eq!(self.source, now.source, "source's keys and folder");
        assert_eq!(self.dest, now.dest, "dest's keys, folder and compose file");
        let containers = "docker inspect --format '{{.State.Status}} {{.HostConfig.RestartPolicy.Name}}' \
            $(docker ps --all --quiet) | sort | uniq -c | tr -s ' '";
        let source = rig.on(Machine::Source, containers)?;
        assert_eq!(source, "5 exited no", "source is retired");
        let dest = rig.on(Machine::Dest, containers)?;
        assert_eq!(dest, "5 running always", "dest serves");
        rig.wait_until_serves(Machine::Dest)
    }
}

#[test]
fn ten_kills_in_one_run() -> Tried<()> {
    let (mut chance, seed) = Chance::from_environment()?;
    let instants = ten_instants(&mut chance)?;
    println!("seed {seed}: {instants:?}");
    let rig = Rig::new("ten-kills")?;
    let before = Before::of(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    let sampler = Sampler::start(&rig)?;
    for (number, instant) in instants.into_iter().enumerate() {
        let verb = if number == 0 { "run" } else { "resume" };
        let from = rig.journal().records()?.len();
        let regmig = rig.regmig([verb, "--yes"]).start()?;
        let died = instant.strike(&rig, regmig, from)?;
        println!(
            "kill {number} {:?} into {}: {died}",
            instant.after, instant.step
        );
    }
    rig.regmig(["resume", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(10)?;
    traffic.stop()?;
    before.expect_finalized(&rig)?;
    let samples = expect_one_writer(&rig, sampler)?;
    assert!(samples > 50, "only {samples} looks at both machines");
    let audit = traffic.expect_nothing_lost(Machine::Dest)?;
    println!("{audit:?}, {samples} looks");
    assert_eq!(rig.temporary_files()?, Vec::<PathBuf>::new());
    Ok(())
}

/// One migration with one kill at a random instant of the whole run, and what came of it.
fn one_kill(seed: u64) -> Tried<Value> {
    let mut chance = Chance::new(seed);
    let step = chance.some_of(&steps(), 1);
    let step = step
        .first()
        .ok_or_else(|| Trouble::new("there are no steps"))?;
    let instant = Instant::in_step(step, &mut chance);
    let rig = Rig::new(&format!("one-kill-{seed}"))?;
    let before = Before::of(&rig)?;
    let mut traffic = Traffic::start(&rig)?;
    let sampler = Sampler::start(&rig)?;
    let regmig = rig.regmig(["run", "--yes"]).start()?;
    let died = instant.strike(&rig, regmig, 0)?;
    rig.regmig(["resume", "--yes"]).done()?;
    traffic.wait_for_acknowledgements(10)?;
    traffic.stop()?;
    before.expect_finalized(&rig)?;
    let samples = expect_one_writer(&rig, sampler)?;
    let audit = traffic.audit(Machine::Dest)?;
    Ok(json!({
        "seed": seed,
        "step": step,
        "after_ms": instant.after.as_millis() as u64,
        "died": died,
        "reached": rig.state()?,
        "samples": samples,
        "acknowledged": audit.acknowledged,
        "lost": audit.lost,
        "unknown": audit.unknown,
    }))
}

/// Runs of their own: one, or as many as `REGMIG_KILL_RUNS` says; `cargo xtask kills` asks for more.
#[test]
fn one_kill_in_each_run() -> Tried<()> {
    let (_, seed) = Chance::from_environment()?;
    let runs = match env::var("REGMIG_KILL_RUNS") {
        Ok(text) => text
            .parse()
            .map_err(|_| Trouble::new(format!("REGMIG_KILL_RUNS is `{text}`, not a number")))?,
        Err(_) => 1,
    };
    let mut results = Vec::new();
    let mut failed = Vec::new();
    for seed in seed..seed.saturating_add(runs) {
        match one_kill(seed) {
            Ok(result) => {
                println!("{result}");
                let good = result["lost"] == 0 && result["unknown"] == 0;
                if !good {
                    failed.push(format!("seed {seed}: {result}"));
                }
                results.push(result);
            }
            Err(trouble) => {
                failed.push(format!("seed {seed}: {trouble}"));
                results.push(json!({ "seed": seed, "failure": trouble.to_string() }));
            }
        }
    }
    if let Ok(path) = env::var("REGMIG_KILL_REPORT") {
        fs::write(
            path,
            format!("{:#}\n", json!({ "runs": results, "failed": failed.len() })),
        )?;
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}
