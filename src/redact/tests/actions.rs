//! Pseudonyms, networks, allow-lists.

use super::*;

use Action::{Keep, Mask, Null, Pseudonym, Remove, TruncateIp};

/// What stands for `text`.
fn alias(text: &str) -> String {
    pseudonyms().of(text.as_bytes()).to_string()
}

#[test]
fn a_pseudonym_is_the_first_80_bits_of_the_hmac_in_base32() {
    // RFC 4231 §4.3: the HMAC begins with 5bdcc146bf60754e6a04.
    let known = Pseudonyms::new(b"Jefe");
    assert_eq!(known.of(b"what do ya want for nothing?").as_str(), "p-lpomcrv7mb2u42qe");
    let (ours, theirs) = (pseudonyms(), Pseudonyms::new(b"another key of no less than thirty-two bytes"));
    let texts: Vec<String> = (0..5000).map(|number| format!("{}{number}", "x".repeat(number % 70))).collect();
    let mut seen = std::collections::HashSet::new();
    for text in texts.iter().chain(&texts).chain(texts.iter().rev()) {
        let fresh = Pseudonyms::new(b"a key of no less than thirty-two bytes").of(text.as_bytes());
        assert_eq!(ours.of(text.as_bytes()), fresh, "remembered or not: {text}");
        assert_ne!(theirs.of(text.as_bytes()), fresh, "another key, another name");
        seen.insert(fresh.to_string());
        if seen.len() > 200 {
            break;
        }
    }
    for text in texts.iter().chain(texts.iter().rev()) {
        seen.insert(ours.of(text.as_bytes()).to_string());
    }
    assert_eq!(seen.len(), texts.len(), "each text has its own");
    assert!(!format!("{ours:?}").contains("key"), "{ours:?}");
}

#[test]
fn each_action_keeps_the_type_of_each_value() {
    let body = r#"{"s":"CANARY","i":"10.9.8.7:4222","n":-1.5e3,"t":true,"u":null,"a":["CANARY"],"o":{"CANARY":1}}"#;
    let name = |text| alias(text);
    for (sentence, action, want) in [
        (
            "a pseudonym",
            Pseudonym,
            format!(
                r#"{{"s":"{}","i":"{}","n":0,"t":false,"u":null,"a":[],"o":{{}}}}"#,
                name("CANARY"),
                name("10.9.8.7:4222")
            ),
        ),
        (
            "a network",
            TruncateIp,
            r#"{"s":"[redacted]","i":"10.9.8.0:4222","n":0,"t":false,"u":null,"a":[],"o":{}}"#.to_owned(),
        ),
    ] {
        let plan = plan(&[("$[*]", action)]);
        assert_eq!(redacted(&plan, body), want, "{sentence}");
        assert_chunks_do_not_matter(&plan, body.as_bytes());
    }
}

#[test]
fn a_text_has_one_pseudonym_however_it_is_spelled() {
    for (sentence, spelling, text) in [
        ("plain", "ACME", "ACME"),
        ("escaped", r"\u0041C\u004dE", "ACME"),
        ("empty", "", ""),
        ("not ASCII", "é😀", "é😀"),
        ("not ASCII, escaped", r"\u00e9\ud83d\ude00", "é😀"),
        ("with a quote", r#"a\"b\\c\n"#, "a\"b\\c\n"),
        ("shaped like a secret", "eyJa.b.c", "eyJa.b.c"),
        ("longer than what is remembered", &"x".repeat(65), &"x".repeat(65)),
        ("as long as can be", &"x".repeat(64 * 1024 - 2), &"x".repeat(64 * 1024 - 2)),
    ] {
        let body = format!(r#"{{"id":"{spelling}","ids":["{spelling}","b"],"n":1}}"#);
        let want = format!(r#"{{"id":"{0}","ids":["{0}","b"],"n":1}}"#, alias(text));
        let plan = plan(&[("$.id", Pseudonym), ("$.ids[0]", Pseudonym)]);
        let (out, report) = whole(&plan, body.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), want, "{sentence}");
        assert_eq!((report.hits, report.masked), (vec![1, 1], 0), "{sentence}");
        if body.len() < 1000 {
            assert_chunks_do_not_matter(&plan, body.as_bytes());
        }
        for size in [999, 65_536] {
            assert_eq!(feed(&plan, body.as_bytes().chunks(size)).0, want.as_bytes(), "{sentence} by {size}");
        }
    }
}

#[test]
fn a_text_that_cannot_be_read_is_masked_as_a_whole() {
    for (sentence, spelling) in [
        ("half a pair", r"CANARY\ud800".to_owned()),
        ("the other half", r"\udc00CANARY".to_owned()),
        ("longer than the safety net reads", "CANARY".repeat(20_000)),
    ] {
        for action in [Pseudonym, TruncateIp] {
            let body = format!(r#"{{"id":"{spelling}","n":"CANARIES"}}"#);
            let plan = plan(&[("$.id", action)]);
            assert_eq!(redacted(&plan, &body), r#"{"id":"[redacted]","n":"CANARIES"}"#, "{sentence}");
            for size in [1, 7, 1000] {
                let (out, _) = feed(&plan, body.as_bytes().chunks(size));
                assert_eq!(out, br#"{"id":"[redacted]","n":"CANARIES"}"#, "{sentence} by {size}");
            }
        }
    }
}

#[test]
fn the_strictest_of_all_actions_acts() {
    let order = [Remove, Null, Mask, Pseudonym, TruncateIp, Keep];
    assert!(order.is_sorted());
    let shown = [
        "{}".to_owned(),
        r#"{"ip":null}"#.to_owned(),
        r#"{"ip":"[redacted]"}"#.to_owned(),
        format!(r#"{{"ip":"{}"}}"#, alias("10.0.0.1")),
        r#"{"ip":"10.0.0.0"}"#.to_owned(),
        r#"{"ip":"10.0.0.1"}"#.to_owned(),
    ];
    for (left, one) in order.iter().enumerate() {
        for (right, other) in order.iter().enumerate() {
            // A rule that keeps makes an allow-list, in which the rest must be kept to be seen.
            let plan = plan(&[("$.ip", *one), ("$..ip", *other), ("$.ip", Keep)]);
            assert_eq!(redacted(&plan, r#"{"ip":"10.0.0.1"}"#), shown[left.min(right)], "{one:?} and {other:?}");
        }
    }
}

#[test]
fn another_spelling_inside_what_is_kept_counts_for_no_rule() {
    let body = format!("{{\"jwt\":{{\"x\":[{}1],\"JWT\":1,\"jwt\":2}}}}", "1,".repeat(200));
    for size in [1, 7, 64, body.len()] {
        let (out, report) = feed(&plan(&[("$..jwt", Keep)]), body.as_bytes().chunks(size));
        assert_eq!((out.as_slice(), report.unwrap().hits), (body.as_bytes(), vec![2]), "by {size}");
    }
}

#[test]
fn of_an_allow_list_only_what_is_kept_leaves() {
    for (sentence, rules, body, want) in [
        ("a member", &[("$.a", Keep)][..], r#"{"a":1,"b":"CANARY"}"#, r#"{"a":1}"#),
        ("all that is in it", &[("$.a", Keep)], r#"{"a":{"x":[1,{"y":2}]},"b":[3]}"#, r#"{"a":{"x":[1,{"y":2}]}}"#),
        ("nothing", &[("$.a", Keep)], r#"{"b":1,"c":{"a":2}}"#, "{}"),
        ("nothing of an array", &[("$.a", Keep)], r#"[1,"CANARY",{"a":1}]"#, "[]"),
        ("the way there", &[("$.a.b", Keep)], r#"{"a":{"b":1,"c":2},"d":3}"#, r#"{"a":{"b":1}}"#),
        ("a way that leads nowhere", &[("$.a.b", Keep)], r#"{"a":{"c":2},"d":3}"#, r#"{"a":{}}"#),
        ("no single value on the way", &[("$.a.b", Keep)], r#"{"a":"CANARY","d":3}"#, "{}"),
        (
            "an array on the way",
            &[("$.a[*].b", Keep)],
            r#"{"a":[{"b":1,"c":2},3,"CANARY",[],{"c":4}]}"#,
            r#"{"a":[{"b":1},[],{}]}"#,
        ),
        ("an element", &[("$[1]", Keep)], r#"["CANARY","b","CANARY"]"#, r#"["b"]"#),
        ("the first two of many", &[("$[0,1]", Keep)], r#"[1,2,"CANARY"]"#, "[1,2]"),
        (
            "a name at any depth",
            &[("$..n", Keep)],
            r#"{"n":1,"x":{"n":2,"y":"CANARY"},"z":[{"n":[3]},4]}"#,
            r#"{"n":1,"x":{"n":2},"z":[{"n":[3]}]}"#,
        ),
        ("several", &[("$.a", Keep), ("$.b.c", Keep)], r#"{"x":0,"a":1,"b":{"d":2,"c":3}}"#, r#"{"a":1,"b":{"c":3}}"#),
        ("pretty", &[("$.b", Keep)], "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n", "{\n  \"b\": 2\n}\n"),
        (
            "spaces before values",
            &[("$.b.c", Keep)],
            "{ \"a\" :\n1 , \"b\" :\n { \"c\" :\t2 } }",
            "{  \"b\" :\n { \"c\" :\t2 } }",
        ),
        (
            "its very name, however it is escaped",
            &[("$.a", Keep)],
            r#"{"A":"CANARY","\u0061":2,"a ":"CANARY","\u00ada":"CANARY"}"#,
            r#"{"\u0061":2}"#,
        ),
        ("the very name on the way", &[("$.a.b", Keep)], r#"{"A":{"b":1},"a":{"B":1,"b":2}}"#, r#"{"a":{"b":2}}"#),
        ("at any depth as well", &[("$..n", Keep)], r#"{"N":1,"x":{"N":2,"n":3}}"#, r#"{"x":{"n":3}}"#),
        ("nothing in nothing", &[("$.a", Keep)], "[ ]", "[ ]"),
    ] {
        assert_eq!(redacted(&plan(rules), body), want, "{sentence}");
        assert_chunks_do_not_matter(&plan(rules), body.as_bytes());
        assert!(!want.contains("CANARY"));
    }
}

#[test]
fn what_an_allow_list_keeps_obeys_the_other_rules() {
    for (sentence, rules, body, want) in [
        (
            "what is removed inside",
            &[("$.a", Keep), ("$..jwt", Remove)][..],
            r#"{"a":{"jwt":"CANARY","b":1}}"#,
            r#"{"a":{"b":1}}"#,
        ),
        ("what is removed of it", &[("$.a", Keep), ("$.a", Remove)], r#"{"a":"CANARY"}"#, "{}"),
        (
            "what is masked inside",
            &[("$.a", Keep), ("$..ip", Mask)],
            r#"{"a":{"ip":"CANARY"},"ip":"CANARY"}"#,
            r#"{"a":{"ip":"[redacted]"}}"#,
        ),
        ("what is masked on the way", &[("$.a.b", Keep), ("$.a", Mask)], r#"{"a":{"b":1}}"#, r#"{"a":{}}"#),
        ("what is null on the way", &[("$.a.b", Keep), ("$.a", Null)], r#"{"a":{"b":1}}"#, r#"{"a":null}"#),
        ("what is removed on the way", &[("$.a.b", Keep), ("$.a", Remove)], r#"{"a":{"b":1}}"#, "{}"),
        ("a masked value that is not kept", &[("$.a", Keep), ("$.b", Mask)], r#"{"a":1,"b":2}"#, r#"{"a":1}"#),
        ("the safety net works inside", &[("$.a", Keep)], r#"{"a":"eyJx.y.CANARY"}"#, r#"{"a":"[redacted]"}"#),
        (
            "and in names on the way",
            &[("$[*].a", Keep)],
            r#"{"eyJx.y.CANARY":{"a":1},"b":1}"#,
            r#"{"[redacted]":{"a":1}}"#,
        ),
        (
            "and in escaped ones",
            &[("$[*].a", Keep)],
            r#"{"\u0065yJx.y.CANARY" : {"a":1}}"#,
            r#"{"[redacted]" : {"a":1}}"#,
        ),
    ] {
        assert_eq!(redacted(&plan(rules), body), want, "{sentence}");
        assert_chunks_do_not_matter(&plan(rules), body.as_bytes());
        assert!(!want.contains("CANARY"));
    }
}

#[test]
fn what_an_allow_list_holds_back_is_bounded() {
    let plan = plan(&[("$.a.b", Keep), ("$[0].b", Keep)]);
    let space = " ".repeat(70_000);
    for (sentence, body, offset) in [
        ("white space before a value", format!("{{\"x\":1,\"a\":{space}{{}}}}"), 7),
        ("white space before a colon", format!("{{\"a\"{space}:{{}}}}"), 1),
        ("white space before an element", format!("[{space}{{}}]"), 1),
    ] {
        assert_eq!(failure(&plan, body.as_bytes()), (RedactErrorKind::TooLong, offset), "{sentence}");
        for size in [1, 999, 65_536] {
            let error = feed(&plan, body.as_bytes().chunks(size)).1.unwrap_err();
            assert_eq!((error.kind, error.offset), (RedactErrorKind::TooLong, offset), "{sentence} by {size}");
        }
    }
    let body = format!(r#"{{"x":"{0}","a":{{"b":1,"y":["{0}"]}}}}"#, "CANARY".repeat(50_000));
    assert_eq!(redacted(&plan, &body), r#"{"a":{"b":1}}"#, "what goes has no limit");
}
