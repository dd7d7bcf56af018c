use super::*;
use crate::audit::{Lost, MachineAudit};
use crate::log::read_log;

fn target() -> SocketAddr {
    "192.0.2.1:443".parse().unwrap()
}

fn start(at_ms: u64) -> Event {
    Event::Start {
        at_ms,
        target: target(),
        host: "reg.example.test".to_owned(),
        prefix: "trf".to_owned(),
        first: 1,
    }
}

fn end(at_ms: u64) -> Event {
    Event::End {
        at_ms,
        reason: "the test ends".to_owned(),
    }
}

fn ack(at_ms: u64, ms: f64) -> Event {
    Event::Ack {
        at_ms,
        user: format!("trf{at_ms:06}"),
        core: "core1.example.test".to_owned(),
        target: target(),
        ms,
    }
}

fn fail(at_ms: u64, op: Operation, kind: &str) -> Event {
    Event::Fail {
        at_ms,
        op,
        kind: kind.to_owned(),
        user: "trf000001".to_owned(),
        target: target(),
        ms: 1.0,
        detail: String::new(),
    }
}

fn report(events: &[Event]) -> Report {
    Report::new(Path::new("log"), events, None, GAP_MS).unwrap()
}

fn kinds(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs
        .iter()
        .map(|(kind, number)| ((*kind).to_owned(), *number))
        .collect()
}

#[test]
fn gaps_are_found_between_before_and_after_acknowledgements() {
    let found = report(&[
        start(1000),
        ack(1300, 1.0),
        ack(1400, 1.0),
        // Written in the order of the file, not of time.
        ack(2100, 1.0),
        ack(1650, 1.0),
        end(2400),
    ]);
    // 1300 to 1650 is 100 and 250: a gap of exactly the threshold is not listed.
    let gap = |start_ms, length_ms| Gap {
        start_ms,
        length_ms,
    };
    assert_eq!(
        found.gaps_ms,
        vec![gap(1000, 300), gap(1650, 450), gap(2100, 300)]
    );
    assert_eq!(found.longest_gap_ms, 450);
    assert_eq!((found.started_ms, found.ended_ms), (1000, 2400));
}

#[test]
fn a_run_without_an_acknowledgement_is_one_gap() {
    let found = report(&[
        start(1000),
        fail(1500, Operation::Write, "connect"),
        end(9000),
    ]);
    assert_eq!(
        found.gaps_ms,
        vec![Gap {
            start_ms: 1000,
            length_ms: 8000
        }]
    );
    assert_eq!(found.acknowledged, 0);
    assert!(found.targets.is_empty());
}

#[test]
fn an_answer_after_the_end_closes_the_gap_that_was_open() {
    let found = report(&[start(0), ack(100, 1.0), end(400), ack(1100, 900.0)]);
    assert_eq!(
        found.gaps_ms,
        vec![Gap {
            start_ms: 100,
            length_ms: 1000
        }]
    );
    assert_eq!(found.ended_ms, 400);
}

#[test]
fn what_lies_between_two_runs_is_no_gap_even_when_the_first_was_killed() {
    let found = report(&[
        start(0),
        ack(100, 1.0),
        start(60_000),
        ack(60_100, 1.0),
        end(60_200),
    ]);
    assert_eq!((found.longest_gap_ms, found.runs), (100, 2));
    assert_eq!(found.gaps_ms, Vec::new());
}

#[test]
fn failures_are_counted_by_operation_and_kind() {
    let found = report(&[
        start(0),
        fail(1, Operation::Write, "http-500"),
        fail(2, Operation::Write, "timeout"),
        fail(3, Operation::Read, "timeout"),
        fail(4, Operation::Read, "missing"),
        fail(5, Operation::Dns, "dns-missing"),
        fail(6, Operation::Follow, "dns-timeout"),
        Event::Skipped {
            at_ms: 7,
            op: Operation::Write,
        },
        end(8),
    ]);
    assert_eq!(
        found.failed_requests,
        kinds(&[("http-500", 1), ("missing", 1), ("timeout", 2)])
    );
    assert_eq!(
        found.failed_writes,
        kinds(&[("http-500", 1), ("timeout", 1)])
    );
    assert_eq!(found.failed_reads, kinds(&[("missing", 1), ("timeout", 1)]));
    assert_eq!(found.failed_dns, kinds(&[("dns-missing", 1)]));
    assert_eq!(found.failed_follow, kinds(&[("dns-timeout", 1)]));
    assert_eq!(found.skipped, 1);
}

#[test]
fn percentiles_are_of_the_nearest_rank() {
    let mut events = vec![start(0)];
    events.extend(
        (1..=200)
            .rev()
            .map(|number| ack(number, f64::from(number as u32))),
    );
    events.push(end(200));
    let write = report(&events).latency_ms.write.unwrap();
    let expected = Latency {
        count: 200,
        p50: 100.0,
        p90: 180.0,
        p99: 198.0,
        max: 200.0,
    };
    assert_eq!(write, expected);
    let one = report(&[start(0), ack(1, 7.5), end(2)]).latency_ms;
    let expected = Latency {
        count: 1,
        p50: 7.5,
        p90: 7.5,
        p99: 7.5,
        max: 7.5,
    };
    assert_eq!((one.write, one.read, one.dns), (Some(expected), None, None));
}

#[test]
fn losses_come_from_the_audit_alone() {
    let events = [start(0), ack(1, 1.0), ack(2, 1.0), ack(3, 1.0), end(4)];
    let without = report(&events);
    assert_eq!(
        (without.lost, without.unknown, without.unaudited),
        (None, None, None)
    );
    assert!(render(&without).contains("no audit was given"));

    let lost = Lost {
        user: "trf000001".to_owned(),
        core: "core1.example.test".to_owned(),
        found: None,
        acknowledged_ms: 1,
        acknowledged_by: target(),
    };
    let audit = Audit {
        acknowledged: 2,
        lost: 1,
        unknown: 0,
        machines: vec![MachineAudit {
            name: "dest".to_owned(),
            address: target(),
            found: 1,
            lost: vec![lost],
            unknown: Vec::new(),
        }],
    };
    let with = Report::new(Path::new("log"), &events, Some(&audit), GAP_MS).unwrap();
    assert_eq!(
        (with.lost, with.unknown, with.unaudited),
        (Some(1), Some(0), Some(1))
    );
    let text = render(&with);
    assert!(
        text.contains("1, dest: 1; 1 acknowledged after the audit"),
        "{text}"
    );
}

#[test]
fn a_log_without_a_run_has_no_report() {
    let error = Report::new(Path::new("some.log"), &[], None, GAP_MS).unwrap_err();
    assert!(error.to_string().contains("some.log"), "{error}");
}

#[test]
fn the_json_has_the_names_that_other_programs_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(
        &path,
        concat!(
            r#"{"event":"start","at_ms":0,"target":"192.0.2.1:443","host":"h","prefix":"trf","first":1}"#,
            "\n",
            r#"{"event":"ack","at_ms":300,"user":"trf000001","core":"c","target":"192.0.2.1:443","ms":2.5}"#,
            "\n",
            r#"{"event":"fail","at_ms":310,"op":"write","kind":"connect","user":"trf000002","target":"192.0.2.1:443","ms":1.0,"detail":""}"#,
            "\n",
            r#"{"event":"end","at_ms":320,"reason":"duration"}"#,
            "\n"
        ),
    )
    .unwrap();
    let found = Report::new(&path, &read_log(&path).unwrap(), None, GAP_MS).unwrap();
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["acknowledged"], 1);
    assert_eq!(json["lost"], serde_json::Value::Null);
    assert_eq!(json["failed_requests"]["connect"], 1);
    assert_eq!(json["longest_gap_ms"], 300);
    assert_eq!(
        json["gaps_ms"][0],
        serde_json::json!({"start_ms": 0, "length_ms": 300})
    );
    assert_eq!(json["latency_ms"]["write"]["p50"], 2.5);
    assert_eq!(json["latency_ms"]["dns"], serde_json::Value::Null);
    let again: Report = serde_json::from_value(json).unwrap();
    assert_eq!(again, found);
}
