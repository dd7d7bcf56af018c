mod edits;
mod loads;
mod properties;
mod refusals;

use crate::edit::Marker;
use crate::edit::nginx::{ProxyPlan, SeenFile};

macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../fixtures/config/",
            $path
        ))
    };
}

const SITE_2019: &str = fixture!("pryv-2019/nginx/site.conf");
const MAIN_2019: &str = fixture!("pryv-2019/nginx/nginx.conf");
const SITE_1_9: &str = fixture!("pryv-1.9/nginx/site.conf");
const MAIN_1_9: &str = fixture!("pryv-1.9/nginx/nginx.conf");

/// A plan for the given upstreams, without a main file.
fn plan(upstreams: &[&str]) -> ProxyPlan {
    ProxyPlan {
        file: "nginx/conf/site.conf".into(),
        upstreams: upstreams.iter().map(|name| (*name).to_owned()).collect(),
        services: vec!["register".into(), "mail".into(), "admin_panel".into()],
        dest: "192.0.2.2:443".parse().unwrap(),
        trusted_certificate: "/app/conf/secret/dest-ca.pem".into(),
        tls_name: "reg.register.test".into(),
        main: None,
        included: Vec::new(),
        marker: Marker::new("lab").unwrap(),
    }
}

/// The plan of the June 2019 layout.
fn plan_2019() -> ProxyPlan {
    let main = SeenFile {
        path: "nginx/conf/nginx.conf".into(),
        text: MAIN_2019.into(),
    };
    ProxyPlan {
        main: Some(main),
        ..plan(&["register_server", "mail_server"])
    }
}

/// The plan of the 1.9 layout.
fn plan_1_9() -> ProxyPlan {
    let main = SeenFile {
        path: "nginx/conf/nginx.conf".into(),
        text: MAIN_1_9.into(),
    };
    let upstreams = [
        "register_server",
        "mail_server",
        "leader_server",
        "admin_panel_server",
    ];
    ProxyPlan {
        main: Some(main),
        ..plan(&upstreams)
    }
}
