//! The commented configuration that `regmig init` writes.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use regmig_procedure::profile::{Defaults, Profile};

use super::notes::PLACEHOLDER;

/// Lines that begin with this name a key whose default depends on the profile.
const MARK: &str = "#@ ";

const TEMPLATE: &str = include_str!("template.toml");

/// Why no configuration was written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum InitError {
    /// Something is there already.
    #[error("{} exists already and has been left as it is", path.display())]
    #[diagnostic(help("edit it, or name another file"))]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("{} could not be written", path.display())]
    #[diagnostic(help("expected a folder that exists and that you may write to"))]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A commented configuration for a profile.
///
/// What only the operator can know stands in it as words that begin with
/// `FILL_IN_`; loading it as it stands names each of them.
pub(super) fn template(profile: Profile) -> String {
    let mut text = String::new();
    for line in TEMPLATE.lines() {
        match line.strip_prefix(MARK) {
            Some(key) => text.push_str(&default_line(key.trim(), profile).unwrap_or_default()),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// Writes the template where no file is yet, and makes sure that it is on disk.
///
/// # Errors
///
/// An `Exists` if there is something at `path`, which is left alone;
/// an `Unwritable` if the system refuses.
pub fn init(path: &Path, profile: Profile) -> Result<(), InitError> {
    let unwritable = |source| InitError::Unwritable {
        path: path.to_path_buf(),
        source,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => InitError::Exists {
                path: path.to_path_buf(),
            },
            _ => unwritable(error),
        })?;
    file.write_all(template(profile).as_bytes())
        .map_err(unwritable)?;
    file.sync_all().map_err(unwritable)
}

/// A key with the profile's default as a comment, or with a placeholder where there is none.
fn default_line(key: &str, profile: Profile) -> Option<String> {
    let name = key.rsplit('.').next().unwrap_or(key);
    let placeholder = format!("{PLACEHOLDER}{}", name.to_uppercase());
    Some(match default(key, profile)? {
        Value::Text(Some(value)) => format!("# {name} = {value:?}"),
        Value::Text(None) => format!("{name} = {placeholder:?}"),
        Value::Number(Some(value)) => format!("# {name} = {value}"),
        Value::Number(None) => format!("{name} = {placeholder:?}"),
        Value::Flag(value) => format!("# {name} = {value}"),
        Value::List(values) => format!("# {name} = {values:?}"),
        Value::NeededList([]) => format!("{name} = [{placeholder:?}]"),
        Value::NeededList(values) => format!("# {name} = {values:?}"),
        Value::Chosen(value) => format!("{name} = {value:?}"),
    })
}

/// A default as the template shows it.
enum Value {
    Text(Option<String>),
    Number(Option<u16>),
    Flag(bool),
    List(&'static [&'static str]),
    /// A list that must not be empty.
    NeededList(&'static [&'static str]),
    /// Not a default: what the template was asked for.
    Chosen(&'static str),
}

/// The default of a key that the template marks; nothing for a key that it must not mark.
fn default(key: &str, profile: Profile) -> Option<Value> {
    let d: &Defaults = profile.defaults();
    let text = |value: Option<&str>| Value::Text(value.map(str::to_owned));
    Some(match key {
        "platform.profile" => Value::Chosen(profile.as_str()),
        "platform.public_name" => Value::Text(
            d.public_label
                .map(|label| format!("{label}.{PLACEHOLDER}DOMAIN")),
        ),
        "source.root" | "dest.root" => text(d.root),
        "stack.compose_file" => text(d.compose_file),
        "stack.start" => text(d.start),
        "stack.stop" => text(d.stop),
        "stack.stop_is_global" => Value::Flag(d.stop_is_global),
        "stack.nginx" => text(d.nginx),
        "stack.register" => text(d.register),
        "stack.register_port" => Value::Number(d.register_port),
        "stack.dns" => text(d.dns),
        "stack.redis" => text(d.redis),
        "stack.other_writers" => Value::List(d.other_writers),
        "stack.register_conf" => text(d.register_conf),
        "stack.nginx_access_log" => text(d.nginx_access_log),
        "redis.data" => text(d.redis_data),
        "redis.conf" => text(d.redis_conf),
        "redis.user_keys" => text(d.user_keys),
        "redis.startup_keys" => Value::List(d.startup_keys),
        "proxy.nginx_main" => text(d.nginx_main),
        "proxy.nginx_site" => text(d.nginx_site),
        "proxy.nginx_conf_inside" => text(d.nginx_conf_inside),
        "proxy.nginx_log_inside" => text(d.nginx_log_inside),
        "proxy.upstreams" => Value::NeededList(d.upstreams),
        _ => return None,
    })
}
