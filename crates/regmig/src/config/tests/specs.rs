//! What good configurations come to.

use std::fs;

use regmig_procedure::spec::{KeyKind, LiveSpec, Reach, SecretSource, Spec, Strategy};

use super::{DEST_LOCAL, FULL, Folder, GENERIC, MINIMAL, edited};
use crate::config::load;

/// A spec as JSON, with the folder's name replaced.
fn json(folder: &Folder, spec: &Spec) -> String {
    let json = serde_json::to_string_pretty(spec).unwrap();
    json.replace(&folder.path().display().to_string(), "/etc/regmig")
}

#[test]
fn defaults_are_filled_in() {
    let folder = Folder::new();
    insta::assert_snapshot!(json(&folder, &folder.spec(MINIMAL)));
}

#[test]
fn every_key_has_its_effect() {
    let folder = Folder::new();
    insta::assert_snapshot!(json(&folder, &folder.spec(FULL)));
}

#[test]
fn what_live_needs_is_there_with_live_alone() {
    let folder = Folder::new();
    assert_eq!(folder.spec(FULL).live, None);
    let spec = folder.spec(&edited(FULL, "\"copy\"", "\"live\""));
    assert_eq!(spec.strategy, Strategy::Live);
    let (drain_s, way_out_s) = (4, 20);
    assert_eq!(spec.live, Some(LiveSpec { drain_s, way_out_s }));
}

#[test]
fn a_local_machine_needs_sudo_unless_regmig_is_root() {
    let folder = Folder::new();
    let spec = folder.spec(DEST_LOCAL);
    assert_eq!(spec.dest.reach, Reach::Local { sudo: true });
    assert_eq!(
        spec.redis.password,
        Some(SecretSource::Env("REDIS_PASSWORD".into()))
    );
    assert_eq!(
        (spec.tunnel.source_ssh_port, spec.tunnel.dest_ssh_port),
        (2201, 22)
    );
    assert_eq!(spec.tunnel.key, KeyKind::Ed25519);
    let mut around = folder.around();
    around.root = true;
    let spec = crate::config::understand("regmig.toml", DEST_LOCAL, &around).unwrap();
    assert_eq!(spec.dest.reach, Reach::Local { sudo: false });
}

#[test]
fn the_generic_profile_serves_another_service() {
    let spec = Folder::new().spec(GENERIC);
    assert_eq!(spec.stack.profile, "generic");
    assert_eq!(spec.stack.compose_file, "docker-compose.yml");
    assert_eq!(spec.proxy.public_name, "shop.example");
    assert_eq!(spec.redis.startup_keys, Vec::<String>::new());
}

#[test]
fn other_servers_are_allowed_when_asked_for() {
    let text = edited(
        MINIMAL,
        "addresses = [\"192.0.2.20\"]",
        "addresses = [\"192.0.2.30\"]",
    );
    let folder = Folder::new();
    assert!(folder.understand(&text).is_err());
    let text = edited(
        &text,
        "[nameservers]\n",
        "[nameservers]\nallow_other = true\n",
    );
    assert_eq!(folder.spec(&text).nameservers.after[0].addresses.len(), 1);
}

#[test]
fn the_digest_depends_on_meaning_alone() {
    let folder = Folder::new();
    let digest = folder.spec(MINIMAL).digest();
    let identity = "address = \"192.0.2.10\"\nidentity = \"id_ed25519\"";
    let same = [
        MINIMAL
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\r\n"),
        MINIMAL
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect::<Vec<_>>()
            .join("\n"),
        format!("{MINIMAL}\n[limits] # the default\nconnect = \"10s\"\n"),
        edited(
            MINIMAL,
            identity,
            "identity = \"id_ed25519\" # mine\naddress = \"192.0.2.10\"",
        ),
        edited(
            MINIMAL,
            identity,
            "address = '192.0.2.10'\nidentity = \"./id_ed25519\"\nport = 0x16",
        ),
        edited(
            MINIMAL,
            "domain = \"pryv.example\"",
            "domain = \"PRYV.example.\"",
        ),
        edited(MINIMAL, "\"198.51.100.53\"", "\"198.51.100.53:53\""),
    ];
    for text in &same {
        assert_eq!(folder.spec(text).digest(), digest, "{text}");
    }
    let other = [
        format!("{MINIMAL}\n[limits]\nconnect = \"11s\"\n"),
        edited(MINIMAL, "\"198.51.100.53\"", "\"198.51.100.53:54\""),
        edited(MINIMAL, identity, &format!("{identity}\nagent = true")),
    ];
    for text in &other {
        assert_ne!(folder.spec(text).digest(), digest, "{text}");
    }
}

#[test]
fn the_order_of_name_servers_means_nothing() {
    let folder = Folder::new();
    let swapped = edited(
        &edited(
            FULL,
            "\"DNS2.pryv.example.\", addresses = [\"192.0.2.11\", \"192.0.2.9\"]",
            "\"x\"",
        ),
        "{ name = \"x\" },\n  { name = \"dns1.pryv.example\", addresses = [\"192.0.2.10\"] },",
        "{ name = \"dns1.pryv.example\", addresses = [\"192.0.2.10\"] },\n  \
         { name = \"dns2.pryv.example\", addresses = [\"192.0.2.9\", \"192.0.2.11\"] },",
    );
    assert_eq!(folder.spec(&swapped).digest(), folder.spec(FULL).digest());
}

#[test]
fn another_certificate_is_another_spec() {
    let folder = Folder::new();
    let first = folder.spec(MINIMAL);
    folder.write("ca.pem", &format!("renewed\n{}", super::CERTIFICATE), 0o644);
    let second = folder.spec(MINIMAL);
    let changed: Vec<_> = first
        .differences(&second)
        .into_iter()
        .map(|(path, ..)| path)
        .collect();
    assert_eq!(changed, ["proxy.trust_sha256"]);
}

#[test]
fn differences_name_the_leaves() {
    let folder = Folder::new();
    let changed = edited(
        MINIMAL,
        "address = \"192.0.2.20\"\n",
        "address = \"192.0.2.20\"\nport = 2222\n",
    );
    let changed = format!("{changed}\n[thresholds]\nquiet = \"1h\"\nverify_sample = 9\n");
    let found = folder.spec(MINIMAL).differences(&folder.spec(&changed));
    let found: Vec<_> = found
        .iter()
        .map(|(p, a, b)| (p.as_str(), a.as_str(), b.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("dest.reach.ssh.port", "22", "2222"),
            ("thresholds.quiet_s", "86400", "3600"),
            ("thresholds.verify_sample", "null", "9"),
            ("tunnel.dest_ssh_port", "22", "2222"),
        ]
    );
}

#[test]
fn a_file_is_loaded_the_same_from_anywhere() {
    let folder = Folder::new();
    folder.write("regmig.toml", MINIMAL, 0o644);
    let home = folder.path().join("home").display().to_string();
    let env = |name: &str| (name == "HOME").then(|| home.clone());
    let straight = load(&folder.path().join("regmig.toml"), &env).unwrap();
    let round = load(&folder.path().join("home/../keys/../regmig.toml"), &env).unwrap();
    assert_eq!(straight.spec.digest(), round.spec.digest());
    assert_eq!(straight.path, round.path);
    assert!(straight.path.is_absolute() && straight.spec.proxy.trust.is_absolute());
}

#[test]
fn what_is_no_configuration_is_named() {
    let folder = Folder::new();
    fs::write(
        folder.path().join("bytes"),
        b"[platform]\ndomain = \"\xff\"\n",
    )
    .unwrap();
    fs::write(folder.path().join("huge"), vec![b'#'; (1 << 20) + 1]).unwrap();
    for (name, message, help) in [
        ("absent.toml", "does not exist", "regmig init"),
        ("none/regmig.toml", "does not exist", "regmig init"),
        ("keys", "cannot be read", "directory"),
        ("bytes", "is not a text file in UTF-8", "line 2"),
        ("huge", "is not a configuration", "1 MiB"),
    ] {
        let report = load(&folder.path().join(name), &|_| None).unwrap_err();
        assert!(report.to_string().ends_with(message), "{report}");
        assert!(
            report
                .help
                .as_deref()
                .is_some_and(|text| text.contains(help)),
            "{report:?}"
        );
    }
}
