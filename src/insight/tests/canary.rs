//! What a rule takes out of one answer is found in another, and never shown.

use std::sync::Arc;

use crate::insight::Canaries;
use crate::redact::{Action, BodyKind, Forms, Other, Part, Plan, Pseudonyms, Rule, Selector};

fn rule(path: &str, part: Part, action: Action) -> Rule {
    Rule { part, ..Rule::new(Selector::parse(path).unwrap(), action) }
}

fn canaries(body: &str) -> Canaries {
    let forms = |text: &str| Forms::parse(&[text], Other::Keep).unwrap();
    let rules = vec![
        rule("$..name", Part::Value, Action::Remove),
        rule("$..urls", Part::Value, Action::Remove),
        rule("$..ip", Part::Value, Action::TruncateIp),
        rule("$..jwt", Part::Value, Action::Remove),
        rule("$.by[*]", Part::Name(forms("[ACC:{}] *")), Action::Pseudonym),
        rule("$..sid", Part::Text(forms("R {} *")), Action::Pseudonym),
    ];
    let plan = Plan::compile(BodyKind::Json, rules).unwrap();
    let mut canaries = Canaries::default();
    canaries.gather(&plan, &Arc::new(Pseudonyms::new(&[1; 32])), body.as_bytes()).unwrap();
    canaries
}

#[test]
fn what_was_taken_out_is_found_wherever_it_stands() {
    for (why, taken, count) in [
        ("a member", r#"{"name" : "CANARY-1"}"#, 1),
        ("a list of texts", r#"{"urls":["CANARY-1","CANARY-2"]}"#, 2),
        ("a network", r#"{"ip":"10.11.12.13","x":1}"#, 1),
        ("a part of a name", r#"{"by":{"[ACC:CANARY-1] of x":1}}"#, 1),
        ("a part of a text", r#"{"sid":"R CANARY-1 x"}"#, 1),
        ("what looks like a secret", r#"{"x":"nats://user:CANARY-1@h"}"#, 1),
        ("an escaped one", r#"{"name":"\u0043ANARY-1"}"#, 1),
        ("nothing short", r#"{"name":"client","ip":"1.2.3.4"}"#, 0),
        ("no numbers", r#"{"name":123456789}"#, 0),
        ("nothing inside of an object", r#"{"jwt":{"sub":"CANARY-1"}}"#, 0),
        ("nothing that stays", r#"{"other":"CANARY-1"}"#, 0),
    ] {
        let canaries = canaries(taken);
        assert_eq!((canaries.len(), canaries.is_empty()), (count, count == 0), "{why}");
    }
    let mut known = canaries(r#"{"name":"CANARY-1","jwt":"CANARY-2","urls":["CANARY-3"]}"#);
    let plan = |path| Plan::compile(BodyKind::Json, vec![rule(path, Part::Value, Action::Mask)]).unwrap();
    let (gone, fields) = (plan("$.gone"), plan("$..ip"));
    let body = br#"{"ip":"CANARY-3","gone":{"ip":"CANARY-1"},"gone_not":{"x":"CANARY-2"}}"#;
    known.forget((&gone, &fields), &Arc::new(Pseudonyms::new(&[1; 32])), body).unwrap();
    for (why, body, wanted) in [
        ("a value", r#"{"a":[{"b":"CANARY-1"},{"b":"CANARY-2"}]}"#, vec!["$.a[*].b"]),
        ("a part of a value", r#"{"a":"of CANARY-1, too"}"#, vec!["$.a"]),
        ("an escaped one", r#"{"a":"\u0043ANARY-1"}"#, vec!["$.a"]),
        ("a name, and below it", r#"{"x CANARY-1":{"b":"CANARY-1"}}"#, vec!["$[*].b", "the name of $[*]"]),
        ("a secret of nobody's", r#"{"a":"nats://u:p@h"}"#, vec!["$.a"]),
        ("in a text", "see CANARY-1\n", vec!["$"]),
        ("nothing in another case", r#"{"a":"canary-1"}"#, vec![]),
        ("nothing at all", r#"{"a":[1,true,null,"CANARY","CANARY-3"]}"#, vec![]),
    ] {
        let seen: Vec<String> = known.seen_in(body.as_bytes()).into_iter().collect();
        assert_eq!(seen, wanted, "{why}");
        assert!(!seen.concat().contains("CANARY"), "{why}");
    }
}
