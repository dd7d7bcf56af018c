//! Logs on the machines.

use regmig::access_log::http_requests;
use regmig_docker::{LogLine, LogSource, Splitter};

const REQUEST: &str =
    r#"- [22/Nov/2026:12:30:05 +0100] "GET /ann/server HTTP/1.1" 302 0 "-" "curl/8""#;

/// nginx's log: no request is overlooked for what another one, or the one who asks, puts there.
pub fn access_log(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = http_requests(&text, "regmig/0");
    let count = found.as_ref().map_or(0, Vec::len);
    assert!(found.is_some() || !text.trim().is_empty());
    for request in found.iter().flatten() {
        assert!(text.contains(&request.words) && !request.words.contains("regmig/0"));
    }
    let more = http_requests(&format!("{text}\n192.0.2.1 - {REQUEST}\n"), "regmig/0");
    assert_eq!(more.map(|more| more.len()), Some(count + 1));
    // nginx writes the user's name there, with what could end the line or the field escaped.
    let user: String = text
        .chars()
        .take(200)
        .filter(|letter| !letter.is_control() && *letter != '"')
        .collect();
    if !user.contains("regmig/0") {
        let seen = http_requests(&format!("192.0.2.1 - {user} {REQUEST}"), "regmig/0");
        let last = seen.and_then(|seen| seen.first().map(|request| request.at_ms));
        assert!(last.is_some_and(|at| at >= 1_795_347_005_000), "{user}");
    }
}

/// A container's log: the same lines in whatever pieces it comes.
pub fn container_log(data: &[u8]) {
    let Some((size, text)) = data.split_first() else {
        return;
    };
    let whole = split(&[text]);
    let pieces: Vec<&[u8]> = text.chunks(usize::from(*size).max(1)).collect();
    assert_eq!(split(&pieces), whole);
    let ends = text.iter().filter(|byte| **byte == b'\n').count();
    let cut = text.last().is_some_and(|byte| *byte != b'\n');
    assert!(whole.len() >= ends + usize::from(cut));
}

fn split(pieces: &[&[u8]]) -> Vec<LogLine> {
    let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
    for piece in pieces {
        splitter.feed(LogSource::Stdout, piece, &mut lines);
    }
    splitter.finish(&mut lines);
    lines
}
