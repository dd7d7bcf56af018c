//! Every message, as an operator reads it at 80 columns without colour.

use super::{DEST_LOCAL, FULL, Folder, GENERIC, MINIMAL, MISTAKES, edited};

/// A case: a name, a good configuration, what is replaced in it, and by what.
type Case = (&'static str, &'static str, &'static str, &'static str);

const SYNTAX_AND_TYPES: &[Case] = &[
    (
        "an address without quotes",
        MINIMAL,
        "\"192.0.2.10\"\nid",
        "192.0.2.10\nid",
    ),
    (
        "an unclosed string",
        MINIMAL,
        "\"pryv.example\"\n",
        "\"pryv.example\n",
    ),
    ("a heading that is not closed", MINIMAL, "[proxy]", "[proxy"),
    (
        "a key twice",
        MINIMAL,
        "[proxy]\n",
        "[proxy]\ntrust = \"ca.pem\"\n",
    ),
    (
        "a number for a string",
        MINIMAL,
        "\"192.0.2.10\"\nid",
        "10\nid",
    ),
    (
        "a string for a number",
        FULL,
        "port = 6380",
        "port = \"6380\"",
    ),
    (
        "a string for a flag",
        FULL,
        "foreign_containers = true",
        "foreign_containers = \"yes\"",
    ),
    (
        "a string for a list",
        MINIMAL,
        "[\"198.51.100.53\"]",
        "\"198.51.100.53\"",
    ),
    (
        "a string for a table",
        MINIMAL,
        "[{ name = \"dns1.pryv.example\", addresses = [\"192.0.2.20\"] }]",
        "[\"dns1.pryv.example\"]",
    ),
    (
        "a number in a list",
        FULL,
        "\"mailer\", \"admin\"",
        "\"mailer\", 7",
    ),
    (
        "a value for a section",
        MINIMAL,
        "[proxy]\n",
        "proxy = 1\n[tunnel]\n",
    ),
];

const KEYS: &[Case] = &[
    ("a misspelt key", MINIMAL, "domain =", "domian ="),
    ("a misspelt section", FULL, "[limits]", "[limit]"),
    (
        "a key of another section",
        MINIMAL,
        "[platform]\n",
        "[platform]\nroot = \"/var/pryv\"\n",
    ),
    (
        "a key without a section",
        MINIMAL,
        "[platform]\n",
        "warm_passes = 3\n[platform]\n",
    ),
    (
        "an unknown key",
        MINIMAL,
        "[proxy]\n",
        "[proxy]\ncompression = true\n",
    ),
    (
        "an unknown key of a name server",
        MINIMAL,
        "addresses = [\"192.0.2.20\"] }",
        "addresses = [\"192.0.2.20\"], glue = 1 }",
    ),
    ("a missing key", MINIMAL, "address = \"192.0.2.20\"\n", ""),
    (
        "a missing section",
        MINIMAL,
        "[proxy]\ntrust = \"ca.pem\"\n",
        "",
    ),
    (
        "keys that the generic profile needs",
        GENERIC,
        "register = \"shop\"\nregister_port = 8080\n",
        "",
    ),
    (
        "no key to log in with",
        MINIMAL,
        "address = \"192.0.2.10\"\nidentity = \"id_ed25519\"\n",
        "address = \"192.0.2.10\"\n",
    ),
    (
        "the agent refused and no key",
        DEST_LOCAL,
        "agent = true",
        "agent = false",
    ),
];

const SECRETS: &[Case] = &[
    (
        "a password",
        FULL,
        "password_file = \"redis-password\"",
        "password = \"hunter2\"",
    ),
    (
        "a password in place of a variable",
        DEST_LOCAL,
        "\"REDIS_PASSWORD\"",
        "\"hunter2\"",
    ),
    (
        "two places for the password",
        FULL,
        "password_file = \"redis-password\"",
        "password_file = \"redis-password\"\npassword_env = \"REDIS_PASSWORD\"",
    ),
    (
        "a password file that others can read",
        FULL,
        "\"redis-password\"",
        "\"open-password\"",
    ),
    (
        "a password file without a password",
        FULL,
        "\"redis-password\"",
        "\"empty-password\"",
    ),
];

const FILES: &[Case] = &[
    (
        "a missing identity",
        FULL,
        "\"~/.ssh/id_ed25519\"",
        "\"~/.ssh/id_rsa\"",
    ),
    (
        "a public identity",
        FULL,
        "\"./keys/../id_ed25519\"",
        "\"id_ed25519.pub\"",
    ),
    (
        "an identity that others can read",
        FULL,
        "\"./keys/../id_ed25519\"",
        "\"open-key\"",
    ),
    (
        "an identity that is none",
        FULL,
        "\"./keys/../id_ed25519\"",
        "\"not-a-key\"",
    ),
    (
        "a folder for an identity",
        FULL,
        "\"./keys/../id_ed25519\"",
        "\"keys\"",
    ),
    (
        "another user's home",
        FULL,
        "\"~/.ssh/id_ed25519\"",
        "\"~root/id\"",
    ),
    (
        "missing host keys",
        MINIMAL,
        "address = \"192.0.2.20\"\n",
        "address = \"192.0.2.20\"\nknown_hosts = \"nowhere\"\n",
    ),
    (
        "a trust file that is none",
        MINIMAL,
        "\"ca.pem\"",
        "\"hosts\"",
    ),
    (
        "a trust file with a private key",
        MINIMAL,
        "\"ca.pem\"",
        "\"both.pem\"",
    ),
    ("a damaged trust file", MINIMAL, "\"ca.pem\"", "\"cut.pem\""),
    (
        "a program that is missing",
        FULL,
        "\"./set-nameservers\"",
        "\"./set-ns\"",
    ),
    (
        "a program that is not executable",
        FULL,
        "\"./set-nameservers\"",
        "\"./ca.pem\"",
    ),
    (
        "no program at all",
        FULL,
        "[\"./set-nameservers\", \"dest\"]",
        "[]",
    ),
];

const VALUES: &[Case] = &[
    (
        "a domain with a scheme",
        MINIMAL,
        "domain = \"pryv.example\"",
        "domain = \"https://pryv.example\"",
    ),
    (
        "a domain of one label",
        MINIMAL,
        "domain = \"pryv.example\"",
        "domain = \"pryv\"",
    ),
    (
        "an international domain",
        MINIMAL,
        "domain = \"pryv.example\"",
        "domain = \"prüv.example\"",
    ),
    (
        "a misspelt profile",
        MINIMAL,
        "\"pryv-2019\"",
        "\"pryv-2018\"",
    ),
    ("a strategy of nobody", FULL, "\"copy\"", "\"rsync\""),
    (
        "a public name elsewhere",
        FULL,
        "\"register.pryv.example\"",
        "\"register.example\"",
    ),
    (
        "a name for an address",
        MINIMAL,
        "\"192.0.2.20\"\nid",
        "\"reg2.pryv.example\"\nid",
    ),
    (
        "an address with a port",
        MINIMAL,
        "\"192.0.2.20\"\nid",
        "\"192.0.2.20:22\"\nid",
    ),
    (
        "an address of nobody",
        MINIMAL,
        "\"192.0.2.20\"\nid",
        "\"127.0.0.1\"\nid",
    ),
    (
        "a way that does not exist",
        FULL,
        "reach = \"ssh\"\nhost = \"reg1.internal\"",
        "reach = \"telnet\"\nhost = \"reg1.internal\"",
    ),
    (
        "a host with a user",
        FULL,
        "\"reg1.internal\"",
        "\"root@reg1.internal\"",
    ),
    (
        "a host that ssh would take for an option",
        FULL,
        "\"reg1.internal\"",
        "\"-oProxyCommand=x\"",
    ),
    ("a port out of range", FULL, "port = 2201", "port = 70000"),
    (
        "a user that is none",
        FULL,
        "user = \"operator\"\nidentity = \"./",
        "user = \"the operator\"\nidentity = \"./",
    ),
    (
        "a root that is relative",
        FULL,
        "\"/srv/pryv2\"",
        "\"srv/pryv2\"",
    ),
    ("a root at home", FULL, "\"/srv/pryv2\"", "\"~/pryv\""),
    ("a root that is everything", FULL, "\"/srv/pryv2\"", "\"/\""),
    (
        "a path that is absolute",
        FULL,
        "\"store/redis.conf\"",
        "\"/store/redis.conf\"",
    ),
    (
        "a path that goes up",
        FULL,
        "\"store/redis.conf\"",
        "\"../redis.conf\"",
    ),
    ("a service that is none", FULL, "\"names\"", "\"the names\""),
    (
        "a command that is empty",
        FULL,
        "\"docker-compose -f register.yml stop\"",
        "\" \"",
    ),
    (
        "Redis published to everyone",
        FULL,
        "\"[::1]:16379\"",
        "\"0.0.0.0:6379\"",
    ),
    (
        "Redis published without a port",
        FULL,
        "\"[::1]:16379\"",
        "\"127.0.0.1\"",
    ),
    (
        "an upstream that is none",
        FULL,
        "\"mail_server\"",
        "\"mail_server;\"",
    ),
    (
        "no upstreams",
        FULL,
        "[\"reg_server\", \"mail_server\", \"admin_server\"]",
        "[]",
    ),
    (
        "a tunnel whose name is no host's",
        FULL,
        "\"link\"",
        "\"the_link\"",
    ),
    (
        "a kind of key that does not exist",
        FULL,
        "\"rsa4096\"",
        "\"dsa\"",
    ),
    (
        "a parent's name",
        FULL,
        "\"198.51.100.54:5353\"",
        "\"a.nic.example\"",
    ),
    ("no parents", MINIMAL, "[\"198.51.100.53\"]", "[]"),
    (
        "a parent twice",
        FULL,
        "\"198.51.100.54:5353\"",
        "\"198.51.100.53:53\"",
    ),
    (
        "no name servers",
        MINIMAL,
        "[{ name = \"dns1.pryv.example\", addresses = [\"192.0.2.20\"] }]",
        "[]",
    ),
    (
        "a name server twice",
        FULL,
        "\"DNS2.pryv.example.\"",
        "\"dns1.pryv.example\"",
    ),
    ("glue twice", FULL, "\"192.0.2.9\"", "\"192.0.2.11\""),
    (
        "a name server without glue",
        MINIMAL,
        ", addresses = [\"192.0.2.20\"] }",
        " }",
    ),
    ("a size without a unit", FULL, "\"1 MiB\"", "\"65536\""),
    ("a size that is none", FULL, "\"1 MiB\"", "\"a lot\""),
    ("a duration without a unit", FULL, "\"1h 30m\"", "\"5400\""),
    ("a number for a duration", FULL, "\"1h 30m\"", "5400"),
    ("no quiet period", FULL, "\"1h 30m\"", "\"0s\""),
    ("a part of a second", FULL, "\"1h 30m\"", "\"1500ms\""),
    ("a duration of years", FULL, "\"1h 30m\"", "\"9999d\""),
    ("no passes", FULL, "warm_passes = 3", "warm_passes = 0"),
    (
        "a negative number",
        FULL,
        "verify_sample = 10_000",
        "verify_sample = -1",
    ),
];

const CONTRADICTIONS: &[Case] = &[
    (
        "both machines local",
        DEST_LOCAL,
        "port = 2201\nagent = true\n",
        "reach = \"local\"\n",
    ),
    (
        "one address for both",
        MINIMAL,
        "address = \"192.0.2.20\"",
        "address = \"192.0.2.10\"",
    ),
    (
        "one host for both",
        FULL,
        "host = \"reg2.internal\"\nport = 2202",
        "host = \"reg1.internal\"\nport = 2201",
    ),
    (
        "SSH settings of a local machine",
        DEST_LOCAL,
        "reach = \"local\"\n",
        "reach = \"local\"\nport = 22\n",
    ),
    (
        "a service with two parts",
        FULL,
        "\"mailer\", \"admin\"",
        "\"mailer\", \"store\"",
    ),
    (
        "a default with two parts",
        MINIMAL,
        "[proxy]\n",
        "[stack]\nregister = \"mail\"\n[proxy]\n",
    ),
    (
        "the configuration among the data",
        FULL,
        "\"store/redis.conf\"",
        "\"store/data/redis.conf\"",
    ),
    (
        "an upstream twice",
        FULL,
        "\"mail_server\"",
        "\"reg_server\"",
    ),
    (
        "after the same as before",
        MINIMAL,
        "addresses = [\"192.0.2.20\"]",
        "addresses = [\"192.0.2.10\"]",
    ),
    (
        "after without dest",
        MINIMAL,
        "addresses = [\"192.0.2.20\"]",
        "addresses = [\"192.0.2.30\"]",
    ),
    (
        "before without source",
        MINIMAL,
        "addresses = [\"192.0.2.10\"]",
        "addresses = [\"192.0.2.30\"]",
    ),
    (
        "after with source",
        MINIMAL,
        "addresses = [\"192.0.2.20\"]",
        "addresses = [\"192.0.2.20\", \"192.0.2.10\"]",
    ),
    (
        "a parent that is the domain's own server",
        MINIMAL,
        "\"198.51.100.53\"",
        "\"192.0.2.10\"",
    ),
];

fn catalogue(cases: &[Case]) -> String {
    let folder = Folder::new();
    let mut text = String::new();
    for (name, good, from, to) in cases {
        let message = folder.message(&edited(good, from, to));
        text.push_str(&format!("=== {name}\n{message}\n"));
    }
    text
}

#[test]
fn syntax_and_types() {
    insta::assert_snapshot!(catalogue(SYNTAX_AND_TYPES));
}

#[test]
fn keys() {
    insta::assert_snapshot!(catalogue(KEYS));
}

#[test]
fn secrets() {
    insta::assert_snapshot!(catalogue(SECRETS));
}

#[test]
fn files() {
    insta::assert_snapshot!(catalogue(FILES));
}

#[test]
fn values() {
    insta::assert_snapshot!(catalogue(VALUES));
}

#[test]
fn contradictions() {
    insta::assert_snapshot!(catalogue(CONTRADICTIONS));
}

#[test]
fn all_mistakes_of_a_file_are_reported_together() {
    insta::assert_snapshot!(Folder::new().message(MISTAKES));
}

#[test]
fn a_home_without_host_keys() {
    let folder = Folder::new();
    std::fs::remove_file(folder.path().join("home/.ssh/known_hosts")).unwrap();
    insta::assert_snapshot!(folder.message(MINIMAL));
}

#[test]
fn a_narrow_terminal_still_shows_everything() {
    let report = Folder::new().understand(MISTAKES).unwrap_err();
    let narrow = super::render(&report, 40);
    let unwrapped: String = narrow
        .split_whitespace()
        .filter(|word| *word != "│")
        .collect();
    for problem in &report.problems {
        for part in [problem.to_string(), problem.help.clone()] {
            let part: String = part.split_whitespace().collect();
            assert!(unwrapped.contains(&part), "{part}\n{narrow}");
        }
    }
}
