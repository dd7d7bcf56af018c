//! A published port.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::super::error::quote;
use super::super::{EditError, EditErrorKind};

/// A port of a service that is published on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// As written; of the long form, what it would be in the short one.
    pub text: String,
    /// The address on the machine; none means every address.
    pub host_ip: Option<String>,
    /// The ports on the machine; none when Docker chooses, or a variable says it.
    pub host: Option<RangeInclusive<u16>>,
    /// The ports in the container; none when a variable says it.
    pub container: Option<RangeInclusive<u16>>,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

impl Port {
    /// Reads the short form, `[[IP:]HOST:]CONTAINER[/PROTOCOL]`; variables stay text.
    pub(super) fn short(text: &str) -> Self {
        let (address, protocol) = match text.rsplit_once('/') {
            Some((address, protocol)) if !protocol.contains('}') => {
                (address, protocol.to_ascii_lowercase())
            }
            _ => (text, "tcp".to_owned()),
        };
        let mut parts = split(address);
        let container = parts.pop().and_then(ports);
        let host = parts.pop().and_then(ports);
        let host_ip = (!parts.is_empty())
            .then(|| parts.join(":"))
            .filter(|ip| !ip.is_empty());
        Self {
            text: text.to_owned(),
            host_ip,
            host,
            container,
            protocol,
        }
    }

    /// Reads a mapping that is to be published: address, port and port, all written out.
    pub(super) fn wanted(text: &str) -> Result<Self, EditError> {
        let port = Self::short(text);
        let single = |range: &Option<RangeInclusive<u16>>| {
            range
                .as_ref()
                .is_some_and(|range| range.start() == range.end() && *range.start() > 0)
        };
        let plain = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '/' | '[' | ']'));
        let ip = port
            .host_ip
            .as_deref()
            .is_some_and(|ip| address(ip).is_some());
        if plain && ip && single(&port.host) && single(&port.container) {
            return Ok(port);
        }
        Err(EditError::new(
            EditErrorKind::Request,
            format!("{} to be published", quote(text)),
            "`IP:PORT:PORT`, such as `127.0.0.1:6379:6379`",
            "Correct `publish` under [redis] in regmig.toml.",
        ))
    }

    /// Whether this port already is what is wanted, there or on every address.
    pub(super) fn serves(&self, wanted: &Self) -> bool {
        let ports = |port: &Self| {
            Some((
                *port.host.clone()?.start(),
                *port.container.clone()?.start(),
            ))
        };
        let (Some((host, container)), Some((wanted_host, wanted_container))) =
            (ports(self), ports(wanted))
        else {
            return false;
        };
        let same = i32::from(wanted_host) - i32::from(host)
            == i32::from(wanted_container) - i32::from(container);
        self.collides(wanted) && same
    }

    /// Whether both would listen at the same place of the machine.
    ///
    /// An address that is a variable or a placeholder is taken for another one: Docker tells if it is not.
    pub(super) fn collides(&self, wanted: &Self) -> bool {
        let ports = match (&self.host, &wanted.host) {
            (Some(own), Some(other)) => own.start() <= other.end() && other.start() <= own.end(),
            _ => false,
        };
        let everywhere = |port: &Self| match &port.host_ip {
            None => true,
            Some(ip) => address(ip).is_some_and(|ip| ip.is_unspecified()),
        };
        let same = match (&self.host_ip, &wanted.host_ip) {
            (Some(own), Some(other)) => {
                own == other || (address(own).is_some() && address(own) == address(other))
            }
            _ => false,
        };
        ports
            && self.protocol == wanted.protocol
            && (everywhere(self) || everywhere(wanted) || same)
    }
}

/// An address that is written out.
fn address(text: &str) -> Option<IpAddr> {
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// `N` or `N-M`.
pub(super) fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}

/// Splits at colons that are not within `${…}` or `[…]`.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut depth = 0usize;
    text.split(move |c| {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ':' && depth == 0
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::Port;

    #[test]
    fn the_short_form_is_read_with_variables_as_text() {
        let port = Port::short("${VPN_IP:-10.0.0.1}:6379:6380/TCP");
        assert_eq!(port.host_ip.as_deref(), Some("${VPN_IP:-10.0.0.1}"));
        assert_eq!(
            (port.host, port.container, port.protocol.as_str()),
            (Some(6379..=6379), Some(6380..=6380), "tcp")
        );
        let port = Port::short("[::1]:8000-8002:80-82/udp");
        assert_eq!(
            (port.host_ip.as_deref(), port.host),
            (Some("[::1]"), Some(8000..=8002))
        );
        let port = Port::short("443:443");
        assert_eq!((port.host_ip, port.host), (None, Some(443..=443)));
        let port = Port::short("9000");
        assert_eq!((port.host, port.container), (None, Some(9000..=9000)));
        assert_eq!(Port::short("${P}:80").host, None);
        assert_eq!(Port::short("${P:-a/b}").protocol, "tcp");
    }

    #[test]
    fn what_is_served_and_what_collides() {
        let wanted = Port::wanted("127.0.0.1:6379:6379").unwrap();
        for (text, serves, collides) in [
            ("127.0.0.1:6379:6379", true, true),
            ("6379:6379", true, true),
            ("0.0.0.0:6379:6379", true, true),
            ("6370-6390:6370-6390", true, true),
            ("127.0.0.1:6379:6380", false, true),
            ("6379:6380", false, true),
            ("6379:6379/udp", false, false),
            ("10.0.0.1:6379:6379", false, false),
            ("VPN_ADDRESS:6379:6379", false, false),
            ("127.0.0.1:6380:6379", false, false),
            ("6379", false, false),
        ] {
            let port = Port::short(text);
            assert_eq!(
                (port.serves(&wanted), port.collides(&wanted)),
                (serves, collides),
                "{text}"
            );
        }
    }

    #[test]
    fn a_wanted_port_is_written_out() {
        for bad in [
            "",
            "6379",
            "6379:6379",
            "x:1:1",
            "127.0.0.1:0:1",
            "127.0.0.1:1-2:1-2",
            "127.0.0.1:1:$P",
            "\"127.0.0.1:1:1",
        ] {
            assert!(Port::wanted(bad).is_err(), "{bad}");
        }
        assert!(Port::wanted("[::1]:53:5353/udp").is_ok());
    }
}
