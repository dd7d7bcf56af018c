use super::{SITE_2019, plan, plan_2019};
use crate::edit::EditErrorKind::{Missing, Request, Syntax, Unsupported};
use crate::edit::nginx::{ProxyPlan, SeenFile, proxy_to};

/// A definition of `x`, and a server with these lines in it, from line 3 on.
fn site(server: &str) -> String {
    format!("upstream x {{ server a:1; }}\nserver {{\n{server}\n}}\n")
}

#[test]
fn what_cannot_be_edited_safely_is_refused_with_its_line() {
    let cases = [
        (
            "upstream y { server b:1; }",
            Missing,
            0,
            "no `upstream x` (defined here: y)",
        ),
        (
            "upstream x { server a:1; }\nupstream X { server b:1; }",
            Unsupported,
            2,
            "second definition of `upstream x`",
        ),
        (
            "upstream x { keepalive 3; }",
            Unsupported,
            1,
            "without a server",
        ),
        (
            "upstream x { include more; }",
            Unsupported,
            1,
            "a file that was not seen",
        ),
        (
            "upstream x { server a:1; }\nupstream y { server register:9000 weight=2; }",
            Unsupported,
            2,
            "Add `y` to `upstreams`",
        ),
        (
            "upstream x { server a:1; }\nupstream y { server mail; }",
            Unsupported,
            2,
            "a service that will be stopped",
        ),
        (
            "upstream x { server a:1; }\ncontent_by_lua_block { x }",
            Unsupported,
            2,
            "Lua",
        ),
        (
            "upstream x { server a:1; }\nstream { server { proxy_pass x; } }",
            Unsupported,
            2,
            "within `server`",
        ),
        (
            "upstream x { server a:1; }\nstream { server { proxy_pass mail:25; } }",
            Unsupported,
            2,
            "service that will be stopped",
        ),
        (
            "upstream x { server a:1; ",
            Syntax,
            1,
            "the end of the file",
        ),
        (
            "upstream x { server a:1; }\nserver { location / { proxy_pass 'http://x'y; } }",
            Syntax,
            2,
            "closing quote",
        ),
    ];
    for (text, kind, line, message) in cases {
        let error = proxy_to(text, &plan(&["x"])).unwrap_err();
        assert_eq!(error.kind, kind, "{text}: {error}");
        assert_eq!(error.at.map_or(0, |at| at.line), line, "{text}: {error}");
        assert!(error.to_string().contains(message), "{text}: {error}");
        assert_eq!(error.file, "nginx/conf/site.conf");
    }
}

#[test]
fn uses_that_cannot_be_edited_safely_are_refused_with_their_line() {
    let cases = [
        (
            "set $u x;\nlocation / { proxy_pass http://$u; }",
            4,
            "where a variable says to whom",
        ),
        (
            "location / { proxy_pass $scheme://x; }",
            3,
            "where a variable says to whom",
        ),
        (
            "location / { proxy_pass http://x$suffix; }",
            3,
            "where a variable says to whom",
        ),
        (
            "location / { proxy_pass http://x:80; }",
            3,
            "an upstream with a port",
        ),
        (
            "location / { proxy_pass x; }",
            3,
            "`proxy_pass http://UPSTREAM…;`",
        ),
        (
            "location / {\nif ($a) { proxy_pass http://x; } }",
            4,
            "within `if`",
        ),
        (
            "location / {\nlimit_except GET { proxy_pass http://x; } }",
            4,
            "within `limit_except`",
        ),
        (
            "location / { proxy_pass http://x;\nlocation /b { proxy_pass http://z; } }",
            4,
            "within a location that goes to dest",
        ),
        (
            "location / { proxy_pass http://x;\nif ($a) { fastcgi_pass z; } }",
            4,
            "within a location that goes to dest",
        ),
        (
            "location / { grpc_pass grpc://x; }",
            3,
            "uses an upstream that goes to dest",
        ),
        (
            "location / { proxy_pass http://register:9000; }",
            3,
            "a service that will be stopped",
        ),
        (
            "location / { uwsgi_pass mail:9000; }",
            3,
            "a service that will be stopped",
        ),
        (
            "location / { fastcgi_pass $p; }",
            3,
            "where a variable says to whom",
        ),
        (
            "access_log syslog:server=mail:514,tag=a;",
            3,
            "a service that will be stopped",
        ),
        (
            "resolver register valid=3s;",
            3,
            "a service that will be stopped",
        ),
        ("include conf.d/*.conf;", 3, "a file that was not seen"),
        (
            "proxy_set_header A \"b\nc\"; location / {\nproxy_pass http://x; }",
            3,
            "a header over several lines",
        ),
    ];
    for (server, line, message) in cases {
        let error = proxy_to(&site(server), &plan(&["x"])).unwrap_err();
        assert_eq!(error.kind, Unsupported, "{server}: {error}");
        assert_eq!(error.at.unwrap().line, line, "{server}: {error}");
        assert!(error.to_string().contains(message), "{server}: {error}");
    }
}

#[test]
fn what_has_nothing_to_do_with_the_plan_is_left_alone() {
    for server in [
        "location / { proxy_pass http://198.51.100.1:80; }",
        "location / { proxy_pass http://unix:/run/a.sock:/b; }",
        "location / { proxy_pass http://registered:9000; }",
        "location / { fastcgi_pass unix:/run/a.sock; }",
        "access_log /var/log/mail; error_log syslog:server=198.51.100.1;",
        "# proxy_pass http://$u;\nlocation / { return 200 \"proxy_pass http://$u;\"; }",
    ] {
        let edit = proxy_to(&site(server), &plan(&["x"])).unwrap();
        assert!(
            edit.after.ends_with(&format!("server {{\n{server}\n}}\n")),
            "{server}"
        );
    }
}

#[test]
fn an_upstream_named_like_its_service_is_an_upstream() {
    let text = "upstream register { server register:9000; }\nserver { location / { proxy_pass http://register; } }\n";
    assert!(proxy_to(text, &plan(&["register"])).unwrap().changed);
    let error = proxy_to(
        &format!("{text}upstream x {{ server a:1; }}"),
        &plan(&["x"]),
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("Add `register` to `upstreams`"),
        "{error}"
    );
}

#[test]
fn the_main_file_has_to_load_the_site_once() {
    let main = |text: &str| {
        let main = SeenFile {
            path: "nginx.conf".into(),
            text: text.into(),
        };
        proxy_to(
            SITE_2019,
            &ProxyPlan {
                main: Some(main),
                ..plan_2019()
            },
        )
    };
    assert!(main("http { include conf/site.conf; }").is_ok());
    assert!(
        main("include /etc/nginx/modules-enabled/*.conf;\nhttp { include site.conf; }").is_ok()
    );
    let error = main("http { include mime.types; }").unwrap_err();
    assert_eq!((error.kind, error.file.as_str()), (Missing, "nginx.conf"));
    for text in [
        "http { include site.conf; include site.conf; }",
        "http { include sites/*.conf; }",
        "http { include site.conf; include conf.d/*; }",
        "http { include site.conf; upstream y { server register:1; } }",
        "http { include site.conf; server { location / { proxy_pass http://mail_server; } } }",
    ] {
        let error = main(text).unwrap_err();
        assert_eq!(
            (error.kind, error.file.as_str()),
            (Unsupported, "nginx.conf"),
            "{text}: {error}"
        );
    }
    let text = "http { upstream elsewhere { server a:1; }\n include site.conf; }";
    let main = SeenFile {
        path: "nginx.conf".into(),
        text: text.into(),
    };
    let error = proxy_to(
        SITE_2019,
        &ProxyPlan {
            main: Some(main),
            ..plan(&["elsewhere"])
        },
    )
    .unwrap_err();
    assert_eq!(
        (error.kind, error.file.as_str()),
        (Unsupported, "nginx.conf")
    );
}

#[test]
fn files_that_include_each_other_end() {
    let seen = SeenFile {
        path: "a".into(),
        text: "include a;".into(),
    };
    let error = proxy_to(
        &site("include a;"),
        &ProxyPlan {
            included: vec![seen],
            ..plan(&["x"])
        },
    )
    .unwrap_err();
    assert!(error.to_string().contains("circle"), "{error}");
}

#[test]
fn a_plan_that_makes_no_sense_is_refused() {
    let good = plan(&["x"]);
    for bad in [
        ProxyPlan {
            upstreams: Vec::new(),
            ..good.clone()
        },
        ProxyPlan {
            trusted_certificate: "ca.pem".into(),
            ..good.clone()
        },
        ProxyPlan {
            trusted_certificate: "/a b".into(),
            ..good.clone()
        },
        ProxyPlan {
            trusted_certificate: "/a;".into(),
            ..good.clone()
        },
        ProxyPlan {
            tls_name: String::new(),
            ..good.clone()
        },
        ProxyPlan {
            tls_name: "$host".into(),
            ..good.clone()
        },
    ] {
        assert_eq!(proxy_to(&site(""), &bad).unwrap_err().kind, Request);
    }
}

#[test]
fn a_line_that_would_be_too_long_for_nginx_once_commented_out_is_refused() {
    // nginx reads `server …;` word by word, but a comment as a whole.
    let long = format!("server a:1 {};", "x ".repeat(2_030));
    let error = proxy_to(&format!("upstream x {{\n{long}\n}}\n"), &plan(&["x"])).unwrap_err();
    assert_eq!((error.kind, error.at.unwrap().line), (Syntax, 3), "{error}");
}
