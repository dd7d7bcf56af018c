#![allow(warnings, clippy::all)]
use std::time::{Duration, Instant};
use futures::StreamExt;
use regmig_docker::*;
use regmig_ssh::{Host, HostSpec, Limits, SshSpec, Transport, Command};

fn host(user: &str, address: &str) -> Host {
    let lab = std::env::var("LAB").unwrap();
    Host::new(HostSpec { label: format!("{user}@source"), transport: Transport::Ssh(SshSpec { address: address.into(), port: 22, user: user.into(),
        identity: Some(format!("{lab}/id_ed25519").into()), use_agent: false, known_hosts: format!("{lab}/known_hosts").into() }), sudo: user != "root" }, Limits::default())
}
fn sh(s: &str) { println!("$ {s}"); let o = std::process::Command::new("sh").arg("-c").arg(s).output().unwrap(); println!("{}{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr)); }
fn dk(h: &Host) -> Docker { let h = h.clone(); Docker::new(h.label().to_owned(), DockerLimits::default(), move || { let h = h.clone(); async move { h.open_docker().await } }) }
fn show<T: std::fmt::Debug>(w: &str, b: Instant, r: Result<T, regmig_core::port::PortError>) { match r { Ok(v) => println!("{w}: ok {:?} {:?}", b.elapsed(), v), Err(e) => println!("{w}: {} {:?}\n    {}", match &e { regmig_core::port::PortError::NotSent{..} => "NotSent", regmig_core::port::PortError::Refused{..} => "Refused", _ => "UNKNOWN" }, b.elapsed(), e.chain().join("\n    ")) } }

#[tokio::test]
async fn lab() {
    let address = std::env::var("ADDR").unwrap();
    let m = std::env::var("MACHINE").unwrap();
    let (r, o) = (host("root", &address), host("ops", &address));
    let (dr, d_o) = (dk(&r), dk(&o));
    for d in [&dr, &d_o] { let b = Instant::now(); show("version", b, d.version().await.map(|v| v.version)); }
    // restart of docker under calls
    let asking = { let (dr, d_o) = (dr.clone(), d_o.clone()); tokio::spawn(async move { for i in 0..60 { for d in [&dr, &d_o] { let b = Instant::now(); let x = d.container("pryv_redis_1").await; if x.is_err() || b.elapsed() > Duration::from_millis(500) { show("container during restart", b, x.map(|c| c.map(|c| c.state))); } } tokio::time::sleep(Duration::from_millis(200)).await; } }) };
    sh(&format!("docker exec {m} service docker restart"));
    asking.await.unwrap();
    for d in [&dr, &d_o] { let b = Instant::now(); show("after restart", b, d.version().await.map(|v| v.version)); }
    sh(&format!("docker exec {m} service docker stop; sleep 1"));
    for d in [&dr, &d_o] { let b = Instant::now(); show("stopped: version", b, d.version().await.map(|v| v.version)); let b = Instant::now(); show("stopped: stop", b, d.stop("pryv_mail_1", Duration::from_secs(1)).await); }
    sh(&format!("docker exec {m} sh -c 'ls -la /var/run/docker.sock; rm -f /var/run/docker.sock'"));
    for d in [&dr, &d_o] { let b = Instant::now(); show("no socket: version", b, d.version().await.map(|v| v.version)); }
    sh(&format!("docker exec {m} sh -c 'mv /usr/bin/docker /usr/bin/docker.away 2>/dev/null || mv $(command -v docker) /tmp/; service docker start'; sleep 3"));
    for d in [&dr, &d_o] { let b = Instant::now(); show("no cli: version", b, d.version().await.map(|v| v.version)); }
    sh(&format!("docker exec {m} sh -c 'mv /usr/bin/docker.away /usr/bin/docker'"));
    for d in [&dr, &d_o] { let b = Instant::now(); show("back: version", b, d.version().await.map(|v| v.version)); }
    // ssh restart: existing connections live on
    sh(&format!("docker exec {m} service ssh restart"));
    for d in [&dr, &d_o] { let b = Instant::now(); show("ssh restarted: version", b, d.version().await.map(|v| v.version)); }
    // power cut in mid command
    for (h, d) in [(&r, &dr), (&o, &d_o)] {
        let (h1, d1) = (h.clone(), d.clone());
        let running = tokio::spawn(async move { let b = Instant::now(); (b, h1.exec(&Command::new("sleep").arg("25")).await.map(|o| o.status)) });
        let asking = tokio::spawn(async move { let b = Instant::now(); (b, d1.exec("pryv_redis_1", ["sleep", "20"]).await.map(|o| o.status)) });
        let h2 = h.clone(); let query = tokio::spawn(async move { let b = Instant::now(); (b, h2.exec(&Command::new("sleep").arg("20").query()).await.map(|o| o.status)) });
        tokio::time::sleep(Duration::from_secs(1)).await;
        sh(&format!("docker kill {m}"));
        let (b, x) = running.await.unwrap(); show("power cut: exec", b, x);
        let (b, x) = asking.await.unwrap(); show("power cut: docker exec", b, x);
        let (b, x) = query.await.unwrap(); show("power cut: query", b, x);
        let b = Instant::now(); show("off: exec", b, h.exec(&Command::new("true")).await.map(|o| o.status));
        sh(&format!("docker start {m}; sleep 6"));
        let b = Instant::now(); show("on: exec", b, h.exec(&Command::new("true")).await.map(|o| o.status));
        let b = Instant::now(); show("on: docker", b, d.containers().await.map(|c| c.len()));
    }
    // freeze
    let (h1, d1) = (r.clone(), dr.clone());
    let b = Instant::now();
    sh(&format!("docker pause {m}"));
    show("frozen: exec", b, h1.exec(&Command::new("true")).await.map(|o| o.status));
    let b = Instant::now();
    show("frozen: start", b, d1.start("pryv_mail_1").await);
    sh(&format!("docker unpause {m}"));
    let b = Instant::now(); show("thawed: exec", b, r.exec(&Command::new("true")).await.map(|o| o.status));
    let b = Instant::now(); show("thawed: docker", b, dr.containers().await.map(|c| c.len()));
}
