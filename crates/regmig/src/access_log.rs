//! The log of nginx: who was served, and when.

/// One request, as a log tells of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// The line of the log.
    pub words: String,
}

/// Requests of others in an access log, without those of the user agent `own`; nothing where there are lines and none can be read.
pub fn http_requests(log: &str, own: &str) -> Option<Vec<Request>> {
    let readable = log.lines().any(|line| access_line(line).is_some());
    (readable || log.trim().is_empty()).then(|| {
        log.lines()
            .filter(|line| !line.contains(own))
            .filter_map(access_line)
            .collect()
    })
}

/// A line of nginx's `combined` format, or of any other with the time in brackets.
///
/// Whoever asks may have put brackets before the time, and a time in them, by the user name of the
/// request; not behind the first quote, since nginx escapes that. The latest counts: a request must
/// not be able to hide.
fn access_line(line: &str) -> Option<Request> {
    let times = |text: &str| {
        text.split('[')
            .skip(1)
            .filter_map(|rest| rest.split_once(']'))
            .filter_map(|(time, _)| {
                let found = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", time);
                Some(found.ok()?.to_timestamp().ok()?.as_millisecond())
            })
            .max()
    };
    let before_the_request = line.split('"').next().and_then(times);
    Some(Request {
        at_ms: before_the_request.or_else(|| times(line))?,
        words: line.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{access_line, http_requests};

    const AGENT: &str = "regmig/0";

    #[test]
    fn a_log_that_cannot_be_read_is_no_silence() {
        let line = |agent: &str| {
            format!(
                r#"10.0.0.7 - - [22/Nov/2026:12:30:05 +0100] "GET / HTTP/1.1" 302 0 "-" "{agent}""#
            )
        };
        assert_eq!(http_requests("", AGENT), Some(Vec::new()));
        assert_eq!(http_requests(&line(AGENT), AGENT), Some(Vec::new()));
        assert_eq!(http_requests(&line("curl/8"), AGENT).unwrap().len(), 1);
        assert_eq!(http_requests("12:30:05 GET /", AGENT), None);
    }

    #[test]
    fn the_time_of_a_request_is_found() {
        let line = r#"10.0.0.7 - - [22/Nov/2026:12:30:05 +0100] "GET /u/server HTTP/1.1" 302 0 "-" "curl/8""#;
        assert_eq!(access_line(line).unwrap().at_ms, 1_795_347_005_000);
        // Whoever asks names a user of any spelling, even where nobody is asked for one.
        let line = line.replace("- - [", "- x] [y [");
        assert_eq!(access_line(&line).unwrap().at_ms, 1_795_347_005_000);
        let line = line.replace("[y [", "[01/Jan/2000:00:00:00 +0000] [");
        assert_eq!(access_line(&line).unwrap().at_ms, 1_795_347_005_000);
        assert_eq!(access_line("no time here"), None);
        assert_eq!(access_line("[not a time] GET /"), None);
    }
}
