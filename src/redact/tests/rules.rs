//! Selectors, names, actions, commas.

use super::*;

use Action::{Mask, Null, Remove};

#[test]
fn selectors_outside_the_subset_are_refused_with_the_reason() {
    for (sentence, path, word) in [
        ("the whole body is not a field", "$", "whole body"),
        ("a filter depends on values", "$.a[?@.b == 1]", "filters"),
        ("a slice depends on the end", "$.a[1:3]", "slices"),
        ("a slice with a step too", "$[::2]", "slices"),
        ("a negative index depends on the end", "$.a[-1]", "negative"),
        ("a filter hidden among names", "$['a',?@.b]", "filters"),
        ("no root", "jwt", "not a JSON path"),
        ("nothing at all", "", "not a JSON path"),
        ("white space around it", " $.a", "not a JSON path"),
        ("two dots and nothing", "$..", "not a JSON path"),
        ("an open bracket", "$['a'", "not a JSON path"),
        ("an open bracket and no quotes", "$.a[b", "not a JSON path"),
    ] {
        let error = Selector::parse(path).expect_err(sentence).to_string();
        assert!(error.contains(word) && error.contains(&format!("`{path}`")), "{sentence}: {error}");
        assert!(!error.contains('\n'), "{sentence}: {error}");
    }
}

#[test]
fn each_selector_takes_what_rfc_9535_says() {
    for (sentence, path, body, want) in [
        ("a child by name", "$.a", r#"{"a":1,"b":{"a":2}}"#, r#"{"b":{"a":2}}"#),
        ("a child of a child", "$.a.b", r#"{"a":{"b":1,"c":2},"b":3}"#, r#"{"a":{"c":2},"b":3}"#),
        ("a name at any depth", "$..a", r#"{"a":1,"b":[{"a":2,"c":[[{"a":3}]]}]}"#, r#"{"b":[{"c":[[{}]]}]}"#),
        ("a name below a name", "$.a..b", r#"{"b":1,"a":{"b":2,"c":{"b":3}}}"#, r#"{"b":1,"a":{"c":{}}}"#),
        ("the child below any depth", "$..a.b", r#"{"a":{"a":{"b":1},"b":2},"b":3}"#, r#"{"a":{"a":{}},"b":3}"#),
        ("all members", "$.a[*]", r#"{"a":{"x":1,"y":2},"b":3}"#, r#"{"a":{},"b":3}"#),
        ("all elements", "$.a[*]", r#"{"a":[1,[2],{"x":3}],"b":4}"#, r#"{"a":[],"b":4}"#),
        ("a field of all elements", "$.a[*].b", r#"{"a":[{"b":1,"c":2},{"b":3}]}"#, r#"{"a":[{"c":2},{}]}"#),
        ("one element", "$[1]", "[10,11,12]", "[10,12]"),
        ("the first element", "$[0]", "[10,11,12]", "[11,12]"),
        ("several elements", "$[0,2]", "[10,11,12,13]", "[11,13]"),
        ("an element that is not there", "$[7]", "[10,11]", "[10,11]"),
        ("an index is not a name", "$[0]", r#"{"0":1}"#, r#"{"0":1}"#),
        ("a name is not an index", "$['0']", "[1]", "[1]"),
        ("several names", "$['a','c']", r#"{"a":1,"b":2,"c":3}"#, r#"{"b":2}"#),
        ("names and indices together", "$..['a',1]", r#"{"a":1,"b":[1,2,3]}"#, r#"{"b":[1,3]}"#),
        ("an element at any depth", "$..[0]", "[[1,2],[3,4]]", "[[4]]"),
        ("everything below", "$..*", r#"{"a":1}"#, "{}"),
        ("an escape in the path", r"$['\u006awt']", r#"{"jwt":1,"a":2}"#, r#"{"a":2}"#),
        ("a quote in the path", r#"$['a"b']"#, r#"{"a\"b":1,"a":2}"#, r#"{"a":2}"#),
        ("an empty name", "$['']", r#"{"":1,"a":2}"#, r#"{"a":2}"#),
    ] {
        assert_eq!(redacted(&remove(&[path]), body), want, "{sentence}: {path}");
        assert_chunks_do_not_matter(&remove(&[path]), body.as_bytes());
    }
}

#[test]
fn names_are_compared_as_the_most_lenient_reader_does() {
    for (sentence, path, key) in [
        ("as it is", "jwt", "jwt"),
        ("in capitals", "jwt", "JWT"),
        ("capitals in the rule", "JwT", "jwt"),
        ("with an escape", "jwt", r"\u006awt"),
        ("with an escape in capitals", "jwt", r"\u004A\u0057t"),
        ("with a long s", "issuer", "i\u{17f}suer"),
        ("with an escaped long s", "issuer", r"i\u017Fsuer"),
        ("with a Kelvin sign", "issuer_key", "issuer_\u{212a}ey"),
        ("with an escaped Kelvin sign", "issuer_key", r"issuer_\u212Aey"),
        ("with a dotless i", "issuer_key", "\u{131}ssuer_key"),
        ("with a dotted I", "issuer_key", "\u{130}ssuer_key"),
        ("with a final sigma", "σ", "ς"),
        ("with an Angstrom sign", "å", "\u{212b}"),
        ("with a NUL behind", "jwt", r"jwt\u0000"),
        ("with a NUL inside", "jwt", r"j\u0000wt"),
        ("with a space before", "jwt", " jwt"),
        ("with a space behind", "jwt", "jwt "),
        ("with a DEL", "jwt", "jwt\u{7f}"),
        ("with a tab by escape", "jwt", r"\tjwt"),
        ("with a joiner", "jwt", "j\u{200d}wt"),
        ("with an escaped joiner", "jwt", r"j\u200Dwt"),
        ("with a soft hyphen", "jwt", "jw\u{ad}t"),
        ("with a byte order mark", "jwt", "\u{feff}jwt"),
        ("with a tag from plane 14", "jwt", r"jwt\uDB40\uDC41"),
        ("a long one", &"x".repeat(100), &"X".repeat(100)),
    ] {
        let body = format!(r#"{{"{key}":"CANARY","a":1}}"#);
        let plan = remove(&[&format!("$..{path}"), &format!("$..['{path}x']")]);
        assert_eq!(redacted(&plan, &body), r#"{"a":1}"#, "{sentence}");
        assert_chunks_do_not_matter(&plan, body.as_bytes());
    }
    for other in ["jwtx", "jw", "wjt", "jwt.", "_jwt", "jwt-1", "\u{e9}jwt", "", " "] {
        let body = format!(r#"{{"{other}":1}}"#);
        assert_eq!(redacted(&remove(&["$..jwt"]), &body), body, "another name stays: {other}");
    }
}

#[test]
fn a_separator_goes_with_the_member_behind_it() {
    for (sentence, body, want) in [
        ("the only member", r#"{"x":1}"#, "{}"),
        ("the first", r#"{"x":1,"a":2}"#, r#"{"a":2}"#),
        ("the last", r#"{"a":2,"x":1}"#, r#"{"a":2}"#),
        ("one between", r#"{"a":2,"x":1,"b":3}"#, r#"{"a":2,"b":3}"#),
        ("all of several", r#"{"x":1,"X":{},"x":[]}"#, "{}"),
        ("the first two", r#"{"x":1,"x":2,"a":3,"b":4}"#, r#"{"a":3,"b":4}"#),
        ("first and last", r#"{"x":1,"a":3,"x":4}"#, r#"{"a":3}"#),
        ("pretty first", "{\n  \"x\": 1,\n  \"a\": 2\n}\n", "{\n  \"a\": 2\n}\n"),
        ("pretty last", "{\n  \"a\": 2,\n  \"x\": 1\n}\n", "{\n  \"a\": 2\n}\n"),
        ("pretty only", "{\n  \"x\": 1\n}\n", "{\n}\n"),
        ("spaces everywhere", " { \"x\" : 1 , \"a\" : 2 } ", " {  \"a\" : 2 } "),
        ("an empty object stays", "{ }", "{ }"),
        ("a nested value of any kind", r#"{"x":{"x":[{"y":"}"}]},"a":[{"x":"]"}]}"#, r#"{"a":[{}]}"#),
    ] {
        assert_eq!(redacted(&remove(&["$..x"]), body), want, "{sentence}");
        assert_chunks_do_not_matter(&remove(&["$..x"]), body.as_bytes());
    }
    for (sentence, path, body, want) in [
        ("pretty first element", "$[0]", "[\n  1,\n  2\n]", "[\n  2\n]"),
        ("pretty last element", "$[1]", "[\n  1,\n  2\n]", "[\n  1\n]"),
        ("pretty only element", "$[0]", "[\n  1\n]", "[\n]"),
        ("an empty array stays", "$[0]", "[ ]", "[ ]"),
        ("all elements", "$[*]", "[ 1 , {} , [] ]", "[   ]"),
    ] {
        assert_eq!(redacted(&remove(&[path]), body), want, "{sentence}");
        assert_chunks_do_not_matter(&remove(&[path]), body.as_bytes());
    }
}

#[test]
fn what_no_rule_touches_stays_to_the_letter() {
    for body in [
        r#"{"n":123456789012345678901234567890,"f":1.10,"e":1E5,"z":-0,"m":18446744073709551616,"g":0e-7}"#,
        "\t{\r\n\"a\" :\t[ ] , \"b\":[1 ,2,{ } ],\"c\":\"\"}\n\n",
        r#"{"u":"http:\/\/x","v":"\u00e9\ud83d\ude00é😀 \" \\ \u003e","w":"\ud800"}"#,
        r#"{"true":true,"false":false,"null":null,"":[[],[[]]]}"#,
        r#"{"z":1,"a":2,"z":3}"#,
    ] {
        let (out, report) = whole(&remove(&["$..jwt", "$.b[7]"]), body.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), body);
        assert_eq!(report, Report { hits: vec![0, 0], masked: 0 });
        assert_chunks_do_not_matter(&remove(&["$..jwt", "$.b[7]"]), body.as_bytes());
    }
}

#[test]
fn null_and_mask_keep_the_member() {
    let body = r#"{"s":"CANARY","n":-1.5e3,"t":true,"f":false,"u":null,"a":["CANARY"],"o":{"k":"CANARY"}}"#;
    for (sentence, action, want) in [
        ("null", Null, r#"{"s":null,"n":null,"t":null,"f":null,"u":null,"a":null,"o":null}"#),
        ("mask", Mask, r#"{"s":"[redacted]","n":0,"t":false,"f":false,"u":null,"a":[],"o":{}}"#),
        ("remove", Remove, "{}"),
    ] {
        let plan = plan(&[("$[*]", action)]);
        assert_eq!(redacted(&plan, body), want, "{sentence}");
        assert_chunks_do_not_matter(&plan, body.as_bytes());
    }
    let body = "[ 1 , \"CANARY\",{\"a\":[1]} , [2 ] ]";
    assert_eq!(redacted(&plan(&[("$[*]", Mask)]), body), "[ 0 , \"[redacted]\",{} , [] ]");
    assert_chunks_do_not_matter(&plan(&[("$[*]", Mask)]), body.as_bytes());
}

#[test]
fn the_strictest_rule_wins_in_any_order_and_each_that_found_it_counts() {
    let body = r#"{"a":"x","b":1}"#;
    for (sentence, rules, want) in [
        ("remove beats null", [("$.a", Null), ("$..a", Remove)], r#"{"b":1}"#),
        ("null beats mask", [("$.a", Mask), ("$..a", Null)], r#"{"a":null,"b":1}"#),
        ("remove beats mask", [("$['a']", Mask), ("$..a", Remove)], r#"{"b":1}"#),
    ] {
        let reversed = [rules[1], rules[0]];
        for rules in [rules, reversed] {
            let (out, report) = whole(&plan(&rules), body.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), want, "{sentence}");
            assert_eq!(report.hits, [1, 1], "{sentence}");
        }
    }
    let (_, report) = whole(&remove(&["$..a", "$..b", "$.c"]), br#"{"a":{"b":1},"a":2,"b":3}"#).unwrap();
    assert_eq!(report.hits, [2, 1, 0], "what goes with its parent is not counted");
}

#[test]
fn there_is_no_limit_of_positions() {
    let names: Vec<String> = (0..100).map(|number| format!("$.a..n{number}[*].x")).collect();
    let plan = remove(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(plan.positions().width() > 6);
    for number in [0, 11, 12, 13, 50, 63, 64, 99] {
        let body = format!(r#"{{"a":[{{"n{number}":[{{"x":"CANARY","y":1}}]}}],"n{number}":[{{"x":2}}]}}"#);
        let want = format!(r#"{{"a":[{{"n{number}":[{{"y":1}}]}}],"n{number}":[{{"x":2}}]}}"#);
        let (out, report) = whole(&plan, body.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), want);
        assert_eq!((report.hits[number], report.hits.iter().sum::<u64>()), (1, 1));
    }
    let deep = format!("${}", ".a".repeat(200));
    let body = format!("{}1{}", r#"{"a":"#.repeat(201), "}".repeat(201));
    let want = format!("{}{{}}{}", r#"{"a":"#.repeat(199), "}".repeat(199));
    assert_eq!(redacted(&remove(&[&deep]), &body), want, "a path across several words");
}

#[test]
fn a_text_plan_takes_no_selectors() {
    let rule = Rule::new(Selector::parse("$.a").unwrap(), Remove);
    let error = Plan::compile(BodyKind::Text, vec![rule]).unwrap_err();
    assert!(error.to_string().contains("`$.a`"), "{error}");
    assert_eq!(text_plan().kind(), BodyKind::Text);
}
