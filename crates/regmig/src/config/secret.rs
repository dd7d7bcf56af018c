//! Reads a secret at the moment it is used.

use std::fs;
use std::path::PathBuf;

use regmig_procedure::spec::SecretSource;
use secrecy::SecretString;

use super::files;

/// Why a secret could not be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SecretError {
    /// The file is gone or cannot be read.
    #[error("the password file {} cannot be read", path.display())]
    #[diagnostic(help("it is named by `redis.password_file` in regmig.toml"))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Someone besides its owner can read the file.
    #[error("the password file {} {flaw}", path.display())]
    #[diagnostic(help("{advice}"))]
    Exposed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        flaw: String,
        /// What to do.
        advice: String,
    },
    /// The file's first line, or the variable, is empty.
    #[error("{place} holds no password")]
    #[diagnostic(help("put the password there, alone on the first line"))]
    Empty {
        /// The file or the variable.
        place: String,
    },
    /// The variable is not set, or is not UTF-8.
    #[error("the environment variable {name} is not set")]
    #[diagnostic(help("it is named by `redis.password_env` in regmig.toml; set it and export it"))]
    Unset {
        /// The variable.
        name: String,
    },
}

/// Reads a secret from where the spec says it is found.
///
/// # Errors
///
/// Whatever keeps the secret from being read. No message repeats any of it.
pub fn secret(place: &SecretSource) -> Result<SecretString, SecretError> {
    secret_with(place, &|name| std::env::var(name).ok())
}

fn secret_with(
    place: &SecretSource,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<SecretString, SecretError> {
    match place {
        SecretSource::Env(name) => match env(name) {
            None => Err(SecretError::Unset { name: name.clone() }),
            Some(value) if value.is_empty() => Err(SecretError::Empty {
                place: format!("the environment variable {name}"),
            }),
            Some(value) => Ok(SecretString::from(value)),
        },
        SecretSource::File(path) => {
            let unreadable = |source| SecretError::Unreadable {
                path: path.clone(),
                source,
            };
            let content = SecretString::from(fs::read_to_string(path).map_err(unreadable)?);
            files::guarded(path).map_err(|flaw| SecretError::Exposed {
                path: path.clone(),
                flaw: flaw.what,
                advice: flaw.advice,
            })?;
            first_line(&content).ok_or_else(|| SecretError::Empty {
                place: format!("the password file {}", path.display()),
            })
        }
    }
}

fn first_line(content: &SecretString) -> Option<SecretString> {
    use secrecy::ExposeSecret as _;
    let line = content.expose_secret().lines().next()?;
    (!line.is_empty()).then(|| SecretString::from(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn file(content: &str, mode: u32) -> (tempfile::TempDir, SecretSource) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, SecretSource::File(path))
    }

    #[test]
    fn the_first_line_of_a_private_file_is_the_secret() {
        for content in ["hunter2", "hunter2\n", "hunter2\r\nmore\n"] {
            let (_folder, place) = file(content, 0o600);
            assert_eq!(secret(&place).unwrap().expose_secret(), "hunter2");
        }
        let (_folder, place) = file(" spaces stay ", 0o400);
        assert_eq!(secret(&place).unwrap().expose_secret(), " spaces stay ");
    }

    #[test]
    fn files_that_cannot_serve_are_refused_without_their_content() {
        for (content, mode, expected) in [
            ("hunter2", 0o640, "others can read"),
            ("hunter2", 0o604, "others can read"),
            ("", 0o600, "holds no password"),
            ("\nhunter2", 0o600, "holds no password"),
        ] {
            let (_folder, place) = file(content, mode);
            let error = secret(&place).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"));
        }
        let gone = SecretSource::File("/nonexistent/regmig".into());
        assert!(matches!(secret(&gone), Err(SecretError::Unreadable { .. })));
    }

    #[test]
    fn variables() {
        let env = |name: &str| match name {
            "SET" => Some("hunter2".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let read = |name: &str| secret_with(&SecretSource::Env(name.to_owned()), &env);
        assert_eq!(read("SET").unwrap().expose_secret(), "hunter2");
        assert!(matches!(read("EMPTY"), Err(SecretError::Empty { .. })));
        assert!(matches!(read("NONE"), Err(SecretError::Unset { .. })));
    }
}
