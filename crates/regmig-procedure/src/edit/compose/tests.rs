use proptest::prelude::*;

use super::{Network, Volume, publish, read, unpublish};
use crate::edit::EditErrorKind::{Drift, Missing, OtherEdit, Request, Syntax, Taken, Unsupported};
use crate::edit::Marker;

const PRYV_2019: &str = include_str!("../../../../../fixtures/config/pryv-2019/reg-master.yml");
const PRYV_1_9: &str = include_str!("../../../../../fixtures/config/pryv-1.9/pryv.yml");
const PORT: &str = "127.0.0.1:6379:6379";

fn marker() -> Marker {
    Marker::new("lab").unwrap()
}

/// Publishes, and checks that the inverse is exact and that twice is once.
fn published(text: &str, service: &str) -> String {
    let edit =
        publish(text, service, PORT, &marker()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(edit.changed, "{text}");
    assert_eq!(unpublish(&edit.after, &marker()).unwrap().after, text);
    assert!(
        !publish(&edit.after, service, PORT, &marker())
            .unwrap()
            .changed
    );
    let facts = read(&edit.after).unwrap();
    assert!(
        facts
            .service(service)
            .unwrap()
            .ports
            .iter()
            .any(|port| port.text == PORT),
        "{}",
        edit.after
    );
    edit.after
}

/// The lines that an edit adds, without the marks' own.
fn added(before: &str, after: &str) -> Vec<String> {
    let mut left: Vec<&str> = before.lines().collect();
    let mut added = Vec::new();
    for line in after.lines().filter(|line| !line.contains("# regmig:")) {
        match left.iter().position(|known| *known == line) {
            Some(index) => drop(left.remove(index)),
            None => added.push(line.to_owned()),
        }
    }
    assert!(left.is_empty(), "lines that are gone: {left:?}");
    added
}

#[test]
fn the_layout_of_june_2019_gets_one_line() {
    let after = published(PRYV_2019, "redis");
    assert_eq!(
        added(PRYV_2019, &after),
        ["      - \"127.0.0.1:6379:6379\""]
    );
    let at = after.find("- \"127").unwrap();
    assert!(after[..at].contains("ports:  # the private address"));
    assert!(
        after[at..].starts_with("- \"127.0.0.1:6379:6379\"\n      - \"PRIVATE_ADDRESS:6379:6379\"")
    );
}

#[test]
fn the_layout_of_1_9_gets_a_block() {
    let after = published(PRYV_1_9, "redis");
    assert_eq!(
        added(PRYV_1_9, &after),
        ["    ports:", "      - \"127.0.0.1:6379:6379\""]
    );
    assert!(after.contains("    #ports:  # only where"));
}

#[test]
fn every_layout_is_published_and_undone() {
    for text in [
        "services:\n  r:\n    image: x\n",
        "services:\n  r:\n    image: x",
        "services:\r\n  r:\r\n    image: x\r\n",
        "services:\n    r: # c\n\n        # d\n        image: x\n",
        "services:\n  r:\n    ports:\n    - \"1:1\"\n",
        "services:\n  r:\n    ports:\n    -   1:1   # c\n    image: x\n",
        "services:\n  r:\n    image: x\n    ports: # none yet\n  s:\n    image: y\n",
        "services:\n  r:\n    image: x\n    ports:",
        "services:\n  r:\n    ports: [\"1:1\"] # c\n    image: x\n",
        "services:\n  r:\n    ports: []\n",
        "services:\n  r:\n    ports: [\n      \"1:1\", # c\n    ]\n",
        "services:\n  r:\n    ports: [\n      \"1:1\" # c, d\n    ]\n",
        "services:\n  r: {image: x}\n",
        "services:\n  r: {image: x, } # c\n",
        "services: {r: {image: x, ports: [\"1:1\"]}, s: {image: y}}\n",
        "services: {r: {image: x}}",
        "services:\n  r:\n    ports:\n      - target: 80\n        published: 8080\n",
        "x-a: &a\n  image: x\nservices:\n  r:\n    <<: *a\n    ports:\n      - 1:1\n",
        "services:\n  \"r\":\n    \"image\": x\n",
        "---\nservices:\n  r:\n    image: x\n",
        "services:\n  r:\n    command: |\n      a: b\n      # c\n    image: x\n",
    ] {
        published(text, "r");
    }
}

#[test]
fn what_is_published_already_is_no_change() {
    for ports in [
        "\"127.0.0.1:6379:6379\"",
        "6379:6379",
        "0.0.0.0:6379:6379/tcp",
        "6000-7000:6000-7000",
    ] {
        let text = format!("services:\n  r:\n    ports:\n      - {ports}\n");
        assert!(
            !publish(&text, "r", PORT, &marker()).unwrap().changed,
            "{ports}"
        );
    }
    let long = "services:\n  r:\n    ports:\n      - target: 6379\n        published: \"6379\"\n        host_ip: 127.0.0.1\n";
    assert!(!publish(long, "r", PORT, &marker()).unwrap().changed);
}

#[test]
fn what_cannot_be_published_is_refused_with_its_line() {
    for (text, kind, line, message) in [
        (
            "services:\n  s:\n    image: x\n  t:\n    image: y\n",
            Missing,
            0,
            "no service `r` (there are: s, t)",
        ),
        (
            "services:\n  r:\n    ports:\n      - \"6379:6380\"\n",
            Taken,
            4,
            "`6379:6380`",
        ),
        (
            "services:\n  r:\n    image: x\n  s:\n    ports: [\"6379:80\"]\n",
            Taken,
            5,
            "service `s`",
        ),
        (
            "services:\n  r:\n    network_mode: host\n",
            Unsupported,
            0,
            "network_mode: host",
        ),
        (
            "x: &a\n  ports: [\"1:1\"]\nservices:\n  r:\n    <<: *a\n",
            Unsupported,
            5,
            "merge key",
        ),
        (
            "services:\n  r: &a\n    image: x\n  s:\n    <<: *a\n",
            Unsupported,
            0,
            "service `s`, which merges in",
        ),
        (
            "x: &a\n  image: x\nservices:\n  r: *a\n",
            Unsupported,
            4,
            "not written out here",
        ),
        (
            "x: &a [\"1:1\"]\nservices:\n  r:\n    ports: *a\n",
            Unsupported,
            4,
            "not a list written out here",
        ),
        (
            "services:\n  r:\n    ports: null\n",
            Unsupported,
            3,
            "not a list written out here",
        ),
        (
            "services:\n  r:\n    image: \"x\n",
            Syntax,
            0,
            "not a compose file",
        ),
        (
            "services:\n  r:\n   image: x\n  - y\n",
            Syntax,
            0,
            "not a compose file",
        ),
        ("services:\n\tr:\n", Syntax, 0, "not a compose file"),
        (
            "services:\n  r:\n    image: x\n    image: y\n",
            Syntax,
            4,
            "not a compose file",
        ),
        ("version: '3'\n", Syntax, 1, "no `services`"),
        ("- a\n", Syntax, 1, "no mapping at the top"),
        ("", Syntax, 1, "not a compose file"),
        (
            "services:\n  r:\n    image: x\n---\nservices:\n",
            Syntax,
            1,
            "more than one document",
        ),
        ("services:\n  r:\n    image: *nobody\n", Syntax, 0, ""),
        ("services: 5\n", Syntax, 1, "`services` without entries"),
        (
            "services:\n  r: text\n",
            Syntax,
            2,
            "service `r` without entries",
        ),
    ] {
        let error = publish(text, "r", PORT, &marker()).unwrap_err();
        assert_eq!(error.kind, kind, "{text}: {error}");
        assert!(error.to_string().contains(message), "{text}: {error}");
        assert!(
            line == 0 || error.at.unwrap().line == line,
            "{text}: {error}"
        );
        assert!(kind != Syntax || error.at.is_some(), "{text}: {error}");
    }
    assert_eq!(
        publish(PRYV_2019, "redis", "6379", &marker())
            .unwrap_err()
            .kind,
        Request
    );
}

#[test]
fn another_port_under_the_same_mark_and_changed_lines_are_said() {
    let after = published(PRYV_2019, "redis");
    assert_eq!(
        publish(&after, "redis", "127.0.0.1:6380:6379", &marker())
            .unwrap_err()
            .kind,
        OtherEdit
    );
    let changed = after.replace("\"127.0.0.1:6379", "\"127.0.0.2:6379");
    assert_eq!(unpublish(&changed, &marker()).unwrap_err().kind, Drift);
    let elsewhere = after.replace("lab/redis:1.3.38", "lab/redis:1.3.39");
    let expected = PRYV_2019.replace("lab/redis:1.3.38", "lab/redis:1.3.39");
    assert_eq!(unpublish(&elsewhere, &marker()).unwrap().after, expected);
    assert!(!unpublish(PRYV_2019, &marker()).unwrap().changed);
}

#[test]
fn two_migrations_do_not_touch_each_other() {
    let other = Marker::new("lab2").unwrap();
    let both = publish(
        &published(PRYV_1_9, "redis"),
        "register",
        "127.0.0.1:9000:9000",
        &other,
    )
    .unwrap()
    .after;
    let left = unpublish(&both, &marker()).unwrap().after;
    assert_eq!(
        read(&left)
            .unwrap()
            .service("register")
            .unwrap()
            .ports
            .len(),
        1
    );
    assert_eq!(unpublish(&left, &other).unwrap().after, PRYV_1_9);
}

#[test]
fn the_facts_of_both_layouts_are_read() {
    let facts = read(PRYV_2019).unwrap();
    let names: Vec<&str> = facts
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert_eq!(names, ["reverse_proxy", "register", "dns", "redis", "mail"]);
    let redis = facts.service("redis").unwrap();
    assert_eq!(redis.image.as_deref(), Some("lab/redis:1.3.38"));
    assert_eq!(
        (redis.restart.as_deref(), redis.container_name.as_deref()),
        (Some("always"), None)
    );
    assert_eq!(redis.networks, ["backend"]);
    assert_eq!(
        redis.volumes[0],
        Volume {
            source: Some("./reg-master/redis/conf/".into()),
            target: "/app/conf/".into(),
            read_only: true
        }
    );
    assert!(!redis.volumes[1].read_only);
    assert_eq!(redis.ports[0].host_ip.as_deref(), Some("PRIVATE_ADDRESS"));
    let dns = facts.service("dns").unwrap();
    assert_eq!(
        (dns.ports[0].host.clone(), dns.ports[0].protocol.as_str()),
        (Some(53..=53), "udp")
    );
    assert_eq!(dns.links, ["redis"]);
    assert_eq!(
        facts.network("backend"),
        Some(&Network {
            key: "backend".into(),
            name: None,
            external: false
        })
    );

    let facts = read(PRYV_1_9).unwrap();
    let redis = facts.service("redis").unwrap();
    assert_eq!(redis.container_name.as_deref(), Some("pryvio_redis"));
    assert_eq!(
        redis.volumes[1].source.as_deref(),
        Some("${PRYV_CONF_ROOT}/pryv/redis/data/")
    );
    assert!(redis.ports.is_empty());
    assert_eq!(
        facts.network("backend").unwrap().name.as_deref(),
        Some("pryv_backend")
    );
}

#[test]
fn long_forms_anchors_and_variables_are_read() {
    let text = "name: p\nx-base: &base\n  restart: always\n  networks: [n]\nservices:\n  r:\n    <<: *base\n    image: ${IMAGE:-a:1}\n    networks: {m: {aliases: [z]}}\n    volumes:\n      - data\n      - ${ROOT:-/a:b}/c:/d:rw,ro\n      - {type: bind, source: /e, target: /f, read_only: true}\n    ports:\n      - {target: 80, published: 8080, host_ip: 127.0.0.1, protocol: udp}\nnetworks:\n  n: {external: true, name: other}\n  m:\n    external:\n      name: third\n  o:\n";
    let facts = read(text).unwrap();
    assert_eq!(facts.name.as_deref(), Some("p"));
    let r = facts.service("r").unwrap();
    assert_eq!(
        (r.restart.as_deref(), r.image.as_deref()),
        (Some("always"), Some("${IMAGE:-a:1}"))
    );
    assert_eq!(r.networks, ["m"]);
    let volume = |source: Option<&str>, target: &str, read_only| Volume {
        source: source.map(str::to_owned),
        target: target.into(),
        read_only,
    };
    assert_eq!(
        r.volumes,
        [
            volume(None, "data", false),
            volume(Some("${ROOT:-/a:b}/c"), "/d", true),
            volume(Some("/e"), "/f", true)
        ]
    );
    assert_eq!(
        (r.ports[0].text.as_str(), r.ports[0].protocol.as_str()),
        ("127.0.0.1:8080:80", "udp")
    );
    assert!(facts.network("n").unwrap().external && facts.network("m").unwrap().external);
    assert_eq!(facts.network("m").unwrap().name.as_deref(), Some("third"));
    assert!(!facts.network("o").unwrap().external);
}

proptest! {
    #[test]
    fn what_is_published_can_be_undone(
        lines in proptest::collection::vec(prop::sample::select(vec![
            "", "# c", "services:", "  r:", "  r: {a: b}", "  r: # c", "  s:", "    image: x", "    image: \"x", "    ports:", "    ports: [1]",
            "      - 1:1", "      - \"2:2\" # c", "    - 3:3", "    ports: [", "    ]", "  r: &a", "    <<: *a", "\tx", "networks:", "  - y",
        ]), 0..12),
        eol in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let text = lines.join(eol);
        if let Ok(edit) = publish(&text, "r", PORT, &marker()) {
            prop_assert_eq!(unpublish(&edit.after, &marker()).unwrap().after, text);
        }
    }

    #[test]
    fn nothing_panics(text in "([a-c:#{}\\[\\]&*<'\"|>-]|services:|  r:| |\n|\r\n|ports:|\t|é){0,40}") {
        let _ = publish(&text, "r", PORT, &marker());
        let _ = (unpublish(&text, &marker()), read(&text));
    }
}
