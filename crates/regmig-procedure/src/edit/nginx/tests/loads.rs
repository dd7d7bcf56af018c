//! What the real nginx says.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::plan;
use crate::edit::nginx::tree::{Source, parse};
use crate::edit::nginx::{ProxyPlan, proxy_to, undo};

/// Lets nginx test a whole configuration; gives its words when it refuses.
fn test(prefix: &Path, text: &str) -> Result<(), String> {
    let file = prefix.join("nginx.conf");
    std::fs::write(&file, text).unwrap();
    let output = Command::new("nginx")
        .args(["-t", "-q", "-p"])
        .arg(prefix)
        .args(["-g", "error_log stderr; pid nginx.pid;", "-c"])
        .arg(&file)
        .output()
        .expect("nginx runs here: install Debian's package nginx-light");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A configuration around servers and upstreams.
fn whole(prefix: &Path, site: &str) -> String {
    let at = prefix.display();
    let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {at}/{name}; "))
        .collect();
    format!("events {{}}\nhttp {{\naccess_log off; {temp}\n{site}\n}}\n")
}

#[test]
fn nginx_loads_what_was_edited_and_what_was_undone() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display().to_string();
    // nginx reads the trusted certificate when it loads; its own self-signed one will do.
    std::fs::write(folder.path().join("ca.pem"), CERTIFICATE).unwrap();
    let listen = format!("listen unix:{at}/nginx.sock;");
    let location = |lines: &str| {
        format!(
            "upstream x {{\n  server 127.0.0.1:1; # one\n}}\nserver {{ {listen}\n  location / {{\n{lines}\n  }}\n}}\n"
        )
    };
    let sites = [
        location("    proxy_pass http://x;"),
        location("    proxy_pass http://x/a/; # why"),
        location(
            "proxy_set_header Host a; proxy_set_header B \"c;d}\"; proxy_pass 'http://x'; proxy_ssl_verify off;",
        ),
        location(
            "proxy_next_upstream error # here\n timeout; proxy_pass http://x$request_uri;proxy_ssl_session_reuse on;",
        ),
        location("proxy_pass http://x; location /b { proxy_pass http://x; }"),
        format!(
            "upstream x {{ server 127.0.0.1:1; }}server {{ {listen} location / {{ proxy_pass http://x; }} }}"
        ),
        format!(
            "upstream x {{server 127.0.0.1:1;server 127.0.0.1:2 backup;keepalive 2;}}\nserver{{{listen}location /{{proxy_pass http://x;}}}}"
        ),
        format!(
            "upstream x {{\nzone z 64k;\nserver unix:/a.sock\n weight=2 # two\n max_fails=1;}}\nserver {{ {listen} location / {{ proxy_pass http://x; }} }}"
        ),
    ];
    let plan = ProxyPlan {
        trusted_certificate: format!("{at}/ca.pem"),
        ..plan(&["x"])
    };
    for site in sites {
        for site in [site.clone(), site.replace('\n', "\r\n")] {
            test(folder.path(), &whole(folder.path(), &site))
                .unwrap_or_else(|words| panic!("before: {words}\n{site}"));
            let edited = proxy_to(&site, &plan).unwrap().after;
            test(folder.path(), &whole(folder.path(), &edited))
                .unwrap_or_else(|words| panic!("edited: {words}\n{edited}"));
            assert_eq!(undo(&edited, &plan.marker).unwrap().after, site);
        }
    }
}

#[test]
fn nginx_loads_every_odd_layout() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display().to_string();
    std::fs::write(folder.path().join("ca.pem"), CERTIFICATE).unwrap();
    let plan = ProxyPlan {
        trusted_certificate: format!("{at}/ca.pem"),
        ..plan(&["x"])
    };
    let mut runner = TestRunner::new(Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&super::properties::site(), |site| {
            let site = site
                .replace("listen;", &format!("listen unix:{at}/nginx.sock;"))
                .replace(" a:", " 127.0.0.1:")
                .replace("{a:", "{127.0.0.1:")
                .replace("\"a:", "\"127.0.0.1:")
                .replace(" b:", " 127.0.0.1:");
            let edited = proxy_to(&site, &plan).unwrap().after;
            for text in [&site, &edited] {
                let words = test(folder.path(), &whole(folder.path(), text));
                prop_assert!(words.is_ok(), "{:?}\n{}", words, text);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn nginx_and_the_lexer_agree() {
    let folder = tempfile::tempdir().unwrap();
    let agree = |words: &str| {
        // Inside `types` any words may stand, but no blocks.
        let text = whole(folder.path(), &format!("types {{\n{words}\n}}"));
        let source = Source {
            name: String::new(),
            text: text.clone(),
            editable: true,
        };
        let ours = parse(&Rc::new(source)).is_ok_and(|nodes| {
            let http = nodes
                .iter()
                .filter(|node| node.name() == "http")
                .flat_map(|node| node.children());
            let mut blocks = http.filter(|node| node.block.is_some());
            let types = blocks.next();
            let flat =
                types.is_some_and(|types| types.children().iter().all(|node| node.block.is_none()));
            nodes.len() == 2 && flat && blocks.next().is_none()
        });
        (ours, test(folder.path(), &text))
    };
    let fixed = [
        "a;",
        "a",
        ";",
        "a b#c;",
        "a #b;\n;",
        "a 'b;}' \"c\\\"\";",
        "a 'b'c;",
        "a b'c;",
        "a ${b};",
        "a ${{b};",
        "a $ {b};",
        "a {b};",
        "a b{;",
        "a b};",
        "a\\;",
        "a\\;;",
        "a ('b');",
        "a 'b')c;",
        "a 'b';;",
        "a '",
        "a \\",
        "a \"b\nc\";",
        "a#;",
        "#",
        "a;}",
        "a;{",
        "'a';",
        "a'';",
        "a '' b;",
        "a $;",
        "a\\{;",
    ];
    for words in fixed {
        let (ours, nginx) = agree(words);
        assert_eq!(ours, nginx.is_ok(), "{words:?}: {nginx:?}");
    }
    for len in [4000, 4080, 4100, 9000] {
        let long = "x".repeat(len);
        for words in [
            format!("#{long}\n"),
            format!("{long};"),
            format!("a '{long}' b;"),
            format!("a {long}{{b;"),
        ] {
            let (ours, nginx) = agree(&words);
            assert_eq!(ours, nginx.is_ok(), "{len} {}", &words[..3]);
        }
    }
    let strategy = "([ab ;#$'\"\\\\)]|[{}]|\n){1,10}";
    let mut runner = TestRunner::new(Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&strategy, |words| {
            let (ours, nginx) = agree(&words);
            prop_assert_eq!(ours, nginx.is_ok(), "{:?}: {:?}", words, nginx);
            Ok(())
        })
        .unwrap();
}

/// A certificate that certifies nothing: its key was thrown away.
const CERTIFICATE: &str = include_str!("nobody.pem");
