//! The command `run`.

use std::time::{Duration, SystemTime};

use regmig_traffic::error::TrafficError;
use regmig_traffic::run::{DnsOptions, Load, RunOptions};
use regmig_traffic::user::{Users, default_cores, fresh_prefix};

use super::files::{read, say};
use super::stop::until_told;
use super::{DONE, register};
use crate::args::RunArgs;

/// The highest rate that is accepted, per second: more than one process can send over new TLS connections.
const HIGHEST_RATE: f64 = 10_000.0;

/// Runs clients until they are told to end.
pub(crate) async fn run(args: RunArgs) -> Result<u8, TrafficError> {
    let stop_file = args.stop_file.clone();
    if let Some(path) = stop_file.as_deref().filter(|path| path.exists()) {
        return Err(TrafficError::Usage(format!(
            "the stop file {} exists already: remove it first",
            path.display()
        )));
    }
    let duration = args.duration.map(seconds).transpose()?;
    let options = options(args)?;
    let stop = until_told(duration, stop_file)?;
    let summary = regmig_traffic::run::run(options, stop).await?;
    say(&format!(
        "ended ({}): {} writes acknowledged, {} requests failed\n",
        summary.reason, summary.acknowledged, summary.failed
    ))?;
    Ok(DONE)
}

fn options(args: RunArgs) -> Result<RunOptions, TrafficError> {
    let register = register(&args.register)?;
    let domain = match args.domain {
        Some(domain) => domain,
        None => match register.host.split_once('.') {
            Some((_, domain)) => domain.to_owned(),
            None => {
                return Err(TrafficError::Usage(format!(
                    "{:?} has no domain in it: give --domain",
                    register.host
                )));
            }
        },
    };
    let key = match (args.key, &args.key_file) {
        (Some(key), _) => key,
        (None, Some(path)) => {
            let text = String::from_utf8_lossy(&read("the key file", path)?).into_owned();
            text.lines().next().unwrap_or_default().trim().to_owned()
        }
        (None, None) => String::new(),
    };
    if key.is_empty() {
        return Err(TrafficError::Usage("the key is empty".to_owned()));
    }
    let cores = if args.cores.is_empty() {
        default_cores(&domain)
    } else {
        args.cores
    };
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now_ms = u64::try_from(since_epoch.as_millis()).unwrap_or_default();
    let prefix = args.prefix.unwrap_or_else(|| fresh_prefix(now_ms));
    let load = match args.writers {
        Some(writers) => Load::Closed {
            writers: usize::from(writers),
            think: Duration::from_millis(args.think_ms),
        },
        None => Load::Open {
            per_second: rate("--rate", args.rate)?,
        },
    };
    let dns_rate = rate("--dns-rate", args.dns_rate)?;
    Ok(RunOptions {
        target: args.target,
        register,
        key,
        users: Users::new(&prefix, cores)?,
        domain,
        load,
        reads_per_second: rate("--reads-rate", args.reads_rate)?,
        dns: args.dns_server.map(|server| DnsOptions {
            server,
            per_second: dns_rate,
        }),
        follow: args.follow_parent,
        log: args.log,
        in_flight: usize::from(args.in_flight),
    })
}

fn rate(name: &str, per_second: f64) -> Result<f64, TrafficError> {
    if (0.0..=HIGHEST_RATE).contains(&per_second) {
        Ok(per_second)
    } else {
        Err(TrafficError::Usage(format!(
            "{name} {per_second} is no rate: expected 0 to {HIGHEST_RATE} per second"
        )))
    }
}

fn seconds(value: f64) -> Result<Duration, TrafficError> {
    Duration::try_from_secs_f64(value).map_err(|_| {
        TrafficError::Usage(format!(
            "--duration {value} is no duration: expected seconds"
        ))
    })
}
