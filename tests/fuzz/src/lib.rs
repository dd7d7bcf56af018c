//! Properties of everything that reads what regmig did not write.
//!
//! Each is one function from bytes to nothing that fails an assertion where the
//! property does not hold. libFuzzer calls it with what it finds, and the tests of
//! this crate with changed fixtures, so that neither holds a second version.

pub mod answers;
pub mod dns;
pub mod edits;
pub mod journals;
pub mod logs;
pub mod operator;

/// Something that is read, and what must be true of it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of its libFuzzer target.
    pub name: &'static str,
    /// The property; it fails an assertion where it does not hold.
    pub property: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every one of them.
pub const TARGETS: [Target; 16] = [
    target("access_log", logs::access_log, || {
        seeds(&[include_bytes!("../given/access.log")])
    }),
    target("authorized_keys", edits::authorized_keys, || {
        seeds(&[include_bytes!("../given/authorized_keys")])
    }),
    target("compose", edits::compose, || {
        seeds(&[
            include_bytes!("../../../fixtures/config/pryv-2019/reg-master.yml"),
            include_bytes!("../../../fixtures/config/pryv-1.9/pryv.yml"),
            b"services:\n  redis:\n    image: \"redis\"\n    ports: [\"1:1\", '2:2'] # c\n    volumes:\n      - {type: bind, source: a, target: b}\n",
        ])
    }),
    target("compose_version", answers::compose_version, || {
        seeds(&[
            b"docker-compose version 1.29.2, build unknown\ndocker-py version: 5.0.3\n",
            b"Docker Compose version v2.24.5\n",
            b"docker: 'compose' is not a docker command.\nSee 'docker --help'\n",
        ])
    }),
    target("container", answers::container, || {
        seeds(&[include_bytes!("../given/container.json")])
    }),
    target("container_log", logs::container_log, || {
        seeds(&[include_bytes!("../given/container.log")])
    }),
    target("dns_answer", dns::answer, dns::seeds),
    target("info", answers::info, || {
        seeds(&[include_bytes!("../given/info.txt")])
    }),
    target("journal", journals::journal, journals::files),
    target("known_hosts", operator::known_hosts, || {
        seeds(&[include_bytes!("../given/known_hosts")])
    }),
    target("nginx", edits::nginx, || {
        seeds(&[
            include_bytes!("../../../fixtures/config/pryv-2019/nginx/site.conf"),
            include_bytes!("../../../fixtures/config/pryv-1.9/nginx/site.conf"),
            b"upstream register_server { server register:9000; }\nserver { listen 80; location / { proxy_pass http://register_server; } }\n",
        ])
    }),
    target("records", journals::records, journals::bare),
    target("redis_conf", edits::redis_conf, || {
        seeds(&[
            include_bytes!("../../../fixtures/config/pryv-2019/redis/redis.conf"),
            b"# ours\nport 6379\nreplica-read-only yes\nslaveof \"a b\" 1\nsave 900 1\n",
        ])
    }),
    target("regmig_toml", operator::regmig_toml, || {
        seeds(&[
            include_bytes!("../../../fixtures/config/regmig/full.toml"),
            include_bytes!("../../../fixtures/config/regmig/minimal.toml"),
            include_bytes!("../../../fixtures/config/regmig/mistakes.toml"),
        ])
    }),
    target("rsync", answers::rsync, || {
        seeds(&[include_bytes!("../given/rsync.txt")])
    }),
    target("tsig_key", operator::tsig_key, || {
        seeds(&[include_bytes!("../given/tsig.key")])
    }),
];

const fn target(name: &'static str, property: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target {
        name,
        property,
        seeds,
    }
}

fn seeds(files: &[&[u8]]) -> Vec<Vec<u8>> {
    files.iter().map(|file| file.to_vec()).collect()
}
