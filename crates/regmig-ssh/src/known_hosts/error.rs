//! Why a host key is not trusted.

use std::path::PathBuf;

/// Why a host key is not trusted. Nothing is ever added to the file by this program.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// Nothing on record.
    #[error(
        "the host key of {name} is not known: the server shows {found}, and {file} has no entry for it\n\
         compare with what this prints on the machine's own console: {on_console}\n\
         if they agree, type: {add}"
    )]
    Unknown {
        /// As `known_hosts` spells it.
        name: String,
        /// The file that was read.
        file: PathBuf,
        /// Algorithm and fingerprint that the server showed.
        found: String,
        /// Prints the fingerprint where it can be trusted.
        on_console: String,
        /// Adds the key.
        add: String,
    },
    /// Another key on record.
    #[error(
        "THE HOST KEY OF {name} HAS CHANGED: the server shows {found}, but {file} line {line} expects {expected}\n\
         someone may be in between, or the machine was installed anew; compare with what this prints on its console: {on_console}\n\
         if the new key is right, type: {remove} && {add}"
    )]
    Changed {
        /// As `known_hosts` spells it.
        name: String,
        /// The file that was read.
        file: PathBuf,
        /// The first line that matches.
        line: usize,
        /// Algorithm and fingerprint that the server showed.
        found: String,
        /// Algorithms and fingerprints on record.
        expected: String,
        /// Prints the fingerprint where it can be trusted.
        on_console: String,
        /// Removes the entry.
        remove: String,
        /// Adds the key.
        add: String,
    },
    /// The key is marked `@revoked`.
    #[error(
        "the host key of {name} is revoked: the server shows {found}, which {file} line {line} marks @revoked\n\
         whoever holds that key is not to be trusted; give the machine a new host key, do not remove the mark"
    )]
    Revoked {
        /// As `known_hosts` spells it.
        name: String,
        /// The file that was read.
        file: PathBuf,
        /// The line with the mark.
        line: usize,
        /// Algorithm and fingerprint that the server showed.
        found: String,
    },
    /// Only a certificate authority is on record.
    #[error(
        "{file} line {line} trusts {name} through a certificate authority (@cert-authority), which is not supported: \
         add the host key itself; the server shows {found}\n\
         compare with what this prints on the machine's own console: {on_console}\n\
         if they agree, type: {add}"
    )]
    Authority {
        /// As `known_hosts` spells it.
        name: String,
        /// The file that was read.
        file: PathBuf,
        /// The line with the mark.
        line: usize,
        /// Algorithm and fingerprint that the server showed.
        found: String,
        /// Prints the fingerprint where it can be trusted.
        on_console: String,
        /// Adds the key.
        add: String,
    },
    /// The file cannot be read.
    #[error("the file of known hosts {file} cannot be read")]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
}
