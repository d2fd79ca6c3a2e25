//! One test for each fault that was found after its code had landed; the name says what went wrong.

use std::time::Duration;

use super::support::answers::{denial, success};
use super::support::client::request;
use super::support::eventually;
use super::support::gateway::{Setup, monward};
use super::support::h2client;
use super::support::tokens::Issuer;
use super::support::upstream::{Step, Upstream, with_length};

fn token(role: &str) -> String {
    Issuer::shared().token(role)
}

#[test]
fn a_key_that_was_taken_out_of_the_file_is_out_of_force_after_a_reload() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let client = gateway.client();
    success(&client.get("/varz", Some(&token("viewer"))), "before");
    let empty = Issuer::shared().jwks().replace("\"kid\":\"", "\"kid\":\"other-");
    gateway.rewrite("jwks.json", &empty);
    gateway.reload("ok");
    denial(&client.get("/varz", Some(&token("viewer"))), &[401], "a token that was verified before");
    gateway.rewrite("jwks.json", "not a key set");
    gateway.reload("failed");
}

#[test]
fn a_request_that_is_cut_off_at_the_end_of_the_drain_leaves_its_record() {
    let upstream = Upstream::scripted(Box::new(|_| vec![Step::Hang]));
    let mut gateway = Setup::before(&upstream).limits("drain: 1s").start();
    let mut stuck = gateway.client().connect();
    stuck.send(request("GET", "/varz", Some(&token("viewer")), "").as_bytes());
    eventually("the request upstream", || (upstream.requests().len() == 1).then_some(()));
    gateway.signal("TERM");
    gateway.ended(Duration::from_secs(20));
    let records = gateway.audit(1);
    assert_eq!((&records[0]["decision"], &records[0]["reason"]), (&"withhold".into(), &"aborted".into()));
    assert_eq!((&records[0]["endpoint"], &records[0]["cut"]), (&"varz".into(), &true.into()));
}

#[test]
fn a_silent_connection_does_not_hold_up_a_stop() {
    let upstream = Upstream::nats();
    let mut gateway = Setup::before(&upstream).limits("drain: 60s, handshake: 60s").start();
    let silent = std::net::TcpStream::connect(gateway.listeners[0]).unwrap();
    success(&gateway.client().get("/varz", Some(&token("viewer"))), "it is there");
    gateway.signal("TERM");
    gateway.ended(Duration::from_secs(20));
    drop(silent);
}

#[test]
fn a_credential_typed_into_a_filter_goes_nowhere() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let secrets = ["eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln", "nats%3A%2F%2Fu%3Ahunter22%40h"];
    for secret in secrets {
        let answer = gateway.client().get(&format!("/accountz?acc={secret}"), Some(&token("admin")));
        denial(&answer, &[400], secret);
    }
    let audit = gateway.audit_text();
    assert!(!audit.contains("eyJ") && !audit.contains("hunter22"), "{audit}");
    upstream.assert_untouched("credentials in filters");
}

#[test]
fn the_admin_listener_answers_only_by_its_own_names() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let ask = |host: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(gateway.admin).unwrap();
        write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer[9..12].to_owned()
    };
    for (host, wanted) in [
        ("127.0.0.1:9901", "200"),
        ("localhost", "200"),
        ("[::1]:9901", "200"),
        ("evil.example", "421"),
        ("127.0.0.1.evil.example:9901", "421"),
    ] {
        assert_eq!(ask(host), wanted, "{host}");
    }
}

#[test]
fn a_reader_that_was_cut_is_not_recorded_as_served() {
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(50_000));
    let body = format!("[{}]", vec![body; 400].join(","));
    let upstream = Upstream::scripted(Box::new(move |_| {
        let head = "Content-Type: application/json\r\n";
        vec![Step::Send(with_length("200 OK", head, body.as_bytes()))]
    }));
    let gateway = Setup::before(&upstream).limits("write: 500ms").start();
    let mut reader = gateway.client().connect();
    reader.send(request("GET", "/varz", Some(&token("viewer")), "").as_bytes());
    let records = gateway.audit(1);
    assert_eq!((&records[0]["status"], &records[0]["cut"]), (&200.into(), &true.into()), "{}", records[0]);
}

#[test]
fn check_names_the_faults_of_a_policy_although_the_configuration_is_faulty() {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream).policy("version: 1\ncatalog: nats\nrols: {}\n");
    setup.config = Some(setup.text().replace("version: 1", "version: 2"));
    let folder = setup.write();
    let (status, _, said) = monward(folder.path(), &["check", "monward.yaml"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("version 1 only") && said.contains("did you mean `roles`?"), "{said}");
}

#[test]
fn a_head_that_is_too_large_for_h2_gets_our_answer_and_a_record() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let big = "x".repeat(20_000);
    let answer = h2client::request(&gateway.client(), "GET", "/varz", None, &[("x-big", &big)]).unwrap();
    denial(&answer, &[431], "20 KB of head");
    assert_eq!(gateway.audit(1)[0]["reason"], "head_too_large");
    upstream.assert_untouched("a large head");
}

#[test]
fn an_h2_request_with_two_opinions_on_its_host_is_answered_and_recorded() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let viewer = token("viewer");
    for hosts in [&[("host", "evil.test")][..], &[("host", "mon.test"), ("host", "mon.test")]] {
        let answer = h2client::request(&gateway.client(), "GET", "/varz", Some(&viewer), hosts).unwrap();
        denial(&answer, &[400], "hosts");
    }
    let records = gateway.audit(2);
    assert!(records.iter().all(|record| record["reason"] == "malformed_host"), "{records:?}");
    upstream.assert_untouched("hosts");
}

/// A `GET /varz` over HTTP/2 without a token, with `fields` after its own.
fn anonymous<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [(":method", "GET"), (":scheme", "https"), (":authority", "mon.test"), (":path", "/varz")];
    [&own, fields].concat()
}

#[test]
fn what_the_h2_library_refuses_by_itself_leaves_a_record_of_its_connection() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let header = |fields: &[(&'static str, &'static str)]| h2client::headers(1, &anonymous(fields));
    let cases = [
        ("a name with a capital", header(&[("X-Y", "1")])),
        ("a connection field", header(&[("connection", "close")])),
        ("two methods", header(&[(":method", "GET")])),
        ("an unknown pseudo-header", header(&[(":secret", "1")])),
        ("no path", h2client::headers(1, &anonymous(&[])[..3])),
        ("data on no stream", h2client::frame(0, 0, 0, b"x")),
        ("a window of nothing", h2client::frame(8, 0, 0, &[0; 4])),
    ];
    for (count, (name, frame)) in cases.iter().enumerate() {
        let mut connection = gateway.client().with_alpn(&[b"h2"]).connect();
        // A good request on the same connection is served all the same, unless the connection itself is broken.
        connection.send(&h2client::raw(&[frame.clone(), h2client::headers(3, &anonymous(&[]))]));
        eventually("an answer or the end", || {
            (!connection.text().is_empty())
                .then_some(())
                .or_else(|| connection.closes_within(Duration::from_millis(50)).then_some(()))
        });
        connection.reset();
        let records = || gateway.audit_text().matches("\"h2_malformed\"").count();
        eventually(name, || (records() > count).then_some(()));
        assert_eq!(records(), count + 1, "{name}");
    }
    assert!(gateway.metric("monward_connections_refused_total", &["reason=\"h2_malformed\""]) > 6.0);
    upstream.assert_untouched("malformed streams");
}

#[test]
fn a_header_list_that_h2_does_not_decode_leaves_a_record_and_good_connections_leave_none() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let viewer = token("viewer");
    success(&h2client::get(&gateway.client(), "/varz", Some(&viewer)), "a good connection");
    let big = "x".repeat(140_000);
    let _refused = h2client::request(&gateway.client(), "GET", "/varz", Some(&viewer), &[("x-big", &big)]);
    let records = gateway.audit(2);
    let reasons: Vec<&str> = records.iter().filter_map(|record| record["reason"].as_str()).collect();
    assert_eq!(reasons, ["rule", "h2_malformed"]);
    assert_eq!(upstream.requests().len(), 1);
}
