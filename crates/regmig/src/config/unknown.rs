//! Keys and sections that regmig does not know.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::notes::Notes;
use super::schema::{self, NAME_SERVER, SECTIONS};
use super::shown::{kind_of, quoted};
use super::snippet::sounds_secret;

/// Notes every key that is not in the schema, and every section that is not a table.
pub(super) fn check(document: &DeTable<'_>, notes: &Notes) {
    for (key, value) in document {
        let name = key.get_ref().as_ref();
        if !SECTIONS.contains(&name) {
            unknown(None, key, value, notes);
            continue;
        }
        let Some(table) = value.get_ref().as_table() else {
            let kind = kind_of(value.get_ref());
            notes.hide_value(value);
            notes.add(
                format!("`{name}` is {kind}, not a section"),
                vec![(key.span(), format!("found {kind}"))],
                format!("expected a heading [{name}] with keys below it"),
            );
            continue;
        };
        section(name, name, table, notes);
        for list in ["before", "after"] {
            let entries = (name == "nameservers").then(|| table.get(list)).flatten();
            let entries = entries.and_then(|value| value.get_ref().as_array());
            for (index, entry) in entries.into_iter().flat_map(|list| list.iter().enumerate()) {
                if let Some(table) = entry.get_ref().as_table() {
                    section(
                        &format!("{name}.{list}[{index}]"),
                        NAME_SERVER,
                        table,
                        notes,
                    );
                }
            }
        }
    }
}

fn section(name: &str, kind: &str, table: &DeTable<'_>, notes: &Notes) {
    let known = schema::names(kind);
    for (key, value) in table {
        if !known.contains(&key.get_ref().as_ref()) {
            unknown(Some((name, kind)), key, value, notes);
        }
    }
}

fn unknown(
    within: Option<(&str, &str)>,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    notes: &Notes,
) {
    // What stands behind a key that regmig does not know may be anything, a secret included.
    notes.hide_value(value);
    let name = key.get_ref().as_ref();
    let full = match within {
        Some((section, _)) => format!("{section}.{name}"),
        None => name.to_owned(),
    };
    let full = quoted(&full).trim_matches('"').to_owned();
    if sounds_secret(name) {
        notes.add(
            format!("`{full}`: a secret must not stand in this file"),
            vec![(key.span(), "value not shown".to_owned())],
            "remove the line; write the password alone into a file that only you can read \
             (chmod 600) and name that as `redis.password_file`, or name an environment variable \
             as `redis.password_env`. If this file has been shared, change the password",
        );
        return;
    }
    let known = within.map_or_else(|| SECTIONS.to_vec(), |(_, kind)| schema::names(kind));
    let elsewhere = homes(name, within.map(|(_, kind)| kind));
    let (label, help) = if let Some(near) = nearest(name, &known) {
        let meant = within.map_or(("", near), |(section, _)| (section, near));
        notes
            .meant
            .borrow_mut()
            .push((meant.0.to_owned(), meant.1.to_owned()));
        (
            format!("did you mean `{near}`?"),
            format!("expected one of {}", list(&known)),
        )
    } else if !elsewhere.is_empty() {
        (
            format!("belongs under {elsewhere}"),
            format!("move it under {elsewhere}"),
        )
    } else {
        (
            "not known here".to_owned(),
            format!("expected one of {}; remove it", list(&known)),
        )
    };
    let what = if within.is_none() && value.get_ref().is_table() {
        "section"
    } else {
        "key"
    };
    notes.add(
        format!("`{full}` is not a {what} of regmig.toml"),
        vec![(key.span(), label)],
        help,
    );
}

/// The sections that have a key of that name.
fn homes(name: &str, but: Option<&str>) -> String {
    let mut found: Vec<String> = schema::keys()
        .filter(|key| key.name == name && key.section != NAME_SERVER && Some(key.section) != but)
        .map(|key| format!("[{}]", key.section))
        .collect();
    found.dedup();
    found.join(" or ")
}

fn list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The one of `known` that was probably meant.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|candidate| {
            (
                strsim::osa_distance(&name.to_lowercase(), candidate),
                *candidate,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["address", "port", "identity"];
        assert_eq!(nearest("adress", &known), Some("address"));
        assert_eq!(nearest("Prot", &known), Some("port"));
        assert_eq!(nearest("identity_file", &known), None);
        assert_eq!(nearest("x", &known), None);
    }

    #[test]
    fn a_key_is_sent_to_the_section_it_belongs_to() {
        assert_eq!(homes("root", Some("platform")), "[source] or [dest]");
        assert_eq!(homes("nothing", None), "");
    }
}
