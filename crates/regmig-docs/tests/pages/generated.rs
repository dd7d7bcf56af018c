//! Generated pages are up to date, and checking them finds out when they are not.

use std::fs;

use regmig_core::edge::ROLLBACK;
use regmig_core::state::State;
use regmig_docs::{DocsError, check, pages, root, write};
use regmig_procedure::procedure;
use regmig_procedure::spec::Strategy;

#[test]
fn generated_pages_are_up_to_date() {
    if let Err(error) = check(&root()) {
        panic!("{error}");
    }
}

#[test]
fn a_page_that_was_changed_or_removed_is_found_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("docs")).unwrap();
    assert_eq!(write(folder.path()).unwrap().len(), pages().len());
    assert!(write(folder.path()).unwrap().is_empty());
    check(folder.path()).unwrap();

    let changed = folder.path().join("docs/exit-codes.md");
    let text = fs::read_to_string(&changed).unwrap();
    fs::write(&changed, text.replace("`stuck`", "`stack`")).unwrap();
    fs::remove_file(folder.path().join("docs/cli.md")).unwrap();
    let Err(DocsError::OutOfDate { paths, diff }) = check(folder.path()) else {
        panic!("a changed page was not found");
    };
    assert_eq!(paths, ["docs/exit-codes.md", "docs/cli.md"]);
    assert!(
        diff.contains("-| 6 | `stack`") && diff.contains("+| 6 | `stuck`"),
        "{diff}"
    );
    assert!(diff.contains("+# The command line"), "{diff}");

    assert_eq!(write(folder.path()).unwrap(), paths);
    check(folder.path()).unwrap();
}

#[test]
fn the_procedure_has_every_state_step_and_edge() {
    let page = pages()
        .into_iter()
        .find(|page| page.path == "docs/procedure.md")
        .unwrap()
        .text;
    for state in State::ALL {
        assert!(page.contains(&format!("\n### {state}\n")), "{state}");
    }
    let of = |strategy, state| {
        let order = procedure::order(strategy).filter(|(_, enters)| *enters == state);
        order.map(|(id, _)| id).collect::<Vec<_>>()
    };
    for state in State::ALL {
        let (copy, live) = (of(Strategy::Copy, state), of(Strategy::Live, state));
        for id in copy.iter().chain(&live) {
            // One table where both strategies have the same steps, else one for each.
            let rows = if copy == live {
                1
            } else {
                usize::from(copy.contains(id)) + usize::from(live.contains(id))
            };
            let row = format!("\n| `{id}` |");
            assert_eq!(page.matches(&row).count(), rows, "{id}");
        }
    }
    for edge in ROLLBACK {
        let row = format!("\n| `{}` | `{}` |", edge.from, edge.to);
        assert!(page.contains(&row), "{row}");
    }
}

#[test]
fn nothing_of_whoever_makes_the_pages_is_in_them() {
    // Values of REGMIG_CONFIG and the width of a terminal would be.
    for page in pages() {
        assert!(!page.text.contains("REGMIG_CONFIG="), "{}", page.path);
        assert!(
            !page.text.lines().any(|line| line.ends_with(' ')),
            "{}",
            page.path
        );
    }
}
