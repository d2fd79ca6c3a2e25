//! A policy of several files: one policy, in whatever order they are named, and never half of a new one.

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble};
use crate::support::eventually;
use crate::support::gateway::{Setup, monward};
use crate::support::tokens::Issuer;
use crate::support::upstream::Upstream;

const WHO: &str = "version: 1
catalog: nats
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
redactions:
  lean: { extends: none, remove: [$.cores] }
";

/// Speaks of roles and sets of [`WHO`], and opens `varz` as `ALSO` does.
const WHAT: &str = "version: 1
catalog: nats
roles:
  viewer:
    - token: { issuer: corp, claims: { groups: [watchers] } }
  admin:
    - token: { issuer: corp, claims: { roles: [admin] } }
rules:
  - { id: lean, endpoints: [varz], allow: [viewer, admin], redact: lean }
  - { id: connections, endpoints: [connz], allow: [viewer], args: { limit: { max: 9 } }, redact: none }
  - { id: accounts, endpoints: [accountz], allow: [viewer, admin], redact: none }
";

const ALSO: &str = "version: 1
catalog: nats
rules:
  - { id: whole, endpoints: [varz], allow: [admin], redact: none }
  - { id: closed, endpoints: [accountz], deny: [viewer] }
";

fn files() -> [(&'static str, String); 3] {
    [("who.yaml", WHO.to_owned()), ("what.yaml", WHAT.to_owned()), ("also.yaml", ALSO.to_owned())]
}

fn bench(files: &[(&str, String)]) -> Bench {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).policies(files).start();
    assemble(upstream, gateway)
}

/// What callers get, what went upstream for it, and the rule that said so.
fn outcomes(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    let mut watcher = Issuer::shared().claims(&[]);
    watcher["groups"] = serde_json::json!(["watchers"]);
    let watcher = Issuer::shared().key("e1").token(&watcher);
    let tokens = [
        ("viewer", Issuer::shared().token("viewer")),
        ("admin", Issuer::shared().token("admin")),
        ("watcher", watcher),
    ];
    for (who, token) in &tokens {
        for target in ["/varz", "/connz", "/connz?limit=10", "/accountz", "/routez"] {
            for answer in bench.caller().bearer(token).ask(target) {
                let record = bench.record_of(&answer);
                let left = if answer.status == 200 { answer.text() } else { String::new() };
                found.push(format!("{who} {target} {} {} {} {left}", answer.status, record["rule"], record["reason"]));
            }
        }
    }
    found.extend(bench.upstream.requests().iter().map(|seen| seen.line().to_owned()));
    found
}

#[test]
fn the_order_of_files_makes_no_difference() {
    let [who, what, also] = files();
    let first = outcomes(&bench(&[who.clone(), what.clone(), also.clone()]));
    for row in [
        "viewer /varz 200 \"lean\"",
        "admin /varz 200 \"whole\"",
        "watcher /varz 200 \"lean\"",
        "viewer /connz 200 \"connections\"",
        "viewer /connz?limit=10 403 \"connections\" \"argument_outside\"",
        "admin /connz 403 null \"no_rule\"",
        "viewer /accountz 403 \"closed\" \"denied\"",
        "admin /accountz 200 \"accounts\"",
        "GET /connz?limit=9 HTTP/1.1",
    ] {
        assert!(first.iter().any(|outcome| outcome.starts_with(row)), "{row}: {first:#?}");
    }
    let lean = first.iter().find(|outcome| outcome.starts_with("viewer /varz")).unwrap();
    assert!(!lean.contains("cores") && lean.contains("connections"), "{lean}");
    for order in [[&also, &what, &who], [&what, &also, &who], [&who, &also, &what]] {
        assert_eq!(outcomes(&bench(&order.map(Clone::clone))), first, "{:?}", order.map(|(name, _)| name));
    }
}

#[test]
fn a_broken_file_among_them_changes_nothing_and_is_named() {
    let bench = bench(&files());
    let (viewer, admin) = (Issuer::shared().token("viewer"), Issuer::shared().token("admin"));
    let as_before = |why: &str| {
        let seen = bench.upstream.requests().len();
        success(&bench.client.get("/varz", Some(&viewer)), why);
        denial(&bench.client.get("/accountz", Some(&viewer)), &[403], why);
        success(&bench.client.get("/accountz", Some(&admin)), why);
        denial(&bench.client.get("/routez", Some(&admin)), &[403], why);
        assert_eq!(bench.upstream.requests().len(), seen + 2, "{why}");
    };
    as_before("at first");
    // The other files change too, to what would open something or close something: that must not come into force either.
    let opened = WHAT
        .replace("[accountz]", "[accountz, routez]")
        .replace("id: lean, endpoints: [varz]", "id: lean, endpoints: [healthz]");
    bench.gateway.rewrite("what.yaml", &opened);
    for (why, name, text, place) in [
        (
            "an unknown endpoint",
            "also.yaml",
            ALSO.replace("[varz]", "[vraz]"),
            "also.yaml:4:30: unknown endpoint `vraz`",
        ),
        ("an unknown key", "also.yaml", ALSO.replace("deny:", "denies:"), "also.yaml:5:"),
        ("a role that nobody declares", "also.yaml", ALSO.replace("[viewer]", "[viewers]"), "also.yaml:5:"),
        (
            "the rule of another file",
            "also.yaml",
            ALSO.replace("id: whole", "id: connections"),
            "there is a rule `connections` already, on line 10 of what.yaml",
        ),
        (
            "another catalogue",
            "also.yaml",
            ALSO.replace("nats", "prometheus"),
            "also.yaml:2:10: the files of one policy",
        ),
        ("half of it", "also.yaml", ALSO[..ALSO.len() - 12].to_owned(), "also.yaml:6:1: is not valid YAML"),
        ("nothing", "also.yaml", String::new(), "also.yaml"),
        (
            "the set of another file",
            "also.yaml",
            format!("{ALSO}redactions: {{ lean: {{ extends: none }} }}\n"),
            "also.yaml:6:",
        ),
        ("a set that is gone", "who.yaml", WHO.replace("lean:", "slim:"), "what.yaml:9:"),
    ] {
        let said = bench.gateway.stderr().len();
        bench.gateway.rewrite(name, &text);
        if name != "also.yaml" {
            // Never is all of it good at once.
            bench.gateway.rewrite("also.yaml", ALSO);
        }
        bench.gateway.reload("failed");
        eventually(&format!("{why}: {place}"), || bench.gateway.stderr()[said..].contains(place).then_some(()));
        as_before(why);
    }
    std::fs::remove_file(bench.gateway.path("also.yaml")).unwrap();
    bench.gateway.rewrite("who.yaml", WHO);
    bench.gateway.reload("failed");
    as_before("a file that is gone");
    bench.gateway.rewrite("also.yaml", ALSO);
    bench.gateway.reload("ok");
    denial(&bench.client.get("/varz", Some(&viewer)), &[403], "at last");
    success(&bench.client.get("/routez", Some(&admin)), "at last");
}

#[test]
fn the_faults_of_all_files_come_at_once_at_the_start_and_from_check() {
    let broken = [
        ("who.yaml", WHO.replace("extends: none", "extends: nothing")),
        ("what.yaml", WHAT.replace("[connz]", "[conz]")),
        ("also.yaml", ALSO.replace("deny: [viewer]", "deny: [viewr]")),
    ];
    let setup = Setup::new("127.0.0.1:9".parse().unwrap()).policies(&broken);
    let (status, started) = setup.refuses_to_start();
    let (code, out, checked) = monward(setup.write().path(), &["check", "monward.yaml"]);
    assert_eq!((status.code(), code), (Some(1), Some(1)), "{started}{out}{checked}");
    for said in [started, checked] {
        for place in ["who.yaml:7:", "what.yaml:10:", "also.yaml:5:"] {
            assert!(said.contains(place), "{place}: {said}");
        }
    }
    let good = Setup::new("127.0.0.1:9".parse().unwrap()).policies(&files());
    let folder = good.write();
    let (code, out, said) = monward(folder.path(), &["check", "monward.yaml"]);
    assert_eq!(code, Some(0), "{out}{said}");
    let explain = ["explain", "--config", "monward.yaml", "--claim", "roles=admin", "/varz"];
    let (code, out, said) = monward(folder.path(), &explain);
    assert!(code == Some(0) && out.contains("rule      whole\n"), "{out}{said}");
}
