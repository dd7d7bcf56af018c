//! Files on the operator's machine that the configuration names.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use super::notes::Flaw;

/// More than any file that a configuration names.
const LARGEST: u64 = 1 << 20;

/// Where paths in the file start from.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The folder of `regmig.toml`, absolute.
    pub(super) folder: PathBuf,
    /// What `~` stands for.
    pub(super) home: Option<PathBuf>,
}

impl Place {
    /// Makes a path absolute: `~/` is the operator's home, anything else starts at the file's folder.
    pub(super) fn absolute(&self, text: &str) -> Result<PathBuf, Flaw> {
        if text.trim().is_empty() {
            return Err(Flaw::new("is empty", ""));
        }
        if text.contains(char::is_control) {
            return Err(Flaw::new(
                "has a control character",
                "write the path on one line",
            ));
        }
        let path = match text.strip_prefix("~/") {
            Some(rest) => {
                let home = self
                    .home
                    .as_ref()
                    .filter(|home| home.is_absolute())
                    .ok_or_else(|| {
                        let advice =
                            "spell the path out, since HOME is not set to an absolute path";
                        Flaw::new("begins with `~/`, and HOME is not known", advice)
                    })?;
                home.join(rest)
            }
            None if text.starts_with('~') => {
                return Err(Flaw::new(
                    "begins with another user's `~`",
                    "spell the path out",
                ));
            }
            None => self.folder.join(text),
        };
        // Spelled the same however it was written, since the spec's digest depends on it.
        Ok(path
            .components()
            .filter(|part| !matches!(part, Component::CurDir))
            .collect())
    }

    /// A file that can be read, with its content.
    pub(super) fn file(&self, text: &str) -> Result<(PathBuf, Vec<u8>), Flaw> {
        let path = self.absolute(text)?;
        let content = read(&path)?;
        Ok((path, content))
    }

    /// The same for a file that nobody but its owner may read.
    pub(super) fn private_file(&self, text: &str) -> Result<(PathBuf, Vec<u8>), Flaw> {
        let (path, content) = self.file(text)?;
        guarded(&path)?;
        Ok((path, content))
    }

    /// A private SSH key.
    pub(super) fn identity(&self, text: &str) -> Result<PathBuf, Flaw> {
        // A public key is world-readable for good reasons: say first that it is the wrong file.
        let (path, content) = self.file(text)?;
        let public = [
            b"ssh-".as_slice(),
            b"ecdsa-",
            b"sk-",
            b"---- BEGIN SSH2 PUBLIC",
        ];
        if public.iter().any(|start| content.starts_with(start)) {
            let private = text.strip_suffix(".pub").unwrap_or("the file without .pub");
            return Err(Flaw::new(
                "is a public key",
                format!("name the private one: {private}"),
            ));
        }
        guarded(&path)?;
        if !String::from_utf8_lossy(&content).contains("PRIVATE KEY-----") {
            let advice = "`ssh-keygen -t ed25519 -f FILE` makes one";
            return Err(Flaw::new(
                "is not a private key in OpenSSH or PEM format",
                advice,
            ));
        }
        Ok(path)
    }

    /// A program to run: as it stands if found through PATH, absolute if it has a slash.
    pub(super) fn program(&self, text: &str) -> Result<String, Flaw> {
        if !text.contains('/') {
            return super::values::word(text);
        }
        let path = self.absolute(text)?;
        let details = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        if !details.is_file() {
            return Err(Flaw::new(
                "is not a file",
                format!("looked at {}", path.display()),
            ));
        }
        if details.permissions().mode() & 0o111 == 0 {
            let advice = format!("make it executable: chmod +x {}", path.display());
            return Err(Flaw::new("is not executable", advice));
        }
        path.into_os_string()
            .into_string()
            .map_err(|_| Flaw::new("leads to a path that is not UTF-8", "move the folder"))
    }
}

/// Reads a file that a configuration names.
fn read(path: &Path) -> Result<Vec<u8>, Flaw> {
    let details = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !details.is_file() {
        return Err(Flaw::new(
            "is not a file",
            format!("looked at {}", path.display()),
        ));
    }
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut content = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut content)
        .map_err(|error| unreadable(path, &error))?;
    if content.len() as u64 > LARGEST {
        let advice = format!(
            "{} is larger than 1 MiB, so it is another file",
            path.display()
        );
        return Err(Flaw::new("is too large", advice));
    }
    Ok(content)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Flaw {
    match error.kind() {
        std::io::ErrorKind::NotFound => Flaw::new(
            "names a file that does not exist",
            format!("looked at {}", path.display()),
        ),
        _ => Flaw::new(
            "names a file that cannot be read",
            format!("opening {} failed: {error}", path.display()),
        ),
    }
}

/// Insists that nobody but a file's owner, who is root or the operator, can read it.
pub(super) fn guarded(path: &Path) -> Result<(), Flaw> {
    let details = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let mode = details.permissions().mode() & 0o777;
    let own = rustix::process::geteuid().as_raw();
    if mode & 0o077 != 0 {
        let advice = format!("its mode is {mode:03o}; type: chmod 600 {}", path.display());
        return Err(Flaw::new(
            "names a file that others can read or write",
            advice,
        ));
    }
    if details.uid() != own && details.uid() != 0 && own != 0 {
        let advice = format!("{} has the owner {}", path.display(), details.uid());
        return Err(Flaw::new(
            "names a file that belongs to someone else",
            advice,
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_do_not_depend_on_how_they_are_written() {
        let place = Place {
            folder: "/etc/regmig".into(),
            home: Some("/home/op".into()),
        };
        let absolute = |text| {
            place
                .absolute(text)
                .ok()
                .map(|path| path.display().to_string())
        };
        assert_eq!(
            absolute("./keys//id").as_deref(),
            Some("/etc/regmig/keys/id")
        );
        assert_eq!(absolute("~/.ssh/id").as_deref(), Some("/home/op/.ssh/id"));
        assert_eq!(absolute("/x/./y").as_deref(), Some("/x/y"));
        assert_eq!(absolute("../y").as_deref(), Some("/etc/regmig/../y"));
        assert_eq!(absolute("~root/x"), None);
        assert_eq!(absolute(""), None);
        let homeless = Place {
            folder: "/".into(),
            home: None,
        };
        assert!(homeless.absolute("~/x").is_err());
    }
}
