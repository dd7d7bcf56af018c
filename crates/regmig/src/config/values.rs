//! What a string in the file may mean: names, addresses, and paths on the machines.

use std::net::{IpAddr, SocketAddr};

use super::notes::Flaw;

/// A machine's address, as clients and the other machine reach it.
pub(super) fn machine_address(text: &str) -> Result<IpAddr, Flaw> {
    if text.parse::<SocketAddr>().is_ok() {
        return Err(Flaw::new(
            "has a port",
            "write the address alone and the port of sshd as `port`",
        ));
    }
    let Ok(address) = text.trim().parse::<IpAddr>() else {
        let advice = "write the address, not a name: `dig +short NAME` tells it";
        return Err(Flaw::new("is not an IP address", advice));
    };
    let address = address.to_canonical();
    if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
        let advice = "write the address at which clients and the other machine reach it";
        return Err(Flaw::new(
            "is not the address of one machine on a network",
            advice,
        ));
    }
    Ok(address)
}

/// A glue address.
pub(super) fn glue(text: &str) -> Result<IpAddr, Flaw> {
    machine_address(text).map_err(|flaw| {
        Flaw::new(
            flaw.what,
            "write the addresses that the parent zone has for this server",
        )
    })
}

/// A name server of the parent zone; port 53 unless written.
pub(super) fn parent(text: &str) -> Result<SocketAddr, Flaw> {
    if let Ok(address) = text.trim().parse::<IpAddr>() {
        return Ok(SocketAddr::new(address.to_canonical(), 53));
    }
    let advice = "write addresses, not names: `dig +short NS PARENT` names the servers, `dig +short NAME` tells their addresses";
    match text.trim().parse::<SocketAddr>() {
        Ok(server) if server.port() != 0 => Ok(server),
        _ => Err(Flaw::new(
            "is not an IP address with or without a port",
            advice,
        )),
    }
}

/// Where dest's Redis is published.
pub(super) fn loopback(text: &str) -> Result<SocketAddr, Flaw> {
    let Ok(place) = text.trim().parse::<SocketAddr>() else {
        return Err(Flaw::new("is not an address and a port", ""));
    };
    if !place.ip().is_loopback() {
        let why = "Redis would be open to everyone who reaches that address; use 127.0.0.1";
        return Err(Flaw::new("is not on loopback", why));
    }
    if place.port() == 0 {
        return Err(Flaw::new("has no port", "write a port from 1 to 65535"));
    }
    Ok(place)
}

/// A domain name, in lower case and without the final dot.
pub(super) fn domain_name(text: &str) -> Result<String, Flaw> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let flaw = |advice: &str| Flaw::new("is not a domain name", advice);
    if name.contains("://") || name.contains(['/', ':', '@']) {
        return Err(flaw("write the bare name, without scheme, port or path"));
    }
    if !name.is_ascii() {
        return Err(flaw(
            "write international names in their ASCII form, which begins with xn--",
        ));
    }
    let labels: Vec<&str> = name.split('.').collect();
    let good = |label: &&str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if labels.len() < 2 {
        return Err(flaw("write the full name, with at least one dot"));
    }
    if labels
        .last()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(flaw("this looks like an address; write a name"));
    }
    if name.len() > 253 || !labels.iter().all(good) {
        return Err(flaw(
            "use letters, digits and hyphens, 63 at most between two dots, 253 in all",
        ));
    }
    Ok(name)
}

/// An absolute path on a machine, without trailing slash, doubled slashes and `.`.
pub(super) fn absolute(text: &str) -> Result<String, Flaw> {
    let clean = components(text)?;
    if text.starts_with('~') {
        return Err(Flaw::new(
            "is not an absolute path",
            "`~` means another folder to each user; spell it out",
        ));
    }
    if !text.starts_with('/') {
        return Err(Flaw::new(
            "is not an absolute path",
            "begin it with a slash",
        ));
    }
    if clean.is_empty() {
        return Err(Flaw::new(
            "is the whole file system",
            "name the folder itself",
        ));
    }
    Ok(format!("/{clean}"))
}

/// A path within a machine's root folder.
pub(super) fn relative(text: &str) -> Result<String, Flaw> {
    let clean = components(text)?;
    if text.starts_with(['/', '~']) {
        return Err(Flaw::new(
            "is not within the root folder",
            "write it relative to `root`, without a leading slash",
        ));
    }
    if clean.is_empty() {
        return Err(Flaw::new("names nothing", ""));
    }
    Ok(clean)
}

fn components(text: &str) -> Result<String, Flaw> {
    if text.contains(char::is_control) {
        return Err(Flaw::new("has a control character", "write it on one line"));
    }
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return Err(Flaw::new(
            "has `..` in it",
            "write the path without going up",
        ));
    }
    Ok(parts.join("/"))
}

/// The name of a compose service or a container.
pub(super) fn service(text: &str) -> Result<String, Flaw> {
    let good = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !good || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        let advice = "use letters, digits, `_`, `.` and `-`, beginning with a letter or digit";
        return Err(Flaw::new("is not a name that compose accepts", advice));
    }
    Ok(text.to_owned())
}

/// The name of an nginx upstream.
pub(super) fn upstream(text: &str) -> Result<String, Flaw> {
    let good = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !good || text.is_empty() {
        let advice = "write the word between `upstream` and `{` in nginx's site file";
        return Err(Flaw::new("is not the name of an upstream", advice));
    }
    Ok(text.to_owned())
}

/// A name or address that SSH connects to.
pub(super) fn ssh_host(text: &str) -> Result<String, Flaw> {
    let flaw = |advice| Err(Flaw::new("is not a host", advice));
    if text.contains('@') {
        return flaw("write the user as `user`");
    }
    if text.contains(':') && text.parse::<IpAddr>().is_err() {
        return flaw("write the port as `port`");
    }
    let good = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(good) {
        return flaw("use letters, digits, `.`, `-` and `_`");
    }
    Ok(text.to_owned())
}

/// A Unix user's name.
pub(super) fn user(text: &str) -> Result<String, Flaw> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if text.is_empty() || text.starts_with(['-', '.']) || text.len() > 32 || !text.chars().all(good)
    {
        return Err(Flaw::new(
            "is not a user's name",
            "use letters, digits, `_`, `.` and `-`, 32 at most",
        ));
    }
    Ok(text.to_owned())
}

/// A command line for `sh -c`.
pub(super) fn command(text: &str) -> Result<String, Flaw> {
    match text.trim() {
        "" => Err(Flaw::new(
            "is empty",
            "write the command that you would type in the root folder",
        )),
        line if line.contains(char::is_control) => Err(Flaw::new(
            "has a control character",
            "write one command line, or a script and its name",
        )),
        line => Ok(line.to_owned()),
    }
}

/// A word of a program's arguments, an image's name, or a glob: anything but nothing.
pub(super) fn word(text: &str) -> Result<String, Flaw> {
    if text.is_empty() {
        return Err(Flaw::new("is empty", ""));
    }
    if text.contains(char::is_control) {
        return Err(Flaw::new("has a control character", ""));
    }
    Ok(text.to_owned())
}

/// A container image.
pub(super) fn image(text: &str) -> Result<String, Flaw> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-/:@".contains(c);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(good) {
        return Err(Flaw::new("is not the name of an image", ""));
    }
    Ok(text.to_owned())
}

/// The name of an environment variable.
///
/// Only capitals are taken, so that a password written here by mistake is noticed, and not repeated.
pub(super) fn variable(text: &str) -> Result<String, Flaw> {
    let good = text
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if !good || !text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_') {
        let advice = "if it is the password itself, remove it: it must not stand in this file";
        return Err(Flaw::private(
            "is not the name of an environment variable",
            advice,
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        assert_eq!(
            domain_name("Pryv.Example.").ok().as_deref(),
            Some("pryv.example")
        );
        let long = format!("{}.example", "a".repeat(64));
        for bad in [
            "",
            ".",
            "localhost",
            "a..b",
            "-a.b",
            "https://a.b",
            "a.b:53",
            "192.0.2.1",
            "ä.example",
            "a_b.c",
            long.as_str(),
        ] {
            assert!(domain_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_normalised_and_stay_within() {
        assert_eq!(
            absolute("/var//pryv/./x/").ok().as_deref(),
            Some("/var/pryv/x")
        );
        for bad in ["/", "var/pryv", "~/pryv", "/var/../etc", "", "/a\nb"] {
            assert!(absolute(bad).is_err(), "{bad}");
        }
        assert_eq!(
            relative("./redis//data/").ok().as_deref(),
            Some("redis/data")
        );
        for bad in ["", ".", "/etc", "../x", "a/../../b", "~/x"] {
            assert!(relative(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(
            machine_address("::ffff:192.0.2.1").ok(),
            "192.0.2.1".parse().ok()
        );
        for bad in [
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "224.0.0.1",
            "192.0.2.1:22",
            "reg.example",
            "",
        ] {
            assert!(machine_address(bad).is_err(), "{bad}");
        }
        assert_eq!(parent("2001:db8::1").ok(), "[2001:db8::1]:53".parse().ok());
        assert_eq!(parent("192.0.2.1:5353").ok(), "192.0.2.1:5353".parse().ok());
        assert!(parent("192.0.2.1:0").is_err());
        assert!(loopback("[::1]:6379").is_ok());
        for bad in ["0.0.0.0:6379", "127.0.0.1:0", "127.0.0.1", "6379"] {
            assert!(loopback(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_that_a_shell_or_a_command_would_misread_are_refused() {
        for bad in ["", "-oProxyCommand=x", "a b", "root@a", "a:22", "a;b"] {
            assert!(ssh_host(bad).is_err(), "{bad}");
        }
        assert!(ssh_host("2001:db8::1").is_ok());
        for bad in ["", "-l", "a b", "a;b", ".a"] {
            assert!(user(bad).is_err() && service(bad).is_err(), "{bad}");
        }
        for bad in ["", "a b", "a;", "$x", "a{"] {
            assert!(upstream(bad).is_err(), "{bad}");
        }
        assert!(image("registry.example:5000/a/b:1@sha256:00").is_ok());
        assert!(image("--privileged").is_err());
        assert!(command("  ").is_err() && command("a\nb").is_err());
    }

    #[test]
    fn a_password_in_the_place_of_a_variable_is_private() {
        for bad in ["hunter2", "", "1A", "A-B", "päss"] {
            assert!(variable(bad).is_err_and(|flaw| flaw.private), "{bad}");
        }
        assert!(variable("REDIS_PASSWORD").is_ok());
    }
}
