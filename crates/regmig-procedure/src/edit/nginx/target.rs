//! Where a `…_pass` sends requests.

/// The host that a `…_pass` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// A host or an upstream, written out.
    Host {
        /// Its name.
        name: &'a str,
        /// Whether a port follows.
        port: bool,
    },
    /// A variable decides.
    Variable,
    /// A path of a socket.
    Socket,
}

/// Variables that always start with `/`, so that a name in front of one is complete.
const PATHS: [&str; 3] = ["$request_uri", "$uri", "$document_uri"];

/// Reads the argument of a `…_pass`, with a scheme (`http://`) or without.
pub(super) fn target(url: &str) -> Target<'_> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    if scheme.contains('$') {
        return Target::Variable;
    }
    if rest
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("unix:"))
    {
        return Target::Socket;
    }
    let end = match rest.find(']') {
        Some(at) if rest.starts_with('[') => at + 1,
        _ => rest.find(['/', '?', '#', ':', '$']).unwrap_or(rest.len()),
    };
    let (name, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match behind.chars().next() {
        Some('$') if PATHS.iter().any(|path| variable_at(behind, path)) && !name.is_empty() => {
            Target::Host { name, port: false }
        }
        Some('$') => Target::Variable,
        Some(':') => {
            let port = behind.split(['/', '?']).next().unwrap_or("");
            if port.contains('$') {
                Target::Variable
            } else {
                Target::Host { name, port: true }
            }
        }
        _ => Target::Host { name, port: false },
    }
}

/// Whether a text starts with exactly this variable, not with a longer name.
fn variable_at(text: &str, variable: &str) -> bool {
    text.strip_prefix(variable)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
}

/// The host of `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`, as servers and resolvers are written.
pub(super) fn host(address: &str) -> &str {
    match target(address) {
        Target::Host { name, .. } => name,
        Target::Variable | Target::Socket => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, host, target};

    #[test]
    fn hosts_variables_and_sockets_are_told_apart() {
        let named = |name, port| Target::Host { name, port };
        for (url, expected) in [
            ("http://a", named("a", false)),
            ("HTTPS://a/b/$c", named("a", false)),
            ("http://a:80/b", named("a", true)),
            ("http://a?b", named("a", false)),
            ("a:9000", named("a", true)),
            ("http://[::1]:80/", named("[::1]", true)),
            ("http://a$request_uri", named("a", false)),
            ("http://a$uri?x=1", named("a", false)),
            ("http://a$uri_suffix", Target::Variable),
            ("http://a$b", Target::Variable),
            ("http://$uri", Target::Variable),
            ("$scheme://a", Target::Variable),
            ("http://a:$port/", Target::Variable),
            ("$a", Target::Variable),
            ("http://unix:/run/x.sock:/uri", Target::Socket),
            ("", named("", false)),
        ] {
            assert_eq!(target(url), expected, "{url}");
        }
        assert_eq!(host("register:9000"), "register");
        assert_eq!(host("unix:/run/x.sock"), "");
    }
}
