//! Names of members, and parts of names and texts.

use super::*;

use Action::{Keep, Mask, Null, Pseudonym, Remove, TruncateIp};

fn rule(path: &str, part: Part, action: Action) -> Rule {
    Rule { part, ..Rule::new(Selector::parse(path).unwrap(), action) }
}

fn whole_value(path: &str, action: Action) -> Rule {
    rule(path, Part::Value, action)
}

fn names(path: &str, forms: &[&str], action: Action) -> Rule {
    rule(path, Part::Name(Forms::parse(forms, Other::Whole).unwrap()), action)
}

fn some_names(path: &str, forms: &[&str], action: Action) -> Rule {
    rule(path, Part::Name(Forms::parse(forms, Other::Keep).unwrap()), action)
}

fn texts(path: &str, forms: &[&str], action: Action) -> Rule {
    rule(path, Part::Text(Forms::parse(forms, Other::Whole).unwrap()), action)
}

fn some_texts(path: &str, forms: &[&str], action: Action) -> Rule {
    rule(path, Part::Text(Forms::parse(forms, Other::Keep).unwrap()), action)
}

/// In every chunking `rules` make `want` of `body`; there `<TEXT>` is the pseudonym of a text.
fn check(sentence: &str, rules: &[Rule], body: &str, want: &str) {
    let plan = Plan::compile(BodyKind::Json, rules.to_vec()).unwrap();
    let mut wanted = String::new();
    let mut rest = want;
    while let Some((before, more)) = rest.split_once('<') {
        let (text, after) = more.split_once('>').unwrap();
        wanted.push_str(before);
        wanted.push_str(pseudonyms().of(text.as_bytes()).as_str());
        rest = after;
    }
    wanted.push_str(rest);
    assert_eq!(redacted(&plan, body), wanted, "{sentence}");
    assert_chunks_do_not_matter(&plan, body.as_bytes());
    assert!(!wanted.contains("CANARY"), "{sentence}");
}

#[test]
fn a_name_becomes_a_pseudonym_and_the_value_stays() {
    let all = &[names("$[*]", &[], Pseudonym)][..];
    check("a whole name", all, r#"{"A":{"B":1}, "C" : [2]}"#, r#"{"<A>":{"B":1}, "<C>" : [2]}"#);
    check("an escaped one", all, r#"{"\u0041\/":1}"#, r#"{"<A/>":1}"#);
    check("an empty one", all, r#"{"":1}"#, r#"{"<>":1}"#);
    check("of an element there is none", all, r#"["A",{"B":1}]"#, r#"["A",{"B":1}]"#);
    let one = &[names("$.a", &[], Pseudonym)][..];
    check("as the most lenient reader", one, r#"{"A":1,"\u0061":2,"b":3}"#, r#"{"<A>":1,"<a>":2,"b":3}"#);
    let deep = &[names("$..g[*]", &[], Pseudonym)][..];
    check("at any depth", deep, r#"{"g":{"x":{"g":{"y":1}}}}"#, r#"{"g":{"<x>":{"g":{"<y>":1}}}}"#);
    let both = &[names("$.a", &[], Pseudonym), whole_value("$.a", Mask)][..];
    check("beside what happens to the value", both, r#"{"a":"CANARY"}"#, r#"{"<a>":"[redacted]"}"#);
    let gone = &[names("$.a", &[], Pseudonym), whole_value("$.a", Remove)][..];
    check("not of one that goes", gone, r#"{"a":"CANARY","b":1}"#, r#"{"b":1}"#);
    let listed = &[names("$[*]", &[], Pseudonym), whole_value("$[*].n", Keep)][..];
    check("in an allow-list", listed, r#"{"A":{"n":1,"m":2},"CANARY":3}"#, r#"{"<A>":{"n":1}}"#);
    check("with space behind it", listed, "{ \"A\" :\n {\"n\" : 1}}", "{ \"<A>\" :\n {\"n\" : 1}}");
}

#[test]
fn a_part_of_a_name_becomes_a_pseudonym() {
    let queues = &[names("$[*]", &["[ACC:{}] *", "System *"], Pseudonym)][..];
    check("with a form", queues, r#"{"[ACC:A] stream 's'":1}"#, r#"{"[ACC:<A>] stream 's'":1}"#);
    check("escaped", queues, r#"{"[\u0041CC:\u0041] x\u003e":2}"#, r#"{"[\u0041CC:<A>] x\u003e":2}"#);
    check("a form without a part", queues, r#"{"System recvQ":1}"#, r#"{"System recvQ":1}"#);
    check("no form", queues, r#"{"CANARY":1}"#, r#"{"<CANARY>":1}"#);
    check("two readings", queues, r#"{"[ACC:CANARY] a] b":1}"#, r#"{"<[ACC:CANARY] a] b>":1}"#);
    let some = &[some_names("$[*]", &["A {}"], Pseudonym)][..];
    check("no form, and that is kept", some, r#"{"A x":1,"B x":2}"#, r#"{"A <x>":1,"B x":2}"#);
    for action in [Null, Mask, Pseudonym, TruncateIp] {
        let body = r#"{"10.0.0.1":1,"10.0.0.2":2,"x":3}"#;
        let want = r#"{"10.<0.0.1>":1,"10.<0.0.2>":2,"<x>":3}"#;
        check("two names never become one", &[names("$[*]", &["10.{}"], action)], body, want);
    }
}

#[test]
fn a_member_goes_for_its_name() {
    check("any", &[names("$[*]", &[], Remove)], r#"{"CANARY":1,"CANARIES":[2]}"#, "{}");
    let body = r#"{"System a":1, "[ACC:CANARY] x":{"y":2}, "CANARY":3, "System b":4}"#;
    let queues = names("$[*]", &["[ACC:{}] *", "System *"], Remove);
    check("one with a part, or without a form", &[queues], body, r#"{"System a":1, "System b":4}"#);
    let some = some_names("$[*]", &["A {}"], Remove);
    check("one with a part", std::slice::from_ref(&some), r#"{"A CANARY":1,"B":2}"#, r#"{"B":2}"#);
    check("in an escaped name", std::slice::from_ref(&some), r#"{"\u0041 CANARY":1,"B":2}"#, r#"{"B":2}"#);
    check("nothing of an element", &[some], r#"["A x"]"#, r#"["A x"]"#);
}

#[test]
fn a_part_of_a_text_is_written_anew_and_the_rest_stays_as_it_is_spelled() {
    let sid = &[texts("$..sid", &["R {} *"], Pseudonym)][..];
    check("plain", sid, r#"{"sid":"R A b.c"}"#, r#"{"sid":"R <A> b.c"}"#);
    check("escaped", sid, r#"{"sid":"\u0052 \u0041 b.\u003e\/"}"#, r#"{"sid":"\u0052 <A> b.\u003e\/"}"#);
    check("no form", sid, r#"{"sid":"CANARY"}"#, r#"{"sid":"<CANARY>"}"#);
    check("two readings", sid, r#"{"sid":"R CANARY b c"}"#, r#"{"sid":"<R CANARY b c>"}"#);
    check("half a pair of surrogates", sid, r#"{"sid":"R CANARY \ud800"}"#, r#"{"sid":"[redacted]"}"#);
    check("no text", sid, r#"{"sid":17,"a":{"sid":["R CANARY b"]}}"#, r#"{"sid":0,"a":{"sid":[]}}"#);
    let elements = &[texts("$[*]", &["R {} *"], Pseudonym)][..];
    check("in an array", elements, r#"["R A b", null, "R C d"]"#, r#"["R <A> b", null, "R <C> d"]"#);
    let some = &[some_texts("$.s", &["R {} *"], Pseudonym)][..];
    check("no form, and that is kept", some, r#"{"s":"x"}"#, r#"{"s":"x"}"#);
    check("no text, and that is kept", some, r#"{"s":["x",{"s":1}]}"#, r#"{"s":["x",{"s":1}]}"#);
    check("two readings are never kept", some, r#"{"s":"R CANARY b c"}"#, r#"{"s":"<R CANARY b c>"}"#);
}

#[test]
fn each_action_does_to_a_part_what_can_be_done_to_it() {
    let body = r#"{"s":"a CANARY c","t":"CANARIES"}"#;
    let of = |action| [texts("$.s", &["a {} *"], action)];
    check("masked", &of(Mask), body, r#"{"s":"a [redacted] c","t":"CANARIES"}"#);
    check("null", &of(Null), body, r#"{"s":"a [redacted] c","t":"CANARIES"}"#);
    check("null, when it is no text", &of(Null), r#"{"s":1}"#, r#"{"s":null}"#);
    check("null, when it has no form", &of(Null), r#"{"s":"CANARY"}"#, r#"{"s":"[redacted]"}"#);
    check("no address", &of(TruncateIp), body, r#"{"s":"a [redacted] c","t":"CANARIES"}"#);
    check("an address", &of(TruncateIp), r#"{"s":"a 10.1.2.3:80 c"}"#, r#"{"s":"a 10.1.2.0:80 c"}"#);
    check("the text goes", &of(Remove), body, r#"{"t":"CANARIES"}"#);
    let any = [some_texts("$..s", &["a {}"], Remove)];
    check("whatever it is", &any, r#"{"s":"CANARY","t":1,"u":{"s" : "CANARY"}}"#, r#"{"t":1,"u":{}}"#);
    check(
        "no text stays",
        &any,
        r#"{"a":[{"s":1},{"s" :  {"x":"y","s":"CANARY"}}]}"#,
        r#"{"a":[{"s":1},{"s" :  {"x":"y"}}]}"#,
    );
    check("unless all is meant", &of(Remove), r#"{"s":1,"t":2}"#, r#"{"t":2}"#);
    check(
        "of an array only the texts",
        &[some_texts("$[*]", &["{}"], Remove)],
        r#"["CANARY", 1, "CANARY", [2]]"#,
        "[ 1, [2]]",
    );
}

#[test]
fn of_several_rules_for_one_text_the_strictest_acts_where_they_meet() {
    let apart = [texts("$.s", &["{}: *"], Pseudonym), texts("$.s", &["*: {}"], Mask)];
    check("apart", &apart, r#"{"s":"A: CANARY"}"#, r#"{"s":"<A>: [redacted]"}"#);
    let meeting = [texts("$.s", &["{} > *"], Pseudonym), texts("$.s", &["*:{} > *"], Mask)];
    check("one in the other", &meeting, r#"{"s":"CANARY:x > y"}"#, r#"{"s":"[redacted] > y"}"#);
    let one = [texts("$.s", &["{}: *"], Pseudonym), texts("$.s", &["{}"], Pseudonym)];
    check("one all of it", &one, r#"{"s":"A: B"}"#, r#"{"s":"<A: B>"}"#);
    let all = [whole_value("$.s", Pseudonym), texts("$.s", &["a {} *"], Mask)];
    check("a value as a whole", &all, r#"{"s":"a CANARY c"}"#, r#"{"s":"[redacted]"}"#);
    let net = [texts("$.s", &["a {} *"], Pseudonym)];
    check("the net looks at the rest", &net, r#"{"s":"a B eyJx.y.CANARY"}"#, r#"{"s":"a <B> [redacted]"}"#);
    let beyond = [texts("$.s", &["a {}y.*"], Pseudonym)];
    check("and beyond a part", &beyond, r#"{"s":"a eyJx.y.CANARY z"}"#, r#"{"s":"a [redacted] z"}"#);
}

#[test]
fn only_whole_values_can_be_kept() {
    for (part, about) in [(Part::Name(Forms::default()), "names $.a"), (Part::Text(Forms::default()), "texts $.a")] {
        let said = Plan::compile(BodyKind::Json, vec![rule("$.a", part, Keep)]).unwrap_err().to_string();
        assert_eq!(said, format!("`{about}`: only whole values can be kept"));
    }
}
