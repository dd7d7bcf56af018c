//! Host keys on record, in the file format of OpenSSH.
//!
//! The comparison is made here and not by the SSH library, which trusts keys marked
//! `@revoked`, takes a second key of one algorithm for a changed one, and overlooks tabs and wildcards.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ring::hmac;
use russh::keys::ssh_key::PublicKey;
use russh::keys::{Algorithm, HashAlg};

use crate::quote::quote;

mod error;

pub use error::HostKeyError;

/// The port that needs no mention.
const SSH_PORT: u16 = 22;

/// What stands before an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Key,
    Revoked,
    Authority,
}

/// One line that speaks of the host in question.
#[derive(Debug)]
struct Entry {
    line: usize,
    marker: Marker,
    key: PublicKey,
    /// Whether the line names the port too, where one has to be named.
    exact: bool,
}

/// Every line of one file that speaks of one host.
#[derive(Debug)]
pub struct KnownHosts {
    file: PathBuf,
    address: String,
    port: u16,
    entries: Vec<Entry>,
}

impl KnownHosts {
    /// Reads the file; one that does not exist holds nothing.
    pub(crate) fn read(file: &Path, address: &str, port: u16) -> Result<Self, Box<HostKeyError>> {
        match std::fs::read(file) {
            Ok(content) => Ok(Self::parse(
                file,
                &String::from_utf8_lossy(&content),
                address,
                port,
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::parse(file, "", address, port))
            }
            Err(source) => Err(Box::new(HostKeyError::Unreadable {
                file: file.to_owned(),
                source,
            })),
        }
    }

    /// Reads the content of a file; its name is for messages.
    pub fn parse(file: &Path, content: &str, address: &str, port: u16) -> Self {
        let name = spelled(address, port);
        let bare = address.to_lowercase();
        let mut entries = Vec::new();
        for (index, line) in content.lines().enumerate() {
            let line_number = index + 1;
            let Some((marker, hosts, key)) = fields(line) else {
                continue;
            };
            let exact = names(hosts, &name);
            if !exact && (port == SSH_PORT || !names(hosts, &bare)) {
                continue;
            }
            match PublicKey::from_openssh(&key) {
                Ok(key) => entries.push(Entry {
                    line: line_number,
                    marker,
                    key,
                    exact,
                }),
                Err(error) => {
                    tracing::warn!(file = %file.display(), line = line_number, %error, "host key on record cannot be read");
                }
            }
        }
        Self {
            file: file.to_owned(),
            address: address.to_owned(),
            port,
            entries,
        }
    }

    /// Algorithms of the keys on record, to be asked for first.
    ///
    /// A server shows one of its keys only; asked in another order it may show one that is not on record.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let keys = self.entries.iter().filter(|e| e.marker == Marker::Key);
        keys.map(|e| e.key.algorithm()).collect()
    }

    /// Decides whether the key that a server has proven to hold is the right one.
    ///
    /// # Errors
    ///
    /// [`HostKeyError`], with what was found, what was expected and what to type.
    pub fn check(&self, shown: &PublicKey) -> Result<(), Box<HostKeyError>> {
        let same = |entry: &&Entry| entry.key.key_data() == shown.key_data();
        let name = spelled(&self.address, self.port);
        let found = described(shown);
        if let Some(entry) = self
            .entries
            .iter()
            .filter(|e| e.marker == Marker::Revoked)
            .find(same)
        {
            return Err(Box::new(HostKeyError::Revoked {
                name,
                file: self.file.clone(),
                line: entry.line,
                found,
            }));
        }
        let mut trusted = self.entries.iter().filter(|e| e.marker == Marker::Key);
        if trusted.any(|entry| same(&entry)) {
            return Ok(());
        }
        let algorithm = short_name(&shown.algorithm());
        let on_console = format!("ssh-keygen -lf /etc/ssh/ssh_host_{algorithm}_key.pub");
        let file = quote(&self.file.to_string_lossy());
        let add = format!(
            "ssh-keyscan -t {algorithm} -p {} {} >> {file}",
            self.port,
            quote(&self.address)
        );
        let expected: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|e| e.marker == Marker::Key && e.exact)
            .collect();
        if let Some(first) = expected.first() {
            let on_record: Vec<String> = expected.iter().map(|e| described(&e.key)).collect();
            return Err(Box::new(HostKeyError::Changed {
                remove: format!("ssh-keygen -R {} -f {file}", quote(&name)),
                name,
                file: self.file.clone(),
                line: first.line,
                found,
                expected: on_record.join(" or "),
                on_console,
                add,
            }));
        }
        if let Some(entry) = self.entries.iter().find(|e| e.marker == Marker::Authority) {
            let (file, line) = (self.file.clone(), entry.line);
            return Err(Box::new(HostKeyError::Authority {
                name,
                file,
                line,
                found,
                on_console,
                add,
            }));
        }
        Err(Box::new(HostKeyError::Unknown {
            name,
            file: self.file.clone(),
            found,
            on_console,
            add,
        }))
    }
}

/// The name under which a server is on record.
fn spelled(address: &str, port: u16) -> String {
    let address = address.to_lowercase();
    if port == SSH_PORT {
        address
    } else {
        format!("[{address}]:{port}")
    }
}

/// Algorithm and fingerprint, as `ssh-keygen -l` shows them.
pub(crate) fn described(key: &PublicKey) -> String {
    format!(
        "{} {}",
        key.algorithm().as_str(),
        key.fingerprint(HashAlg::Sha256)
    )
}

/// The name that OpenSSH's tools and file names use.
fn short_name(algorithm: &Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rsa { .. } => "rsa",
        Algorithm::Ecdsa { .. } => "ecdsa",
        _ => "ed25519",
    }
}

/// Marker, hosts and key of a line; nothing for blank lines, comments and unknown markers.
fn fields(line: &str) -> Option<(Marker, &str, String)> {
    let mut words = line.split_ascii_whitespace();
    let first = words.next().filter(|word| !word.starts_with('#'))?;
    let (marker, hosts) = match first {
        "@revoked" => (Marker::Revoked, words.next()?),
        "@cert-authority" => (Marker::Authority, words.next()?),
        _ if first.starts_with('@') => return None,
        _ => (Marker::Key, first),
    };
    let algorithm = words.next()?;
    let key = words.next()?;
    Some((marker, hosts, format!("{algorithm} {key}")))
}

/// Whether a list of hosts speaks of a name.
fn names(hosts: &str, name: &str) -> bool {
    if let Some(hashed) = hosts.strip_prefix("|1|") {
        return hashed_matches(hashed, name);
    }
    let mut found = false;
    for pattern in hosts.split(',') {
        match pattern.strip_prefix('!') {
            Some(unwanted) if matches(unwanted, name) => return false,
            Some(_) => {}
            None => found |= matches(pattern, name),
        }
    }
    found
}

/// `SALT|HASH`, both base64, the hash an HMAC-SHA-1 of the name.
fn hashed_matches(hashed: &str, name: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else {
        return false;
    };
    let (Ok(salt), Ok(hash)) = (
        BASE64.decode(salt.as_bytes()),
        BASE64.decode(hash.as_bytes()),
    ) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    hmac::verify(&key, name.as_bytes(), &hash).is_ok()
}

/// Matches one pattern with `*` and `?`, upper and lower case alike.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&character) = name.get(n) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == character => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|&rest| rest == '*')
}

#[cfg(test)]
mod tests;
