//! Logging in: a key from a file, or keys that the agent holds.

use std::path::Path;
use std::sync::Arc;

use russh::MethodSet;
use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::PublicKey;
use russh::keys::{self, HashAlg, PrivateKey, PrivateKeyWithHashAlg};

use crate::connection::Client;
use crate::error::ConnectError;
use crate::known_hosts::described;
use crate::spec::SshSpec;

/// What a key file holds.
enum Identity {
    Usable(Arc<PrivateKey>),
    /// Locked by a passphrase; the agent may hold its unlocked twin.
    Locked(PublicKey),
}

/// What came of offering keys so far.
struct Attempts {
    offered: Vec<String>,
    accepted: Option<MethodSet>,
}

/// Logs in, or says which keys were offered and what the server would accept.
pub(crate) async fn authenticate(
    handle: &mut Handle<Client>,
    spec: &SshSpec,
    agent: Option<&Path>,
) -> Result<(), ConnectError> {
    let mut attempts = Attempts {
        offered: Vec::new(),
        accepted: None,
    };
    let mut wanted = None;
    if let Some(path) = &spec.identity {
        match identity(path, spec.use_agent).await? {
            Identity::Usable(key) => {
                if offer_file(handle, spec, key, &mut attempts).await? {
                    return Ok(());
                }
            }
            Identity::Locked(public) => wanted = Some((path.as_path(), public)),
        }
    } else if !spec.use_agent {
        return Err(ConnectError::NoIdentity {
            user: spec.user.clone(),
        });
    }
    if spec.use_agent && offer_agent(handle, spec, agent, wanted, &mut attempts).await? {
        return Ok(());
    }
    let accepted = attempts.accepted.map(|methods| {
        methods
            .iter()
            .map(String::from)
            .collect::<Vec<_>>()
            .join(", ")
    });
    Err(ConnectError::KeyRefused {
        address: spec.address.clone(),
        port: spec.port,
        user: spec.user.clone(),
        offered: attempts.offered.join(", "),
        accepted: accepted
            .filter(|a| !a.is_empty())
            .unwrap_or_else(|| "nothing further".into()),
    })
}

impl Attempts {
    /// Notes an answer; true when it was yes.
    fn note(&mut self, handle: &Handle<Client>, result: AuthResult) -> Result<bool, ConnectError> {
        match result {
            AuthResult::Success => Ok(true),
            AuthResult::Failure {
                remaining_methods,
                partial_success,
            } => {
                if handle.is_closed() && remaining_methods.iter().next().is_none() {
                    return Err(ConnectError::Gone {
                        reason: format!(
                            "the server closed it after {} had been offered",
                            self.offered.join(", ")
                        ),
                    });
                }
                if partial_success {
                    self.offered.push(
                        "(accepted, but the server wants a second factor, which is not supported)"
                            .into(),
                    );
                }
                self.accepted = Some(remaining_methods);
                Ok(false)
            }
        }
    }
}

async fn offer_file(
    handle: &mut Handle<Client>,
    spec: &SshSpec,
    key: Arc<PrivateKey>,
    attempts: &mut Attempts,
) -> Result<bool, ConnectError> {
    attempts.offered.push(described(key.public_key()));
    for hash in signature_hashes(handle, key.public_key()).await? {
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&key), hash);
        let result = handle
            .authenticate_publickey(&spec.user, key)
            .await
            .map_err(gone)?;
        if attempts.note(handle, result)? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn offer_agent(
    handle: &mut Handle<Client>,
    spec: &SshSpec,
    agent: Option<&Path>,
    wanted: Option<(&Path, PublicKey)>,
    attempts: &mut Attempts,
) -> Result<bool, ConnectError> {
    let connected = match agent {
        Some(socket) => AgentClient::connect_uds(socket).await,
        None => AgentClient::connect_env().await,
    };
    let mut agent = connected.map_err(|error| ConnectError::Agent {
        reason: format!("{error}; start one with: eval \"$(ssh-agent)\" && ssh-add"),
    })?;
    let held = agent
        .request_identities()
        .await
        .map_err(|error| ConnectError::Agent {
            reason: error.to_string(),
        })?;
    let mut keys: Vec<PublicKey> = Vec::new();
    for identity in held {
        if let AgentIdentity::PublicKey { key, .. } = identity {
            keys.push(key);
        }
    }
    if let Some((path, public)) = wanted {
        keys.retain(|key| key.key_data() == public.key_data());
        if keys.is_empty() {
            return Err(ConnectError::Identity {
                path: path.to_owned(),
                reason: format!(
                    "it is locked by a passphrase and the agent does not hold it; type: ssh-add {}",
                    path.display()
                ),
            });
        }
    }
    if keys.is_empty() && attempts.offered.is_empty() {
        return Err(ConnectError::Agent {
            reason: "it holds no key; add one with ssh-add".into(),
        });
    }
    for key in keys {
        attempts
            .offered
            .push(format!("{} (agent)", described(&key)));
        for hash in signature_hashes(handle, &key).await? {
            let signed = handle
                .authenticate_publickey_with(&spec.user, key.clone(), hash, &mut agent)
                .await;
            match signed {
                Ok(result) => {
                    if attempts.note(handle, result)? {
                        return Ok(true);
                    }
                }
                // The agent would not sign with this one; another may do.
                Err(error) => attempts
                    .offered
                    .push(format!("(the agent did not sign: {error})")),
            }
        }
    }
    Ok(false)
}

/// The hashes for signatures of RSA keys, in turn: SHA-2 only, whatever an old server may prefer.
///
/// What a server says it supports is not always what its configuration lets it accept.
async fn signature_hashes(
    handle: &Handle<Client>,
    key: &PublicKey,
) -> Result<Vec<Option<HashAlg>>, ConnectError> {
    if !key.algorithm().is_rsa() {
        return Ok(vec![None]);
    }
    let best = handle.best_supported_rsa_hash().await.map_err(gone)?;
    Ok(match best.flatten() {
        Some(HashAlg::Sha256) => vec![Some(HashAlg::Sha256)],
        _ => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
    })
}

fn gone(error: russh::Error) -> ConnectError {
    ConnectError::Gone {
        reason: error.to_string(),
    }
}

async fn identity(path: &Path, use_agent: bool) -> Result<Identity, ConnectError> {
    let unusable = |reason: String| ConnectError::Identity {
        path: path.to_owned(),
        reason,
    };
    let text = tokio::fs::read_to_string(path)
        .await
        .map_err(|error| unusable(error.to_string()))?;
    match keys::decode_secret_key(&text, None) {
        Ok(key) => Ok(Identity::Usable(Arc::new(key))),
        Err(keys::Error::KeyIsEncrypted) => {
            if !use_agent {
                return Err(unusable(format!(
                    "it is locked by a passphrase; type: ssh-add {} and allow the agent in the configuration",
                    path.display()
                )));
            }
            Ok(Identity::Locked(public_half(path, &text).await.ok_or_else(|| {
                unusable("it is locked by a passphrase, and its public half (the same name with .pub) is not there".into())
            })?))
        }
        Err(error) => {
            let hint = if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
                "; this is the public half, name the file without .pub"
            } else {
                "; expected is a private key such as ssh-keygen writes"
            };
            Err(unusable(format!("{error}{hint}")))
        }
    }
}

/// The public half of a locked key: OpenSSH's format holds it in the clear, others have it in a file next to them.
async fn public_half(path: &Path, text: &str) -> Option<PublicKey> {
    if let Ok(key) = PrivateKey::from_openssh(text) {
        return Some(key.public_key().clone());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    let line = tokio::fs::read_to_string(beside).await.ok()?;
    PublicKey::from_openssh(line.trim()).ok()
}
