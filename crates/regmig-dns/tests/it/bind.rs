//! A real BIND on a port of loopback, started by a test and ended by it.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use regmig_dns::{Kind, Limits, TsigKey, ask};
use tempfile::TempDir;

pub(crate) const KEY: &str = "key \"move\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiByZWdtaWctZG5z\";\n};\n";

/// The parent of `plat.example`, which it delegates to two servers, one of them with glue of both families.
const ZONE: &str = r#"$TTL 3600
@ IN SOA ns.example. admin.example. 7 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
@ IN MX 10 mail
www IN CNAME web.elsewhere.net.
six IN AAAA 2001:db8::1
plat 1800 IN NS ns1.plat
plat 1800 IN NS ns2.elsewhere.net.
ns1.plat 1800 IN A 192.0.2.1
ns1.plat 1800 IN AAAA 2001:db8::53
"#;

const CHILD: &str = "$TTL 60
@ IN SOA ns.child.example. admin.example. 1 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.9
";

pub(crate) struct Bind {
    child: Child,
    pub(crate) address: SocketAddr,
    _dir: TempDir,
}

impl Bind {
    pub(crate) async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let port = free_port();
        write_files(dir.path(), port);
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new("/usr/sbin/named")
            .args(["-g", "-n", "1", "-c"])
            .arg(dir.path().join("named.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("BIND is missing: install the package `bind9` (and disable its own service)");
        let address = ([127, 0, 0, 1], port).into();
        let mut bind = Self {
            child,
            address,
            _dir: dir,
        };
        bind.wait().await;
        bind
    }

    async fn wait(&mut self) {
        let limits = Limits {
            answer: Duration::from_millis(100),
            attempts: 1,
        };
        let end = Instant::now() + Duration::from_secs(10);
        while ask(self.address, "example", Kind::Soa, &limits)
            .await
            .is_err()
        {
            let log = std::fs::read_to_string(self._dir.path().join("log")).unwrap();
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "named has ended:\n{log}"
            );
            assert!(Instant::now() < end, "named did not answer in 10 s:\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn key() -> TsigKey {
        TsigKey::parse(KEY, None).unwrap()
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free for UDP and TCP.
fn free_port() -> u16 {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        if TcpListener::bind(address).is_ok() {
            return address.port();
        }
    }
}

fn write_files(dir: &Path, port: u16) {
    let mut zone = ZONE.to_owned();
    for index in 0..60 {
        writeln!(zone, "large IN TXT \"{index:03} {}\"", "x".repeat(60)).unwrap();
    }
    std::fs::write(dir.join("example.zone"), zone).unwrap();
    std::fs::write(dir.join("child.zone"), CHILD).unwrap();
    let at = dir.display();
    let config = format!(
        r#"{KEY}
options {{
  directory "{at}";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile "{at}/session.key";
  recursion no;
  dnssec-validation no;
  allow-query {{ 127.0.0.1; }};
}};
controls {{ }};
zone "example" {{ type primary; file "{at}/example.zone"; allow-update {{ key "move"; }}; }};
zone "child.example" {{ type primary; file "{at}/child.zone"; }};
"#
    );
    std::fs::write(dir.join("named.conf"), config).unwrap();
}
