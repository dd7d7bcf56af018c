//! Questions with typed answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use regmig_core::effect::{Answer, Query};
use regmig_core::facts::{
    Access, Compared, Container, DataDigest, DataFolder, Delegation, DnsState, FileState,
    FolderState, HostState, HttpState, Loaded, Outage, RedisState, Served,
};
use regmig_core::machine::Machine;
use regmig_core::step::{Cx as CoreCx, StepError};

use crate::spec::Spec;

/// What a step of this procedure is given.
pub type Cx<'a> = CoreCx<'a, Spec>;

macro_rules! question {
    ($(#[$doc:meta])* $name:ident ( $($arg:ident : $type:ty),* ) = $query:expr => $variant:ident ( $answer:ty ) $( $unbox:tt )?) => {
        $(#[$doc])*
        pub(crate) async fn $name(cx: &Cx<'_>, $($arg: $type),*) -> Result<$answer, StepError> {
            match cx.ask($query).await? {
                Answer::$variant(value) => Ok($( $unbox )? value),
                other => Err(unexpected(stringify!($name), &other)),
            }
        }
    };
}

fn unexpected(question: &str, answer: &Answer) -> StepError {
    StepError::Broken(format!("asked for {question}, was told {answer:?}"))
}

question!(/// The time, milliseconds since the epoch.
    now() = Query::Now => Millis(i64));
question!(host(machine: Machine) = Query::Host { machine } => Host(HostState) *);
question!(file(machine: Machine, path: String) = Query::File { machine, path } => File(Option<FileState>));
question!(folder(machine: Machine, path: String) = Query::Folder { machine, path } => Folder(Option<FolderState>));
question!(sums(machine: Machine, path: String) = Query::Sums { machine, path } => Sums(BTreeMap<String, String>));
question!(users_at_rest(machine: Machine, path: String) = Query::UsersAtRest { machine, path } => Count(u64));
question!(containers(machine: Machine) = Query::Containers { machine } => Containers(Vec<Container>));
question!(logs(machine: Machine, service: String, lines: u32) = Query::Logs { machine, service, lines } => Lines(Vec<String>));
question!(redis(machine: Machine) = Query::Redis { machine } => Redis(RedisState) *);
question!(redis_access(machine: Machine) = Query::RedisAccess { machine } => Access(Access));
question!(redis_cli(machine: Machine) = Query::RedisCli { machine } => Text(Option<String>));
question!(rdb_version(machine: Machine) = Query::RdbVersion { machine } => Number(Option<u64>));
question!(redis_get(machine: Machine, key: String) = Query::RedisGet { machine, key } => Text(Option<String>));
question!(writes_paused(machine: Machine) = Query::WritesPaused { machine } => Yes(bool));
question!(redis_setting(machine: Machine, name: &str) = Query::RedisSetting { machine, name: name.to_owned() } => Text(Option<String>));
question!(redis_listings(machine: Machine) = Query::RedisListings { machine } => Number(Option<u64>));
question!(nginx_loaded(machine: Machine) = Query::NginxLoaded { machine } => Text(Option<String>));
question!(/// Milliseconds.
    rehearsal() = Query::Rehearsal => Millis(i64));
question!(users(machine: Machine, limit: u64) = Query::Users { machine, limit } => Lines(Vec<String>));
question!(digest(machine: Machine) = Query::Digest { machine } => Digest(DataDigest));
question!(data_folder(machine: Machine) = Query::DataFolder { machine } => DataFolder(DataFolder));
question!(loaded(machine: Machine) = Query::Loaded { machine } => Loaded(Loaded));
question!(https(machine: Machine, path: String) = Query::Https { machine, path } => Http(HttpState));
question!(register(machine: Machine, path: String) = Query::Register { machine, path } => Http(HttpState));
question!(dns(machine: Machine, name: String, kind: &str) = Query::Dns { machine, name, kind: kind.to_owned() } => Dns(DnsState));
question!(delegation(parent: SocketAddr) = Query::Delegation { parent } => Delegation(Delegation));
question!(compare_answers(sample: Option<u64>) = Query::CompareAnswers { sample } => Compared(Compared) *);
question!(host_key(machine: Machine) = Query::HostKey { machine } => Text(Option<String>));
question!(ssh_in_redis_image() = Query::SshInRedisImage => Text(Option<String>));
question!(compose_config(machine: Machine) = Query::ComposeConfig { machine } => Text(Option<String>));
question!(home(machine: Machine) = Query::Home { machine } => Text(Option<String>));
question!(outage() = Query::Outage => Outage(Option<Outage>));
question!(served(since_ms: i64, own: Vec<(i64, i64)>) = Query::Served { since_ms, own } => Served(Served) *);

/// Waits so many milliseconds.
pub(crate) async fn sleep(cx: &Cx<'_>, ms: u64) -> Result<(), StepError> {
    cx.ask(Query::Sleep { ms }).await.map(|_| ())
}

/// The certificates that the operator trusts dest by.
pub(crate) async fn trust(cx: &Cx<'_>) -> Result<String, StepError> {
    match cx.ask(Query::Trust).await? {
        Answer::Text(Some(pem)) => Ok(pem),
        other => Err(unexpected("trust", &other)),
    }
}

/// A file that must be there.
pub(crate) async fn required_file(
    cx: &Cx<'_>,
    machine: Machine,
    path: String,
) -> Result<FileState, StepError> {
    file(cx, machine, path.clone()).await?.ok_or_else(|| {
        StepError::refused(regmig_core::step::Refusal {
            what: format!("{path} on {machine}"),
            found: "no such file".to_owned(),
            expected: "a file of the stack".to_owned(),
            hint: "check `root` and the paths in regmig.toml, and that the stack is deployed there"
                .to_owned(),
        })
    })
}

/// The stack's containers by service.
pub(crate) async fn services(
    cx: &Cx<'_>,
    machine: Machine,
) -> Result<BTreeMap<String, Container>, StepError> {
    let all = containers(cx, machine).await?;
    Ok(all
        .into_iter()
        .filter_map(|container| Some((container.service.clone()?, container)))
        .collect())
}
