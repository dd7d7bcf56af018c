use proptest::prelude::*;

use super::plan;
use crate::edit::nginx::{proxy_to, undo};

/// Pieces that real and odd files are made of.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        " ",
        "\n",
        "\r\n",
        "\t",
        "# a { comment }\n",
        ";",
        "}",
        "{",
        "server a:1;",
        "server b:2 # why\n backup;",
        "keepalive 3;",
        "upstream x {",
        "upstream y {",
        "server {",
        "location / {",
        "location /é {",
        "proxy_pass http://x;",
        "proxy_pass http://x/a ;",
        "proxy_pass 'http://x';",
        "proxy_pass http://y;",
        "proxy_set_header Host a;",
        "proxy_set_header B \"c;d}\";",
        "proxy_ssl_verify off;",
        "return 200 '}';",
        "set $a ${b}c;",
        "proxy_next_upstream error\n timeout;",
    ])
}

/// A file that can be edited, with odd layout, and that nginx would load with `a` and `b` for addresses.
pub(super) fn site() -> impl Strategy<Value = String> {
    let blank = || prop::sample::select(vec!["", " ", "\n", "\r\n", " # c\n", "\n\n  "]);
    let inner = prop::sample::select(vec![
        "",
        "keepalive 3;",
        "server b:2 # why\n backup;",
        "zone z 64k;",
        "server \"a:3\" ;",
    ]);
    let own = prop::sample::select(vec![
        "",
        "proxy_set_header Host a;",
        "proxy_set_header B 'c;d}';",
        "proxy_ssl_verify off;",
        "proxy_next_upstream error\n timeout;",
    ]);
    let blanks = proptest::collection::vec(blank(), 8);
    (blanks, inner, own, any::<bool>()).prop_map(|(b, inner, own, swap)| {
        let pass = "proxy_pass http://x/a ;";
        let (first, second) = if swap { (own, pass) } else { (pass, own) };
        let upstream = format!(
            "{}upstream x {{{}server a:1;{}{inner}{}}}",
            b[0], b[1], b[2], b[3]
        );
        format!(
            "{upstream}{}server {{ listen; location / {{{}{first}{}{second}{}}} }}",
            b[4], b[5], b[6], b[7]
        )
    })
}

proptest! {
    #[test]
    fn the_inverse_is_exact_and_twice_is_once(text in site()) {
        let plan = plan(&["x"]);
        let edit = proxy_to(&text, &plan).unwrap();
        prop_assert!(edit.changed);
        prop_assert_eq!(undo(&edit.after, &plan.marker).unwrap().after, text);
        prop_assert!(!proxy_to(&edit.after, &plan).unwrap().changed);
    }

    #[test]
    fn whatever_is_edited_can_be_undone(pieces in proptest::collection::vec(piece(), 0..30)) {
        let text = format!("upstream x {{ server a:1; }}{}", pieces.concat());
        let plan = plan(&["x"]);
        if let Ok(edit) = proxy_to(&text, &plan) {
            prop_assert_eq!(undo(&edit.after, &plan.marker).unwrap().after, text);
            prop_assert!(!proxy_to(&edit.after, &plan).unwrap().changed);
        }
    }

    #[test]
    fn nothing_panics(text in any::<String>()) {
        let _ = proxy_to(&text, &plan(&["x"]));
        let _ = undo(&text, &plan(&["x"]).marker);
    }
}
