//! The worlds in which migrations begin.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use regmig_core::facts::DataFolder;
use regmig_core::machine::Machine;
use regmig_procedure::profile::Profile;
use regmig_procedure::spec::{
    Consent, KeyKind, Limits, LiveSpec, MachineSpec, NameServer, NameserversSpec, ProxySpec, Reach,
    RedisSpec, Spec, SshSpec, StackSpec, Strategy, Thresholds, TunnelSpec,
};

use super::clients::{CORE, KNOWN, registration};
use super::effect::{from_compose, service_part};
use super::files::{Content, Data, File, Folder};
use super::machine::Host;
use super::redis::rewritten;
use super::state::State;

/// When every simulated migration begins: 2026-11-22, milliseconds since the epoch.
const BEGIN_MS: i64 = 1_795_305_600_000;

/// How dest is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scene {
    /// The stack is deployed and was never started.
    Fresh,
    /// The stack runs, on data of its own that may be set aside.
    Former,
    /// The same, but stopped.
    Stopped,
    /// As `Fresh`, for strategy `live`.
    LiveFresh,
    /// As `Former`, for strategy `live`.
    LiveFormer,
}

impl Scene {
    pub(crate) const ALL: [Self; 5] = [
        Self::Former,
        Self::Fresh,
        Self::Stopped,
        Self::LiveFresh,
        Self::LiveFormer,
    ];

    /// The strategy by which migrations go in it.
    pub(crate) fn strategy(self) -> Strategy {
        match self {
            Self::Fresh | Self::Former | Self::Stopped => Strategy::Copy,
            Self::LiveFresh | Self::LiveFormer => Strategy::Live,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Former => "former",
            Self::Stopped => "stopped",
            Self::LiveFresh => "live-fresh",
            Self::LiveFormer => "live-former",
        }
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Scene {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|scene| scene.word() == word);
        found.ok_or_else(|| {
            format!(
                "`{word}` is no scene; expected {}",
                Self::ALL.map(Self::word).join(", ")
            )
        })
    }
}

/// As short as can be: it is parsed many times in every run. Restart policies are `always` throughout.
const COMPOSE: &str = "services:
  reverse_proxy:
    image: \"pryv/nginx:lab\"
  register:
    image: \"pryv/register:lab\"
  dns:
    image: \"pryv/dns:lab\"
  redis:
    image: \"pryv/redis:lab\"
  mail:
    image: \"pryv/mail:lab\"
";

const NGINX: &str = "events {
}
http {
    include /app/conf/site.conf;
}
";

const SITE: &str = "upstream register_server {
  server register:9000;
}
upstream mail_server {
  server mail:9000;
}
server {
  listen 443 ssl;
  server_name *.pryv.example;
  location / {
    proxy_pass http://register_server;
  }
  location /sendmail/ {
    proxy_pass http://mail_server;
  }
}
";

const REDIS: &str = "port 6379
dir /app/data
replica-read-only yes
appendonly yes
";

impl Scene {
    /// The world as it is before regmig comes.
    pub(crate) fn state(self, spec: &Arc<Spec>) -> State {
        let mut source = Host::new(Machine::Source, Arc::clone(spec));
        let mut dest = Host::new(Machine::Dest, Arc::clone(spec));
        deploy(&mut source, 0);
        deploy(&mut dest, 1000);
        keys(&mut source);
        source_data(&mut source);
        run(&mut source, true);
        if !matches!(self, Self::Fresh | Self::LiveFresh) {
            let mut data = Data::new();
            for op in registration("former", "co9.pryv.example") {
                data.insert(op.key, op.value.unwrap_or_default());
            }
            put_data(&mut dest, &data);
            // Files that were loaded by another version, or from who knows where, prove less: data are compared key by key then.
            if self == Self::Stopped {
                dest.data_folder = DataFolder::Untold;
            } else {
                dest.redis_version = "7.2.4";
            }
            run(&mut dest, self != Self::Stopped);
        }
        let mut state = State::new(Arc::clone(spec), BEGIN_MS, source, dest);
        state.clients.active = false;
        state.pass(1000);
        state.clients.active = true;
        state
    }
}

fn deploy(host: &mut Host, uid: u32) {
    let spec = Arc::clone(&host.spec);
    let early = BEGIN_MS - 86_400_000;
    for (path, text) in [
        (spec.stack.compose_file.as_str(), COMPOSE),
        (&spec.proxy.nginx_main, NGINX),
        (&spec.proxy.nginx_site, SITE),
        (&spec.redis.conf, REDIS),
    ] {
        let path = host.path(path);
        let folder = path
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned();
        host.disk.make_all(&folder, uid);
        let file = File {
            uid,
            gid: uid,
            mode: 0o640,
            ..File::text(text, early)
        };
        host.disk.files.insert(path.into(), file);
    }
    host.disk.make_all("/root", 0);
}

/// Source already has somebody's key; dest has not even a folder for keys.
fn keys(source: &mut Host) {
    let own = Folder {
        mode: 0o700,
        uid: 0,
        gid: 0,
    };
    source.disk.folders.insert("/root/.ssh".into(), own);
    let file = File {
        mode: 0o600,
        ..File::text("ssh-ed25519 AAAAadmin admin", BEGIN_MS - 5_000)
    };
    source
        .disk
        .files
        .insert("/root/.ssh/authorized_keys".into(), file);
}

fn source_data(source: &mut Host) {
    let mut data = Data::new();
    for user in [KNOWN, "bobby", "carol"] {
        for op in registration(user, CORE) {
            data.insert(op.key, op.value.unwrap_or_default());
        }
    }
    put_data(source, &data);
}

fn put_data(host: &mut Host, data: &Data) {
    let folder = host.data();
    host.disk.make_all(&folder, 999);
    let file = File {
        content: rewritten(data),
        uid: 999,
        gid: 999,
        ..File::text("", BEGIN_MS - 60_000)
    };
    host.disk.files.insert(host.log_path().into(), file.clone());
    let dump = File {
        content: Content::Dump(Arc::new(data.clone())),
        ..file
    };
    host.disk
        .files
        .insert(format!("{folder}/redis_dump.rdb").into(), dump);
}

fn run(host: &mut Host, runs: bool) {
    let spec = Arc::clone(&host.spec);
    let mut services = spec.stack.all();
    services.sort();
    for service in services {
        let name = format!("pryv_{service}_1");
        let part = service_part(COMPOSE, &service);
        let mut container = from_compose(&name, &service, part);
        container.stopped = !runs;
        host.containers.insert(name.clone(), container);
    }
    // Redis first, nginx last, as compose orders them by their links.
    for service in [&spec.stack.redis, &spec.stack.dns, &spec.stack.register]
        .into_iter()
        .chain(&spec.stack.other_writers)
        .chain([&spec.stack.nginx])
    {
        if runs && let Some(name) = host.name_of(service) {
            host.start(&name, BEGIN_MS - 3_600_000);
        }
    }
    if !runs {
        for container in host.containers.values_mut() {
            container.status = super::container::Status::Exited;
        }
    }
}

fn server(address: IpAddr) -> Vec<NameServer> {
    vec![NameServer {
        name: "dns1.pryv.example".to_owned(),
        addresses: vec![address],
    }]
}

/// The spec of every simulated migration: the layout of June 2019.
pub(crate) fn spec(strategy: Strategy) -> Spec {
    let source = IpAddr::from([10, 0, 0, 1]);
    let dest = IpAddr::from([10, 0, 0, 2]);
    let profile = Profile::Pryv2019.defaults();
    let text = |word: Option<&str>| word.unwrap_or_default().to_owned();
    let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let machine = |address: IpAddr| MachineSpec {
        address,
        reach: Reach::Ssh(SshSpec {
            host: address.to_string(),
            port: 22,
            user: "root".to_owned(),
            identity: None,
            agent: false,
            known_hosts: PathBuf::from("known_hosts"),
        }),
        root: "/var/pryv".to_owned(),
    };
    let publish = |what: &str| Some(vec!["publish".to_owned(), what.to_owned()]);
    Spec {
        domain: "pryv.example".to_owned(),
        strategy,
        source: machine(source),
        dest: machine(dest),
        stack: StackSpec {
            profile: "pryv-2019".to_owned(),
            compose_file: text(profile.compose_file),
            start: text(profile.start),
            stop: text(profile.stop),
            stop_is_global: profile.stop_is_global,
            nginx: text(profile.nginx),
            register: text(profile.register),
            register_port: 9000,
            dns: text(profile.dns),
            redis: text(profile.redis),
            other_writers: texts(profile.other_writers),
            register_conf: text(profile.register_conf),
            nginx_access_log: text(profile.nginx_access_log),
        },
        redis: RedisSpec {
            port: 6379,
            published: ([127, 0, 0, 1], 6379).into(),
            password: None,
            data: text(profile.redis_data),
            conf: text(profile.redis_conf),
            user_keys: text(profile.user_keys),
            startup_keys: texts(profile.startup_keys),
        },
        proxy: ProxySpec {
            nginx_main: text(profile.nginx_main),
            nginx_site: text(profile.nginx_site),
            nginx_conf_inside: text(profile.nginx_conf_inside),
            nginx_log_inside: text(profile.nginx_log_inside),
            upstreams: texts(profile.upstreams),
            port: 443,
            public_name: "reg.pryv.example".to_owned(),
            trust: PathBuf::from("ca.pem"),
            trust_sha256: "0".repeat(64),
        },
        tunnel: TunnelSpec {
            image: None,
            name: "regmig-tunnel".to_owned(),
            port: 4567,
            dest_ssh_port: 22,
            source_ssh_port: 22,
            key: KeyKind::Ed25519,
        },
        nameservers: NameserversSpec {
            parents: vec![([10, 0, 0, 53], 53).into(), ([10, 0, 0, 54], 53).into()],
            before: server(source),
            after: server(dest),
            apply: publish("after"),
            restore: publish("before"),
        },
        thresholds: Thresholds {
            warm_bytes: 1,
            warm_passes: 2,
            disk_factor: 3,
            clock_ms: 1000,
            verify_sample: None,
            quiet_s: 20,
        },
        limits: Limits {
            connect_s: 10,
            command_s: 30,
            stop_s: 10,
            healthy_s: 20,
            bulk_s: 60,
            replication_s: 30,
            delegation_s: 60,
        },
        live: (strategy == Strategy::Live).then(LiveSpec::default),
        consent: Consent {
            foreign_containers: true,
            dest_data: true,
        },
    }
}
