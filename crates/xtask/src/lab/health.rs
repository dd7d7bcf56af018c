//! Whether a machine's register answers as clients see it.

use std::time::{Duration, Instant};

use crate::program::Program;

use super::description::Lab;
use super::error::LabError;
use super::machine::Machine;
use super::question;

/// How long one request may take before it counts as not answered.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks. Each starts a program, which takes 10 ms of the processor and more: whoever is waited for needs it too.
const PAUSE: Duration = Duration::from_millis(200);

impl Lab {
    /// Tells what is wrong with a machine's public services, if anything.
    ///
    /// Asks for a seed user over HTTPS, with the certificate verified, and over DNS;
    /// the parent is asked for its own zone.
    pub fn ailment(&self, machine: Machine) -> Option<String> {
        let address = self.endpoint(machine).address;
        if machine == Machine::Parent {
            let own = format!("ns.{}", self.parent_zone);
            return dns_ailment(question::answers(address, &own, PATIENCE));
        }
        let user = &self.first_user;
        self.https_ailment(machine).or_else(|| {
            let name = format!("{user}.{}", self.domain);
            dns_ailment(question::answers(address, &name, PATIENCE))
        })
    }

    /// Waits until a machine's public services answer.
    ///
    /// # Errors
    ///
    /// When they do not within the limit; says what was found last.
    pub fn wait_healthy(&self, machine: Machine, limit: Duration) -> Result<(), LabError> {
        let begun = Instant::now();
        while let Some(found) = self.ailment(machine) {
            if begun.elapsed() > limit {
                return Err(LabError::Slow {
                    machine: self.endpoint(machine).container.clone(),
                    expected: "healthy",
                    seconds: limit.as_secs(),
                    found,
                });
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn https_ailment(&self, machine: Machine) -> Option<String> {
        let (host, address) = (&self.register_host, self.endpoint(machine).address);
        let output = Program::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--noproxy",
                "*",
                "--output",
                "/dev/null",
            ])
            .args([
                "--write-out",
                "%{http_code}",
                "--max-time",
                &PATIENCE.as_secs().to_string(),
            ])
            .args(["--resolve", &format!("{host}:443:{address}"), "--cacert"])
            .args([&self.ca])
            .args([format!("https://{host}/{}/server", self.first_user)])
            .run();
        match output {
            Ok(output) if output.stdout == "302" => None,
            Ok(output) if output.status.success() => {
                Some(format!("HTTPS answers {} instead of 302", output.stdout))
            }
            Ok(output) => Some(format!("HTTPS: {}", output.stderr.trim())),
            Err(error) => Some(format!("HTTPS: {error}")),
        }
    }
}

fn dns_ailment(answers: std::io::Result<u16>) -> Option<String> {
    match answers {
        Ok(0) => Some("DNS knows no address of a name that it should know".to_owned()),
        Ok(_) => None,
        Err(error) => Some(format!("DNS: {error}")),
    }
}
