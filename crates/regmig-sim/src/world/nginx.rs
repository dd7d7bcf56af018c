//! What nginx makes of its file, as far as the path of a request goes.

/// What an nginx file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// Hosts that upstreams name, in order; the first is the register's.
    pub(crate) hosts: Vec<String>,
    /// The file with certificates that it trusts, where it names one.
    pub(crate) trusts: Option<String>,
}

impl Site {
    /// Reads a file; comments are left out.
    pub(crate) fn read(text: &str) -> Self {
        let mut site = Self {
            hosts: Vec::new(),
            trusts: None,
        };
        let mut upstream = false;
        for line in text.lines() {
            let line = line.split_once('#').map_or(line, |(code, _)| code).trim();
            if line.starts_with("upstream ") {
                upstream = true;
            }
            let value = |name: &str| {
                let rest = line.strip_prefix(name)?.trim_start();
                Some(rest.split([' ', ';']).next().unwrap_or_default().to_owned())
            };
            if upstream && let Some(address) = value("server ") {
                let host = address
                    .rsplit_once(':')
                    .map_or(address.as_str(), |(host, _)| host);
                site.hosts.push(host.to_owned());
            }
            if let Some(path) = value("proxy_ssl_trusted_certificate ") {
                site.trusts = Some(path);
            }
            if line.ends_with('}') {
                upstream = false;
            }
        }
        site
    }
}
