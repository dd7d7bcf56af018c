//! `[redis]`: the data, and where the password is found.

use std::net::{Ipv4Addr, SocketAddr};

use regmig_procedure::profile::Defaults;
use regmig_procedure::spec::{RedisSpec, SecretSource};

use crate::config::files::Place;
use crate::config::notes::Flaw;
use crate::config::section::{At, Section};
use crate::config::values;

/// Reads the section.
pub(super) fn read(section: &Section<'_>, defaults: &Defaults, place: &Place) -> Option<RedisSpec> {
    let port = section.port("port").or(6379);
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 6379));
    let published = section.text("publish", values::loopback).or(usual);
    let password = password(section, place);
    let data = section.text("data", values::relative);
    let data = section.need(
        "data",
        data.or_maybe(defaults.redis_data.map(str::to_owned)),
    );
    let conf = section.text("conf", values::relative);
    let conf = section.need(
        "conf",
        conf.or_maybe(defaults.redis_conf.map(str::to_owned)),
    );
    let user_keys = section.text("user_keys", values::word);
    let user_keys = section.need(
        "user_keys",
        user_keys.or_maybe(defaults.user_keys.map(str::to_owned)),
    );
    let usual = defaults.startup_keys.iter().map(|key| At {
        value: (*key).to_owned(),
        at: None,
    });
    let startup_keys = section
        .texts("startup_keys", values::word)
        .or(usual.collect());
    if let (Some(data), Some(conf)) = (&data, &conf)
        && (conf.value == data.value || conf.value.starts_with(&format!("{}/", data.value)))
    {
        let labels = [(&data.at, "the data"), (&conf.at, "the configuration")];
        section.notes().add(
            "`redis.conf` is inside `redis.data`",
            labels
                .into_iter()
                .filter_map(|(at, text)| Some((at.clone()?, text.to_owned())))
                .collect(),
            "expected the configuration outside the data folder, which is copied as a whole",
        );
        return None;
    }
    Some(RedisSpec {
        port: port?.value,
        published: published?.value,
        password: password?,
        data: data?.value,
        conf: conf?.value,
        user_keys: user_keys?.value,
        startup_keys: startup_keys?
            .value
            .into_iter()
            .map(|key| key.value)
            .collect(),
    })
}

/// Where the password is found; nothing inside where there is none, nothing at all where it is wrong.
fn password(section: &Section<'_>, place: &Place) -> Option<Option<SecretSource>> {
    let file = section
        .text("password_file", |text| password_file(text, place))
        .optional();
    let variable = section.text("password_env", values::variable).optional();
    if let (Some(one), Some(other)) = (
        section.place("password_file"),
        section.place("password_env"),
    ) {
        section.notes().add(
            "`redis.password_file` and `redis.password_env` are both there",
            vec![(one, "the one".to_owned()), (other, "the other".to_owned())],
            "expected one place where the password is found; remove the other",
        );
        return None;
    }
    match (file?, variable?) {
        (Some(file), _) => Some(Some(SecretSource::File(file.value))),
        (None, Some(variable)) => Some(Some(SecretSource::Env(variable.value))),
        (None, None) => Some(None),
    }
}

fn password_file(text: &str, place: &Place) -> Result<std::path::PathBuf, Flaw> {
    let (path, content) = place.private_file(text)?;
    let first = content
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    if first.is_empty() || std::str::from_utf8(first).is_err() {
        let advice = format!(
            "write the password alone on the first line of {}",
            path.display()
        );
        return Err(Flaw::new(
            "names a file whose first line is not a password",
            advice,
        ));
    }
    Ok(path)
}
