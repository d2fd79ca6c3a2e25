//! G: the list of what must not work, under every action and in every chunking.

use super::*;

use Action::{Keep, Mask, Null, Pseudonym, Remove, TruncateIp};

/// Plans under which nothing of a member `jwt` leaves.
fn plans() -> Vec<(&'static str, Arc<Plan>)> {
    let part = |part: fn(Forms) -> Part, forms: &[&str], action| {
        let part = part(Forms::parse(forms, Other::Whole).unwrap());
        Rule { part, ..Rule::new(Selector::parse("$..jwt").unwrap(), action) }
    };
    let compiled = |rules| Plan::compile(BodyKind::Json, rules).unwrap();
    let mut plans: Vec<_> = [Remove, Null, Mask, Pseudonym, TruncateIp]
        .map(|action| ("a value", plan(&[("$..jwt", action), ("$[*].jwt", TruncateIp)])))
        .into();
    for action in [Remove, Null, Mask, Pseudonym, TruncateIp] {
        plans.push(("a text", compiled(vec![part(Part::Text, &["no such {}"], action)])));
    }
    plans.push(("a name", compiled(vec![part(Part::Name, &["{}"], Remove)])));
    plans.push(("a list of the rest", plan(&[("$.ok", Keep), ("$.a.ok", Keep)])));
    plans.push(("a list with a hole", plan(&[("$[*]", Keep), ("$.*.*", Keep), ("$..jwt", Mask)])));
    plans
}

/// Nothing of the secret leaves, whatever the body; whether it leaves at all.
fn is_hidden(body: &[u8], why: &str) -> Vec<bool> {
    let mut passed = Vec::new();
    for (kind, plan) in plans() {
        let size = body.len().max(1);
        for size in [size, 1, 3, 64] {
            let (out, report) = feed(&plan, body.chunks(size));
            let shown = String::from_utf8_lossy(&out);
            assert!(!shown.contains("CANARY"), "{why}, {kind}, by {size}: {shown}");
            passed.push(report.is_ok());
        }
    }
    passed
}

fn hidden(bodies: &[&str]) {
    for body in bodies {
        assert!(is_hidden(body.as_bytes(), body).iter().all(|passed| *passed), "{body}");
    }
}

fn refused(body: &[u8], why: &str) {
    assert!(is_hidden(body, why).iter().all(|passed| !passed), "{why}");
}

#[test]
fn g01_duplicate_names() {
    hidden(&[
        r#"{"jwt":"CANARY","jwt":"CANARY","ok":1}"#,
        r#"{"ok":1,"jwt":"","jwt":{"jwt":"CANARY"},"jwt":["CANARY"]}"#,
        r#"{"a":{"jwt":"CANARY","ok":2,"jwt":"CANARY"},"a":{"jwt":"CANARY"}}"#,
    ]);
}

#[test]
fn g02_escaped_names() {
    hidden(&[
        r#"{"\u006awt":"CANARY"}"#,
        r#"{"\u006A\u0077\u0074":"CANARY","a":{"j\u0057t":"CANARY"}}"#,
        r#"[{"jw\u0074":["CANARY"]}]"#,
    ]);
}

#[test]
fn g03_names_in_other_cases_and_with_signs_that_readers_skip() {
    hidden(&[
        r#"{"JWT":"CANARY","Jwt":"CANARY","jwT":"CANARY"}"#,
        "{\"jw\u{ad}t\":\"CANARY\",\"\u{200d}jwt\":\"CANARY\",\"jwt \":\"CANARY\"}",
        r#"{"\u0000jwt":"CANARY","jwt\u200d":"CANARY"}"#,
    ]);
}

#[test]
fn g04_values_of_every_type() {
    hidden(&[
        r#"{"jwt":{"a":"CANARY","CANARY":[1,{"jwt":"CANARY"}]},"a":[{"jwt":[["CANARY"]]}]}"#,
        r#"[[[{"jwt":"CANARY"}]],{"jwt":[{"CANARY":null}]}]"#,
        r#"{ "jwt" : { "x" : "CANARY" } , "ok" : "\\\"" }"#,
    ]);
    for plain in ["-1.5e300", "true", "false", "null", "18446744073709551615"] {
        let body = format!(r#"{{"a":{{"jwt":{plain}}}}}"#);
        for (kind, plan) in plans().into_iter().filter(|(kind, _)| *kind != "a list of the rest") {
            let out = redacted(&plan, &body);
            assert!(plain == "null" || !out.contains(plain) || out.contains("false"), "{kind}: {out}");
        }
    }
}

#[test]
fn g05_other_encodings_are_refused() {
    let body = r#"{"jwt":"CANARY"}"#;
    let wide = |bytes: fn(u16) -> [u8; 2]| body.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    refused(&[b"\xef\xbb\xbf", body.as_bytes()].concat(), "a byte order mark");
    refused(&wide(u16::to_le_bytes), "UTF-16");
    refused(&wide(u16::to_be_bytes), "UTF-16, the other way");
    for bad in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"] {
        refused(&[br#"{"ok":""#, bad, br#"","jwt":"CANARY"}"#].concat(), "bytes that are not UTF-8");
        refused(&[br#"{"jwt":"CANARY"#, bad, br#""}"#].concat(), "in what does not leave");
    }
}

#[test]
fn g06_numbers_order_and_space_stay() {
    let body = "{ \"z\":1.10,\"a\" : 18446744073709551616 ,\"e\":-0e+5,\"jwt\":\"CANARY\",\"y\":\t[1 , 2.0]}\n";
    for (kind, plan) in plans().into_iter().filter(|(kind, _)| !kind.starts_with("a list")) {
        let out = redacted(&plan, body);
        let (before, after) = body.split_once(",\"jwt\":\"CANARY\"").unwrap();
        assert!(out.starts_with(before) && out.ends_with(after), "{kind}: {out}");
    }
}

#[test]
fn g07_depth_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"jwt":"#, "}")] {
        let depth = 100_000;
        refused(format!("{}1{}", open.repeat(depth), close.repeat(depth)).as_bytes(), open);
    }
}

#[test]
fn g08_what_is_not_one_json_text_is_refused() {
    for body in [
        r#"{"jwt":"CANARY"}{"jwt":"CANARY"}"#,
        r#"{"jwt":"CANARY"} x"#,
        r#"{"a":1 /* " */,"jwt":"CANARY"}"#,
        r#"{"jwt":NaN,"x":"CANARY}"#,
        r#"{"jwt":"CANARY""#,
        r#"{"jwt":"CAN"#,
        r#"{"a":[1,2},"jwt":"CANARY"}"#,
        r#"{"a":1,,"jwt":"CANARY"}"#,
        r"{'jwt':'CANARY'}",
        r#"{"a":01,"jwt":"CANARY"}"#,
        "",
        " ",
        r#""CANARY""#,
    ] {
        refused(body.as_bytes(), body);
    }
}

#[test]
fn g12_secrets_by_their_shape_beside_what_rules_take() {
    let seed = format!("SU{}", "A".repeat(56));
    for secret in ["eyJhbGci.eyJqdGki.CANARY", seed.as_str(), "nats://user:CANARY@host"] {
        let body = format!(r#"{{"jwt":"x","ok":"{secret}","{secret}":{{"ok":"a {secret}"}},"l":["{secret}"]}}"#);
        for (kind, plan) in plans() {
            let (out, report) = whole(&plan, body.as_bytes()).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(!out.contains("CANARY") && !out.contains(&seed), "{kind}: {out}");
            assert!(report.masked > 0, "{kind}: {report:?}");
        }
    }
}

#[test]
fn g13_a_secret_without_its_shape() {
    hidden(&[r#"{"jwt":"CANARY"}"#, r#"{"connections":[{"cid":1,"jwt":"CANARY-password","ok":1}]}"#]);
}
