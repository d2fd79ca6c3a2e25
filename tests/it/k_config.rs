//! K: configuration and lifecycle. Nothing half-read is ever in force, and nothing in flight is dropped.

use std::time::{Duration, Instant};

use crate::support::answers::{denial, success};
use crate::support::bench::{bench, bench_with_policy};
use crate::support::client::request;
use crate::support::gateway::{POLICY, Setup, monward};
use crate::support::pki::pem_block;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Step, Upstream, with_length};
use crate::support::{eventually, in_parallel};

fn token(role: &str) -> String {
    Issuer::shared().token(role)
}

/// `serve` gives up with a message that contains each of `words`, and `check` says the same.
fn refused(setup: &Setup, words: &[&str]) {
    let (status, said) = setup.refuses_to_start();
    assert!(!status.success(), "it started");
    for word in words {
        assert!(said.contains(word), "{word:?} is missing in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn setup() -> Setup {
    Setup::new("127.0.0.1:9".parse().unwrap())
}

#[test]
fn k01_an_empty_policy_denies_all() {
    let bench = bench_with_policy("version: 1\ncatalog: nats\nroles: {}\nrules: []\n");
    for target in ["/varz", "/healthz", "/connz", "/", "/accountz"] {
        for role in ["viewer", "admin", ""] {
            denial(&bench.client.get(target, Some(&token(role))), &[403], target);
        }
    }
    bench.upstream.assert_untouched("an empty policy");
}

#[test]
fn k02_unknown_keys_and_typos_name_their_line() {
    let line = |text: &str, needle: &str| text.lines().position(|line| line.contains(needle)).unwrap() + 1;
    for (right, wrong) in
        [("allow: [viewer, admin]", "alow: [viewer, admin]"), ("roles:\n", "role:\n"), ("    redact:", "    redakt:")]
    {
        let policy = POLICY.replacen(right, wrong, 1);
        let place = format!("policy.yaml:{}:", line(&policy, wrong.trim_end()));
        refused(&setup().policy(&policy), &[&place, wrong.trim().trim_end_matches(':').split(':').next().unwrap()]);
    }
    for (right, wrong) in
        [("listeners:", "listener:"), ("audiences:", "audience:"), ("log:", "logs:"), ("policy:", "polices:")]
    {
        let mut changed = setup();
        let text = changed.text().replacen(right, wrong, 1);
        let place = format!("monward.yaml:{}:", line(&text, wrong));
        changed.config = Some(text);
        refused(&changed, &[&place, wrong.trim_end_matches(':')]);
    }
}

#[test]
fn k02_all_faults_come_at_once() {
    let policy = POLICY
        .replace("alow", "allow")
        .replacen("redact: standard", "redact: nonsense", 1)
        .replacen("varz", "vaarz", 1);
    refused(&setup().policy(&policy), &["nonsense", "vaarz"]);
    let folder = setup().policy(&policy).write();
    let (code, out, err) = monward(folder.path(), &["check", "policy.yaml"]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(format!("{out}{err}").contains("nonsense") && format!("{out}{err}").contains("vaarz"), "{out}{err}");
    let folder = setup().write();
    let (code, out, err) = monward(folder.path(), &["check", "policy.yaml"]);
    assert_eq!(code, Some(0), "{out}{err}");
}

#[test]
fn k03_no_roles_is_nobody() {
    let bench = bench_with_policy(&POLICY.replace("allow: [viewer, admin]", "allow: []"));
    denial(&bench.client.get("/varz", Some(&token("viewer"))), &[403], "allow: []");
    denial(&bench.client.get("/varz", Some(&token("admin"))), &[403], "allow: []");
    success(&bench.client.get("/accountz", Some(&token("admin"))), "the other rule");
    assert_eq!(bench.upstream.requests().len(), 1);
}

#[test]
fn k03_a_role_that_requires_nothing_is_refused_or_nobody() {
    for roles in ["roles: []", "groups: []"] {
        let policy = POLICY.replace("roles: [viewer]", roles);
        let folder = setup().policy(&policy).write();
        let (code, out, err) = monward(folder.path(), &["check", "policy.yaml"]);
        if code == Some(0) {
            let bench = bench_with_policy(&policy);
            for role in ["viewer", ""] {
                assert_eq!(bench.status("/varz", Some(&token(role))), 403, "{roles} {role}");
            }
        } else {
            assert_eq!(code, Some(1), "{out}{err}");
        }
    }
}

#[test]
fn k04_duplicates_bombs_and_huge_files() {
    let doubled = POLICY.replacen("  - id: accounts", "  - id: view", 1);
    refused(&setup().policy(&doubled), &["view"]);
    refused(&setup().policy(&format!("{POLICY}\nversion: 1\n")), &["version"]);
    refused(
        &setup().policy(&POLICY.replacen("    redact: standard", "    redact: standard\n    redact: standard", 1)),
        &["redact"],
    );
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (next, last) in ('b'..='i').zip('a'..='h') {
        let list = vec![format!("*{last}"); 9].join(", ");
        bomb.push_str(&format!("{next}: &{next} [{list}]\n"));
    }
    let begin = Instant::now();
    refused(&setup().policy(&format!("{bomb}{POLICY}")), &[]);
    refused(&setup().policy(&format!("{POLICY}# {}\n", "x".repeat(50 * 1024 * 1024))), &[]);
    refused(&setup().policy(&format!("a: {}{}\n", "[".repeat(100_000), "]".repeat(100_000))), &[]);
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

#[test]
fn k05_every_line_of_a_policy_matters() {
    // Each change of one line changes at least one of these answers.
    let questions = [
        ("/varz", "viewer"),
        ("/varz", "admin"),
        ("/healthz", "viewer"),
        ("/connz", "viewer"),
        ("/connz", "admin"),
        ("/connz?limit=1000", "viewer"),
        ("/connz?auth=1", "admin"),
        ("/accountz", "admin"),
        ("/accountz?acc=A", "admin"),
        ("/accountz", "viewer"),
        ("/varz", "other"),
    ];
    let answers = |policy: &str| {
        let bench = bench_with_policy(policy);
        questions.map(|(target, role)| bench.status(target, Some(&token(role))))
    };
    let whole = answers(POLICY);
    assert_eq!(whole, [200, 200, 200, 200, 200, 403, 403, 200, 200, 403, 403]);
    for (line, without) in [
        ("endpoints: [varz, healthz]", "endpoints: [healthz]"),
        ("endpoints: [varz, healthz]", "endpoints: [varz]"),
        ("allow: [viewer, admin]", "allow: [viewer]"),
        ("allow: [viewer, admin]", "allow: [admin]"),
        ("endpoints: [connz]", "endpoints: [routez]"),
        ("    args: { auth: forbid, subs: forbid, limit: { max: 256 } }\n", ""),
        ("auth: forbid", "auth: allow"),
        ("    allow: [admin]\n", "    allow: [viewer]\n"),
        ("    args: { acc: allow }\n", ""),
    ] {
        let changed = POLICY.replace(line, without);
        assert_ne!(changed, POLICY);
        let folder = setup().policy(&changed).write();
        if monward(folder.path(), &["check", "policy.yaml"]).0 == Some(0) {
            assert_ne!(answers(&changed), whole, "{line:?} → {without:?} changes nothing");
        }
    }
}

#[test]
fn k06_deny_wins_whatever_the_order() {
    let deny = "  - id: never\n    endpoints: [varz]\n    deny: [viewer]\n";
    let first = POLICY.replacen("rules:\n", &format!("rules:\n{deny}"), 1);
    let last = format!("{}\n{deny}", POLICY.trim_end());
    for policy in [first, last] {
        let bench = bench_with_policy(&policy);
        denial(&bench.client.get("/varz", Some(&token("viewer"))), &[403], "denied");
        success(&bench.client.get("/varz", Some(&token("admin"))), "another role");
        success(&bench.client.get("/healthz", Some(&token("viewer"))), "another endpoint");
        assert_eq!(bench.upstream.requests().len(), 2);
    }
}

/// After each broken file the old state answers as before.
fn old_state_stays(broken: &[(&str, String)]) {
    let bench = bench();
    let whole = |name: &str| std::fs::read_to_string(bench.gateway.path(name)).unwrap();
    let certificate = {
        let mut connection = bench.client.connect();
        connection.send(b"");
        success(&bench.client.get("/varz", Some(&token("viewer"))), "before");
        connection.send(request("GET", "/varz", None, "").as_bytes());
        assert_eq!(connection.response(false).unwrap().status, 401);
        connection.certificate()
    };
    for (name, text) in broken {
        let good = whole(name);
        bench.gateway.rewrite(name, text);
        bench.gateway.reload("failed");
        success(&bench.client.get("/varz", Some(&token("viewer"))), name);
        denial(&bench.client.get("/accountz", Some(&token("viewer"))), &[403], name);
        let mut connection = bench.client.connect();
        connection.send(request("GET", "/varz", None, "").as_bytes());
        assert_eq!(connection.response(false).unwrap().status, 401);
        assert_eq!(connection.certificate(), certificate, "{name}");
        bench.gateway.rewrite(name, &good);
    }
    bench.gateway.reload("ok");
    success(&bench.client.get("/varz", Some(&token("viewer"))), "after");
}

#[test]
fn k07_a_broken_reload_changes_nothing() {
    old_state_stays(&[
        ("policy.yaml", POLICY.replacen("allow: [admin]", "allow: [nobody-declared]", 1)),
        ("policy.yaml", "not: a policy".to_owned()),
        ("monward.yaml", "version: 2".to_owned()),
        ("server.pem", "garbage".to_owned()),
        ("server.key", pem_block("PRIVATE KEY", "AAAA")),
    ]);
}

#[test]
fn k08_a_half_written_file_changes_nothing() {
    old_state_stays(&[
        ("policy.yaml", POLICY[..POLICY.find("redact: standard").unwrap() + "redact: stan".len()].to_owned()),
        ("policy.yaml", String::new()),
        ("monward.yaml", String::new()),
        ("server.pem", String::new()),
        ("server.key", String::new()),
    ]);
}

#[test]
fn k07_a_good_reload_changes_policy_and_certificate() {
    let bench = bench();
    success(&bench.client.get("/varz", Some(&token("viewer"))), "before");
    let shown = || {
        let mut connection = bench.client.connect();
        connection.send(request("GET", "/varz", None, "").as_bytes());
        assert_eq!(connection.response(false).unwrap().status, 401);
        connection.certificate()
    };
    let before = shown();
    let fresh = crate::support::pki::Authority::shared().server(&["mon.test"]);
    bench.gateway.rewrite("server.pem", &fresh.certificate);
    bench.gateway.rewrite("server.key", &fresh.key);
    bench.gateway.rewrite("policy.yaml", &POLICY.replace("endpoints: [varz, healthz]", "endpoints: [healthz]"));
    bench.gateway.reload("ok");
    denial(&bench.client.get("/varz", Some(&token("viewer"))), &[403], "after");
    success(&bench.client.get("/healthz", Some(&token("viewer"))), "after");
    assert_ne!(shown(), before);
}

#[test]
fn k11_a_stop_lets_requests_in_flight_finish() {
    let upstream = Upstream::scripted(Box::new(|_| {
        let answer = with_length("200 OK", "Content-Type: application/json\r\n", b"{\"a\":1}");
        vec![Step::Pause(Duration::from_millis(1500)), Step::Send(answer)]
    }));
    let mut gateway = Setup::before(&upstream).limits("drain: 20s").start();
    let client = gateway.client();
    let bearer = token("viewer");
    let workers: Vec<usize> = (0..8).collect();
    let begin = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            in_parallel(&workers, |worker| {
                if worker % 2 == 0 {
                    success(&client.get("/varz", Some(&bearer)), "in flight over h1");
                } else {
                    success(&crate::support::h2client::get(&client, "/varz", Some(&bearer)), "in flight over h2");
                }
            });
        });
        eventually("all requests upstream", || (upstream.requests().len() == workers.len()).then_some(()));
        gateway.signal("TERM");
        let begin = Instant::now();
        asking.join().unwrap();
        begin
    });
    let status = gateway.ended(Duration::from_secs(20));
    assert!(status.success(), "{status}");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(gateway.audit_text().lines().count(), workers.len(), "a record for each");
}

#[test]
fn k11_a_stop_has_a_deadline() {
    let upstream = Upstream::scripted(Box::new(|_| vec![Step::Hang]));
    let mut gateway = Setup::before(&upstream).limits("drain: 1s").start();
    let client = gateway.client();
    let mut idle = client.connect();
    idle.send(b"GET /varz HTTP/1.1\r\nHost:");
    let mut stuck = client.connect();
    stuck.send(request("GET", "/varz", Some(&token("viewer")), "").as_bytes());
    eventually("the request upstream", || (upstream.requests().len() == 1).then_some(()));
    gateway.signal("TERM");
    gateway.ended(Duration::from_secs(10));
    assert!(std::net::TcpStream::connect(gateway.listeners[0]).is_err());
}

#[test]
fn k11_idle_connections_do_not_hold_up_a_stop() {
    let upstream = Upstream::nats();
    let mut gateway = Setup::before(&upstream).limits("drain: 20s").start();
    let client = gateway.client();
    let mut connection = client.connect();
    connection.send(request("GET", "/varz", Some(&token("viewer")), "").as_bytes());
    success(&connection.response(false).unwrap(), "before");
    gateway.signal("TERM");
    gateway.ended(Duration::from_secs(10));
    assert!(connection.closes_within(Duration::from_secs(1)));
}
