//! The configuration that `regmig init` writes.

use std::fs;

use regmig_procedure::profile::Profile;

use super::{Folder, render};
use crate::config::notes::PLACEHOLDER;
use crate::config::report::Problem;
use crate::config::schema::{NAME_SERVER, keys};
use crate::config::template::{InitError, init, template};

/// What an operator would write in place of each placeholder.
const ANSWERS: &[(&str, &str)] = &[
    ("FILL_IN_DOMAIN", "pryv.example"),
    ("FILL_IN_SOURCE_ADDRESS", "192.0.2.10"),
    ("FILL_IN_DEST_ADDRESS", "192.0.2.20"),
    ("FILL_IN_PARENT_ADDRESS", "198.51.100.53"),
    ("FILL_IN_TRUST_FILE", "ca.pem"),
    ("FILL_IN_PUBLIC_NAME", "reg.pryv.example"),
    ("FILL_IN_ROOT", "/opt/stack"),
    ("FILL_IN_START", "docker compose up -d"),
    ("FILL_IN_STOP", "docker compose stop"),
    ("\"FILL_IN_REGISTER_PORT\"", "9000"),
    ("FILL_IN_REGISTER_CONF", "register.json"),
    ("FILL_IN_REGISTER", "register"),
    ("FILL_IN_DNS", "dns"),
    ("FILL_IN_NGINX_ACCESS_LOG", "nginx/access.log"),
    ("FILL_IN_NGINX_MAIN", "nginx/nginx.conf"),
    ("FILL_IN_NGINX_SITE", "nginx/site.conf"),
    ("FILL_IN_DATA", "redis/data"),
    ("FILL_IN_CONF", "redis/redis.conf"),
    ("FILL_IN_USER_KEYS", "*:users"),
    ("FILL_IN_UPSTREAMS", "register"),
];

fn answered(profile: Profile) -> String {
    let mut text = template(profile);
    for (placeholder, answer) in ANSWERS {
        text = text.replace(placeholder, answer);
    }
    text
}

/// Makes every commented setting a setting.
fn uncommented(text: &str) -> String {
    text.lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| !key.contains(' ')) =>
            {
                rest
            }
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn it_loads_once_the_placeholders_are_filled_in() {
    let folder = Folder::new();
    for profile in Profile::ALL {
        let text = answered(profile);
        let settings = text.lines().filter(|line| !line.starts_with('#'));
        let open: Vec<_> = settings.filter(|line| line.contains(PLACEHOLDER)).collect();
        assert_eq!(open, Vec::<&str>::new());
        assert_eq!(folder.spec(&text).stack.profile, profile.as_str());
    }
}

#[test]
fn as_it_stands_it_names_every_placeholder() {
    let folder = Folder::new();
    insta::assert_snapshot!(folder.message(&template(Profile::Pryv2019)));
    for profile in Profile::ALL {
        let text = template(profile);
        let report = folder.understand(&text).unwrap_err();
        for problem in &report.problems {
            assert!(
                problem.to_string().contains(PLACEHOLDER),
                "{}",
                render(&report, 80)
            );
        }
        let settings = text.lines().filter(|line| !line.starts_with('#'));
        let words =
            settings.flat_map(|line| line.split(|c: char| !c.is_ascii_uppercase() && c != '_'));
        for word in words.filter(|word| word.starts_with(PLACEHOLDER)) {
            let named = |p: &Problem| p.to_string().contains(&format!("{word} "));
            assert!(report.problems.iter().any(named), "{word}");
        }
    }
}

#[test]
fn its_commented_settings_are_the_defaults() {
    let folder = Folder::new();
    for profile in Profile::ALL {
        let plain = folder.spec(&answered(profile));
        let mut text = uncommented(&answered(profile));
        // Examples, not defaults.
        for example in [
            "host",
            "password_file",
            "password_env",
            "image",
            "apply",
            "restore",
            "verify_sample",
        ] {
            text = text
                .lines()
                .filter(|line| !line.starts_with(&format!("{example} =")))
                .map(|line| format!("{line}\n"))
                .collect();
        }
        assert_eq!(plain.differences(&folder.spec(&text)), [], "{profile}");
    }
}

#[test]
fn it_has_every_key_and_no_other() {
    for profile in Profile::ALL {
        let text = uncommented(&template(profile));
        let document: toml::Table = text.parse().unwrap();
        for key in keys().filter(|key| key.section != NAME_SERVER) {
            assert!(
                document[key.section].get(key.name).is_some(),
                "{}.{}",
                key.section,
                key.name
            );
        }
        let count: usize = document
            .values()
            .map(|table| table.as_table().unwrap().len())
            .sum();
        assert_eq!(
            count,
            keys().filter(|key| key.section != NAME_SERVER).count()
        );
        assert!(!text.contains("#@"), "{text}");
    }
}

#[test]
fn it_never_replaces_a_file() {
    let folder = Folder::new();
    let path = folder.path().join("regmig.toml");
    init(&path, Profile::Pryv19).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        template(Profile::Pryv19)
    );
    fs::write(&path, "mine").unwrap();
    assert!(matches!(
        init(&path, Profile::Pryv19),
        Err(InitError::Exists { .. })
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    let nowhere = folder.path().join("none/regmig.toml");
    assert!(matches!(
        init(&nowhere, Profile::Pryv19),
        Err(InitError::Unwritable { .. })
    ));
}
