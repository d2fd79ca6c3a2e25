//! K: the life of a process: reloads in a storm and under requests, sudden ends, and machines that lack something.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use crate::support::answers::{denial, success};
use crate::support::bench::{assemble, bench};
use crate::support::client::{Connection, request};
use crate::support::gateway::{POLICY, Setup, monward};
use crate::support::h2client::{self, Line};
use crate::support::tokens::Issuer;
use crate::support::upstream::{Step, Upstream, with_length};
use crate::support::{eventually, in_parallel};

fn viewer() -> String {
    Issuer::shared().token("viewer")
}

fn open_files(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

#[test]
fn k09_a_storm_of_reloads_leaks_nothing() {
    let bench = bench();
    let reloads = || bench.gateway.metric("monward_config_reloads_total", &["result=\"ok\""]);
    let storm = |signals: usize| {
        for _ in 0..signals {
            bench.gateway.signal("HUP");
        }
        bench.gateway.reload("ok");
        success(&bench.client.get("/varz", Some(&viewer())), "after a storm");
    };
    storm(50);
    let (memory, files) = (bench.gateway.resident(), open_files(bench.gateway.process()));
    let before = reloads();
    storm(300);
    assert!(reloads() > before + 10.0, "it was no storm: {} reloads", reloads() - before);
    let grown = bench.gateway.resident().saturating_sub(memory);
    assert!(grown < 16 * 1024, "{grown} KiB more");
    eventually("the files to be closed", || (open_files(bench.gateway.process()) <= files + 4).then_some(()));
    denial(&bench.client.get("/accountz", Some(&viewer())), &[403], "after a storm");
}

#[test]
fn k10_what_is_in_flight_ends_as_it_began_and_what_comes_next_is_judged_anew() {
    let upstream = Upstream::scripted(Box::new(|seen| {
        let pause = if seen.target() == "/varz" { Duration::from_secs(2) } else { Duration::ZERO };
        let answer = with_length("200 OK", "Content-Type: application/json\r\n", b"{\"cores\":1,\"mem\":2}");
        vec![Step::Pause(pause), Step::Send(answer)]
    }));
    let bench = assemble_before(upstream);
    let token = viewer();
    let ask = request("GET", "/varz", Some(&token), "");
    let mut in_flight: Vec<Connection> = (0..4)
        .map(|_| {
            let mut connection = bench.client.connect();
            connection.send(ask.as_bytes());
            connection
        })
        .collect();
    std::thread::scope(|scope| {
        let over_h2 = scope.spawn(|| h2client::get(&bench.client, "/varz", Some(&token)));
        eventually("all of them upstream", || (bench.upstream.requests().len() == 5).then_some(()));
        let closed = POLICY
            .replacen("endpoints: [varz, healthz]", "endpoints: [healthz]", 1)
            .replacen("redact: standard", "redact: hidden", 1)
            .replacen("rules:\n", "redactions:\n  hidden: { extends: none, remove: [$.mem] }\nrules:\n", 1);
        bench.gateway.rewrite("policy.yaml", &closed);
        bench.gateway.reload("ok");
        // New requests: refused on new connections, and on those that were open before.
        denial(&bench.client.get("/varz", Some(&token)), &[403], "a new connection");
        denial(&h2client::get(&bench.client, "/varz", Some(&token)), &[403], "a new connection of HTTP/2");
        let other = bench.client.get("/healthz", Some(&token));
        assert_eq!(other.text(), "{\"cores\":1}", "the redaction of the new policy");
        let answer = over_h2.join().unwrap();
        success(&answer, "in flight over h2");
        assert_eq!(answer.text(), "{\"cores\":1,\"mem\":2}", "the redaction of the old policy");
    });
    for connection in &mut in_flight {
        let answer = connection.response(false).unwrap();
        success(&answer, "in flight");
        assert_eq!(answer.text(), "{\"cores\":1,\"mem\":2}", "the redaction of the old policy");
        connection.send(ask.as_bytes());
        denial(&connection.response(false).unwrap(), &[403], "the next on the same connection");
    }
    assert_eq!(bench.upstream.requests().len(), 6);
}

fn assemble_before(upstream: Upstream) -> crate::support::bench::Bench {
    let gateway = Setup::before(&upstream).start();
    assemble(upstream, gateway)
}

#[test]
fn k12_whoever_was_killed_starts_again_with_what_it_left_behind() {
    let upstream = Upstream::nats();
    let state = tempfile::tempdir().unwrap();
    std::fs::set_permissions(state.path(), Permissions::from_mode(0o700)).unwrap();
    let mut setup = Setup::before(&upstream);
    setup.config = Some(format!("{}state_dir: {}\n", setup.text(), state.path().display()));
    let mut gateway = setup.start();
    for round in 1..=3 {
        let client = gateway.client();
        success(&client.get("/varz", Some(&viewer())), "before");
        denial(&client.get("/accountz", Some(&viewer())), &[403], "before");
        let mut kept = Line::to(&client).unwrap();
        success(&kept.get("/varz", Some(&viewer())).unwrap(), "before");
        eventually("the records", || (gateway.audit_text().lines().count() == round * 3).then_some(()));
        gateway.kill_and_start(&setup);
        gateway.wait_ready();
    }
    success(&gateway.client().get("/varz", Some(&viewer())), "at last");
    let records = gateway.audit(10);
    assert!(records.iter().all(|record| record["request_id"].is_string()), "{records:?}");
}

#[test]
fn k12_half_a_record_does_not_spoil_the_next() {
    let upstream = Upstream::nats();
    let setup = Setup::before(&upstream);
    let mut gateway = setup.start();
    success(&gateway.client().get("/varz", Some(&viewer())), "before");
    let text = eventually("a record", || Some(gateway.audit_text()).filter(|text| text.ends_with('\n')));
    gateway.rewrite("audit.jsonl", &text[..text.len() / 2]);
    gateway.kill_and_start(&setup);
    gateway.wait_ready();
    let answer = gateway.client().get("/varz", Some(&viewer()));
    success(&answer, "after");
    let id = answer.header("x-request-id").unwrap().to_owned();
    eventually("a whole record", || {
        gateway
            .audit_text()
            .lines()
            .any(|line| {
                serde_json::from_str::<serde_json::Value>(line).is_ok_and(|record| record["request_id"] == id.as_str())
            })
            .then_some(())
    });
}

#[test]
fn k13_files_with_keys_that_others_can_read_are_named() {
    let upstream = Upstream::nats();
    let setup = Setup::before(&upstream);
    let folder = setup.write();
    let check = |arguments: &[&str]| monward(folder.path(), &[&["check", "monward.yaml"], arguments].concat());
    let mode =
        |mode: u32| std::fs::set_permissions(folder.path().join("server.key"), Permissions::from_mode(mode)).unwrap();
    for good in [0o400, 0o600, 0o640, 0o440] {
        mode(good);
        let (code, _, said) = check(&["--strict"]);
        assert!(!said.contains("server.key"), "{good:o}: {said}");
        assert_eq!(code, Some(i32::from(said.contains("doubtful"))), "{said}");
    }
    for bad in [0o644, 0o604, 0o660, 0o606, 0o777] {
        mode(bad);
        let (code, out, said) = check(&[]);
        assert_eq!(code, Some(0), "{out}{said}");
        let wanted = "server.key: others can read or write it, and it holds a key or a secret; `chmod g-w,o= server.key` (doubtful)\n";
        assert!(said.contains(wanted), "{bad:o}: {said}");
        assert_eq!(check(&["--strict"]).0, Some(1), "{bad:o}");
    }
    let gateway = setup.start();
    assert!(!gateway.stderr().contains("others can read"), "{}", gateway.stderr());
    std::fs::set_permissions(gateway.path("second.key"), Permissions::from_mode(0o644)).unwrap();
    gateway.reload("ok");
    eventually("a warning", || {
        let warns = |line: &str| line.contains("WARN") && line.contains("second.key: others can read");
        gateway.stderr().lines().any(warns).then_some(())
    });
    success(&gateway.client().get("/varz", Some(&viewer())), "it is served all the same");
}

#[test]
fn k14_with_few_files_it_serves_or_refuses_and_recovers() {
    let bench = bench();
    success(&bench.client.get("/varz", Some(&viewer())), "before");
    let process = bench.gateway.process().to_string();
    let files = open_files(bench.gateway.process()) + 8;
    let set = |number: usize| {
        let status =
            Command::new("prlimit").args(["--pid", &process, &format!("--nofile={number}:")]).status().unwrap();
        assert!(status.success());
    };
    set(files);
    let mut open: Vec<Connection> = (0..files).map(|_| bench.client.connect()).collect();
    for connection in &mut open {
        connection.send(b"GET /varz HTTP/1.1\r\nHost:");
    }
    let many: Vec<usize> = (0..32).collect();
    in_parallel(&many, |_| {
        let answers = bench
            .client
            .exchange_within(request("GET", "/accountz", Some(&viewer()), "").as_bytes(), Duration::from_secs(2));
        assert!(answers.statuses().iter().all(|status| [403, 502, 503].contains(status)), "{answers:?}");
    });
    assert!(bench.upstream.requests().iter().all(|seen| seen.target() == "/varz"));
    drop(open);
    set(4096);
    eventually("an answer", || {
        let ask = request("GET", "/varz", Some(&viewer()), "");
        let answer = bench.client.exchange_within(ask.as_bytes(), Duration::from_secs(1));
        (answer.status() == 200).then_some(())
    });
    denial(&bench.client.get("/accountz", Some(&viewer())), &[403], "after");
    assert!(!bench.gateway.stderr().contains("panicked"), "{}", bench.gateway.stderr());
}

#[test]
fn k14_a_full_disk_and_no_folder_for_temporary_files_change_no_decision() {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream);
    setup.config = Some(setup.text().replace("file: audit.jsonl", "file: /dev/full"));
    setup.environment = vec![("TMPDIR".to_owned(), "/nowhere".to_owned())];
    let gateway = setup.start();
    let client = gateway.client();
    for _ in 0..20 {
        success(&client.get("/varz", Some(&viewer())), "a full disk");
        denial(&client.get("/accountz", Some(&viewer())), &[403], "a full disk");
        denial(&client.get("/varz", None), &[401], "a full disk");
    }
    assert_eq!(upstream.requests().len(), 20);
    eventually("the lost records to be counted", || {
        (gateway.metric("monward_audit_dropped_total", &[]) >= 1.0).then_some(())
    });
    assert!(!gateway.stderr().contains("panicked"), "{}", gateway.stderr());
}
