//! Pages that people write: their links lead somewhere, their commands and steps exist.

use std::fs;

use clap::Parser as _;
use clap::error::ErrorKind;
use regmig::cli::Cli;
use regmig_core::state::State;
use regmig_procedure::procedure;
use regmig_procedure::spec::Strategy;

use crate::markdown::{Page, all};

#[test]
fn links_lead_somewhere() {
    let mut links = 0;
    for page in all() {
        for link in page.links().filter(|link| !link.starts_with("http")) {
            links += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.path.clone(),
                file => page.path.with_file_name("").join(file),
            };
            assert!(target.exists(), "{}: {link}", page.path.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let anchors = Page { path: target, text }.anchors();
                assert!(
                    anchors.iter().any(|known| known == anchor),
                    "{}: {link}; known are {anchors:?}",
                    page.path.display()
                );
            }
        }
    }
    assert!(links > 20, "found {links} links only");
}

/// The words of a command, without comments and redirections, with values for what stands for one.
fn words(line: &str) -> Vec<String> {
    line.split_whitespace()
        .take_while(|word| !matches!(*word, "#" | "|" | ">" | "&&" | ";"))
        .map(|word| match word {
            "STATE" => "warm".to_owned(),
            "VERB" | "…" => "status".to_owned(),
            other => other.to_owned(),
        })
        .collect()
}

#[test]
fn commands_are_understood() {
    let mut commands = 0;
    for page in all() {
        for line in page.shell().chain(page.code()) {
            if !line.starts_with("regmig ") {
                continue;
            }
            commands += 1;
            let words = words(line);
            let Err(error) = Cli::try_parse_from(&words) else {
                continue;
            };
            // A verb may be spoken of without its options.
            let fine = match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
                ErrorKind::MissingRequiredArgument => words.len() == 2,
                _ => false,
            };
            assert!(fine, "{}: {line}: {error}", page.path.display());
        }
    }
    assert!(commands > 30, "found {commands} commands only");
}

#[test]
fn steps_exist() {
    let strategies = [Strategy::Copy, Strategy::Live];
    let order = strategies.into_iter().flat_map(procedure::order);
    let known: Vec<&str> = order.map(|(id, _)| id).collect();
    let mut steps = 0;
    for page in all() {
        for code in page.code() {
            let Some((state, rest)) = code.split_once('/') else {
                continue;
            };
            if state.parse::<State>().is_ok() && !rest.contains(['/', '*', '.']) {
                steps += 1;
                assert!(known.contains(&code), "{}: {code}", page.path.display());
            }
        }
    }
    assert!(steps > known.len(), "found {steps} steps only");
}

#[test]
fn nothing_of_one_machine_is_said() {
    let root = regmig_docs::root();
    for page in all() {
        let own = root.to_string_lossy();
        assert!(
            !page.text.contains(&*own),
            "{} names {own}",
            page.path.display()
        );
    }
}
