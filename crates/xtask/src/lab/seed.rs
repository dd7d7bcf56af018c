//! The users that source's register starts with, as a Redis data folder in a tar file.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::say::say;

use super::LabConfig;
use super::description::{Lab, seed_user};
use super::error::{At, Doing, LabError};
use super::images::Images;
use super::machine::{docker, label};

/// Changes with what is written here, so that cached data is not used for longer.
const RECIPE: &str = "1";

/// How long making the data may take; a million and a half users take about two minutes.
const LIMIT: Duration = Duration::from_secs(900);

/// The time at which all seed users were registered, in milliseconds since 1970.
const REGISTERED: u64 = 1_559_606_400_000;

/// Keys that expire, in seconds since 1970: far enough for any test.
const EXPIRY: u64 = 2_145_916_800;

/// How many keys with an expiry there are beside the users.
const EXPIRING: u32 = 20;

/// Loads the commands with Redis itself, so that the files are what Redis writes: a
/// snapshot and an append-only file with a base. The folder goes to standard output.
const SCRIPT: &str = r"
set -e
cd /app/data
redis-server --port 0 --unixsocket /tmp/redis --dir /app/data --appendonly yes \
    --dbfilename redis_dump.rdb --save '900 1' --loglevel warning >&2 &
cli() { redis-cli -s /tmp/redis $*; }
until cli ping > /dev/null 2>&1; do sleep 0.05; done
cli --pipe >&2
cli bgrewriteaof >&2
until cli info persistence | grep -q 'aof_rewrite_in_progress:0' \
    && cli info persistence | grep -q 'aof_rewrite_scheduled:0'; do sleep 0.05; done
cli shutdown save >&2
wait
tar -c .
";

/// Makes the seed data of so many users if the cache does not have it.
pub(super) fn ensure(
    config: &LabConfig,
    lab: &Lab,
    images: &Images,
) -> Result<Option<PathBuf>, LabError> {
    let users = lab.seed_users;
    if users == 0 {
        return Ok(None);
    }
    let image = images.redis.rsplit(':').next().unwrap_or_default();
    let path = config
        .cache
        .join(format!("seed-{users}-{image}-{RECIPE}.tar"));
    if path.exists() {
        return Ok(Some(path));
    }
    say(format_args!("Making the data of {users} seed users."));
    let (commands, partial) = (
        path.with_extension("commands"),
        path.with_extension("partial"),
    );
    write_commands(lab, &commands).at("write", &commands)?;
    docker([
        "run",
        "--rm",
        "--interactive",
        "--network",
        "none",
        "--label",
        &label(config),
    ])
    .args([&images.redis, "bash", "-c", SCRIPT])
    .input(&commands)
    .output_to(&partial)
    .limit(LIMIT)
    .done()
    .doing("make the seed data")?;
    fs::remove_file(&commands).at("remove", &commands)?;
    fs::rename(&partial, &path).at("write", &path)?;
    Ok(Some(path))
}

fn write_commands(lab: &Lab, path: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for number in 1..=lab.seed_users {
        let (name, core) = (seed_user(number), lab.core_host.as_str());
        write_user(&mut out, number, &name, core)?;
    }
    for number in 1..=EXPIRING {
        let (key, time) = (format!("state{number:02}:access"), EXPIRY.to_string());
        command(
            &mut out,
            &["SET", &key, "{\"status\":\"NEED_SIGNIN\"}", "EXAT", &time],
        )?;
    }
    out.into_inner()?.sync_all()
}

/// The keys that one registration leaves.
fn write_user(out: &mut impl Write, number: u32, name: &str, core: &str) -> std::io::Result<()> {
    let email = format!("{name}@example.test");
    let registered = (REGISTERED + u64::from(number)).to_string();
    let id = format!("c{number:024}");
    let (users, server, by_email) = (
        format!("{name}:users"),
        format!("{name}:server"),
        format!("{email}:email"),
    );
    command(
        out,
        &[
            "HSET",
            &users,
            "username",
            name,
            "email",
            &email,
            "language",
            "en",
            "invitationToken",
            "no-token",
            "id",
            &id,
            "appid",
            "lab",
            "registeredTimestamp",
            &registered,
        ],
    )?;
    command(out, &["SET", &server, core])?;
    command(out, &["SET", &by_email, name])
}

/// One command as Redis reads it from a pipe.
fn command(out: &mut impl Write, words: &[&str]) -> std::io::Result<()> {
    write!(out, "*{}\r\n", words.len())?;
    words
        .iter()
        .try_for_each(|word| write!(out, "${}\r\n{word}\r\n", word.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_arrays_of_strings_with_lengths_in_bytes() {
        let mut out = Vec::new();
        command(&mut out, &["SET", "é"]).unwrap();
        assert_eq!(out, "*2\r\n$3\r\nSET\r\n$2\r\né\r\n".as_bytes());
    }

    #[test]
    fn a_user_is_three_keys() {
        let mut out = Vec::new();
        write_user(&mut out, 7, "seed0000007", "co1.a.test").unwrap();
        let text = String::from_utf8(out).unwrap();
        for key in [
            "seed0000007:users",
            "seed0000007:server",
            "seed0000007@example.test:email",
        ] {
            assert!(text.contains(&format!("\r\n{key}\r\n")), "{key} in {text}");
        }
    }
}
