//! Catalogues that an operator adds: named, checked, served, reloaded.

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble};
use crate::support::eventually;
use crate::support::gateway::{Setup, monward};
use crate::support::tokens::Issuer;
use crate::support::upstream::{Upstream, json};

const LAMP: &str = "version: 1
catalog: lamp
redactions:
  standard: { identity: remove }
endpoints:
  state:
    path: /state
    body: json
    cost: cheap
    arguments:
      room: { type: text, max_bytes: 16 }
    sensitive:
      identity: [$.owner]
";

const POLICY: &str = "version: 1
catalog: lamp
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
rules:
  - id: look
    endpoints: [state]
    allow: [viewer]
    args: { room: allow }
";

const CASES: &str = "- name: a viewer sees the lamp
  who: { issuer: corp, subject: bob, claims: { roles: [viewer] } }
  request: GET /state?room=hall
  expect: allow
  redactions: [remove $.owner]
";

fn setup(upstream: &Upstream) -> Setup {
    let setup = Setup::before(upstream).policy(POLICY).file("lamp.yaml", LAMP).file("policy.cases.yaml", CASES);
    with_config(setup, "catalogs: [lamp.yaml]\n")
}

fn with_config(mut setup: Setup, more: &str) -> Setup {
    setup.config = Some(format!("{}{more}", setup.text()));
    setup
}

fn bench() -> Bench {
    let upstream = Upstream::scripted(Box::new(|_| json(r#"{"lit":true,"owner":"bob"}"#)));
    let gateway = setup(&upstream).start();
    assemble(upstream, gateway)
}

fn viewer() -> String {
    Issuer::shared().token("viewer")
}

#[test]
fn a_catalogue_of_ones_own_is_served_and_redacted() {
    let bench = bench();
    let answer = bench.client.get("/state?room=hall", Some(&viewer()));
    success(&answer, "the lamp");
    assert_eq!(answer.text(), r#"{"lit":true}"#);
    denial(&bench.client.get("/varz", Some(&viewer())), &[404], "no endpoint of the lamp");
    denial(&bench.client.get("/state?rum=hall", Some(&viewer())), &[400], "no argument of the lamp");
    let targets: Vec<String> = bench.upstream.requests().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(targets, ["/state?room=hall"]);
}

#[test]
fn a_reload_reads_catalogues_again_and_a_fault_in_one_changes_nothing() {
    let bench = bench();
    assert_eq!(bench.status("/light", Some(&viewer())), 404);
    bench.gateway.rewrite("lamp.yaml", &LAMP.replace("body: json", "body: jsn").replace("/state", "/light"));
    bench.gateway.reload("failed");
    eventually("the fault with its place", || {
        bench.gateway.stderr().contains("lamp.yaml:8:11: unknown body").then_some(())
    });
    assert_eq!(bench.status("/light", Some(&viewer())), 404);
    assert_eq!(bench.status("/state", Some(&viewer())), 200);
    bench.gateway.rewrite("lamp.yaml", &LAMP.replace("/state", "/light"));
    bench.gateway.reload("ok");
    assert_eq!(bench.status("/light", Some(&viewer())), 200);
    assert_eq!(bench.status("/state", Some(&viewer())), 404);
}

#[test]
fn faults_of_catalogues_come_with_all_others_and_stop_the_start() {
    let twice = LAMP.replace("catalog: lamp", "catalog: nats");
    let wrong = LAMP.replace("cost: cheap", "cost: chaep");
    let said = "catalogue `lamp` has faults of its own";
    for (row, catalog, list, words) in [
        ("a wrong word has its place", wrong.as_str(), "[lamp.yaml]", &["lamp.yaml:9:11: unknown cost", said][..]),
        ("a name that is taken has its place", &twice, "[lamp.yaml]", &["lamp.yaml:2:10: there is a catalogue `nats`"]),
        ("a file twice is a name twice", LAMP, "[lamp.yaml, lamp.yaml]", &["lamp.yaml:2:10: there is a catalogue"]),
        (
            "a file that is missing",
            LAMP,
            "[lump.yaml]",
            &["lump.yaml: cannot be read", "policy.yaml:2:10: unknown catalogue"],
        ),
        (
            "no list",
            LAMP,
            "lamp.yaml",
            &["monward.yaml:", "expected a list, found a single value; write `[lamp.yaml]`"],
        ),
    ] {
        let setup = Setup::new("127.0.0.1:9".parse().unwrap()).policy(POLICY).file("lamp.yaml", catalog);
        let setup = with_config(setup, &format!("catalogs: {list}\n"));
        let (status, started) = setup.refuses_to_start();
        assert!(!status.success(), "{row}");
        let (code, out, checked) = monward(setup.write().path(), &["check", "monward.yaml"]);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{row}: {checked}");
        for word in words {
            assert!(started.contains(word), "{row}: {word:?} is missing in: {started}");
            assert!(checked.contains(word), "{row}: {word:?} is missing in: {checked}");
        }
    }
}

#[test]
fn check_knows_a_catalogue_a_policy_and_a_configuration_apart() {
    let upstream = Upstream::nats();
    let folder = setup(&upstream).file("bad.yaml", LAMP.replace("path: /state", "path: state")).write();
    let check = |arguments: &[&str]| {
        let (code, out, err) = monward(folder.path(), &[&["check"], arguments].concat());
        (code, format!("{out}{err}"))
    };
    for good in [
        &["monward.yaml"][..],
        &["lamp.yaml"],
        &["--catalog", "lamp.yaml", "policy.yaml"],
        &["--catalog", "lamp.yaml", "policy.cases.yaml", "lamp.yaml", "monward.yaml"],
    ] {
        let (code, said) = check(good);
        assert_eq!(code, Some(0), "{good:?}: {said}");
        assert!(said.contains(&format!("{}: good", good.last().unwrap())), "{good:?}: {said}");
    }
    for (bad, word) in [
        (&["policy.yaml"][..], "policy.yaml:2:10: unknown catalogue `lamp`"),
        (&["bad.yaml"], "bad.yaml:7:11: `state` is not canonical"),
        (&["--catalog", "bad.yaml", "policy.yaml"], "bad.yaml:7:11: `state` is not canonical"),
        (&["--catalog", "lamp.yaml", "--catalog", "lamp.yaml", "policy.yaml"], "there is a catalogue `lamp` already"),
    ] {
        let (code, said) = check(bad);
        assert_eq!(code, Some(1), "{bad:?}: {said}");
        assert!(said.contains(word), "{bad:?}: {said}");
    }
}

#[test]
fn a_faulty_configuration_does_not_hide_the_faults_of_its_catalogues_and_policies() {
    let upstream = Upstream::nats();
    let mut setup = setup(&upstream);
    setup.config = setup.config.map(|config| config.replace("listeners:", "listener:"));
    let (_, _, said) = monward(setup.write().path(), &["check", "monward.yaml"]);
    assert!(said.contains("unknown key `listener`") && !said.contains("policy.yaml"), "{said}");
    let setup = setup.file("lamp.yaml", LAMP.replace("cost: cheap", "cost: chaep"));
    let (_, _, said) = monward(setup.write().path(), &["check", "monward.yaml"]);
    assert!(said.contains("lamp.yaml:9:11") && said.contains("policy.yaml:2:10: catalogue `lamp`"), "{said}");
}

#[test]
fn explain_takes_catalogues_from_the_command_line_or_the_configuration() {
    let upstream = Upstream::nats();
    let folder = setup(&upstream).write();
    let who = ["--claim", "roles=viewer", "/state?room=hall"];
    for (row, arguments, code) in [
        ("by file", &["--policy", "policy.yaml", "--catalog", "lamp.yaml"][..], 0),
        ("by configuration", &["--config", "monward.yaml"], 0),
        ("without", &["--policy", "policy.yaml"], 1),
        ("a catalogue alone is wrong usage", &["--catalog", "lamp.yaml"], 2),
    ] {
        let (found, out, err) = monward(folder.path(), &[&["explain"], arguments, &who].concat());
        assert_eq!(found, Some(code), "{row}: {out}{err}");
        assert_eq!(out.contains("upstream  /state?room=hall"), code == 0, "{row}: {out}{err}");
    }
}

#[test]
fn the_schema_is_printed_and_the_worked_example_holds() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let (code, out, err) = monward(root, &["schema", "catalog"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(out, include_str!("../../policies/catalogs/catalog.schema.json"));
    assert_eq!(monward(root, &["schema", "nonsense"]).0, Some(2));
    let catalog = "policies/examples/greenhouse.catalog.yaml";
    let files = ["policies/examples/greenhouse.yaml", "policies/examples/greenhouse.cases.yaml", catalog];
    let (code, out, err) = monward(root, &[&["check", "--catalog", catalog], &files[..]].concat());
    assert_eq!((code, out.lines().count()), (Some(0), 3), "{out}{err}");
}
