//! What dest's Redis may not be, which shows once it runs.

use regmig_core::facts::RedisState;
use regmig_core::machine::Machine;
use regmig_core::step::{Refusal, StepError};

use crate::ask::{self, Cx};
use crate::spec::Strategy;
use crate::steps::preflight;

/// Why dest's Redis must not take over from source's: its data, and for `live` what timers and replication could not get past.
pub(super) async fn refusal(cx: &Cx<'_>, redis: &RedisState) -> Result<Option<Refusal>, StepError> {
    let machine = Machine::Dest;
    let source: preflight::Evidence = cx.evidence(preflight::ID)?;
    let found = match data(redis, ask::rdb_version(cx, machine).await?, &source) {
        Some(refusal) => Some(refusal),
        None => folder(cx).await?,
    };
    if found.is_some() || cx.spec.strategy != Strategy::Live {
        return Ok(found);
    }
    let checks = preflight::running(cx, machine).await?;
    let failed = checks.iter().find(|check| !check.ok);
    Ok(failed.map(|check| Refusal {
        hint: format!(
            "go back with `regmig rollback --to start`, mend that on dest, or {}",
            check.hint
        ),
        ..check.refusal()
    }))
}

/// Why the data that are copied would not be those that dest's Redis loads.
async fn folder(cx: &Cx<'_>) -> Result<Option<Refusal>, StepError> {
    let elsewhere = preflight::elsewhere(ask::data_folder(cx, Machine::Dest).await?);
    Ok(elsewhere.map(|found| Refusal {
        what: "the data folder of Redis on dest".to_owned(),
        found,
        expected: cx.spec.data(Machine::Dest),
        hint: "data are copied to that folder, `data` under [redis]: `regmig rollback --to start`, have dest's compose file \
               mount it where its Redis keeps its files, and run again"
            .to_owned(),
    }))
}

/// Why neither could go on with the other's data, or dest would not keep them.
///
/// Each reads what the other writes: dest source's files, or a full resync, and source dest's, when it follows dest and when a
/// rollback brings the data back. A version reads the formats before its own and no later one.
fn data(
    redis: &RedisState,
    rdb_version: Option<u64>,
    source: &preflight::Evidence,
) -> Option<Refusal> {
    let alike = match (rdb_version, source.rdb_version) {
        (Some(dest), Some(source)) => dest == source,
        _ => release(&redis.version) == release(&source.redis_version),
    };
    if !alike {
        let told = |version: &str, format: Option<u64>| match format {
            Some(format) => format!("version {version}, which writes format {format}"),
            None => format!("version {version}"),
        };
        return Some(Refusal {
            what: "Redis on dest".to_owned(),
            found: told(&redis.version, rdb_version),
            expected: format!(
                "one that reads what source's writes, and the other way round ({})",
                told(&source.redis_version, source.rdb_version)
            ),
            hint: "source's Redis follows dest's later, and a rollback brings dest's data back to it: `regmig rollback --to \
                   start`, name an image of source's version in dest's compose file, and run again; or bring source's to \
                   dest's version first"
                .to_owned(),
        });
    }
    if !redis.appendonly {
        return Some(Refusal {
            what: "persistence of Redis on dest".to_owned(),
            found: "appendonly no".to_owned(),
            expected: "appendonly yes, as on source".to_owned(),
            hint: "without it a crash, or its restart in `finalized`, could lose acknowledged writes: \
                   `regmig rollback --to start`, set `appendonly yes` in dest's redis.conf, and run again"
                .to_owned(),
        });
    }
    None
}

/// The numbers of a release whose versions all write one format.
fn release(version: &str) -> Vec<&str> {
    version.split('.').take(2).collect()
}

#[cfg(test)]
mod tests {
    use regmig_core::facts::RedisState;

    use super::data;
    use crate::steps::preflight::Evidence;

    fn refused(dest: (&str, Option<u64>), source: (&str, Option<u64>)) -> Option<String> {
        let redis = RedisState {
            version: dest.0.to_owned(),
            appendonly: true,
            ..RedisState::default()
        };
        let source = Evidence {
            user: String::new(),
            core: String::new(),
            redis_version: source.0.to_owned(),
            rdb_version: source.1,
            keys: 1,
            answer_ms: None,
        };
        data(&redis, dest.1, &source).map(|refusal| refusal.found)
    }

    #[test]
    fn each_reads_what_the_other_writes() {
        let found = |words: &str| Some(words.to_owned());
        // Valkey 8 says that it is 7.2.4.
        assert_eq!(refused(("7.2.4", Some(11)), ("7.2.7", Some(11))), None);
        assert_eq!(refused(("6.2.1", Some(9)), ("5.0.3", Some(9))), None);
        assert_eq!(
            refused(("7.2.4", Some(11)), ("7.0.15", Some(10))),
            found("version 7.2.4, which writes format 11")
        );
        assert_eq!(
            refused(("7.0.15", Some(10)), ("7.2.4", Some(11))),
            found("version 7.0.15, which writes format 10")
        );
        // Where it cannot be told of both, the release says it.
        assert_eq!(refused(("7.0.11", None), ("7.0.15", Some(10))), None);
        assert_eq!(
            refused(("7.2.4", None), ("7.0.15", Some(10))),
            found("version 7.2.4")
        );
    }
}
