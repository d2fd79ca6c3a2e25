//! What `explain` says.

use serde_json::{Value, json};

use super::{member, policy, principal};
use crate::authz::{Circumstances, Verdict, explain, explain_as};
use crate::types::TlsVersion;

const RULES: &str = "rules:
  - { id: one, endpoints: [connz], allow: [a], args: { limit: { max: 10 } }, limit: { rate: 6/min, burst: 3 }, redact: none }
  - { id: two, endpoints: [connz], allow: [b] }
  - { id: three, endpoints: [connz], allow: any }
  - { id: four, endpoints: [connz], deny: [c] }
  - { id: five, endpoints: [varz], deny: [] }
";

fn verdicts(groups: &[&str], target: &str) -> Vec<(String, Verdict)> {
    let explanation = explain(&policy(RULES), &member(groups), "GET", target, &Circumstances::default());
    explanation.notes.into_iter().map(|note| (note.rule.to_string(), note.verdict)).collect()
}

#[test]
fn every_rule_of_the_endpoint_says_why_it_did_or_did_not_decide() {
    let named = |verdicts: [Verdict; 4]| -> Vec<(String, Verdict)> {
        ["one", "two", "three", "four"].map(str::to_owned).into_iter().zip(verdicts).collect()
    };
    assert_eq!(
        verdicts(&["a"], "/connz"),
        named([Verdict::Decides, Verdict::OtherRoles, Verdict::Fits, Verdict::OtherRoles])
    );
    let [one, _, _, _] = verdicts(&["a"], "/connz?limit=11").try_into().unwrap();
    assert!(matches!(one.1, Verdict::Arguments(_)), "{one:?}");
    assert_eq!(
        verdicts(&["a", "c"], "/connz"),
        named([Verdict::Overruled, Verdict::OtherRoles, Verdict::Overruled, Verdict::Decides])
    );
    assert_eq!(verdicts(&["a"], "/varz"), [("five".to_owned(), Verdict::OtherRoles)], "even one that names nobody");
}

#[test]
fn a_list_of_what_stays_is_explained_as_one() {
    let listed = "redactions: { o: { extends: none, keep: [$.a], mask: [$.a.b] } }\n\
                  rules: [{ id: one, endpoints: [connz], allow: [a], redact: o }]\n";
    let listed = explain(&policy(listed), &member(&["a"]), "GET", "/connz", &Circumstances::default()).to_string();
    let lines = "redacts   1 selectors; nothing leaves but what is kept; secret-shaped texts are masked in any case\n  \
                 mask        $.a.b\n  keep        $.a\n";
    assert!(listed.contains(lines), "{listed}");
}

#[test]
fn an_explanation_is_readable() {
    let explained = |groups: &[&str], method: &str, target: &str| {
        explain(&policy(RULES), &member(groups), method, target, &Circumstances::default()).to_string()
    };
    assert_eq!(
        explained(&["a"], "GET", "/connz"),
        "\
request   GET /connz
who       somebody of issuer corp
roles     a
endpoint  connz
decision  allow
rule      one
upstream  /connz?limit=10
limit     6 in 60 s, burst 3
redacts   0 selectors; secret-shaped texts are masked in any case
rules     4 for this endpoint
  one (allows a): decides
  two (allows b): not for these roles
  three (allows any): fits, but another rule is preferred
  four (denies c): not for these roles
"
    );
    let redacted = explained(&["b"], "GET", "/connz");
    assert!(redacted.contains("\n  remove      $..jwt\n"), "{redacted}");
    assert!(redacted.contains("\nlimit     none\n"), "{redacted}");
    assert_eq!(
        explained(&[], "GET", "/varz"),
        "\
request   GET /varz
who       somebody of issuer corp
roles     none
endpoint  varz
decision  deny
reason    no_role: the principal has none of the policy's roles
rules     1 for this endpoint
  five (denies nobody): not for these roles
"
    );
    let argument = explained(&["b"], "GET", "/connz?auth=1");
    assert!(
        argument.contains("\nreason    argument_forbidden: the argument `auth` may not be used\nrule      three\n")
    );
    assert!(argument.contains("\n  three (allows any): the argument `auth` may not be used\n"), "{argument}");
    let nothing = explained(&["a"], "GET", "/routez");
    assert!(nothing.ends_with("rules     no rule names this endpoint\n"), "{nothing}");
    let unknown = explained(&["a"], "GET", "/metrics");
    assert!(unknown.contains("\nendpoint  unknown\ndecision  deny\nreason    unknown_endpoint: "), "{unknown}");
}

#[test]
fn a_rule_whose_conditions_do_not_hold_says_so() {
    let rules = "rules:
  - { id: open, endpoints: [varz], allow: [a], when: { tls: \"1.3\" } }
  - { id: closed, endpoints: [varz], deny: [a], when: { tls: \"1.2\", source: [10.0.0.0/8] } }
  - { id: shut, endpoints: [varz], deny: [a], when: { source: [10.0.0.0/7] } }
";
    let said = |source: &str, tls| {
        let circumstances =
            Circumstances { source: Some(source.parse().unwrap()), tls: Some(tls), ..Circumstances::default() };
        let explained = explain(&policy(rules), &member(&["a"]), "GET", "/varz", &circumstances);
        let words = explained.notes.into_iter().map(|note| match note.verdict {
            Verdict::Decides => "decides",
            Verdict::Overruled => "overruled",
            Verdict::Conditions(_) => "conditions",
            Verdict::WouldDecide | Verdict::Fits | Verdict::OtherRoles | Verdict::Arguments(_) => "other",
        });
        words.collect::<Vec<_>>()
    };
    assert_eq!(said("12.0.0.1", TlsVersion::V13), ["decides", "conditions", "conditions"]);
    assert_eq!(said("12.0.0.1", TlsVersion::V12), ["conditions", "conditions", "conditions"]);
    assert_eq!(said("11.0.0.1", TlsVersion::V13), ["overruled", "conditions", "decides"]);
    assert_eq!(said("10.0.0.1", TlsVersion::V12), ["conditions", "decides", "overruled"]);
}

#[test]
fn what_keeps_a_rule_from_applying_is_named() {
    let from = |source: &str| Circumstances { source: Some(source.parse().unwrap()), ..Circumstances::default() };
    let of = |conditions: &str, circumstances| {
        let rules = format!("rules: [{{ id: r, endpoints: [varz], allow: [a], {conditions} }}]");
        let explained = explain(&policy(&rules), &member(&["a"]), "GET", "/varz", &circumstances);
        let Verdict::Conditions(words) = &explained.notes[0].verdict else { panic!("{explained}") };
        words.clone()
    };
    let (net, both) = ("source: [10.0.0.0/8]", "source: [10.0.0.0/8], tls: \"1.2\"");
    let over = |source: &str, tls| Circumstances { tls: Some(tls), ..from(source) };
    for (conditions, circumstances, words) in [
        (format!("when: {{ {net} }}"), from("11.0.0.1"), "`when.source` does not hold"),
        (format!("when: {{ {net} }}"), Circumstances::default(), "`when.source` is not known"),
        (format!("when: {{ {both} }}"), from("10.0.0.1"), "`when.tls` is not known"),
        (format!("when: {{ {both} }}"), from("11.0.0.1"), "`when.source` does not hold, `when.tls` is not known"),
        (format!("unless: {{ {net} }}"), from("10.0.0.1"), "`unless.source` holds"),
        (format!("unless: {{ {net} }}"), Circumstances::default(), "`unless.source` is not known"),
        (format!("unless: {{ {both} }}"), from("10.0.0.1"), "`unless.source` holds, `unless.tls` is not known"),
        (
            format!("unless: {{ {both} }}"),
            over("10.0.0.1", TlsVersion::V12),
            "`unless.source` holds, `unless.tls` holds",
        ),
        (
            format!("when: {{ {net} }}, unless: {{ {both} }}"),
            over("11.0.0.1", TlsVersion::V12),
            "`when.source` does not hold",
        ),
    ] {
        assert_eq!(of(&conditions, circumstances), words, "{conditions}");
    }
}

#[test]
fn a_cost_is_told_where_the_arguments_make_it_more_than_that_of_the_endpoint() {
    let rules = "rules: [{ id: r, endpoints: [connz], allow: [a], redact: none, args: { subs: allow } }]";
    let told = |target: &str| {
        let explained = explain(&policy(rules), &member(&["a"]), "GET", target, &Circumstances::default()).to_string();
        explained.lines().find(|line| line.starts_with("cost")).map(str::to_owned)
    };
    assert_eq!(told("/connz"), None);
    assert_eq!(told("/connz?subs=1").as_deref(), Some("cost      10 times that of the endpoint alone"));
}

#[test]
fn a_tenant_is_named() {
    let rules = "rules: [{ id: own, endpoints: [connz], allow: [a], tenant: \"{claims.account}\", redact: none }]";
    let who = principal(&json!({ "groups": ["a"], "account": "ACME" }));
    let explained = explain(&policy(rules), &who, "GET", "/connz", &Circumstances::default());
    let text = explained.to_string();
    assert!(text.contains("\nupstream  /connz?auth=1&acc=ACME\ntenant    ACME: nothing else of the answer leaves\n"));
    assert_eq!(serde_json::to_value(explained).unwrap()["tenant"], "ACME");
}

#[test]
fn what_was_asked_cannot_break_the_lines() {
    let text =
        explain(&policy(RULES), &member(&[]), "GET", "/x\r\ndecision  allow\u{1b}[31m", &Circumstances::default())
            .to_string();
    assert!(text.starts_with("request   GET /x\\r\\ndecision  allow\\u{1b}[31m\n"), "{text}");
}

#[test]
fn an_explanation_for_machines_has_the_same_members_whatever_comes_out() {
    let explained = |groups: &[&str], target: &str| -> Value {
        serde_json::to_value(explain(&policy(RULES), &member(groups), "GET", target, &Circumstances::default()))
            .unwrap()
    };
    let permitted = explained(&["b"], "/connz");
    assert_eq!(permitted["who"], json!([{ "issuer": "corp", "subject": "somebody" }]));
    assert_eq!((&permitted["decision"], &permitted["rule"]), (&json!("allow"), &json!("three")));
    assert_eq!(permitted["redactions"][0], json!({ "action": "remove", "selector": "$..jwt" }));
    let limited = explained(&["a"], "/connz");
    assert_eq!(limited["limit"], json!({ "count": 6, "period_s": 60, "burst": 3, "by": "requests" }));
    assert_eq!(limited["upstream"], "/connz?limit=10");
    let refused = explained(&["b"], "/connz?auth=1");
    assert_eq!((&refused["decision"], &refused["status"]), (&json!("deny"), &json!(403)));
    assert_eq!((&refused["reason"], &refused["rule"]), (&json!("argument_forbidden"), &json!("three")));
    let rule = json!({
        "id": "two", "effect": "allow", "names": ["b"], "mode": "enforce", "verdict": "arguments",
        "sentence": "the argument `auth` may not be used",
    });
    assert_eq!(refused["rules"][1], rule);
    let unknown = explained(&["b"], "/metrics");
    assert_eq!(refused["sentence"], "the argument `auth` may not be used");
    assert_eq!((&permitted["cost"], &permitted["reason"]), (&json!(1), &Value::Null));
    assert_eq!((&unknown["endpoint"], &unknown["status"]), (&Value::Null, &json!(404)));
    assert_eq!((&unknown["reason"], unknown["sentence"].is_string()), (&json!("unknown_endpoint"), true));
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for other in [&limited, &refused, &unknown] {
        assert_eq!(members(&permitted), members(other));
    }
}

#[test]
fn roles_by_name_decide_as_those_who_have_them() {
    let policy = policy(RULES);
    for groups in [&[][..], &["a"], &["b"], &["c"], &["a", "c"], &["b", "a", "b"]] {
        for target in ["/connz", "/connz?limit=11", "/connz?auth=1", "/varz", "/routez", "/metrics"] {
            let by_name = explain_as(&policy, groups, "GET", target, &Circumstances::default()).unwrap();
            let by_claim = explain(&policy, &member(groups), "GET", target, &Circumstances::default());
            assert_eq!(by_name.outcome.to_string(), by_claim.outcome.to_string(), "{groups:?} {target}");
            assert_eq!((by_name.roles, by_name.who), (by_claim.roles, Vec::new()), "{groups:?} {target}");
        }
    }
    assert_eq!(
        explain_as(&policy, &["a", "z", "y"], "GET", "/varz", &Circumstances::default()).unwrap_err(),
        ["z", "y"]
    );
}

#[test]
fn what_a_rule_in_shadow_would_have_decided_is_said() {
    let rules = "rules:
  - { id: yes, endpoints: [varz], allow: [a] }
  - { id: tighter, mode: shadow, endpoints: [varz], deny: any }
";
    let explanation = explain(&policy(rules), &member(&["a"]), "GET", "/varz", &Circumstances::default());
    let text = explanation.to_string();
    assert!(text.contains("\nshadow    deny by rule tighter, if it were enforced\n"), "{text}");
    assert!(text.contains("\n  tighter (denies any, in shadow): would decide, if it were enforced\n"), "{text}");
    assert!(text.contains("\n  yes (allows a): decides\n"), "{text}");
    let value = serde_json::to_value(explanation).unwrap();
    assert_eq!(value["shadow"], json!({ "decision": "deny", "rule": "tighter" }));
}
