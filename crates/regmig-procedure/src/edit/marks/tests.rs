use proptest::prelude::*;

use super::{Place, Region, apply, edit_once, refuse_other_marks, undo};
use crate::edit::{EditErrorKind, Marker};

fn marker() -> Marker {
    Marker::new("lab").unwrap()
}

fn region(place: Place, lines: &[&str]) -> Region {
    Region {
        place,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

#[test]
fn each_kind_of_place_is_written_and_taken_out() {
    let text = "a { b; }\nc\nd\n";
    let regions = [
        region(Place::Off(4..6), &["  B;"]),
        region(Place::At(9), &["  C"]),
        region(Place::Off(11..12), &["D", "D"]),
        region(Place::End, &["E"]),
    ];
    let edited = apply(text, &regions, &marker());
    let lines: Vec<&str> = edited.lines().collect();
    assert!(lines[0].starts_with("# regmig:lab head 4: "));
    assert!(lines[1].starts_with("a { # regmig:lab cut +1 ") && lines[1].ends_with("| b;"));
    assert_eq!(lines[2..4], ["  B;", " }"]);
    assert!(lines[4].starts_with("  # regmig:lab add +1 "));
    assert_eq!(lines[5..7], ["  C", "c"]);
    assert!(lines[7].starts_with("# regmig:lab off +2 ") && lines[7].ends_with("| d"));
    assert_eq!(lines[8..10], ["D", "D"]);
    assert!(lines[10].starts_with("# regmig:lab add +1 "));
    assert_eq!(undo(&edited, &marker()).unwrap().after, text);
}

#[test]
fn several_lines_are_commented_out_line_by_line() {
    let text = "x\r\n a # 1\r\n  b # 2\r\n c; }\r\n";
    let edited = apply(text, &[region(Place::Off(4..23), &["A;"])], &marker());
    assert!(
        edited.contains(
            "| a # 1\r\n# regmig:lab more|   b # 2\r\n# regmig:lab more|  c;\r\nA;\r\n }\r\n"
        ),
        "{edited}"
    );
    assert_eq!(undo(&edited, &marker()).unwrap().after, text);
}

#[test]
fn a_piece_within_a_line_is_written_and_taken_out() {
    for text in ["é [a] # c\nb\n", "é [a] # c\r\nb", "é [a]"] {
        let edited = apply(text, &[region(Place::Within(5), &[", b"])], &marker());
        assert!(edited.contains("é [a, b]"), "{edited}");
        assert_eq!(undo(&edited, &marker()).unwrap().after, text);
        assert_eq!(
            undo(&edited.replace(", b", ", c"), &marker())
                .unwrap_err()
                .kind,
            EditErrorKind::Drift
        );
        assert_eq!(
            undo(&edited.replace('é', "e"), &marker()).unwrap_err().kind,
            EditErrorKind::Drift
        );
    }
}

#[test]
fn a_byte_order_mark_stays_first() {
    let text = "\u{feff}a\n";
    let edited = apply(text, &[region(Place::End, &["b"])], &marker());
    assert!(edited.starts_with("\u{feff}# regmig:lab head 1"));
    assert_eq!(undo(&edited, &marker()).unwrap().after, text);
}

#[test]
fn every_change_of_a_marked_place_is_drift() {
    let edited = apply(
        "a\nb b\nc\n",
        &[region(
            Place::Off(2..5),
            &["B # regmig:lab", "C # regmig:lab"],
        )],
        &marker(),
    );
    let lines: Vec<&str> = edited.lines().collect();
    for dropped in [0, 2, 3, 4] {
        let mut left = lines.clone();
        left.remove(dropped);
        let error = undo(&left.join("\n"), &marker()).unwrap_err();
        assert_eq!(error.kind, EditErrorKind::Drift, "without line {dropped}");
    }
    for (from, to) in [
        ("| b b", "| b  b"),
        ("B #", "X #"),
        ("off +2", "off +1"),
        ("off +2", "cut +2"),
        ("head 1", "head 2"),
        ("head 1", "head one"),
        ("off ", "offf "),
    ] {
        let changed = edited.replacen(from, to, 1);
        assert_ne!(changed, edited);
        assert_eq!(
            undo(&changed, &marker()).unwrap_err().kind,
            EditErrorKind::Drift,
            "{from}"
        );
    }
    let twice = edited
        .lines()
        .chain(edited.lines())
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(
        undo(&twice, &marker()).unwrap_err().kind,
        EditErrorKind::Drift
    );
    let crlf = edited.replace('\n', "\r\n");
    assert_eq!(
        undo(&crlf, &marker()).unwrap_err().kind,
        EditErrorKind::Drift
    );
}

#[test]
fn drift_names_the_line() {
    let edited = apply("a\nb\n", &[region(Place::Off(2..3), &["B"])], &marker());
    let error = undo(&edited.replace("| b", "| x"), &marker()).unwrap_err();
    assert_eq!(error.at.unwrap().line, 4);
    assert!(error.to_string().contains("regmig:lab"));
}

#[test]
fn an_edit_in_place_is_recognised_only_when_it_is_the_same() {
    let places = |line: &'static str| move |_: &str| Ok(vec![region(Place::End, &[line])]);
    let once = edit_once("a\n", &marker(), places("b")).unwrap();
    assert!(once.changed);
    assert!(
        !edit_once(&once.after, &marker(), places("b"))
            .unwrap()
            .changed
    );
    assert_eq!(
        edit_once(&once.after, &marker(), places("c"))
            .unwrap_err()
            .kind,
        EditErrorKind::OtherEdit
    );
    assert!(
        !edit_once("a\n", &marker(), |_| Ok(Vec::new()))
            .unwrap()
            .changed
    );
}

#[test]
fn an_inverse_that_is_not_exact_is_found_before_anything_is_written() {
    // `after` starts a line of the text only in the caller's mistaken belief.
    let error = edit_once("a b\n", &marker(), |_| {
        Ok(vec![region(Place::At(2), &["x"])])
    })
    .unwrap_err();
    assert_eq!(error.kind, EditErrorKind::SelfCheck);
}

#[test]
fn marks_of_other_migrations_are_found() {
    assert!(refuse_other_marks("a # regmig:lab off\n", &marker()).is_ok());
    for text in [
        "x\n# regmig:lab2 off\n",
        "x\n# regmig:lab off # regmig:",
        "x\n# regmig:la\n",
    ] {
        let error = refuse_other_marks(text, &marker()).unwrap_err();
        assert_eq!(
            (error.kind, error.at.unwrap().line),
            (EditErrorKind::OtherEdit, 2),
            "{text}"
        );
    }
}

/// Texts with every kind of line ending, and ranges in them that do not overlap.
fn texts_and_ranges() -> impl Strategy<Value = (String, Vec<(usize, usize)>)> {
    (
        "([a-c;{} #|é]|\n|\r\n|\r){0,60}",
        proptest::collection::vec((0usize..60, 1usize..12), 0..5),
    )
        .prop_map(|(text, wanted)| {
            let mut ranges = Vec::new();
            let mut from = 0;
            for (skip, len) in wanted {
                let start = text
                    .char_indices()
                    .map(|(at, _)| at)
                    .find(|at| *at >= from + skip % 9);
                let Some(start) = start else { break };
                let end = text[start..]
                    .char_indices()
                    .map(|(at, c)| start + at + c.len_utf8())
                    .nth(len % 7);
                let Some(end) = end else { break };
                // Directives start and end in something that is neither blank nor part of a comment.
                let blank = [' ', '\n', '\r'];
                if text[start..end].starts_with([' ', '\n', '\r', '#'])
                    || text[start..end].ends_with(blank)
                    || text[..start].rsplit('\n').next().unwrap().contains('#')
                {
                    break;
                }
                ranges.push((start, end));
                from = end;
            }
            (text, ranges)
        })
}

proptest! {
    #[test]
    fn the_inverse_is_exact((text, ranges) in texts_and_ranges(), lines in 0usize..3) {
        let inserted: Vec<&str> = ["x # regmig:lab", "  y"].into_iter().take(lines).collect();
        let mut regions: Vec<Region> =
            ranges.iter().map(|(start, end)| region(Place::Off(*start..*end), &inserted)).collect();
        regions.push(region(Place::End, &["z"]));
        let edited = apply(&text, &regions, &marker());
        prop_assert_eq!(undo(&edited, &marker()).unwrap().after, text);
    }

    #[test]
    fn nothing_panics(
        text in "(# regmig:lab (off|cut|add|tail|more|in|head|x)[ |+0-9a-f]{0,12}|[a-c \n\r]){0,20}",
    ) {
        if let Ok(undone) = undo(&text, &marker()) {
            let _ = undo(&undone.after, &marker());
        }
    }
}
