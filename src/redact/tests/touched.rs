//! What is said of a body is what is done to it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Each place as `action what path @offset by rule`.
fn lines(plan: &Arc<Plan>, body: &str) -> Vec<String> {
    let (touches, _) = touched(plan, &pseudonyms(), body.as_bytes()).unwrap();
    let line = |touch: Touch| {
        let by = match touch.cause {
            Cause::Rule(rule) => plan.rules()[rule].selector.as_str(),
            Cause::NotKept => "no keep",
            Cause::SafetyNet => "net",
        };
        format!("{:?} {} {} @{} by {by}", touch.action, touch.what.word(), touch.path, touch.offset)
    };
    touches.into_iter().map(line).collect()
}

#[test]
fn every_place_has_its_path_its_action_its_rule_and_its_offset() {
    let rules =
        [("$.a[*].jwt", Action::Remove), ("$..ip", Action::Mask), ("$.a", Action::Null), ("$.b[1]", Action::Mask)];
    for (why, rules, body, wanted) in [
        (
            "an element's member",
            &rules[..1],
            r#"{"a":[{},{"x":1,"JWT":"s"}]}"#,
            vec!["Remove value $.a[1].JWT @16 by $.a[*].jwt"],
        ),
        (
            "at any depth",
            &rules[1..2],
            r#"{"q":{"ip":"1"},"ip":[2]}"#,
            vec!["Mask value $.q.ip @11 by $..ip", "Mask value $.ip @21 by $..ip"],
        ),
        (
            "nothing inside what is replaced",
            &rules[..3],
            r#"{"a":[{"jwt":1,"ip":2}]}"#,
            vec!["Null value $.a @5 by $.a"],
        ),
        (
            "the strictest of two",
            &[("$.a", Action::Mask), ("$..a", Action::Remove)],
            r#"{"a":1}"#,
            vec!["Remove value $.a @1 by $..a"],
        ),
        ("an element by its place", &rules[3..], "{\"b\": [0, 1]}", vec!["Mask value $.b[1] @10 by $.b[1]"]),
        (
            "a name that is no identifier",
            &[("$.*", Action::Null)],
            r#"{"it's a\n":1}"#,
            vec![r"Null value $['it\'s a\n'] @12 by $.*"],
        ),
        (
            "what is not kept goes, and containers on the way stay",
            &[("$.a.b", Action::Keep), ("$..ip", Action::Pseudonym)],
            r#"{"a":{"b":{"ip":"x"},"c":1},"d":[],"ip":1}"#,
            vec![
                "Pseudonym value $.a.b.ip @16 by $..ip",
                "Remove value $.a.c @21 by no keep",
                "Remove value $.d @28 by no keep",
                "Remove value $.ip @35 by no keep",
            ],
        ),
        ("nothing at all", &rules[..1], "[]", vec![]),
    ] {
        let plan = plan(rules);
        assert_eq!(lines(&plan, body), wanted, "{why}");
    }
}

#[test]
fn what_looks_like_a_secret_has_its_place_and_a_body_that_cannot_be_trusted_none() {
    assert_eq!(lines(&plan(&[]), r#"{"url":"nats://u:p@h"}"#), ["Mask value $.url @7 by net"]);
    assert_eq!(lines(&plan(&[]), r#"{"nats://u:p@h":1}"#), ["Mask name $['[redacted]'] @1 by net"]);
    assert_eq!(lines(&text_plan(), "a //u:p@h b"), ["Mask value $ @4 by net"]);
    assert_eq!(touched(&remove(&["$.a"]), &pseudonyms(), b"{\"a\":1,}").unwrap_err().kind, RedactErrorKind::Syntax);
}

#[test]
fn what_is_meant_of_names_and_texts_is_told_without_them() {
    let forms = |text: &str, other| Forms::parse(&[text], other).unwrap();
    let rule = |path: &str, part, action| Rule { part, ..Rule::new(Selector::parse(path).unwrap(), action) };
    let rules = vec![
        rule("$[*]", Part::Name(forms("[ACC:{}] *", Other::Keep)), Action::Mask),
        rule("$.gone[*]", Part::Name(Forms::default()), Action::Remove),
        rule("$..sid", Part::Text(forms("R {} *", Other::Whole)), Action::Pseudonym),
        rule("$.gone", Part::Text(forms("x{}", Other::Keep)), Action::Mask),
        rule("$.any[*]", Part::Value, Action::Remove),
    ];
    let plan = Plan::compile(BodyKind::Json, rules).unwrap();
    let body = r#"{"[ACC:CANARY] q":{"sid":"R CANARY //u:CANARY@h"},"sid":"CANARY","b":{"sid":[1]},"gone":{"CANARY":1},"any":{"CANARY":2}}"#;
    let told = lines(&plan, body);
    assert_eq!(
        told,
        [
            "Pseudonym name $['[redacted]'] @1 by $[*]",
            "Pseudonym value $['[redacted]'].sid @25 by $..sid",
            "Mask value $['[redacted]'].sid @25 by net",
            "Pseudonym value $.sid @56 by $..sid",
            "Pseudonym value $.b.sid @76 by $..sid",
            "Remove value $.gone['[redacted]'] @89 by $.gone[*]",
            "Remove value $.any['[redacted]'] @108 by $.any[*]",
        ]
    );
    let left = redacted(&plan, body);
    assert!(!told.concat().contains("CANARY") && !left.contains("CANARY"), "{left}");
}

/// Small bodies of few names, with what the safety net finds.
fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(serde_json::json!(1)),
        Just(serde_json::json!("x")),
        Just(serde_json::json!("see //u:p@h/")),
        Just(serde_json::json!(null)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof![Just("a"), Just("b"), Just("A")].prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|members: BTreeMap<_, _>| serde_json::json!(members)),
        ]
    })
    .prop_filter("the root is a container", |root| root.is_object() || root.is_array())
}

const ACTIONS: &[Action] =
    &[Action::Remove, Action::Null, Action::Mask, Action::Pseudonym, Action::TruncateIp, Action::Keep];

fn rules() -> impl Strategy<Value = Vec<(&'static str, Action)>> {
    let path =
        prop_oneof![Just("$.a"), Just("$..b"), Just("$[*].a"), Just("$[1]"), Just("$..a[0]"), Just("$.a['a','b']")];
    let action = prop::sample::select(ACTIONS);
    prop::collection::vec((path, action), 0..4)
}

/// The place that `path` leads to in `root`, and its last step.
fn place<'a>(root: &'a mut Value, path: &str) -> (&'a mut Value, String) {
    let pointer = path.trim_start_matches('$').replace(['.', '['], "/").replace(']', "");
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    (root.pointer_mut(parent).unwrap(), last.to_owned())
}

proptest! {
    #[test]
    fn what_is_told_is_what_is_done_and_nothing_else(body in body(), rules in rules()) {
        let plan = plan(&rules);
        let text = body.to_string();
        let (touches, report) = touched(&plan, &pseudonyms(), text.as_bytes()).unwrap();
        let mut left: Value = serde_json::from_str(&redacted(&plan, &text)).unwrap();
        let mut told = body;
        for touch in &touches {
            if touch.action != Action::Remove {
                let (parent, last) = place(&mut told, &touch.path);
                prop_assert!(parent.pointer(&format!("/{last}")).is_some(), "{touch:?} {text}");
            }
        }
        // From the end, so that places before stay where they are.
        for touch in touches.iter().rev() {
            let (parent, last) = place(&mut told, &touch.path);
            match (touch.action, parent) {
                (Action::Remove, Value::Array(items)) => drop(items.remove(last.parse().unwrap())),
                (Action::Remove, Value::Object(members)) => drop(members.remove(&last).unwrap()),
                (_, parent) => *parent.pointer_mut(&format!("/{last}")).unwrap() = Value::from("changed"),
            }
        }
        mark(&mut left, &told);
        prop_assert_eq!(&left, &told, "{} {:?}", text, touches);
        let net = touches.iter().filter(|touch| touch.cause == Cause::SafetyNet).count() as u64;
        prop_assert_eq!(net, report.masked, "{}", text);
    }
}

/// Writes `changed` wherever `told` has it.
fn mark(left: &mut Value, told: &Value) {
    match (left, told) {
        (left, Value::String(text)) if text == "changed" => *left = told.clone(),
        (Value::Array(left), Value::Array(told)) => {
            left.iter_mut().zip(told).for_each(|(left, told)| mark(left, told));
        }
        (Value::Object(left), Value::Object(told)) => {
            for (name, told) in told {
                left.get_mut(name).into_iter().for_each(|left| mark(left, told));
            }
        }
        _ => {}
    }
}
