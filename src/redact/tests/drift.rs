//! The drift alarm: what is unknown is told, by names alone.

use proptest::prelude::*;

use super::*;

const KNOWN: &[&str] = &["$.now", "$.list[*].a", "$.list[*].b.c", "$.by_name[*].d", "$.empty", "$['j\\u0077t']"];

fn known() -> Arc<KnownFields> {
    Arc::new(KnownFields::parse(KNOWN.iter().copied()).unwrap())
}

fn unknown<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut drift = Drift::new(known());
    chunks.into_iter().for_each(|chunk| drift.push(chunk));
    drift.finish().into_iter().collect()
}

#[test]
fn what_is_unknown_is_told_once_and_by_names_alone() {
    let long = "x".repeat(49);
    for (why, body, wanted) in [
        ("all is known", r#"{"now":"x","list":[{"a":1,"b":{"c":true}}],"by_name":{"u":{"d":-1.5e3}}}"#, vec![]),
        ("nothing is there", "{ }", vec![]),
        ("empty and null stand anywhere", r#"{"now":null,"list":null,"by_name":{},"empty":{}}"#, vec![]),
        ("an element may be null", r#"{"list":[null,null]}"#, vec![]),
        ("a new member", r#"{"now":1,"token":"CANARY"}"#, vec!["$.token"]),
        ("a new member of an element, once", r#"{"list":[{"t":"CANARY"},{"t":"CANARY"}]}"#, vec!["$.list[*].t"]),
        ("nothing of what is inside", r#"{"token":{"CANARY":["CANARY",{"CANARY":1}]},"now":1}"#, vec!["$.token"]),
        ("a new one behind it", r#"{"token":[[{"x":1}],"]"],"later":1}"#, vec!["$.later", "$.token"]),
        ("in another case", r#"{"NOW":1}"#, vec!["$[*]"]),
        ("escaped, but known", r#"{"\u006eow":1,"j\u0077t":1}"#, vec![]),
        ("escaped and unknown", r#"{"\u006eo":1}"#, vec!["$.no"]),
        ("a text became an object", r#"{"now":{"CANARY":1}}"#, vec!["$.now[*]"]),
        ("a text became a list", r#"{"now":["CANARY"]}"#, vec!["$.now[*]"]),
        ("an object became a text", r#"{"by_name":"CANARY"}"#, vec!["$.by_name"]),
        ("a list became a number", r#"{"list":7}"#, vec!["$.list"]),
        ("a list became an object", r#"{"list":{"CANARY":{"a":1}}}"#, vec![]),
        ("an object became a list", r#"{"list":[{"b":[1]}]}"#, vec!["$.list[*].b[*]"]),
        ("below names that are data", r#"{"by_name":{"CANARY":{"e":1}}}"#, vec!["$.by_name[*].e"]),
        ("a name that no field would have", r#"{"CANARY CANARY":1}"#, vec!["$[*]"]),
        ("a name as accounts have", r#"{"CANARY":1}"#, vec!["$[*]"]),
        ("a name as fields of other programs have", r#"{"canAry":1}"#, vec!["$[*]"]),
        ("an address", r#"{"192_0_2_1":1}"#, vec!["$[*]"]),
        ("the root became a list", r#"[{"CANARY":1}]"#, vec!["$[*]"]),
        ("brackets and quotes in texts are text", r#"{"now":"\\\"},{\"token\":[","token":1}"#, vec!["$.token"]),
        (
            "white space anywhere",
            "\n{\t\"token\" :\r\n 1 , \"list\" : [ { \"t\" : [ ] } ] }\n",
            vec!["$.list[*].t", "$.token"],
        ),
        ("a long name", &format!(r#"{{"{long}":1}}"#), vec!["$[*]"]),
    ] {
        assert_eq!(unknown([body.as_bytes()]), wanted, "{why}");
        for size in [1, 2, 7] {
            assert_eq!(unknown(body.as_bytes().chunks(size)), wanted, "{why} by {size}");
        }
        assert!(!wanted.concat().contains("CANARY"), "{why}");
    }
}

#[test]
fn what_is_told_and_remembered_is_bounded() {
    let members: Vec<String> = (0..1000).map(|at| format!("\"f{at}\":1")).collect();
    assert_eq!(unknown([format!("{{{}}}", members.join(",")).as_bytes()]).len(), 32);
    let deep = format!("{{\"by_name\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    let after = deep.replace('}', ",\"token\":1}");
    assert_eq!(unknown([after.as_bytes()]), ["$.by_name[*][*]", "$.token"]);
    let name = format!("{{\"{}\":1}}", "\\u0041".repeat(100_000));
    let mut drift = Drift::new(known());
    name.as_bytes().chunks(1000).for_each(|chunk| drift.push(chunk));
    assert_eq!(drift.finish().into_iter().collect::<Vec<_>>(), ["$[*]"]);
}

#[test]
fn a_known_field_leads_down_step_by_step() {
    for path in ["$..a", "$.a[0]", "$['a','b']", "$.a[", "a", "$.a[?@.b]"] {
        assert!(KnownFields::parse([path]).is_err(), "{path}");
    }
    assert!(KnownFields::parse(["$", "$.a", "$['a b']", "$.*", "$[*][*]"]).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(body in ".{0,60}", size in 1_usize..9) {
        let whole = unknown([body.as_bytes()]);
        prop_assert_eq!(unknown(body.as_bytes().chunks(size)), whole);
    }
}
