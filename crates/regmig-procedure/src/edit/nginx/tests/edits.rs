use super::{SITE_1_9, SITE_2019, plan, plan_1_9, plan_2019};
use crate::edit::nginx::{ProxyPlan, SeenFile, proxy_to, undo};
use crate::edit::{EditErrorKind, Marker};

/// The lines of an edited text that are in force, without the marks.
fn in_force(text: &str) -> Vec<String> {
    let bare = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or("").trim());
    bare.filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The lines in force between the one that contains `from` and the next `}`.
fn block(text: &str, from: &str) -> Vec<String> {
    let lines = in_force(text)
        .into_iter()
        .skip_while(|line| !line.contains(from))
        .skip(1);
    lines.take_while(|line| line != "}").collect()
}

#[test]
fn the_layout_of_june_2019_goes_to_dest() {
    let edit = proxy_to(SITE_2019, &plan_2019()).unwrap();
    assert!(edit.changed);
    assert_eq!(
        block(&edit.after, "upstream register_server"),
        ["server 192.0.2.2:443;"]
    );
    assert_eq!(
        block(&edit.after, "upstream mail_server"),
        ["server 192.0.2.2:443;"]
    );
    assert_eq!(
        block(&edit.after, "location / {"),
        [
            "proxy_pass https://register_server;",
            "proxy_set_header Host $host;",
            "proxy_set_header X-Real-IP $remote_addr;",
            "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
            "proxy_set_header X-Forwarded-Proto https;",
            "proxy_ssl_server_name on;",
            "proxy_ssl_name reg.register.test;",
            "proxy_ssl_verify on;",
            "proxy_ssl_verify_depth 4;",
            "proxy_ssl_trusted_certificate /app/conf/secret/dest-ca.pem;",
            "proxy_ssl_session_reuse on;",
            "proxy_next_upstream off;",
        ]
    );
    assert_eq!(
        block(&edit.after, "location /sendmail/")[0],
        "proxy_pass https://mail_server;"
    );
    assert!(
        edit.after
            .contains("| server register:9000 max_fails=3 fail_timeout=30s;\n  server 192")
    );
    assert!(
        edit.after
            .contains("| proxy_pass http://register_server;  \n    proxy_pass https://")
    );
}

#[test]
fn the_layout_of_1_9_goes_to_dest() {
    let edit = proxy_to(SITE_1_9, &plan_1_9()).unwrap();
    assert_eq!(
        edit.after
            .matches("server 192.0.2.2:443; # regmig:lab\n")
            .count(),
        4
    );
    assert_eq!(edit.after.matches("    proxy_pass https://").count(), 4);
    // Set for the server, so set again for each location; Host was never set.
    assert_eq!(
        edit.after
            .matches("    proxy_set_header X-Real-IP $remote_addr; # regmig:lab\n")
            .count(),
        4
    );
    assert_eq!(
        edit.after
            .matches("    proxy_set_header Host $host; # regmig:lab\n")
            .count(),
        4
    );
}

#[test]
fn the_inverse_gives_back_every_byte() {
    for (text, plan) in [(SITE_2019, plan_2019()), (SITE_1_9, plan_1_9())] {
        for text in [
            text.to_owned(),
            text.replace('\n', "\r\n"),
            text.trim_end().to_owned(),
        ] {
            let edit = proxy_to(&text, &plan).unwrap();
            assert_eq!(undo(&edit.after, &plan.marker).unwrap().after, text);
            assert!(!undo(&text, &plan.marker).unwrap().changed);
        }
    }
}

#[test]
fn line_endings_are_kept() {
    let edit = proxy_to(&SITE_2019.replace('\n', "\r\n"), &plan_2019()).unwrap();
    assert_eq!(
        edit.after.matches('\n').count(),
        edit.after.matches("\r\n").count()
    );
}

#[test]
fn editing_twice_is_editing_once() {
    for (text, plan) in [(SITE_2019, plan_2019()), (SITE_1_9, plan_1_9())] {
        let once = proxy_to(text, &plan).unwrap();
        let twice = proxy_to(&once.after, &plan).unwrap();
        assert_eq!(
            (twice.after.as_str(), twice.changed),
            (once.after.as_str(), false)
        );
    }
}

#[test]
fn another_plan_or_another_migration_is_said() {
    let edited = proxy_to(SITE_2019, &plan_2019()).unwrap().after;
    let elsewhere = ProxyPlan {
        dest: "192.0.2.3:443".parse().unwrap(),
        ..plan_2019()
    };
    let error = proxy_to(&edited, &elsewhere).unwrap_err();
    assert_eq!(
        (error.kind, error.file.as_str()),
        (EditErrorKind::OtherEdit, "nginx/conf/site.conf")
    );
    let other = ProxyPlan {
        marker: Marker::new("lab2").unwrap(),
        ..plan_2019()
    };
    assert_eq!(
        proxy_to(&edited, &other).unwrap_err().kind,
        EditErrorKind::OtherEdit
    );
}

#[test]
fn changes_elsewhere_stay_and_changes_of_marked_lines_are_drift() {
    let edited = proxy_to(SITE_2019, &plan_2019()).unwrap().after;
    let marker = plan_2019().marker;
    let elsewhere = edited.replace("client_max_body_size  5M", "client_max_body_size  9M");
    let expected = SITE_2019.replace("client_max_body_size  5M", "client_max_body_size  9M");
    assert_eq!(undo(&elsewhere, &marker).unwrap().after, expected);
    assert!(!proxy_to(&elsewhere, &plan_2019()).unwrap().changed);
    let moved = edited.replacen("server 192.0.2.2:443;", "server 192.0.2.9:443;", 1);
    let error = undo(&moved, &marker).unwrap_err();
    assert_eq!(
        (error.kind, error.at.unwrap().line),
        (EditErrorKind::Drift, 5)
    );
    assert_eq!(
        proxy_to(&moved, &plan_2019()).unwrap_err().kind,
        EditErrorKind::Drift
    );
}

#[test]
fn one_line_blocks_keep_their_braces() {
    let text = "upstream x { server a:1; server b:2 # why\n down; keepalive 3; }\nserver { location / { proxy_pass http://x; } }";
    let edit = proxy_to(text, &plan(&["x"])).unwrap();
    let force = in_force(&edit.after);
    assert_eq!(force[..3], ["upstream x {", "server 192.0.2.2:443;", "}"]);
    assert_eq!(
        force[3..5],
        ["server { location / {", "proxy_pass https://x;"]
    );
    assert_eq!(force.last().unwrap(), "} }");
    assert_eq!(undo(&edit.after, &plan(&["x"]).marker).unwrap().after, text);
}

#[test]
fn headers_of_the_location_stay_and_only_host_is_replaced() {
    let text = "upstream x { server a:1; }\nserver {\n proxy_set_header X-Server 1;\n location / {\n  proxy_set_header host a;\n  proxy_set_header X-Own \"a b\";\n  proxy_pass http://x;\n }\n}\n";
    let lines = block(&proxy_to(text, &plan(&["x"])).unwrap().after, "location /");
    assert_eq!(
        lines[..4],
        [
            "proxy_set_header X-Own \"a b\";",
            "proxy_pass https://x;",
            "proxy_set_header Host $host;",
            "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        ]
    );
    assert!(
        !lines.iter().any(|line| line.contains("X-Server")),
        "it was not in force before either"
    );
}

#[test]
fn headers_come_from_the_nearest_block_that_sets_any() {
    let site = "upstream x { server a:1; }\nserver { location / {\n proxy_set_header A 1;\n location /b {\n proxy_pass http://x;\n}\n} }\n";
    let lines = block(&proxy_to(site, &plan(&["x"])).unwrap().after, "location /b");
    assert!(lines.contains(&"proxy_set_header A 1;".to_owned()));
    let main = SeenFile {
        path: "m".into(),
        text: "http { proxy_set_header X-Forwarded-For $remote_addr; include site.conf; }".into(),
    };
    let site = "upstream x { server a:1; }\nserver { location / {\n proxy_pass http://x;\n} }\n";
    let with_main = ProxyPlan {
        main: Some(main),
        ..plan(&["x"])
    };
    let lines = block(&proxy_to(site, &with_main).unwrap().after, "location /");
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.contains("X-Forwarded-For"))
            .count(),
        1
    );
    assert!(lines.contains(&"proxy_set_header X-Forwarded-For $remote_addr;".to_owned()));
}

#[test]
fn directives_that_contradict_are_replaced() {
    let text = "upstream x { server a:1; }\nserver { location / {\n proxy_ssl_verify off; proxy_next_upstream error\n timeout;\n proxy_ssl_session_reuse off;\n proxy_pass https://x;\n} }\n";
    let edit = proxy_to(text, &plan(&["x"])).unwrap();
    let lines = block(&edit.after, "location /");
    for (name, value) in [
        ("proxy_ssl_verify", "on"),
        ("proxy_next_upstream", "off"),
        ("proxy_ssl_session_reuse", "on"),
    ] {
        let same: Vec<&String> = lines
            .iter()
            .filter(|line| line.split(' ').next() == Some(name))
            .collect();
        assert_eq!(same, [&format!("{name} {value};")]);
    }
}

#[test]
fn the_rest_of_the_url_is_kept() {
    for (before, after) in [
        ("http://x/api/", "https://x/api/"),
        ("http://X$request_uri", "https://X$request_uri"),
        ("\"http://x/a b\"", "\"https://x/a b\""),
        ("HTTP://x", "https://x"),
        ("https://x", "https://x"),
    ] {
        let text = format!(
            "upstream x {{ server a:1; }}\nserver {{ location / {{\n proxy_pass {before};\n}} }}\n"
        );
        let lines = block(&proxy_to(&text, &plan(&["x"])).unwrap().after, "location /");
        assert_eq!(lines[0], format!("proxy_pass {after};"));
    }
}

#[test]
fn what_is_seen_of_other_files_counts() {
    let site = "upstream x { server a:1; }\nserver { location / {\n include headers.inc;\n proxy_pass http://x;\n} }\n";
    let seen = |text: &str| ProxyPlan {
        included: vec![SeenFile {
            path: "headers.inc".into(),
            text: text.into(),
        }],
        ..plan(&["x"])
    };
    let lines = block(
        &proxy_to(
            site,
            &seen("proxy_set_header X-Forwarded-For $remote_addr;"),
        )
        .unwrap()
        .after,
        "location /",
    );
    assert_eq!(
        lines[..3],
        [
            "include headers.inc;",
            "proxy_pass https://x;",
            "proxy_set_header Host $host;"
        ]
    );
    assert!(
        !lines.iter().any(|line| line.contains("X-Forwarded-For")),
        "the included one stays in force"
    );
    let error = proxy_to(site, &seen("proxy_set_header Host $http_host;")).unwrap_err();
    assert_eq!(
        (error.kind, error.file.as_str()),
        (EditErrorKind::Unsupported, "headers.inc")
    );
    let error = proxy_to(site, &seen("proxy_pass http://x/y;")).unwrap_err();
    assert_eq!(
        (error.kind, error.file.as_str()),
        (EditErrorKind::Unsupported, "headers.inc")
    );
}

#[test]
fn a_whole_main_file_can_be_edited_too() {
    let text = "events {}\nhttp {\n include mime.types;\n proxy_set_header A 1;\n upstream x {\n  server a:1;\n }\n server { location / {\n   proxy_pass http://x;\n } }\n}\n";
    let lines = block(&proxy_to(text, &plan(&["x"])).unwrap().after, "location /");
    assert!(lines.contains(&"proxy_set_header A 1;".to_owned()));
}

#[test]
fn an_ipv6_address_is_written_as_nginx_reads_it() {
    let six = ProxyPlan {
        dest: "[2001:db8::2]:443".parse().unwrap(),
        ..plan_2019()
    };
    assert_eq!(
        block(
            &proxy_to(SITE_2019, &six).unwrap().after,
            "upstream mail_server"
        ),
        ["server [2001:db8::2]:443;"]
    );
}
