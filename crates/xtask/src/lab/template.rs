//! Templates: folders of text files with `@NAME@` in them.

use std::fs;
use std::path::Path;

use super::error::{At, LabError};

/// The values that stand in for `@NAME@`.
pub(super) type Values<'a> = [(&'a str, String)];

/// Copies a folder of templates, filled in, with the files' permissions.
pub(super) fn fill_folder(from: &Path, to: &Path, values: &Values) -> Result<(), LabError> {
    fs::create_dir_all(to).at("create", to)?;
    for entry in fs::read_dir(from).at("read", from)? {
        let entry = entry.at("read", from)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            fill_folder(&source, &target, values)?;
        } else {
            fill_file(&source, &target, values)?;
        }
    }
    Ok(())
}

/// Copies one template, filled in, with its permissions.
pub(super) fn fill_file(from: &Path, to: &Path, values: &Values) -> Result<(), LabError> {
    let text = fs::read_to_string(from).at("read", from)?;
    let filled = fill(&text, values).map_err(|name| LabError::Placeholder {
        path: from.to_owned(),
        name,
    })?;
    fs::write(to, filled).at("write", to)?;
    let permissions = fs::metadata(from).at("read", from)?.permissions();
    fs::set_permissions(to, permissions).at("write", to)
}

/// The text with every `@NAME@` replaced, or the first name that has no value.
fn fill(text: &str, values: &Values) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        filled.push_str(before);
        match after.split_once('@') {
            Some((name, tail)) if is_name(name) => {
                let (_, value) = values
                    .iter()
                    .find(|(known, _)| *known == name)
                    .ok_or_else(|| name.to_owned())?;
                filled.push_str(value);
                rest = tail;
            }
            _ => {
                filled.push('@');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<(&'static str, String)> {
        vec![
            ("DOMAIN", "a.test".to_owned()),
            ("SOURCE_IP", "10.0.0.1".to_owned()),
        ]
    }

    #[test]
    fn names_are_replaced_and_other_text_stays() {
        let text = "x@y.z @DOMAIN@@SOURCE_IP@ @ SOA @\n@lower@";
        assert_eq!(
            fill(text, &values()).unwrap(),
            "x@y.z a.test10.0.0.1 @ SOA @\n@lower@"
        );
    }

    #[test]
    fn an_unknown_name_is_reported() {
        assert_eq!(fill("@DOMAIN@ @NOBODY@", &values()).unwrap_err(), "NOBODY");
    }

    #[test]
    fn scripts_stay_executable() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        fs::create_dir(&from).unwrap();
        fs::write(from.join("run"), "#!/bin/sh\n# @DOMAIN@\n").unwrap();
        fs::set_permissions(from.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        let to = folder.path().join("to");
        fill_folder(&from, &to, &values()).unwrap();
        assert_eq!(
            fs::read_to_string(to.join("run")).unwrap(),
            "#!/bin/sh\n# a.test\n"
        );
        assert_eq!(
            fs::metadata(to.join("run")).unwrap().permissions().mode() & 0o777,
            0o755
        );
    }
}
