//! What clients would see: HTTPS and DNS, asked from the operator's machine.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::StreamExt as _;
use regmig_core::facts::{Compared, Delegation, DnsState, HttpState};
use regmig_core::machine::Machine;
use regmig_core::port::PortError;
use regmig_http::{HttpError, Limits, Request, Response, Tls};

use super::World;
use super::host::now_ms;

/// The word by which source's logs tell regmig's own requests from others.
pub(super) const AGENT: &str = concat!("regmig/", env!("CARGO_PKG_VERSION"));

/// What is asked about the domain itself.
const DOMAIN_KINDS: [&str; 3] = ["SOA", "NS", "A"];

fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(3),
        total: Duration::from_secs(10),
        body: 64 * 1024,
    }
}

fn port_error(what: &str, error: HttpError) -> PortError {
    if error.sent() {
        PortError::unknown(what, error)
    } else {
        PortError::not_sent(what, error)
    }
}

fn state(response: &Response) -> HttpState {
    HttpState {
        status: response.status,
        location: response.header("location").map(str::to_owned),
    }
}

impl World {
    fn tls(&self) -> Tls<'_> {
        Tls {
            trust: &self.trust,
            server_name: &self.spec.proxy.public_name,
        }
    }

    pub(super) fn https_address(&self, machine: Machine) -> SocketAddr {
        (self.spec.machine(machine).address, self.spec.proxy.port).into()
    }

    /// A GET through the public port, certificate verified.
    pub(super) async fn https(&self, machine: Machine, path: &str) -> Result<HttpState, PortError> {
        let request = Request::get(&self.spec.proxy.public_name, path).header("User-Agent", AGENT);
        let what = format!(
            "GET https://{}{path} at {machine}",
            self.spec.proxy.public_name
        );
        regmig_http::request_over_tcp(
            self.https_address(machine),
            Some(self.tls()),
            &request,
            &limits(),
        )
        .await
        .map(|response| state(&response))
        .map_err(|error| match error {
            // Asking again does not change a certificate.
            HttpError::Tls(cause) if cause.is_about_the_certificate() => {
                PortError::refused(what, cause)
            }
            // A question that was asked twice does no harm.
            error => PortError::not_sent(what, error),
        })
    }

    /// A GET to the register itself, behind nginx.
    pub(super) async fn register(
        &self,
        machine: Machine,
        path: &str,
    ) -> Result<HttpState, PortError> {
        let site = self.site(machine);
        let address = site.address_of(&self.spec.stack.register).await?;
        let what = format!("GET {path} at the register on {machine}");
        let stream = site
            .host
            .open_tcp(&address, self.spec.stack.register_port)
            .await?;
        let request = Request::get(&self.spec.proxy.public_name, path).header("User-Agent", AGENT);
        regmig_http::request(stream, None, &request, &limits())
            .await
            .map(|response| state(&response))
            .map_err(|error| PortError::not_sent(what, error))
    }

    /// A look for a user.
    pub(super) fn look_for(&self, user: &str) -> Request {
        Request::get(&self.spec.proxy.public_name, format!("/{user}/server"))
            .header("User-Agent", AGENT)
    }

    /// A registration of a canary, by name and core.
    pub(super) async fn registration(
        &self,
        machine: Machine,
        (user, core): (&str, &str),
    ) -> Result<Request, PortError> {
        let body = serde_json::json!({
            "user": {
                "username": user,
                "email": format!("{user}@canary.regmig.invalid"),
                "language": "en",
                "appId": "regmig",
                "invitationToken": "regmig",
                "id": user,
            },
            "host": { "name": core },
            "unique": ["email"],
        });
        let key = self.register_key(machine).await?;
        let name = &self.spec.proxy.public_name;
        Ok(Request::post(name, "/users", body.to_string())
            .header("Authorization", &key)
            .header("Content-Type", "application/json")
            .header("User-Agent", AGENT))
    }

    /// Registers a user through the public port.
    pub(super) async fn register_canary(
        &self,
        machine: Machine,
        user: &str,
        core: &str,
    ) -> Result<(), PortError> {
        let what = format!("registering canary {user} through {machine}'s public HTTPS");
        let request = self.registration(machine, (user, core)).await?;
        let response = regmig_http::request_over_tcp(
            self.https_address(machine),
            Some(self.tls()),
            &request,
            &limits(),
        )
        .await
        .map_err(|error| port_error(&what, error))?;
        if response.status == 201 {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&response.body).into_owned();
        Err(PortError::refused(
            what,
            format!("status {}: {}", response.status, words.trim()),
        ))
    }

    /// A key that may create users, out of the register's own configuration.
    async fn register_key(&self, machine: Machine) -> Result<String, PortError> {
        let path = self.spec.path(machine, &self.spec.stack.register_conf);
        let what = format!("finding a key with the role `system` in {path} on {machine}");
        let refused = |words: &str| PortError::refused(what.clone(), words.to_owned());
        let file = self
            .site(machine)
            .file(&path)
            .await?
            .ok_or_else(|| refused("no such file"))?;
        let conf: serde_json::Value = serde_json::from_str(&file.content)
            .map_err(|error| PortError::refused(what.clone(), error))?;
        let keys = conf
            .pointer("/auth/authorizedKeys")
            .and_then(serde_json::Value::as_object);
        keys.into_iter()
            .flatten()
            .find(|(_, key)| {
                let roles = key.get("roles").and_then(serde_json::Value::as_array);
                roles.is_some_and(|roles| roles.iter().any(|role| role == "system"))
            })
            .map(|(key, _)| key.clone())
            .ok_or_else(|| refused("none is listed under auth.authorizedKeys"))
    }

    /// A question to a machine's DNS server.
    pub(super) async fn dns(
        &self,
        machine: Machine,
        name: &str,
        kind: &str,
    ) -> Result<DnsState, PortError> {
        let server: SocketAddr = (self.spec.machine(machine).address, 53).into();
        let kind = kind_of(kind)?;
        let answer = regmig_dns::ask(server, name, kind, &regmig_dns::Limits::default()).await?;
        let mut answers: Vec<String> = answer
            .answers
            .iter()
            .map(|record| format!("{} {}", record.name.trim_end_matches('.'), record.data))
            .collect();
        answers.sort();
        Ok(DnsState {
            rcode: answer.rcode.to_string(),
            answers,
        })
    }

    /// The delegation that one parent server publishes.
    pub(super) async fn delegation(&self, parent: SocketAddr) -> Result<Delegation, PortError> {
        let found =
            regmig_dns::delegation(parent, &self.spec.domain, &regmig_dns::Limits::default())
                .await?;
        Ok(found
            .ns
            .into_iter()
            .map(|(name, addresses)| {
                let addresses: Vec<IpAddr> = addresses.into_iter().collect();
                (name.trim_end_matches('.').to_ascii_lowercase(), addresses)
            })
            .collect())
    }

    /// Asks both DNS servers for every user, or the first so many, and for the domain itself.
    pub(super) async fn compare_answers(&self, sample: Option<u64>) -> Result<Compared, PortError> {
        let from_ms = now_ms();
        let server = |machine| SocketAddr::from((self.spec.machine(machine).address, 53));
        let domain = self.spec.domain.clone();
        let suffix = self.spec.redis.user_keys.trim_start_matches('*').to_owned();
        let limit = usize::try_from(sample.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let users = self
            .source
            .redis
            .keys(&self.spec.redis.user_keys)
            .flat_map(|batch| {
                futures::stream::iter(match batch {
                    Ok(keys) => keys.into_iter().map(Ok).collect::<Vec<_>>(),
                    Err(error) => vec![Err(error)],
                })
            })
            .take(limit)
            .flat_map(move |key| {
                let questions = match key {
                    Err(error) => vec![Err(error)],
                    Ok(key) => {
                        let user = key.strip_suffix(&suffix).unwrap_or(&key);
                        let name = format!("{user}.{domain}");
                        let ask = |kind| Ok(regmig_dns::Question::new(name.as_str(), kind));
                        vec![ask(regmig_dns::Kind::Cname), ask(regmig_dns::Kind::A)]
                    }
                };
                futures::stream::iter(questions)
            });
        let meter = self.progress.begin("comparing DNS answers");
        let total = self
            .source
            .redis
            .count(&self.spec.redis.user_keys)
            .await?
            .min(sample.unwrap_or(u64::MAX));
        let mut seen =
            |progress: regmig_dns::CompareProgress| meter.keys(progress.asked / 2, total);
        let found = regmig_dns::compare_all(
            server(Machine::Source),
            server(Machine::Dest),
            Box::pin(users),
            &regmig_dns::CompareOptions::default(),
            &mut seen,
        )
        .await?;
        let mut samples = self.compare_domain().await?;
        let different = found.different + found.unanswered + samples.len() as u64;
        samples.extend(
            found
                .differences
                .iter()
                .map(ToString::to_string)
                .chain(found.errors),
        );
        Ok(Compared {
            users: found.asked / 2,
            questions: found.asked + DOMAIN_KINDS.len() as u64,
            different,
            samples,
            from_ms,
            to_ms: now_ms(),
        })
    }

    /// What the servers say of the domain itself. Each may name its own machine where the other names the other.
    async fn compare_domain(&self) -> Result<Vec<String>, PortError> {
        let mut differing = Vec::new();
        for kind in DOMAIN_KINDS {
            let source = self.dns(Machine::Source, &self.spec.domain, kind).await?;
            let dest = self.dns(Machine::Dest, &self.spec.domain, kind).await?;
            let (here, there) = (
                self.spec.source.address.to_string(),
                self.spec.dest.address.to_string(),
            );
            let own = |answer: &String| {
                let words = answer
                    .split(' ')
                    .map(|word| if word == here { there.as_str() } else { word });
                words.collect::<Vec<_>>().join(" ")
            };
            let mut expected: Vec<String> = source.answers.iter().map(own).collect();
            expected.sort();
            if source.rcode != dest.rcode || expected != dest.answers {
                differing.push(format!(
                    "{} {kind}: {} [{}] against {} [{}]",
                    self.spec.domain,
                    source.rcode,
                    source.answers.join(", "),
                    dest.rcode,
                    dest.answers.join(", ")
                ));
            }
        }
        Ok(differing)
    }
}

fn kind_of(word: &str) -> Result<regmig_dns::Kind, PortError> {
    Ok(match word {
        "A" => regmig_dns::Kind::A,
        "CNAME" => regmig_dns::Kind::Cname,
        "NS" => regmig_dns::Kind::Ns,
        "SOA" => regmig_dns::Kind::Soa,
        other => {
            return Err(PortError::Refused {
                what: format!("asking DNS for records of type {other}"),
                source: None,
            });
        }
    })
}
