//! What an operator writes or keeps on the own machine.

use std::path::Path;

use regmig::config::{self, report::printer};
use regmig_dns::TsigKey;
use regmig_ssh::{HostKeyError, KnownHosts};
use russh::keys::ssh_key::PublicKey;

const HOSTS: &str = include_str!("../given/known_hosts");

/// `regmig.toml`: a spec, or a message that can be shown and has no control character of a terminal in it.
pub fn regmig_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let folder = Path::new("/nonexistent");
    let read = || config::of_text("regmig.toml", text, folder, Some(folder.join("home")));
    match read() {
        Ok(spec) => assert_eq!(read().map(|again| again.digest()).ok(), Some(spec.digest())),
        Err(report) => {
            for width in [20, 100] {
                let mut shown = String::new();
                let rendered = printer(width, false).render_report(&mut shown, &report);
                assert!(rendered.is_ok() && shown.contains("regmig.toml"));
                assert!(!shown.contains('\u{1b}'));
            }
        }
    }
}

/// `known_hosts`: no key is taken for the right one that is not on record, and a revoked one never.
pub fn known_hosts(data: &[u8]) {
    let content = String::from_utf8_lossy(data);
    let keys: Vec<&str> = HOSTS.split("ssh-ed25519 ").skip(1).take(2).collect();
    let keys: Vec<String> = keys
        .iter()
        .filter_map(|rest| rest.lines().next())
        .map(|key| format!("ssh-ed25519 {key}"))
        .collect();
    let check = |content: &str, address: &str, port: u16, key: &str| {
        PublicKey::from_openssh(key).map(|key| {
            KnownHosts::parse(Path::new("known_hosts"), content, address, port).check(&key)
        })
    };
    for key in &keys {
        let base64 = key.split(' ').nth(1).unwrap_or_default();
        for (address, port, name) in [
            ("192.0.2.10", 22, "192.0.2.10"),
            ("mail.register.test", 22, "mail.register.test"),
            ("Source.register.test", 2222, "[source.register.test]:2222"),
        ] {
            let found = check(&content, address, port, key);
            assert!(found.is_ok(), "no key: {key}");
            let Ok(found) = found else { return };
            if found.is_ok() {
                assert!(
                    content.contains(base64.trim_end_matches('=')),
                    "not on record: {key}"
                );
            }
            let revoked = matches!(
                found.map_err(|error| *error),
                Err(HostKeyError::Revoked { .. })
            );
            let with = |line: &str| check(&format!("{content}\n{line}\n"), address, port, key);
            // A line more that names it is believed, unless another one revokes it.
            let added = with(&format!("{name} {key}"));
            assert_eq!(added.is_ok_and(|added| added.is_ok()), !revoked);
            let revoked = with(&format!("@revoked {name} {key}"));
            assert!(revoked.is_ok_and(|found| {
                found.is_err_and(|error| matches!(*error, HostKeyError::Revoked { .. }))
            }));
        }
    }
}

/// A key for updates: read or refused, and no message has the secret in it.
pub fn tsig_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = TsigKey::parse(text, Some("other"));
    let _ = TsigKey::parse(text, None);
    let secret = "c2VjcmV0OiBub3QgdG8gYmUgc2hvd24=";
    for file in [
        format!("key a {{ algorithm hmac-sha256; secret \"{secret}\"; }};\n{text}"),
        format!("{text}\nkey a {{ algorithm hmac-sha256; secret {secret}; }};"),
    ] {
        if let Err(error) = TsigKey::parse(&file, Some("a")) {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
