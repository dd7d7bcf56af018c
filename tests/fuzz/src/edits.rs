//! Files of the stack that are edited and must come back byte for byte.

use std::net::{Ipv4Addr, SocketAddr};

use regmig_procedure::edit::nginx::{ProxyPlan, SeenFile};
use regmig_procedure::edit::{
    Edit, EditError, Marker, authorized_keys as keys, compose as yaml, nginx as proxy,
    redis_conf as conf,
};

const MAIN: &str = include_str!("../../../fixtures/config/pryv-2019/nginx/nginx.conf");
const MAPPING: &str = "127.0.0.1:6379:6379";
const KEY: &str =
    "restrict,command=\"/var/pryv/.regmig/pull-gate\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB3n";
const WANTED: [(&str, &str); 2] = [("replicaof", "tunnel 6379"), ("replica-read-only", "no")];

/// An edit and its inverse.
struct Pair<'a> {
    edit: &'a dyn Fn(&str) -> Result<Edit, EditError>,
    undo: &'a dyn Fn(&str) -> Result<Edit, EditError>,
}

/// What holds of every edit; gives the edited text, if it could be edited.
///
/// The inverse is exact, twice is once, and whatever is undone stays so.
fn is_undone_exactly(text: &str, pair: &Pair<'_>) -> Option<String> {
    if let Ok(undone) = (pair.undo)(text) {
        assert_eq!(undone.changed, undone.after != text);
        let again = (pair.undo)(&undone.after);
        assert!(again.is_ok_and(|again| !again.changed), "undone twice");
    }
    let Ok(edit) = (pair.edit)(text) else {
        return None;
    };
    assert_eq!(edit.changed, edit.after != text);
    let again = (pair.edit)(&edit.after);
    assert!(again.is_ok_and(|again| !again.changed), "edited twice");
    if edit.changed {
        let back = (pair.undo)(&edit.after);
        assert!(back.is_ok_and(|back| back.after == text), "not undone");
    }
    Some(edit.after)
}

/// nginx's site file, as the procedure edits it.
pub fn nginx(data: &[u8]) {
    let (Ok(text), Ok(marker)) = (std::str::from_utf8(data), Marker::new("lab")) else {
        return;
    };
    let plan = ProxyPlan {
        file: "nginx/conf/site.conf".to_owned(),
        upstreams: vec!["register_server".to_owned(), "mail_server".to_owned()],
        services: vec!["register".to_owned(), "mail".to_owned()],
        dest: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 2), 443)),
        trusted_certificate: "/app/conf/regmig-dest.pem".to_owned(),
        tls_name: "reg.register.test".to_owned(),
        main: Some(SeenFile {
            path: "nginx/conf/nginx.conf".to_owned(),
            text: MAIN.to_owned(),
        }),
        included: Vec::new(),
        marker,
    };
    let alone = ProxyPlan {
        main: None,
        upstreams: vec!["register_server".to_owned()],
        ..plan.clone()
    };
    for plan in [&plan, &alone] {
        let pair = Pair {
            edit: &|text| proxy::proxy_to(text, plan),
            undo: &|text| proxy::undo(text, &plan.marker),
        };
        if let Some(after) = is_undone_exactly(text, &pair) {
            assert!(
                after.contains("server 192.0.2.2:443"),
                "nothing goes to dest"
            );
        }
    }
}

/// A compose file that gets a port more.
pub fn compose(data: &[u8]) {
    let (Ok(text), Ok(marker)) = (std::str::from_utf8(data), Marker::new("lab")) else {
        return;
    };
    let pair = Pair {
        edit: &|text| yaml::publish(text, "redis", MAPPING, &marker),
        undo: &|text| yaml::unpublish(text, &marker),
    };
    let before = yaml::read(text);
    let Some(after) = is_undone_exactly(text, &pair) else {
        return;
    };
    let after = yaml::read(&after);
    assert!(
        before.is_ok() && after.is_ok(),
        "edited, and cannot be read"
    );
    let (Ok(before), Ok(after)) = (before, after) else {
        return;
    };
    let published = after
        .service("redis")
        .is_some_and(|redis| redis.ports.iter().any(|port| port.text == MAPPING));
    assert!(published, "edited, and not published");
    assert_eq!(
        (&before.name, &before.networks),
        (&after.name, &after.networks)
    );
    assert_eq!(before.services.len(), after.services.len());
    for (was, is) in before.services.iter().zip(&after.services) {
        if was.name == "redis" {
            assert!(was.ports.iter().all(|port| is.ports.contains(port)));
            assert_eq!(
                (&was.image, &was.volumes, &was.networks),
                (&is.image, &is.volumes, &is.networks)
            );
        } else {
            assert_eq!(was, is);
        }
    }
}

/// redis.conf, as it becomes a replica's.
pub fn redis_conf(data: &[u8]) {
    let (Ok(text), Ok(marker)) = (std::str::from_utf8(data), Marker::new("lab")) else {
        return;
    };
    let pair = Pair {
        edit: &|text| conf::set(text, &WANTED, &marker),
        undo: &|text| conf::undo(text, &marker),
    };
    let Some(after) = is_undone_exactly(text, &pair) else {
        return;
    };
    for (name, value) in WANTED {
        let found = conf::get(&after, name).ok().flatten();
        assert!(
            found.is_some_and(|found| found.args.join(" ") == value),
            "{name}"
        );
    }
    for name in ["port", "requirepass", "appendonly", "dir", "save"] {
        let args = |text| conf::get(text, name).ok().flatten().map(|found| found.args);
        assert_eq!(args(text), args(&after), "{name}");
    }
}

/// A file of keys that may log in, with one more.
pub fn authorized_keys(data: &[u8]) {
    let (Ok(text), Ok(marker)) = (std::str::from_utf8(data), Marker::new("lab")) else {
        return;
    };
    let pair = Pair {
        edit: &|text| keys::add(text, KEY, &marker),
        undo: &|text| keys::remove(text, &marker),
    };
    let Some(after) = is_undone_exactly(text, &pair) else {
        return;
    };
    assert!(keys::contains(&after, &marker));
    assert!(
        after.lines().any(|line| line.starts_with(KEY)),
        "the key is no line of its own"
    );
    // Somebody adds a key meanwhile: ours goes, theirs stays.
    let theirs = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA them";
    if !keys::contains(text, &marker) {
        let left = keys::remove(&format!("{after}{theirs}\n"), &marker);
        let left = left.map(|edit| edit.after).unwrap_or_default();
        assert!(left.starts_with(text) && left.lines().any(|line| line == theirs));
        assert!(!keys::contains(&left, &marker));
    }
}
