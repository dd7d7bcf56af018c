use std::path::Path;

use ring::hmac;
use russh::keys::PrivateKey;

use super::*;

fn key(algorithm: Algorithm) -> PublicKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm)
        .unwrap()
        .public_key()
        .clone()
}

fn ed25519() -> PublicKey {
    key(Algorithm::Ed25519)
}

fn ecdsa() -> PublicKey {
    key(Algorithm::Ecdsa {
        curve: russh::keys::EcdsaCurve::NistP256,
    })
}

fn text(key: &PublicKey) -> String {
    key.to_openssh().unwrap()
}

fn hashed(name: &str) -> String {
    let salt = b"0123456789abcdefghij";
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt),
        name.as_bytes(),
    );
    format!("|1|{}|{}", BASE64.encode(salt), BASE64.encode(tag.as_ref()))
}

fn known(content: &str, address: &str, port: u16) -> KnownHosts {
    KnownHosts::parse(Path::new("/etc/known hosts"), content, address, port)
}

#[test]
fn hosts_that_a_line_speaks_of() {
    let k = text(&ed25519());
    let cases: &[(&str, &str, u16, bool)] = &[
        ("example.com", "example.com", 22, true),
        ("example.com", "Example.COM", 22, true),
        ("EXAMPLE.com", "example.com", 22, true),
        ("example.com", "example.org", 22, false),
        ("example.com", "www.example.com", 22, false),
        ("a,example.com,b", "example.com", 22, true),
        ("10.0.0.1,example.com", "10.0.0.1", 22, true),
        ("[example.com]:2222", "example.com", 2222, true),
        ("[example.com]:2222", "example.com", 2223, false),
        ("[example.com]:2222", "example.com", 22, false),
        ("[::1]:2222", "::1", 2222, true),
        ("::1", "::1", 22, true),
        ("*.example.com", "a.example.com", 22, true),
        ("*.example.com", "a.b.example.com", 22, true),
        ("*.example.com", "example.com", 22, false),
        ("host?", "host1", 22, true),
        ("host?", "host", 22, false),
        ("host?", "host12", 22, false),
        ("*", "anything", 22, true),
        ("*", "anything", 2222, true),
        ("[*.example.com]:2222", "a.example.com", 2222, true),
        ("*a*b*", "xxaxxbxx", 22, true),
        ("*a*b*", "xxbxxaxx", 22, false),
        (
            "*.example.com,!secret.example.com",
            "secret.example.com",
            22,
            false,
        ),
        (
            "!secret.example.com,*.example.com",
            "secret.example.com",
            22,
            false,
        ),
        (
            "!secret.example.com,*.example.com",
            "open.example.com",
            22,
            true,
        ),
        ("!secret.example.com", "open.example.com", 22, false),
    ];
    for (hosts, address, port, expected) in cases {
        let found = !known(&format!("{hosts} {k}\n"), address, *port)
            .entries
            .is_empty();
        assert_eq!(found, *expected, "{hosts} for {address} port {port}");
    }
}

#[test]
fn hashed_hosts_are_found() {
    let k = ed25519();
    for (name, address, port, expected) in [
        ("example.com", "example.com", 22, true),
        ("example.com", "EXAMPLE.com", 22, true),
        ("example.com", "example.org", 22, false),
        ("[example.com]:2222", "example.com", 2222, true),
        ("[example.com]:2222", "example.com", 22, false),
    ] {
        let result = known(&format!("{} {}\n", hashed(name), text(&k)), address, port).check(&k);
        assert_eq!(result.is_ok(), expected, "{name} for {address} port {port}");
    }
    assert!(!hashed_matches("no-second-part", "x"));
    assert!(!hashed_matches("!!!|???", "x"));
}

#[test]
fn lines_may_hold_tabs_comments_and_rubbish() {
    let k = ed25519();
    let base = text(&k).replace(' ', "\t");
    let content = format!(
        "# comment\n\n \t \n@unknown h {k}\nh\nh ssh-ed25519\nh ssh-ed25519 !!!\n  h\t{base}\tme@there # x\r\n",
        k = text(&k)
    );
    let file = known(&content, "h", 22);
    assert_eq!(file.entries.len(), 1);
    assert_eq!(file.entries[0].line, 8);
    assert!(file.check(&k).is_ok());
}

#[test]
fn several_keys_of_one_algorithm_are_all_right() {
    let (first, second) = (ed25519(), ed25519());
    let file = known(
        &format!("h {}\nh {}\n", text(&first), text(&second)),
        "h",
        22,
    );
    assert!(file.check(&first).is_ok());
    assert!(file.check(&second).is_ok());
    assert!(matches!(
        file.check(&ed25519()).map_err(|e| *e),
        Err(HostKeyError::Changed { line: 1, .. })
    ));
}

#[test]
fn an_unknown_host_is_told_apart_from_a_changed_one() {
    let (on_record, shown) = (ed25519(), ed25519());
    let unknown = *known(&format!("other {}\n", text(&on_record)), "h", 2222)
        .check(&shown)
        .unwrap_err();
    let message = unknown.to_string();
    assert!(matches!(unknown, HostKeyError::Unknown { .. }));
    assert!(
        message.contains("[h]:2222") && message.contains("/etc/known hosts"),
        "{message}"
    );
    assert!(
        message.contains(&shown.fingerprint(HashAlg::Sha256).to_string()),
        "{message}"
    );
    assert!(
        message.contains("ssh-keyscan -t ed25519 -p 2222 h >> '/etc/known hosts'"),
        "{message}"
    );

    let changed = *known(&format!("# x\nh {}\n", text(&on_record)), "h", 22)
        .check(&shown)
        .unwrap_err();
    let message = changed.to_string();
    assert!(matches!(changed, HostKeyError::Changed { line: 2, .. }));
    assert!(
        message.contains(&on_record.fingerprint(HashAlg::Sha256).to_string()),
        "{message}"
    );
    assert!(
        message.contains("ssh-keygen -R h -f '/etc/known hosts'"),
        "{message}"
    );
}

#[test]
fn another_algorithm_than_on_record_is_a_change() {
    let file = known(&format!("h {}\n", text(&ecdsa())), "h", 22);
    assert!(matches!(
        file.check(&ed25519()).map_err(|e| *e),
        Err(HostKeyError::Changed { .. })
    ));
}

#[test]
fn a_revoked_key_is_refused_even_where_it_is_also_trusted() {
    let k = ed25519();
    let other = ed25519();
    let file = known(
        &format!("h {0}\n@revoked\t* {0}\nh {1}\n", text(&k), text(&other)),
        "h",
        22,
    );
    assert!(matches!(
        file.check(&k).map_err(|e| *e),
        Err(HostKeyError::Revoked { line: 2, .. })
    ));
    assert!(file.check(&other).is_ok());
    let only = known(&format!("@revoked h {}\n", text(&k)), "h", 22);
    assert!(matches!(
        only.check(&other).map_err(|e| *e),
        Err(HostKeyError::Unknown { .. })
    ));
    assert!(only.algorithms().is_empty());
}

#[test]
fn a_certificate_authority_is_said_to_be_unsupported() {
    let (authority, k) = (ed25519(), ed25519());
    let file = known(
        &format!("@cert-authority *.example.com {}\n", text(&authority)),
        "a.example.com",
        22,
    );
    assert!(matches!(
        file.check(&k).map_err(|e| *e),
        Err(HostKeyError::Authority { line: 1, .. })
    ));
    assert!(matches!(
        file.check(&authority).map_err(|e| *e),
        Err(HostKeyError::Authority { .. })
    ));
    let both = known(
        &format!("@cert-authority h {}\nh {}\n", text(&authority), text(&k)),
        "h",
        22,
    );
    assert!(both.check(&k).is_ok());
}

#[test]
fn an_entry_without_port_serves_any_port_but_proves_no_change() {
    let k = ed25519();
    let file = known(&format!("h {}\n", text(&k)), "h", 2222);
    assert!(file.check(&k).is_ok());
    assert!(matches!(
        file.check(&ed25519()).map_err(|e| *e),
        Err(HostKeyError::Unknown { .. })
    ));
    let revoked = known(
        &format!("[h]:2222 {0}\n@revoked h {0}\n", text(&k)),
        "h",
        2222,
    );
    assert!(matches!(
        revoked.check(&k).map_err(|e| *e),
        Err(HostKeyError::Revoked { .. })
    ));
}

#[test]
fn algorithms_on_record_come_in_the_order_of_the_file() {
    let file = known(
        &format!(
            "h {}\nh {}\nother {}\n",
            text(&ecdsa()),
            text(&ed25519()),
            text(&ed25519())
        ),
        "h",
        22,
    );
    let names: Vec<String> = file
        .algorithms()
        .iter()
        .map(|a| a.as_str().to_owned())
        .collect();
    assert_eq!(names, ["ecdsa-sha2-nistp256", "ssh-ed25519"]);
}

#[test]
fn a_missing_file_knows_nobody_and_an_unreadable_one_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let missing = KnownHosts::read(&folder.path().join("none"), "h", 22).unwrap();
    assert!(matches!(
        missing.check(&ed25519()).map_err(|e| *e),
        Err(HostKeyError::Unknown { .. })
    ));
    assert!(matches!(
        KnownHosts::read(folder.path(), "h", 22).map_err(|e| *e),
        Err(HostKeyError::Unreadable { .. })
    ));
}

#[test]
fn it_agrees_with_ssh_keygen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let k = ed25519();
    std::fs::write(
        &path,
        format!(
            "example.com,10.1.2.3 {0}\n[example.org]:2222 {0}\n",
            text(&k)
        ),
    )
    .unwrap();
    let hashing = std::process::Command::new("ssh-keygen")
        .arg("-H")
        .arg("-f")
        .arg(&path)
        .output()
        .unwrap();
    assert!(hashing.status.success());
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("|1|"));
    for (address, port, expected) in [
        ("example.com", 22, true),
        ("10.1.2.3", 22, true),
        ("example.org", 2222, true),
        ("example.net", 22, false),
    ] {
        let file = KnownHosts::read(&path, address, port).unwrap();
        assert_eq!(file.check(&k).is_ok(), expected, "{address}");
    }
}
