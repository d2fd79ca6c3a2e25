//! The exchange itself: connections that are kept, lengths that are true, bodies of any size, reloads under load.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::answers::{denial, success};
use crate::support::bench::{assemble, bench, bench_with_policy};
use crate::support::client::request;
use crate::support::gateway::{POLICY, Setup};
use crate::support::h2client;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Step, Upstream, chunked, json, with_length};

fn token(role: &str) -> String {
    Issuer::shared().token(role)
}

#[test]
fn refusals_keep_the_connection() {
    let policy =
        POLICY.replacen("    redact: standard", "    limit: { rate: 1/min, burst: 1 }\n    redact: standard", 1);
    let bench = bench_with_policy(&policy);
    let mut connection = bench.client.connect();
    let viewer = token("viewer");
    for (target, credential, wanted) in [
        ("/varz", None, 401),
        ("/varz", Some("x.y.z"), 401),
        ("/varz", Some(viewer.as_str()), 200),
        ("/varz", Some(viewer.as_str()), 429),
        ("/accountz", Some(viewer.as_str()), 403),
        ("/nothing", Some(viewer.as_str()), 404),
        ("/connz", Some(viewer.as_str()), 200),
    ] {
        connection.send(request("GET", target, credential, "").as_bytes());
        let answer = connection.response(false).unwrap_or_else(|| panic!("closed before {target}"));
        assert_eq!(answer.status, wanted, "{target}: {}", answer.head);
        assert_eq!(answer.header("connection"), None, "{target}: {}", answer.head);
    }
    connection.send(request("POST", "/varz", Some(&viewer), "Content-Length: 0\r\n").as_bytes());
    denial(&connection.response(false).unwrap(), &[405], "POST");
}

#[test]
fn head_and_get_share_a_connection() {
    let bench = bench();
    let mut connection = bench.client.connect();
    for _ in 0..3 {
        connection.send(request("HEAD", "/varz", Some(&token("viewer")), "").as_bytes());
        let head = connection.response(true).unwrap();
        success(&head, "HEAD");
        connection.send(request("GET", "/varz", Some(&token("viewer")), "").as_bytes());
        let get = connection.response(false).unwrap();
        success(&get, "GET");
        if let Some(length) = head.header("content-length") {
            assert_eq!(length, get.body.len().to_string());
        }
        connection.send(request("HEAD", "/accountz", Some(&token("viewer")), "").as_bytes());
        denial(&connection.response(true).unwrap(), &[403], "HEAD");
    }
}

#[test]
fn requests_in_pieces_and_in_one_piece_are_the_same() {
    let bench = bench();
    let one = request("GET", "/varz", Some(&token("viewer")), "");
    let mut connection = bench.client.connect();
    for size in [1, 7, 100] {
        for piece in one.as_bytes().chunks(size) {
            connection.send(piece);
        }
        success(&connection.response(false).unwrap(), &format!("in pieces of {size}"));
    }
    connection.send(one.repeat(5).as_bytes());
    for number in 0..5 {
        success(&connection.response(false).unwrap(), &format!("pipelined {number}"));
    }
    assert_eq!(bench.upstream.requests().len(), 8);
}

#[test]
fn large_bodies_come_through_whole() {
    let row = r#"{"cid":123456,"in_msgs":18446744073709551615,"jwt":"CANARY","n":1.50,"name":"\u003c\u00e9"},"#;
    let rows = row.repeat(30_000);
    let body = format!("{{\"connections\":[{}]}}", rows.trim_end_matches(','));
    let wanted = body.replace("\"jwt\":\"CANARY\",", "");
    let upstream = Upstream::nats();
    let policy = POLICY.replace("redact: standard", "redact: no-credentials");
    let gateway = Setup::before(&upstream).policy(&policy).start();
    let bench = assemble(upstream, gateway);
    for size in [1000, 65_537, 10_000_000] {
        let sent = body.clone();
        bench.upstream.script(move |_| vec![Step::Send(chunked("200 OK", "", sent.as_bytes(), size))]);
        for answer in [
            bench.client.get("/varz", Some(&token("viewer"))),
            h2client::get(&bench.client, "/varz", Some(&token("viewer"))),
        ] {
            success(&answer, "a large body");
            assert!(
                answer.text() == wanted,
                "chunks of {size}: {} bytes instead of {}",
                answer.body.len(),
                wanted.len()
            );
        }
    }
}

#[test]
fn bodies_over_the_cap_are_withheld() {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream);
    setup.upstream_more = ", max_body: 10KiB".to_owned();
    let gateway = setup.start();
    let bench = assemble(upstream, gateway);
    let body = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    for (bytes, wanted) in [(10 * 1024, 200), (10 * 1024 + 1, 502), (1024 * 1024, 502)] {
        let text = body(bytes);
        let (long, pieces) = (text.clone(), text.clone());
        bench.upstream.script(move |_| json(&long));
        assert_eq!(bench.client.get("/varz", Some(&token("viewer"))).status, wanted, "{bytes} with a length");
        bench.upstream.script(move |_| vec![Step::Send(chunked("200 OK", "", pieces.as_bytes(), 900)), Step::Close]);
        assert_eq!(bench.client.get("/varz", Some(&token("viewer"))).status, wanted, "{bytes} in chunks");
    }
    bench
        .upstream
        .script(|_| vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{".to_vec()), Step::Hang]);
    denial(&bench.client.get("/varz", Some(&token("viewer"))), &[502], "an announced giant");
}

#[test]
fn an_answer_never_reaches_the_wrong_client() {
    let upstream = Upstream::scripted(Box::new(|seen| {
        let name = seen.target().split("acc=").nth(1).unwrap_or("none").to_owned();
        let body = format!("{{\"who\":\"{name}\"}}");
        // One answer too many: the next request on this connection must not get it.
        let poison = with_length("200 OK", "", b"{\"who\":\"POISON\"}");
        match name.as_str() {
            "bad" => vec![Step::Send([with_length("200 OK", "", body.as_bytes()), poison].concat())],
            _ => vec![Step::Pause(Duration::from_millis(5)), Step::Send(with_length("200 OK", "", body.as_bytes()))],
        }
    }));
    let gateway = Setup::before(&upstream).start();
    let bench = assemble(upstream, gateway);
    let admin = token("admin");
    let names: Vec<String> =
        (0..120).map(|number| if number % 3 == 0 { "bad".to_owned() } else { format!("n{number}") }).collect();
    crate::support::in_parallel(&names, |name| {
        let answer = bench.client.get(&format!("/accountz?acc={name}"), Some(&admin));
        if name == "bad" && answer.status == 502 {
            return;
        }
        success(&answer, name);
        assert_eq!(answer.text(), format!("{{\"who\":\"{name}\"}}"));
    });
}

#[test]
fn reloads_under_load_drop_nothing() {
    let bench = bench();
    let viewer = token("viewer");
    let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let (bench, viewer, stop, count) = (&bench, &viewer, &stop, &count);
            scope.spawn(move || {
                let mut connection = bench.client.connect();
                while !stop.load(Ordering::SeqCst) {
                    if worker == 0 {
                        success(&bench.client.get("/varz", Some(viewer)), "a new connection");
                    } else {
                        connection.send(request("GET", "/varz", Some(viewer), "").as_bytes());
                        success(&connection.response(false).expect("kept"), "a kept connection");
                    }
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 0..10 {
            let policy = if round % 2 == 0 {
                POLICY.replace("limit: { max: 256 }", "limit: { max: 255 }")
            } else {
                POLICY.to_owned()
            };
            bench.gateway.rewrite("policy.yaml", &policy);
            bench.gateway.reload("ok");
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert_eq!(bench.upstream.requests().len(), count.into_inner());
}
