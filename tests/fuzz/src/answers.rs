//! What programs on the machines print.

use regmig::rsync_output::Line;
use regmig_docker::{Container, compose};
use regmig_redis::parse_info;

/// Redis's own account of itself: every text is one, and unknown lines change nothing.
pub fn info(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let info = parse_info(&text);
    let _ = (info.keys(), info.replication.is_linked());
    let unknown = format!("regmig_unknown:1\r\nno field\r\n{text}");
    assert_eq!(parse_info(&unknown), info);
    if !text.contains('\r') {
        assert_eq!(parse_info(&text.replace('\n', "\r\n")), info);
    }
    // What is said last counts, whatever stands before.
    let replica = parse_info(&format!(
        "{text}\nrole:slave\nmaster_host:192.0.2.1\nmaster_port:6379\nmaster_link_status:down\nmaster_sync_in_progress:1\n"
    ));
    assert!(!replica.replication.is_linked());
}

/// A line of rsync: every text is one, and its own figures come back.
pub fn rsync(data: &[u8]) {
    for line in String::from_utf8_lossy(data).lines() {
        match Line::parse(line) {
            Line::Progress { bytes, words, .. } => {
                assert!(line.ends_with(words) || line.trim_end().ends_with(words));
                let digits: String = line.chars().filter(char::is_ascii_digit).collect();
                assert!(digits.contains(bytes.to_string().trim_start_matches('0')));
            }
            Line::Moved(bytes) | Line::Total(bytes) => {
                let digits: String = line.chars().filter(char::is_ascii_digit).collect();
                assert!(bytes == 0 || digits.trim_start_matches('0') == bytes.to_string());
            }
            Line::Other => {}
        }
    }
    let Some((bytes, rest)) = data.split_first_chunk::<8>() else {
        return;
    };
    let (bytes, percent) = (
        u64::from_le_bytes(*bytes),
        rest.first().copied().unwrap_or_default() % 101,
    );
    for line in [
        format!("{bytes:>14} {percent:>3}%   12.34MB/s    0:00:01"),
        format!("{bytes} {percent}% 12.34MB/s 0:00:01"),
    ] {
        let found = Line::parse(&line);
        assert!(
            matches!(found, Line::Progress { bytes: b, percent: p, .. } if (b, p) == (bytes, percent))
        );
    }
    assert_eq!(
        Line::parse(&format!("Literal data: {bytes} bytes")),
        Line::Moved(bytes)
    );
    assert_eq!(
        Line::parse(&format!("Total file size: {bytes} bytes")),
        Line::Total(bytes)
    );
}

/// What Docker says of a container: read or refused, and what is read can be kept.
pub fn container(data: &[u8]) {
    let Ok(container) = Container::from_json(data) else {
        return;
    };
    assert!(!container.name.starts_with('/'));
    assert_eq!(container.ports.len(), container.published.len());
    assert!(
        container
            .published
            .is_sorted_by_key(|port| port.container_port)
    );
    let kept = serde_json::to_vec(&container).unwrap_or_default();
    assert!(serde_json::from_slice::<Container>(&kept).is_ok_and(|again| again == container));
}

/// What compose says of itself, the plugin before a NUL and the program behind it.
pub fn compose_version(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (plugin, program) = text.split_once('\0').unwrap_or((&text, &text));
    if let Some(found) = compose::detect(plugin, program) {
        let said = if found.argv.len() == 2 {
            plugin
        } else {
            program
        };
        assert!(said.contains(&found.version));
        assert!(
            found.version.starts_with(&found.major.to_string()) || found.version.starts_with('0')
        );
    }
}
