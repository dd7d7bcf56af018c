//! rsync, run on dest: pulling source's data, and bringing dest's home.

use std::time::{Duration, Instant};

use regmig_core::effect::Expect;
use regmig_core::facts::Pass;
use regmig_core::machine::Machine;
use regmig_core::port::PortError;
use regmig_procedure::steps::warm;
use regmig_ssh::{Command, FileWrite, Source};

use super::World;
use super::progress::Meter;
use crate::rsync_output::Line;

/// Runs alone: a pass whose connection was lost may still be under way. The lock is on the folder itself, since a file
/// for it would stay behind where a rollback leaves the folder.
/// The options are those of the published procedure, with numeric owners since
/// the machines may number users differently.
const RSYNC: &str = r#"set -eu
work=$1 port=$2 from=$3 to=$4; shift 4
exec flock -w 60 "$work" rsync --archive --copy-links --compress --delete --numeric-ids "$@" \
  -e "ssh -p $port -i $work/pull_key -o BatchMode=yes -o IdentitiesOnly=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$work/known_hosts" \
  "$from" "$to""#;

/// What a pass is told to print, so that its progress can be shown and its work be counted.
const TELLING: [&str; 4] = [
    "--stats",
    "--no-human-readable",
    "--info=progress2",
    "--outbuf=L",
];

impl World {
    fn rsync(&self, from: String, to: String, options: &[&str]) -> Command {
        let spec = &self.spec;
        let mut arguments = vec![
            spec.work(Machine::Dest),
            spec.tunnel.source_ssh_port.to_string(),
            from,
            to,
        ];
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        Command::shell(RSYNC, arguments)
            .time_limit(Duration::from_secs(spec.limits.bulk_s))
            .called("rsync")
    }

    /// source's data folder, as rsync on dest names it.
    async fn source_data(&self) -> Result<String, PortError> {
        let user = self.source.login_user().await?;
        let address = self.spec.source.address;
        let host = if address.is_ipv6() {
            format!("[{address}]")
        } else {
            address.to_string()
        };
        Ok(format!(
            "{user}@{host}:{}/",
            self.spec.data(Machine::Source)
        ))
    }

    async fn pull(&self, options: &[&str]) -> Result<Command, PortError> {
        let to = format!("{}/", self.spec.data(Machine::Dest));
        Ok(self.rsync(self.source_data().await?, to, options))
    }

    /// Proves that dest may read source's data folder.
    pub(super) async fn prove_pull(&self) -> Result<(), PortError> {
        let command = self.pull(&["--dry-run"]).await?.query();
        let what = "dest reading source's data folder with the migration's key";
        self.dest
            .host
            .exec(&command)
            .await?
            .success_or_refused(what)
            .map(|_| ())
    }

    /// Passes until one moves little; leaves a marker that says so.
    pub(super) async fn warm_up(
        &self,
        below_bytes: u64,
        passes: u32,
    ) -> Result<Vec<Pass>, PortError> {
        let mut done = Vec::new();
        for number in 1..=passes.max(1) {
            let meter = self.progress.begin(&format!("warm pass {number}"));
            let pass = self.pass(false, &*meter).await?;
            let bytes = pass.bytes;
            done.push(pass);
            if bytes < below_bytes {
                break;
            }
        }
        let content = serde_json::to_vec(&done).unwrap_or_default();
        let marker = FileWrite::new(warm::passes_marker(&self.spec), content).mode(0o600);
        self.dest.write(marker, &Expect::Any).await?;
        Ok(done)
    }

    /// The pass of the cold window; what it wrote is on disk when it returns.
    pub(super) async fn last_pass(&self, checksum: bool) -> Result<Pass, PortError> {
        let meter = self.progress.begin("last pass");
        let pass = self.pass(checksum, &*meter).await?;
        self.dest.sync(&self.spec.data(Machine::Dest)).await?;
        Ok(pass)
    }

    /// dest's data, brought home; what it wrote is on disk when it returns.
    pub(super) async fn home_pass(&self) -> Result<Pass, PortError> {
        let meter = self.progress.begin("bringing data home");
        let from = format!("{}/", self.spec.data(Machine::Dest));
        let mut options = TELLING.to_vec();
        options.push("--checksum");
        let command = self.rsync(from, self.source_data().await?, &options);
        let what = "rsync from dest to source";
        let pass = self.watched(&command, &*meter, what, &[0]).await?;
        let data = self.spec.data(Machine::Source);
        self.source.sync(&data).await?;
        Ok(pass)
    }

    async fn pass(&self, checksum: bool, meter: &dyn Meter) -> Result<Pass, PortError> {
        let mut options = TELLING.to_vec();
        if checksum {
            options.push("--checksum");
        }
        let command = self.pull(&options).await?;
        // 24: files vanished while they were read, as Redis rewriting its AOF does; the next pass sees to it.
        self.watched(&command, meter, "rsync from source to dest", &[0, 24])
            .await
    }

    /// Runs rsync, shows how far it is, and reads what it says at its end; `good` are exit codes that will do.
    async fn watched(
        &self,
        command: &Command,
        meter: &dyn Meter,
        what: &str,
        good: &[i32],
    ) -> Result<Pass, PortError> {
        let begun = Instant::now();
        let mut pass = Pass::default();
        let mut on_line = |from: Source, line: &str| {
            if from == Source::Stdout {
                match Line::parse(line) {
                    Line::Progress {
                        bytes,
                        percent,
                        words,
                    } => meter.bytes(bytes, percent, words),
                    Line::Moved(bytes) => pass.bytes = bytes,
                    Line::Total(bytes) => pass.total_bytes = bytes,
                    Line::Other => {}
                }
            }
        };
        let output = self.dest.host.exec_streaming(command, &mut on_line).await?;
        if !matches!(output.status, regmig_ssh::Status::Code(code) if good.contains(&code)) {
            output.success_or_refused(what)?;
        }
        pass.ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(pass)
    }
}
