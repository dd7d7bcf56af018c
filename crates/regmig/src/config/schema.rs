//! Every key of `regmig.toml`, with what is expected of it.
//!
//! The only list of keys there is: unknown keys, messages and the tests of the
//! template all derive from it.

/// One key of one section.
#[derive(Debug)]
pub(super) struct Key {
    /// The section it stands in, for example `source`.
    pub(super) section: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    /// What completes the phrase "expected …".
    pub(super) expected: &'static str,
}

/// The sections of the file, in the order of the template.
pub(super) const SECTIONS: &[&str] = &[
    "platform",
    "source",
    "dest",
    "stack",
    "redis",
    "proxy",
    "tunnel",
    "nameservers",
    "thresholds",
    "limits",
    "consent",
];

/// The section of one entry of `nameservers.before` and `nameservers.after`.
pub(super) const NAME_SERVER: &str = "nameservers entry";

const fn key(section: &'static str, name: &'static str, expected: &'static str) -> Key {
    Key {
        section,
        name,
        expected,
    }
}

/// The keys that `[source]` and `[dest]` have.
const MACHINE: &[(&str, &str)] = &[
    (
        "address",
        "the machine's IP address, such as \"192.0.2.10\"",
    ),
    (
        "reach",
        "\"ssh\", or \"local\" for the machine that regmig runs on",
    ),
    (
        "host",
        "the name or address that SSH connects to, such as \"reg1.pryv.example\"",
    ),
    (
        "port",
        "the TCP port of the machine's sshd, from 1 to 65535, usually 22",
    ),
    (
        "user",
        "the user to log in as, such as \"root\"; anyone else needs `sudo -n`",
    ),
    (
        "identity",
        "the path of a private SSH key, such as \"~/.ssh/id_ed25519\"",
    ),
    ("agent", "true to ask the SSH agent for keys, or false"),
    (
        "known_hosts",
        "the path of the file with the machine's host keys, such as \"~/.ssh/known_hosts\"",
    ),
    (
        "root",
        "the absolute path of the folder with the stack, such as \"/var/pryv\"",
    ),
];

const OTHERS: &[Key] = &[
    key(
        "platform",
        "domain",
        "the platform's domain, such as \"pryv.example\"",
    ),
    key(
        "platform",
        "profile",
        "\"pryv-2019\", \"pryv-1.9\" (which serves 1.6 to 1.9) or \"generic\"",
    ),
    key(
        "platform",
        "public_name",
        "the register's public name, such as \"reg.pryv.example\"",
    ),
    key(
        "platform",
        "strategy",
        "\"copy\", the published procedure, or \"live\", through replication",
    ),
    key(
        "stack",
        "compose_file",
        "a path within the root folder, such as \"reg-master.yml\"",
    ),
    key(
        "stack",
        "start",
        "the command that starts the stack, such as \"./run-reg-master\"",
    ),
    key(
        "stack",
        "stop",
        "the command that stops the stack, such as \"./stop-containers\"",
    ),
    key(
        "stack",
        "stop_is_global",
        "true if `stop` stops every container of the machine, or false",
    ),
    key(
        "stack",
        "nginx",
        "the compose service of nginx, such as \"reverse_proxy\"",
    ),
    key(
        "stack",
        "register",
        "the compose service of the register, such as \"register\"",
    ),
    key(
        "stack",
        "register_port",
        "the register's TCP port inside its container, from 1 to 65535, usually 9000",
    ),
    key(
        "stack",
        "dns",
        "the compose service of the DNS server, such as \"dns\"",
    ),
    key(
        "stack",
        "redis",
        "the compose service of Redis, such as \"redis\"",
    ),
    key(
        "stack",
        "other_writers",
        "a list of compose services, such as [\"mail\"]; it may be empty",
    ),
    key(
        "stack",
        "register_conf",
        "a path within the root folder, such as \"reg-master/register/conf/register.json\"",
    ),
    key(
        "stack",
        "nginx_access_log",
        "a path within the root folder, such as \"reg-master/nginx/log/reg.access.log\"",
    ),
    key(
        "redis",
        "port",
        "the TCP port of Redis inside its container, from 1 to 65535, usually 6379",
    ),
    key(
        "redis",
        "publish",
        "a loopback address and a port, such as \"127.0.0.1:6379\"",
    ),
    key(
        "redis",
        "password_file",
        "the path of a file whose first line is the password",
    ),
    key(
        "redis",
        "password_env",
        "the name of an environment variable in capitals, such as \"REDIS_PASSWORD\"",
    ),
    key(
        "redis",
        "data",
        "a path within the root folder, such as \"reg-master/redis/data\"",
    ),
    key(
        "redis",
        "conf",
        "a path within the root folder, such as \"reg-master/redis/conf/redis.conf\"",
    ),
    key(
        "redis",
        "user_keys",
        "a glob that matches one key per user, such as \"*:users\"",
    ),
    key(
        "redis",
        "startup_keys",
        "a list of globs, such as [\"dbversion\"]; it may be empty",
    ),
    key(
        "proxy",
        "nginx_main",
        "a path within the root folder, such as \"reg-master/nginx/conf/nginx.conf\"",
    ),
    key(
        "proxy",
        "nginx_site",
        "a path within the root folder, such as \"reg-master/nginx/conf/site.conf\"",
    ),
    key(
        "proxy",
        "nginx_conf_inside",
        "an absolute path inside nginx's container, such as \"/app/conf\"",
    ),
    key(
        "proxy",
        "nginx_log_inside",
        "an absolute path inside nginx's container, such as \"/app/log\"",
    ),
    key(
        "proxy",
        "upstreams",
        "a list of nginx upstreams, such as [\"register_server\"]",
    ),
    key(
        "proxy",
        "port",
        "dest's HTTPS port, from 1 to 65535, usually 443",
    ),
    key(
        "proxy",
        "trust",
        "the path of a PEM file with the certificate authority or dest's certificate",
    ),
    key(
        "tunnel",
        "image",
        "a container image with an SSH client, such as \"debian:12\"",
    ),
    key(
        "tunnel",
        "name",
        "a name for the tunnel's container, such as \"regmig-tunnel\"",
    ),
    key(
        "tunnel",
        "port",
        "the TCP port on which the tunnel listens, from 1 to 65535, usually 4567",
    ),
    key(
        "tunnel",
        "dest_ssh_port",
        "the TCP port of dest's sshd as seen from source, from 1 to 65535",
    ),
    key(
        "tunnel",
        "source_ssh_port",
        "the TCP port of source's sshd as seen from dest, from 1 to 65535",
    ),
    key("tunnel", "key", "\"ed25519\" or \"rsa4096\""),
    key(
        "nameservers",
        "parents",
        "a list of the parent zone's servers, such as [\"192.0.2.53\"] or [\"192.0.2.53:53\"]",
    ),
    key(
        "nameservers",
        "before",
        "a list such as [{ name = \"dns1.pryv.example\", addresses = [\"192.0.2.10\"] }]",
    ),
    key(
        "nameservers",
        "after",
        "a list such as [{ name = \"dns1.pryv.example\", addresses = [\"192.0.2.20\"] }]",
    ),
    key(
        "nameservers",
        "apply",
        "a program and its arguments, such as [\"./set-ns\", \"dest\"]",
    ),
    key(
        "nameservers",
        "restore",
        "a program and its arguments, such as [\"./set-ns\", \"source\"]",
    ),
    key(
        "nameservers",
        "allow_other",
        "true if the name servers need not be the two machines, or false",
    ),
    key(
        NAME_SERVER,
        "name",
        "the name server's name, such as \"dns1.pryv.example\"",
    ),
    key(
        NAME_SERVER,
        "addresses",
        "a list of IP addresses, such as [\"192.0.2.20\"]",
    ),
    key("thresholds", "warm_below", "a size, such as \"64 KiB\""),
    key("thresholds", "warm_passes", "a whole number from 1 to 1000"),
    key("thresholds", "disk_factor", "a whole number from 1 to 100"),
    key(
        "thresholds",
        "clock",
        "a duration, such as \"2s\" or \"500ms\"",
    ),
    key(
        "thresholds",
        "verify_sample",
        "a whole number of users, 1 or more; without the key every user is compared",
    ),
    key(
        "thresholds",
        "quiet",
        "a duration in whole seconds, such as \"24h\"",
    ),
    key(
        "limits",
        "connect",
        "a duration in whole seconds, such as \"10s\"",
    ),
    key(
        "limits",
        "command",
        "a duration in whole seconds, such as \"1m\"",
    ),
    key(
        "limits",
        "stop",
        "a duration in whole seconds, such as \"30s\"",
    ),
    key(
        "limits",
        "healthy",
        "a duration in whole seconds, such as \"10m\"",
    ),
    key(
        "limits",
        "bulk",
        "a duration in whole seconds, such as \"6h\"",
    ),
    key(
        "limits",
        "replication",
        "a duration in whole seconds, such as \"1h\"",
    ),
    key(
        "limits",
        "delegation",
        "a duration in whole seconds, such as \"24h\"",
    ),
    key(
        "limits",
        "drain",
        "a duration in whole seconds, such as \"5s\"; strategy \"live\" alone uses it",
    ),
    key(
        "limits",
        "way_out",
        "a duration in whole seconds, such as \"10s\"; strategy \"live\" alone uses it",
    ),
    key("consent", "foreign_containers", "true or false"),
    key("consent", "dest_data", "true or false"),
];

/// Every key of every section.
pub(super) fn keys() -> impl Iterator<Item = Key> {
    let machines = ["source", "dest"].into_iter().flat_map(|section| {
        MACHINE
            .iter()
            .map(move |(name, expected)| key(section, name, expected))
    });
    machines.chain(OTHERS.iter().map(|k| key(k.section, k.name, k.expected)))
}

/// The names of the keys of one section.
pub(super) fn names(section: &str) -> Vec<&'static str> {
    keys()
        .filter(|key| key.section == section)
        .map(|key| key.name)
        .collect()
}

/// What is expected of a key.
pub(super) fn expected(section: &str, name: &str) -> &'static str {
    keys()
        .find(|key| key.section == section && key.name == name)
        .map_or("a value", |key| key.expected)
}
