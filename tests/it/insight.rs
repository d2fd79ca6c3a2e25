//! What the commands say of a real run: why, what another policy would have said, which policy is enough.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::answers::{denial, success};
use crate::support::gateway::{Gateway, POLICY, Setup, monward};
use crate::support::tokens::Issuer;
use crate::support::upstream::Upstream;

/// A run with records of permitted and refused requests of two callers, one of them with a hostile name.
struct Run {
    _upstream: Upstream,
    gateway: Gateway,
}

const HOSTILE: &str = "eve\"\n- { issuer: corp } # *\u{1b}[2J\u{1f600}";

fn run() -> Run {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    let client = gateway.client();
    let token = |subject: &str, role: &str| {
        let mut claims = Issuer::shared().claims(&[role]);
        claims["sub"] = json!(subject);
        Issuer::shared().key("k1").token(&claims)
    };
    let (alice, eve, nobody) = (token("alice", "admin"), token(HOSTILE, "viewer"), token("mallory", "stranger"));
    for target in ["/varz", "/varz", "/connz?limit=10", "/connz", "/accountz"] {
        success(&client.get(target, Some(&alice)), target);
    }
    success(&client.get("/varz", Some(&eve)), "/varz");
    for (who, target) in [(&alice, "/connz?auth=1"), (&alice, "/routez"), (&eve, "/accountz"), (&nobody, "/varz")] {
        denial(&client.get(target, Some(who)), &[403], target);
    }
    denial(&client.get("/varz", None), &[401], "nobody");
    gateway.audit(11);
    Run { _upstream: upstream, gateway }
}

impl Run {
    fn folder(&self) -> std::path::PathBuf {
        self.gateway.path("")
    }

    fn say(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        monward(&self.folder(), arguments)
    }

    fn id(&self, request: &str, decision: &str) -> String {
        let records = self.gateway.audit(11);
        let mine = records.iter().find(|record| record["request"] == request && record["decision"] == decision);
        mine.unwrap()["request_id"].as_str().unwrap().to_owned()
    }

    /// The audit file with the roles that the policy gave, as a gateway that records them writes it.
    fn with_roles(&self, name: &str) {
        let roles = |record: &Value| match record["principal"]["subject"].as_str() {
            Some("alice") => json!(["admin"]),
            Some("mallory") => json!([]),
            Some(_) => json!(["viewer"]),
            None => Value::Null,
        };
        let lines = self.gateway.audit(11).into_iter().map(|mut record| {
            record["roles"] = roles(&record);
            record.to_string() + "\n"
        });
        self.gateway.rewrite(name, &lines.collect::<String>());
    }
}

#[test]
fn what_is_learned_of_a_real_run_passes_its_own_check_and_guards_as_before() {
    let run = run();
    let learn = ["learn", "audit.jsonl", "--catalog", "nats", "--out", "learned.yaml"];
    let (code, out, said) = run.say(&learn);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
    let (code, out, said) = run.say(&["check", "learned.yaml"]);
    assert_eq!(code, Some(0), "{out}{said}");
    let read = |name: &str| std::fs::read_to_string(run.gateway.path(name)).unwrap();
    let (policy, cases) = (read("learned.yaml"), read("learned.cases.yaml"));
    assert!(!policy.contains('\u{1b}') && !cases.contains('\u{1b}'), "{policy}{cases}");
    for line in ["expect: allow", "expect: deny", "GET /connz?limit=10", "GET /connz?auth=1", "GET /accountz"] {
        assert!(cases.contains(line), "{line}: {cases}");
    }
    assert!(policy.contains("#   alice: /connz?auth=1, 1 times, argument_forbidden\n"), "{policy}");
    let explain =
        |subject: &str, target: &str| run.say(&["explain", "--policy", "learned.yaml", "--subject", subject, target]).0;
    for (subject, target, code) in [
        ("alice", "/varz", 0),
        ("alice", "/connz", 0),
        ("alice", "/connz?auth=1", 1),
        ("alice", "/routez", 1),
        (HOSTILE, "/varz", 0),
        (HOSTILE, "/accountz", 1),
        ("mallory", "/varz", 1),
        ("bob", "/varz", 1),
    ] {
        assert_eq!(explain(subject, target), Some(code), "{subject} {target}\n{policy}");
    }
    let (code, _, said) = run.say(&learn);
    assert!(code == Some(2) && said.contains("is there already"), "no file is replaced: {said}");
}

#[test]
fn why_finds_the_record_of_an_answer_and_says_what_would_help() {
    let run = run();
    let id = run.id("/connz?auth=1", "deny");
    let (code, out, said) = run.say(&["why", &id]);
    assert_eq!(code, Some(0), "{out}{said}");
    for line in
        ["who       alice of issuer corp (bearer_jwt)\n", "decision  deny\n", "reason    argument_forbidden: A rule"]
    {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(!out.contains('\u{1b}'), "no colour for a pipe: {out}");
    run.with_roles("roles.jsonl");
    let spelled = format!("urn:uuid:{}-{}", id[..8].to_uppercase(), &id[8..]);
    let (code, out, said) = run.say(&["why", &spelled, "--audit", "roles.jsonl"]);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("Rule `connections` would have to accept it"), "{out}");
    let (code, out, _) = run.say(&["why", &id, "--audit", "roles.jsonl", "--json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["record"]["request_id"]), (Some(0), &json!(id)));
    assert_eq!(json["today"]["reason"], "argument_forbidden");
    let (code, out, said) = run.say(&["why", &"0".repeat(32)]);
    assert!(code == Some(1) && out.is_empty() && said.contains("no record of 000"), "{out}{said}");
    for wrong in
        [&["why", "12"][..], &["why", &id, "--audit", "nowhere.jsonl"], &["why", &id, "--config", "nowhere.yaml"]]
    {
        assert_eq!(run.say(wrong).0, Some(2), "{wrong:?}");
    }
}

#[test]
fn diff_tells_a_pipeline_whether_anything_changes() {
    let run = run();
    run.with_roles("roles.jsonl");
    std::fs::write(run.gateway.path("same.yaml"), POLICY.replace("id: view", "id: see")).unwrap();
    std::fs::write(run.gateway.path("less.yaml"), POLICY.replace("[varz, healthz]", "[healthz]")).unwrap();
    std::fs::write(run.gateway.path("unseen.yaml"), POLICY.replace("[varz, healthz]", "[varz]")).unwrap();
    std::fs::write(run.gateway.path("other.yaml"), "version: 1\ncatalog: prometheus\n").unwrap();
    std::fs::write(run.gateway.path("bad.yaml"), "version: 1\ncatalog: nats\nrulez: []\n").unwrap();
    let replay = ["--replay", "roles.jsonl"];
    for (new, more, code, line) in [
        ("same.yaml", &[][..], 0, "nothing changes"),
        ("same.yaml", &replay, 0, "0 changes; 10 of 11 records replayed"),
        ("less.yaml", &[], 1, "  - /varz: no_rule, was allow by view\n"),
        ("less.yaml", &replay, 1, "  - /varz, alice of issuer corp (bearer_jwt), 2 times, last "),
        ("unseen.yaml", &[], 1, "  - /healthz "),
        ("unseen.yaml", &replay, 0, "0 changes;"),
        ("same.yaml", &["--replay", "audit.jsonl"], 0, "not replayed\n"),
    ] {
        let (got, out, said) = run.say(&[&["diff", "policy.yaml", new][..], more].concat());
        assert_eq!(got, Some(code), "{new} {more:?}: {out}{said}");
        assert!(out.contains(line), "{new} {more:?}: {out}");
        let (got, out, _) = run.say(&[&["diff", "policy.yaml", new, "--json"][..], more].concat());
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((got, json["changes"].is_array()), (Some(code), true), "{out}");
    }
    for wrong in [
        &["diff", "policy.yaml", "other.yaml"][..],
        &["diff", "policy.yaml", "bad.yaml"],
        &["diff", "policy.yaml", "nowhere.yaml"],
        &["diff", "policy.yaml"],
        &["diff", "policy.yaml", "same.yaml", "--replay", "nowhere.jsonl"],
    ] {
        assert_eq!(run.say(wrong).0, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_broken_line_is_named_and_the_rest_is_read() {
    let run = run();
    run.with_roles("roles.jsonl");
    let text = std::fs::read_to_string(run.gateway.path("roles.jsonl")).unwrap();
    let half = text.len() - 40;
    let broken = format!("{{\"time\":1}}\n{}", &text[..half]);
    std::fs::write(run.gateway.path("broken.jsonl"), broken).unwrap();
    let (_, out, said) = run.say(&["diff", "policy.yaml", "policy.yaml", "--replay", "broken.jsonl"]);
    assert!(said.contains("broken.jsonl:1: ") && said.contains("broken.jsonl:12: "), "{said}");
    assert!(said.contains("2 lines are broken and were passed over"), "{said}");
    assert!(out.contains("of 10 records replayed"), "{out}");
    let learned = |folder: &Path| monward(folder, &["learn", "broken.jsonl", "--catalog", "nats"]);
    let (code, out, said) = learned(&run.folder());
    assert!(code == Some(0) && out.contains("catalog: nats\n"), "{out}{said}");
}
