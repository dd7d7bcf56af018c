//! What is specific to one generation of the platform: names, paths and scripts.
//!
//! Nothing but a profile knows Pryv. The Pryv profiles follow the layout that the
//! platform's own configuration templates were published with; an operator can
//! override every value. The generic profile leaves open whatever cannot be guessed.

use std::fmt;

/// A named set of defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Pryv.io as of June 2019: `reg-master.yml` and its scripts.
    Pryv2019,
    /// Pryv.io 1.6 to 1.9: `pryv/pryv.yml` and its scripts.
    Pryv19,
    /// Any Redis-backed compose service behind nginx.
    Generic,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Pryv2019, Self::Pryv19, Self::Generic];

    /// The name that configurations use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pryv2019 => "pryv-2019",
            Self::Pryv19 => "pryv-1.9",
            Self::Generic => "generic",
        }
    }

    /// The profile of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name)
    }

    /// What this profile presumes.
    pub fn defaults(self) -> &'static Defaults {
        match self {
            Self::Pryv2019 => &PRYV_2019,
            Self::Pryv19 => &PRYV_1_9,
            Self::Generic => &GENERIC,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Default values of a profile; nothing where the operator has to say.
///
/// The fields mean what the fields of the same name mean in
/// [`StackSpec`](crate::spec::StackSpec), [`RedisSpec`](crate::spec::RedisSpec)
/// and [`ProxySpec`](crate::spec::ProxySpec).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are documented where the spec has them"
)]
pub struct Defaults {
    /// The folder that holds the compose file.
    pub root: Option<&'static str>,
    /// The label before the domain that makes the register's public name.
    pub public_label: Option<&'static str>,
    pub compose_file: Option<&'static str>,
    pub start: Option<&'static str>,
    pub stop: Option<&'static str>,
    pub stop_is_global: bool,
    pub nginx: Option<&'static str>,
    pub register: Option<&'static str>,
    pub register_port: Option<u16>,
    pub dns: Option<&'static str>,
    pub redis: Option<&'static str>,
    pub other_writers: &'static [&'static str],
    pub register_conf: Option<&'static str>,
    pub nginx_access_log: Option<&'static str>,
    pub redis_data: Option<&'static str>,
    pub redis_conf: Option<&'static str>,
    pub user_keys: Option<&'static str>,
    pub startup_keys: &'static [&'static str],
    pub nginx_main: Option<&'static str>,
    pub nginx_site: Option<&'static str>,
    pub nginx_conf_inside: Option<&'static str>,
    pub nginx_log_inside: Option<&'static str>,
    /// Empty where the operator has to say.
    pub upstreams: &'static [&'static str],
}

/// What the register and the DNS service write by themselves at each start.
const PRYV_STARTUP_KEYS: &[&str] = &[
    "wactiv:users",
    "wactiv:server",
    "wactiv@pryv.io:email",
    "dbversion",
    "reservedwords:version",
    "reservedwords:list",
];

const PRYV_2019: Defaults = Defaults {
    root: Some("/var/pryv"),
    public_label: Some("reg"),
    compose_file: Some("reg-master.yml"),
    start: Some("./run-reg-master"),
    stop: Some("./stop-containers"),
    // The script runs `docker stop` over every container of the machine.
    stop_is_global: true,
    nginx: Some("reverse_proxy"),
    register: Some("register"),
    register_port: Some(9000),
    dns: Some("dns"),
    redis: Some("redis"),
    other_writers: &["mail"],
    register_conf: Some("reg-master/register/conf/register.json"),
    nginx_access_log: Some("reg-master/nginx/log/reg.access.log"),
    redis_data: Some("reg-master/redis/data"),
    redis_conf: Some("reg-master/redis/conf/redis.conf"),
    user_keys: Some("*:users"),
    startup_keys: PRYV_STARTUP_KEYS,
    nginx_main: Some("reg-master/nginx/conf/nginx.conf"),
    nginx_site: Some("reg-master/nginx/conf/site.conf"),
    nginx_conf_inside: Some("/app/conf"),
    nginx_log_inside: Some("/app/log"),
    upstreams: &["register_server", "mail_server"],
};

const PRYV_1_9: Defaults = Defaults {
    root: Some("/var/pryv"),
    public_label: Some("reg"),
    compose_file: Some("pryv/pryv.yml"),
    start: Some("./run-pryv"),
    stop: Some("./stop-pryv"),
    stop_is_global: false,
    nginx: Some("reverse_proxy"),
    register: Some("register"),
    register_port: Some(9000),
    dns: Some("dns"),
    redis: Some("redis"),
    other_writers: &["mail", "admin_panel"],
    register_conf: Some("pryv/register/conf/register.json"),
    nginx_access_log: Some("pryv/nginx/log/register.access.log"),
    redis_data: Some("pryv/redis/data"),
    redis_conf: Some("pryv/redis/conf/redis.conf"),
    user_keys: Some("*:users"),
    startup_keys: PRYV_STARTUP_KEYS,
    nginx_main: Some("pryv/nginx/conf/nginx.conf"),
    nginx_site: Some("pryv/nginx/conf/site.conf"),
    nginx_conf_inside: Some("/app/conf"),
    nginx_log_inside: Some("/app/log"),
    // All of them: nginx refuses a file in which one upstream names a stopped service.
    upstreams: &[
        "register_server",
        "mail_server",
        "leader_server",
        "admin_panel_server",
    ],
};

const GENERIC: Defaults = Defaults {
    root: None,
    public_label: None,
    compose_file: Some("docker-compose.yml"),
    start: None,
    stop: None,
    stop_is_global: false,
    nginx: Some("nginx"),
    register: None,
    register_port: None,
    dns: None,
    redis: Some("redis"),
    other_writers: &[],
    register_conf: None,
    nginx_access_log: None,
    redis_data: None,
    redis_conf: None,
    user_keys: None,
    startup_keys: &[],
    nginx_main: None,
    nginx_site: None,
    nginx_conf_inside: Some("/etc/nginx"),
    nginx_log_inside: Some("/var/log/nginx"),
    upstreams: &[],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_profile() {
        for profile in Profile::ALL {
            assert_eq!(Profile::from_name(profile.as_str()), Some(profile));
        }
        assert_eq!(Profile::from_name("pryv"), None);
    }

    #[test]
    fn pryv_profiles_leave_nothing_open() {
        for profile in [Profile::Pryv2019, Profile::Pryv19] {
            let open = format!("{:?}", profile.defaults()).matches("None").count();
            assert_eq!(open, 0, "{profile}");
        }
    }

    #[test]
    fn access_log_is_in_the_same_tree_as_nginx() {
        for profile in [Profile::Pryv2019, Profile::Pryv19] {
            let defaults = profile.defaults();
            let site = defaults.nginx_site.unwrap();
            let tree = site.strip_suffix("conf/site.conf").unwrap();
            assert!(
                defaults
                    .nginx_access_log
                    .unwrap()
                    .starts_with(&format!("{tree}log/"))
            );
            assert!(
                defaults
                    .nginx_main
                    .unwrap()
                    .starts_with(&format!("{tree}conf/"))
            );
        }
    }
}
