//! `monward redact`, as people and pipelines use it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The command with `body` on standard input: exit code, output, what it said.
fn redact(folder: &TempDir, arguments: &[&str], body: &[u8]) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_monward"))
        .arg("redact")
        .args(arguments)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let body = body.to_vec();
    // Beside reading the output, lest both sides wait. A command that refuses its arguments does not read.
    let writer = std::thread::spawn(move || input.write_all(&body).is_ok());
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const CONNZ: &str = r#"{"connections":[{"cid":1,"ip":"10.0.0.1","jwt":"one"},{"cid":2,"jwt":"two"}]}"#;

const POLICY: &str = "version: 1
catalog: nats
roles: {}
redactions:
  lean: { extends: no-credentials, remove: ['$.connections[*].cid'] }
rules: []
";

const CATALOG: &str = "version: 1
catalog: own
redactions:
  standard: { identity: remove }
endpoints:
  stats: { path: /stats, body: json, cost: cheap, sensitive: { identity: ['$.name'] } }
";

const CONFIG: &str = "version: 1
listeners: [{ address: 127.0.0.1:0, certificates: [{ certificate: a.pem, key: a.key }], upstream: nats }]
issuers: { corp: { issuer: https://idp.example.org, audiences: [a], jwks_file: k.json } }
upstreams: { nats: { url: http://127.0.0.1:8222, policy: policy.yaml } }
";

#[test]
fn a_body_goes_redacted_to_standard_output() {
    let folder = folder(&[("policy.yaml", POLICY), ("own.yaml", CATALOG), ("monward.yaml", CONFIG)]);
    for (why, arguments, body, wanted) in [
        (
            "a set of NATS",
            "--set standard --endpoint connz",
            CONNZ,
            r#"{"connections":[{"cid":1,"ip":"[redacted]"},{"cid":2}]}"#,
        ),
        ("no set", "--set none --endpoint connz", CONNZ, CONNZ),
        (
            "a set of a policy",
            "--set lean --policy policy.yaml --endpoint connz",
            CONNZ,
            r#"{"connections":[{"ip":"10.0.0.1"},{}]}"#,
        ),
        (
            "a set of a configuration's policy",
            "--set lean --config monward.yaml --endpoint connz",
            CONNZ,
            r#"{"connections":[{"ip":"10.0.0.1"},{}]}"#,
        ),
        (
            "a catalogue of one's own",
            "--set standard --catalog ./own.yaml --endpoint stats",
            r#"{"name":"a","b":1}"#,
            r#"{"b":1}"#,
        ),
        ("another catalogue by its name", "--set none --catalog kumomta --endpoint metrics-json", "{}", "{}"),
        ("a text", "--set none --endpoint stacksz", "at nats://u:p@host\n", "at nats://[redacted]@host\n"),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let (code, out, said) = redact(&folder, &arguments, body.as_bytes());
        assert_eq!((code, out.as_str(), said.as_str()), (Some(0), wanted, ""), "{why}");
    }
    let large = format!("[{}1]", r#"{"jwt":"x"},"#.repeat(400_000));
    let (code, out, _) = redact(&folder, &["--set", "standard", "--endpoint", "varz"], large.as_bytes());
    assert_eq!((code, out.len()), (Some(0), "[".len() + "{},".len() * 400_000 + "1]".len()));
}

#[test]
fn what_cannot_be_trusted_or_is_not_known_is_said_and_nothing_follows() {
    let folder = folder(&[(
        "broken.yaml",
        "version: 1\ncatalog: nats\nroles: {}\nrules: [{ id: a, endpoints: [vraz], allow: any }]\n",
    )]);
    let connz = ["--set", "standard", "--endpoint", "connz"];
    for (why, body, written, said) in [
        (
            "cut off",
            r#"{"connections":[{"cid":1,"jwt":"on"#,
            r#"{"connections":[{"cid":1"#,
            "the body is cut off at byte 34",
        ),
        ("two values", r#"{"cid":1}{"jwt":"x"}"#, "", "bytes after the end at byte 9"),
        ("a secret behind a fault", r#"{"a":1,,"jwt":"x"}"#, "", "not well-formed at byte 7"),
        ("no body", "", "", "no value at byte 0"),
    ] {
        let (code, out, err) = redact(&folder, &connz, body.as_bytes());
        assert_eq!((code, out.as_str()), (Some(1), written), "{why}: {err}");
        assert_eq!(err, format!("monward: the body cannot be trusted: {said}; nothing of it follows\n"), "{why}");
        let (code, out, again) = redact(&folder, &[&connz[..], &["--explain"]].concat(), body.as_bytes());
        assert_eq!((code, out.as_str(), again), (Some(1), "", err), "{why}");
    }
    for (code, arguments, said) in [
        (2, "--set standrad --endpoint connz", "monward: unknown redaction set `standrad`; did you mean `standard`?\n"),
        (
            2,
            "--set x --endpoint connz",
            "monward: unknown redaction set `x`; known are `no-credentials`, `none`, `numbers-only`, `standard`\n",
        ),
        (2, "--set standard --endpoint conz", "monward: unknown endpoint `conz`; did you mean `connz`?\n"),
        (
            2,
            "--set standard --catalog natz --endpoint connz",
            "monward: unknown catalogue `natz`; did you mean `nats`?\n",
        ),
        (
            2,
            "--set standard --endpoint stacksz",
            "monward: `standard` cannot be kept on `stacksz`: it answers text, which has no fields",
        ),
        (1, "--set standard --catalog ./none.yaml --endpoint connz", "./none.yaml: cannot be read: "),
        (
            1,
            "--set standard --policy broken.yaml --endpoint connz",
            "broken.yaml:4:30: unknown endpoint `vraz`; did you mean `varz`?\n1 fault\n",
        ),
    ] {
        let (exit, out, err) = redact(&folder, &arguments.split(' ').collect::<Vec<_>>(), CONNZ.as_bytes());
        assert_eq!((exit, out.as_str()), (Some(code), ""), "{arguments}: {err}");
        assert!(err.starts_with(said), "{arguments}: {err}");
    }
}

#[test]
fn explain_says_what_is_touched_and_where_and_never_what_stood_there() {
    let folder = folder(&[]);
    let body = r#"{"connections":[{"ip":"10.0.0.1","jwt":"canary"}],"hint":"nats://u:canary@h"}"#;
    let explain = |more: &[&str]| {
        let all = [&["--set", "standard", "--endpoint", "connz", "--explain"], more].concat();
        let (code, out, said) = redact(&folder, &all, body.as_bytes());
        assert_eq!((code, said.as_str()), (Some(0), ""), "{out}");
        assert!(!out.contains("canary") && !out.contains("10.0.0.1"), "{out}");
        out
    };
    let text = explain(&[]);
    for line in [
        "endpoint  connz of nats\nset       standard\nbody      77 bytes\ntouched   3 places\nunknown   $.hint, which the catalogue does not know\n",
        "  mask        $.connections[0].ip   at byte 22, by $.connections[*]['ip','port'] (topology)\n",
        "  remove      $.connections[0].jwt  at byte 33, by $..jwt (credential)\n",
        "  mask        $.hint                at byte 57, looks like a secret\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let json: Value = serde_json::from_str(&explain(&["--json"])).unwrap();
    assert_eq!(
        json,
        json!({
            "catalog": "nats", "endpoint": "connz", "set": "standard", "bytes": 77, "masked": 1,
            "unknown": ["$.hint"],
            "rules": null,
            "touched": [
                { "path": "$.connections[0].ip", "what": "value", "action": "mask", "cause": "rule", "rule": "$.connections[*]['ip','port']", "tag": "topology", "offset": 22 },
                { "path": "$.connections[0].jwt", "what": "value", "action": "remove", "cause": "rule", "rule": "$..jwt", "tag": "credential", "offset": 33 },
                { "path": "$.hint", "what": "value", "action": "mask", "cause": "safety_net", "rule": null, "tag": null, "offset": 57 },
            ],
        })
    );
}

#[test]
fn explain_says_of_a_page_of_metrics_which_rules_found_something_and_how_often() {
    let folder = folder(&[(
        "policy.yaml",
        "version: 1
catalog: prometheus
roles: {}
redactions:
  own: { extends: standard, families: { remove: ['secret_*'], keep: [a, 'secret_*'] } }
rules: []
",
    )]);
    let page = "# TYPE a gauge\na{user=\"canary1\",x=\"eyJh.eyJh.canary\"} 1 # {\"user\"=\"canary2\"} 1\na{token=\"canary3\"} 1\n\
                secret_a{x=\"canary4\"} 1\ncanary5 1\n";
    let explain = |more: &[&str]| {
        let all = ["--set", "own", "--policy", "policy.yaml", "--endpoint", "metrics", "--explain"];
        let (code, out, said) = redact(&folder, &[&all[..], more].concat(), page.as_bytes());
        assert_eq!((code, said.as_str()), (Some(0), ""), "{out}");
        assert!(!out.contains("canary"), "{out}");
        out
    };
    assert_eq!(
        explain(&[]),
        format!(
            "endpoint  metrics of prometheus\nset       own\nbody      {} bytes\ntouched   5 times by rules, 1 time by the safety net\n  \
             remove      label token      1 time\n  pseudonym   label user       2 times\n  \
             remove      family secret_*  1 time\n  remove      other families   1 time\n",
            page.len()
        )
    );
    let json: Value = serde_json::from_str(&explain(&["--json"])).unwrap();
    assert_eq!(
        json,
        json!({
            "catalog": "prometheus", "endpoint": "metrics", "set": "own", "bytes": page.len(), "masked": 1,
            "unknown": null,
            "rules": [
                { "rule": "label token", "action": "remove", "count": 1 },
                { "rule": "label user", "action": "pseudonym", "count": 2 },
                { "rule": "family secret_*", "action": "remove", "count": 1 },
                { "rule": "other families", "action": "remove", "count": 1 },
            ],
            "touched": [],
        })
    );
}
