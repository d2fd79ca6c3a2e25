//! The fence: what of an answer leaves, what makes it an error, and that nothing of anybody else's ever leaves.

use super::super::fence::{Fence, FenceErrorKind, FenceRule};
use super::*;

/// A fence from pairs: the part's word, then its path, and behind ` = ` whose it is.
fn fence(rules: &[&str]) -> Fence {
    let rule = |rule: &&str| {
        let (part, path) = rule.split_once(' ').unwrap();
        let (path, who) = path.split_once(" = ").unwrap_or((path, ""));
        match part {
            "keep" => FenceRule::keep(path),
            "own" => FenceRule::own(path, who),
            "named" => FenceRule::named(path, who),
            "drop" => FenceRule::drop(path),
            _ => panic!("{part}"),
        }
        .unwrap()
    };
    Fence::new(rules.iter().map(rule).collect()).unwrap()
}

/// What of `body` leaves for the tenant `A`, or the kind of the error.
fn left(fence: &Fence, body: &str) -> Result<String, FenceErrorKind> {
    let left = fence.apply("A", body.as_bytes()).map_err(|error| error.kind)?;
    Ok(String::from_utf8(left).unwrap())
}

/// As `connz` is fenced.
fn list() -> Fence {
    fence(&["keep $['now','limit']", "own $.list[*] = who", "drop $.list[*].secret", "drop $.list[*].deep[*]['x','y']"])
}

#[test]
fn of_a_list_only_what_is_the_tenants_leaves() {
    for (sentence, body, want) in [
        ("one of two", r#"{"list":[{"who":"B","a":1},{"who":"A","a":2}]}"#, r#"{"list":[{"who":"A","a":2}]}"#),
        (
            "order stays",
            r#"{"list":[{"who":"A","a":2},{"who":"B"},{"a":1,"who":"A"}]}"#,
            r#"{"list":[{"who":"A","a":2},{"a":1,"who":"A"}]}"#,
        ),
        (
            "totals go",
            r#"{"now":1,"total":9,"list":[{"who":"A"}],"limit":2}"#,
            r#"{"now":1,"list":[{"who":"A"}],"limit":2}"#,
        ),
        ("a list that nothing is left of goes", r#"{"now":1,"list":[{"who":"B"}]}"#, r#"{"now":1}"#),
        ("an empty list looks the same", r#"{"now":1,"list":[ ]}"#, r#"{"now":1}"#),
        ("no list looks the same", r#"{"now":1,"list":null}"#, r#"{"now":1}"#),
        ("nothing at all", r#"{"total":{"list":[{"who":"A"}]}}"#, "{}"),
        (
            "who it is comes last",
            r#"{"list":[{"a":[1,{"b":2}],"who":"A"}]}"#,
            r#"{"list":[{"a":[1,{"b":2}],"who":"A"}]}"#,
        ),
        ("nobody's is not kept", r#"{"list":[{"a":1},{}]}"#, "{}"),
        ("null is nobody", r#"{"list":[null,{"who":null}]}"#, "{}"),
        ("a longer name is another", r#"{"list":[{"who":"AB"},{"who":"A "},{"who":"a"},{"who":""}]}"#, "{}"),
        ("a name is what it stands for", r#"{"list":[{"wh\u006f":"\u0041"}]}"#, r#"{"list":[{"wh\u006f":"\u0041"}]}"#),
        ("half a pair is nobody", r#"{"list":[{"who":"A\ud800"}]}"#, "{}"),
        ("another spelling of the member says nothing", r#"{"list":[{"Who":"A"}]}"#, "{}"),
        ("who it is must stand in it, not below", r#"{"list":[{"a":{"who":"A"}},{"who":"B","b":{"who":"A"}}]}"#, "{}"),
        ("what is kept is compared exactly", r#"{"NOW":1,"lim it":3}"#, "{}"),
    ] {
        assert_eq!(left(&list(), body).as_deref(), Ok(want), "{sentence}");
    }
}

#[test]
fn what_leaves_is_spelled_as_it_was() {
    for (sentence, body, want) in [
        (
            "numbers stay to the letter",
            r#"{"list":[{"who":"A","n":[1E+2,-0.10,18446744073709551615]}]}"#,
            r#"{"list":[{"who":"A","n":[1E+2,-0.10,18446744073709551615]}]}"#,
        ),
        (
            "strings stay to the letter",
            r#"{"list":[{"who":"A","\u006e\/":"\u003e\ud800é\/"}]}"#,
            r#"{"list":[{"who":"A","\u006e\/":"\u003e\ud800é\/"}]}"#,
        ),
        (
            "repeated names inside that no rule looks for stay",
            r#"{"list":[{"who":"A","a":1,"a":2}]}"#,
            r#"{"list":[{"who":"A","a":1,"a":2}]}"#,
        ),
        (
            "space stays with what stays",
            "{\n  \"t\": 1,\n  \"list\": [\n    {\"who\":\"B\"},\n    {\"who\": \"A\"}\n  ]\n}\n",
            "{\n  \"list\": [\n    {\"who\": \"A\"}\n  ]\n}",
        ),
        ("a value may be null", r#"{"now":null}"#, r#"{"now":null}"#),
    ] {
        assert_eq!(left(&list(), body).as_deref(), Ok(want), "{sentence}");
    }
}

#[test]
fn what_is_dropped_goes_in_every_spelling() {
    for (sentence, body, want) in [
        ("by name", r#"{"list":[{"secret":1,"who":"A"}]}"#, r#"{"list":[{"who":"A"}]}"#),
        (
            "by folded name, however often",
            r#"{"list":[{"SECRET":1,"se\u0063ret":{},"ſecret":2,"who":"A"}]}"#,
            r#"{"list":[{"who":"A"}]}"#,
        ),
        (
            "below",
            r#"{"list":[{"who":"A","deep":[{"x":1,"z":2},{"Y":1}]}]}"#,
            r#"{"list":[{"who":"A","deep":[{"z":2},{}]}]}"#,
        ),
        ("null below", r#"{"list":[{"who":"A","deep":null}]}"#, r#"{"list":[{"who":"A","deep":null}]}"#),
        ("empty below", r#"{"list":[{"who":"A","deep":[ ]}]}"#, r#"{"list":[{"who":"A","deep":[]}]}"#),
        (
            "elsewhere it stays",
            r#"{"list":[{"who":"A","b":{"secret":1}}]}"#,
            r#"{"list":[{"who":"A","b":{"secret":1}}]}"#,
        ),
    ] {
        assert_eq!(left(&list(), body).as_deref(), Ok(want), "{sentence}");
    }
    let only = fence(&["own $.list[*] = who", "drop $.list[*]"]);
    assert_eq!(left(&only, r#"{"list":[{"who":"A"}]}"#).as_deref(), Ok("{}"), "to drop beats to own");
    let who = fence(&["own $.list[*] = who", "drop $.list[*].who"]);
    assert_eq!(left(&who, r#"{"list":[{"who":"A"},{"who":"B"}]}"#).as_deref(), Ok(r#"{"list":[{}]}"#));
}

#[test]
fn a_body_that_cannot_be_trusted_is_an_error() {
    use FenceErrorKind::{Json, Repeated, Shape};
    let deep = format!(r#"{{"list":[{{"who":"A","a":{}{}}}]}}"#, "[".repeat(513), "]".repeat(513));
    for (sentence, body, want) in [
        ("nothing", "", Json(RedactErrorKind::Empty)),
        ("space alone", " \n", Json(RedactErrorKind::Empty)),
        ("text", "unknown account", Json(RedactErrorKind::RootScalar)),
        ("JSONP", "cb({})", Json(RedactErrorKind::RootScalar)),
        ("a byte order mark", "\u{feff}{}", Json(RedactErrorKind::ByteOrderMark)),
        ("two documents", "{}{}", Json(RedactErrorKind::Trailing)),
        ("cut", r#"{"list":[{"who":"A"}"#, Json(RedactErrorKind::Truncated)),
        ("cut in what goes", r#"{"total":[1,"#, Json(RedactErrorKind::Truncated)),
        ("cut in a string", r#"{"total":"x"#, Json(RedactErrorKind::Truncated)),
        ("a bad escape in what goes", r#"{"total":"\x"}"#, Json(RedactErrorKind::Syntax)),
        ("a comma too many", r#"{"now":1,}"#, Json(RedactErrorKind::Syntax)),
        ("a comma too many in a list", r#"{"list":[{"who":"A"},]}"#, Json(RedactErrorKind::Syntax)),
        ("a comma in front", r#"{,"now":1}"#, Json(RedactErrorKind::Syntax)),
        ("the wrong bracket", r#"{"list":[{"who":"A"}}}"#, Json(RedactErrorKind::Syntax)),
        ("the wrong bracket in what goes", r#"{"total":[1}}"#, Json(RedactErrorKind::Syntax)),
        ("no colon", r#"{"now" 1}"#, Json(RedactErrorKind::Syntax)),
        ("a name without quotes", "{now:1}", Json(RedactErrorKind::Syntax)),
        ("a bad number", r#"{"total":01}"#, Json(RedactErrorKind::Syntax)),
        ("a bad word", r#"{"total":nul}"#, Json(RedactErrorKind::Syntax)),
        ("too deep", &deep, Json(RedactErrorKind::Depth)),
        ("half a pair in a name", r#"{"\ud800":1}"#, Json(RedactErrorKind::LoneSurrogate)),
        ("a kept name twice", r#"{"now":1,"now":2}"#, Repeated),
        ("a kept name twice, folded", r#"{"now":1,"NOW":2}"#, Repeated),
        ("a kept name twice, escaped", r#"{"now":1,"n\u200bo\u0077":2}"#, Repeated),
        ("a list twice", r#"{"list":[],"List":[{"who":"A"}]}"#, Repeated),
        ("who it is twice", r#"{"list":[{"who":"A","who":"A"}]}"#, Repeated),
        ("who it is twice, folded", r#"{"list":[{"who":"A","Who":"B"}]}"#, Repeated),
        ("who somebody else is, twice", r#"{"list":[{"who":"B","wh\u006f":"A"}]}"#, Repeated),
        ("an object for a list", r#"{"list":{"x":{"who":"A"}}}"#, Shape),
        ("a text for a list", r#"{"list":"A"}"#, Shape),
        ("a list in the list", r#"{"list":[[{"who":"A"}]]}"#, Shape),
        ("a text in the list", r#"{"list":["A"]}"#, Shape),
        ("a list for the root", r#"[{"list":[]}]"#, Shape),
        ("a number for who it is", r#"{"list":[{"who":1}]}"#, Shape),
        ("a list for who it is", r#"{"list":[{"who":["A"]}]}"#, Shape),
        ("something composed for a single value", r#"{"now":{"who":"B"}}"#, Shape),
        ("a list for a single value", r#"{"now":[]}"#, Shape),
        ("a text where something is dropped below", r#"{"list":[{"who":"A","deep":"x"}]}"#, Shape),
        ("an element of another type", r#"{"list":[{"who":"A","deep":["x"]}]}"#, Shape),
    ] {
        assert_eq!(left(&list(), body), Err(want), "{sentence}");
    }
    let error = list().apply("A", b"{\"now\":\xff}").unwrap_err();
    assert_eq!((error.kind, error.offset), (Json(RedactErrorKind::Syntax), 7));
    let error = list().apply("A", b"{\"a\":\"\xff\"}").unwrap_err();
    assert_eq!(error.to_string(), "not UTF-8 text at byte 6");
}

#[test]
fn a_tenant_without_a_name_has_nothing() {
    let named = fence(&["named $ = {tenant}"]);
    let open = fence(&["named $ = [{tenant}] *"]);
    assert_eq!(list().apply("", br#"{"list":[{"who":""}]}"#).unwrap(), b"{}");
    assert_eq!(named.apply("", br#"{"":1}"#).unwrap(), b"{}");
    assert_eq!(open.apply("", br#"{"[] x":1}"#).unwrap(), b"{}");
    assert_eq!(Fence::new(Vec::new()).unwrap().apply("A", br#"{"A":1}"#).unwrap(), b"{}");
}

#[test]
fn of_a_whole_that_is_about_one_only_the_tenants_leaves() {
    let about =
        fence(&["keep $.now", "own $.detail = name", "keep $.detail['name','x']", "keep $.detail.list[*]['a','b']"]);
    for (sentence, body, want) in [
        (
            "what is picked",
            r#"{"now":1,"detail":{"name":"A","x":{"y":[1]},"z":2}}"#,
            Ok(r#"{"now":1,"detail":{"name":"A","x":{"y":[1]}}}"#),
        ),
        (
            "below",
            r#"{"detail":{"list":[{"a":1,"c":2},{"c":3}],"name":"A"}}"#,
            Ok(r#"{"detail":{"list":[{"a":1},{}],"name":"A"}}"#),
        ),
        ("nothing about anybody", r#"{"now":1,"names":["A"]}"#, Ok(r#"{"now":1}"#)),
        ("nothing there", r#"{"detail":null}"#, Ok("{}")),
        ("about somebody else", r#"{"now":1,"detail":{"name":"B"}}"#, Err(FenceErrorKind::Stranger)),
        ("about nobody", r#"{"now":1,"detail":{}}"#, Err(FenceErrorKind::Stranger)),
        ("a picked name twice", r#"{"detail":{"name":"A","x":1,"X":2}}"#, Err(FenceErrorKind::Repeated)),
        ("another shape", r#"{"detail":["A"]}"#, Err(FenceErrorKind::Shape)),
    ] {
        assert_eq!(left(&about, body), want.map(str::to_owned), "{sentence}");
    }
}

#[test]
fn members_leave_by_their_names() {
    let whole = fence(&["named $ = {tenant}", "drop $[*][*].account"]);
    let part = fence(&["named $ = [ACC:{tenant}] *"]);
    let inner = fence(&["keep $.now", "named $.queues = q-{tenant}-x"]);
    for (sentence, fence, body, want) in [
        (
            "the whole name",
            &whole,
            r#"{"AB":{"g":{}},"A":{"g":{"account":"S","n":1}},"a":{}}"#,
            r#"{"A":{"g":{"n":1}}}"#,
        ),
        ("nobody's", &whole, r#"{"B":{"A":{}}}"#, "{}"),
        ("an escaped name", &whole, r#"{"\u0041":{}}"#, r#"{"\u0041":{}}"#),
        (
            "the beginning of a name",
            &part,
            r#"{"[ACC:A] stream 'x' msgs":{"n":1},"[ACC:B] x":{}}"#,
            r#"{"[ACC:A] stream 'x' msgs":{"n":1}}"#,
        ),
        ("no longer account", &part, r#"{"[ACC:AB] x":{},"[ACC:A]x":{},"[ACC:A":{},"[ACC:] A] x":{}}"#, "{}"),
        ("no other beginning", &part, r#"{"x [ACC:A] x":{},"[acc:A] x":{},"[ACC: A] x":{},"A":{}}"#, "{}"),
        ("no name that can be read in two ways", &part, r#"{"[ACC:A] x] y":{},"[ACC:B] [ACC:A] y":{}}"#, "{}"),
        (
            "names that differ in case alone are two",
            &part,
            r#"{"[ACC:A] s":{},"[ACC:A] S":{},"[ACC:B] b":{},"[ACC:B] B":{}}"#,
            r#"{"[ACC:A] s":{},"[ACC:A] S":{}}"#,
        ),
        ("below", &inner, r#"{"now":1,"queues":{"q-A-x":1,"q-A-":2,"q-A-xx":3}}"#, r#"{"now":1,"queues":{"q-A-x":1}}"#),
        ("nothing below", &inner, r#"{"now":1,"queues":{"q-B-x":1}}"#, r#"{"now":1}"#),
    ] {
        assert_eq!(left(fence, body).as_deref(), Ok(want), "{sentence}");
    }
    assert_eq!(left(&whole, r#"{"A":{},"\u0041":{}}"#), Err(FenceErrorKind::Repeated));
    assert_eq!(left(&whole, r#"["A"]"#), Err(FenceErrorKind::Shape));
    let account = part.apply("A] x", br#"{"[ACC:A] x] y":{}}"#).unwrap();
    assert_eq!(account, b"{}", "a tenant whose name cannot be told from the rest has nothing");
}

#[test]
fn something_owned_may_stand_in_something_owned() {
    let nested = fence(&["own $.list[*] = who", "own $.list[*].subs[*] = acc"]);
    let body = r#"{"list":[{"who":"A","subs":[{"acc":"B"},{"acc":"A","x":1}]},{"who":"B","subs":[{"acc":"A"}]}]}"#;
    assert_eq!(left(&nested, body).as_deref(), Ok(r#"{"list":[{"who":"A","subs":[{"acc":"A","x":1}]}]}"#));
    let root = fence(&["own $[*] = who"]);
    assert_eq!(left(&root, r#"[{"who":"B"},{"who":"A"}]"#).as_deref(), Ok(r#"[{"who":"A"}]"#));
    assert_eq!(left(&root, r#"[{"who":"B"}]"#).as_deref(), Ok("[]"));
    let all = fence(&["own $ = who"]);
    assert_eq!(left(&all, r#"{"who":"A","x":1}"#).as_deref(), Ok(r#"{"who":"A","x":1}"#));
    assert_eq!(left(&all, r#"{"who":"B"}"#), Err(FenceErrorKind::Stranger));
}

#[test]
fn rules_that_mean_nothing_certain_are_refused() {
    for (sentence, rule, message) in [
        ("any depth", FenceRule::drop("$..jwt"), "selector `$..jwt`: write the way down step by step, without `..`"),
        (
            "a place",
            FenceRule::keep("$.a[0]"),
            "selector `$.a[0]`: the place of an element does not say whose it is; write `[*]`",
        ),
        ("everything kept", FenceRule::keep("$"), "selector `$`: selects the whole body"),
        ("everything dropped", FenceRule::drop("$"), "selector `$`: selects the whole body"),
        ("no member", FenceRule::own("$.a[*]", ""), "selector `$.a[*]`: the member that says whose it is has no name"),
        ("no path", FenceRule::own("a", "b"), "selector `a`: not a JSON path (RFC 9535); "),
        ("a long path", FenceRule::keep(&format!("${}", ".a".repeat(33))), "is too long"),
    ] {
        let error = rule.unwrap_err().to_string();
        assert!(error.contains(message), "{sentence}: {error}");
    }
    for form in ["", "A", "{tenant}*", "{tenant}{tenant}", "*", "x*", "{tenant} {tenant} *"] {
        let error = FenceRule::named("$", form).unwrap_err().to_string();
        assert!(error.contains("has `{tenant}` once"), "{form}: {error}");
    }
    for (left, right) in [("$.a[*]", "$.a[*]"), ("$['a','b'][*]", "$.b[*]"), ("$[*]", "$.a")] {
        let rules = vec![FenceRule::own(left, "x").unwrap(), FenceRule::named(right, "{tenant}").unwrap()];
        assert!(Fence::new(rules).is_err(), "{left} {right}");
    }
}
