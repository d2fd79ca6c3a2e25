//! Cases of others, read from the folder in `MONWARD_CORPORA`; what the engine alone must hold of them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde_json::Value;

use super::*;

fn corpora() -> PathBuf {
    let folder = std::env::var_os("MONWARD_CORPORA");
    PathBuf::from(folder.expect("set MONWARD_CORPORA to the folder of the third-party corpora"))
}

fn cases(name: &str) -> Vec<Value> {
    let path = corpora().join(name).join("cases.ndjson");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn base64(value: &Value) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// The bodies that the corpus describes by an expression.
fn generated(id: &str) -> Vec<u8> {
    match id {
        "deep-1e5" => format!("{}{{\"jwt\":\"CANARY\"}}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(),
        "deep-obj-1e5" => format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)).into_bytes(),
        "gzip-bomb" => b"\x1f\x8b\x08\x00".to_vec(),
        "huge-key" => format!("{{\"{}\":1,\"jwt\":\"CANARY\"}}", "a".repeat(1_000_000)).into_bytes(),
        "huge-string" => format!("{{\"a\":\"{}\",\"jwt\":\"CANARY\"}}", "x".repeat(20_000_000)).into_bytes(),
        "empty" | "not-modified" => Vec::new(),
        other => panic!("no body for case {other}"),
    }
}

/// What the engine gives for the cases whose wish decides about the body; `None`: an error.
const WANTED: &[(&[&str], Option<&str>)] = &[
    (&["plain"], Some(r#"{"account_detail":{"a":1}}"#)),
    (
        &[
            "dup-key",
            "escaped-key",
            "value-object",
            "value-array",
            "commas",
            "commas2",
            "split-chunks",
            "content-length",
        ],
        Some(r#"{"a":1}"#),
    ),
    (
        &["escaped-key-upper-hex", "case", "unicode-fold", "kelvin", "key-nul", "key-space", "first-last-only"],
        Some("{}"),
    ),
    (&["nested-array"], Some(r#"{"a":[{"b":[{}]}]}"#)),
    (&["big-number"], Some(r#"{"n":123456789012345678901234567890,"f":1.10,"e":1E5,"z":-0,"m":18446744073709551616}"#)),
    (&["float-precision"], Some(r#"{"cpu":0.1000000000000000055511151231257827,"seq":9007199254740993}"#)),
    (&["key-order"], Some(r#"{"z":1,"a":2,"m":3}"#)),
    (&["whitespace"], Some("{\n  \"a\": 1\n}\n")),
    (&["slash-escape"], Some(r#"{"u":"http:\/\/x"}"#)),
    (&["lone-surrogate"], Some(r#"{"a":"\ud800"}"#)),
    (&["huge-string"], Some(r#"{"a":"[redacted]"}"#)),
    (&["jwt-in-string"], Some(r#"{"err":"bad token [redacted] tail"}"#)),
    (&["jwt-in-key"], Some(r#"{"[redacted]":1}"#)),
    (&["nkey-seed"], Some(r#"{"x":"[redacted]"}"#)),
    (&["nats-url-userinfo"], Some(r#"{"connect_urls":["nats://[redacted]@10.0.0.1:4222"]}"#)),
    (&["mqtt-password-as-jwt"], Some(r#"{"connections":[{"cid":1}]}"#)),
    (&["decoded-jwt"], Some(r#"{"account_detail":{}}"#)),
    (&["varz-operators"], Some(r#"{"mem":1}"#)),
    (&["html-in-value"], Some(r#"{"a":"</script><script>alert(1)</script>"}"#)),
    (
        &[
            "bom",
            "bad-utf8",
            "bad-utf8-key",
            "utf16",
            "charset-utf16",
            "deep-1e5",
            "deep-obj-1e5",
            "jsonp",
            "jsonp-inject",
            "ct-html",
            "gzip",
            "gzip-unlabelled",
            "identity-gzip-chain",
            "gzip-bomb",
            "range-206",
            "multipart-ranges",
            "not-modified",
            "error-500",
            "error-400",
            "redirect-301",
            "stacksz",
            "two-docs",
            "trailing",
            "ndjson",
            "truncated",
            "comments",
            "single-quote",
            "nan",
            "trailing-comma",
            "ctrl-char",
            "empty",
            "scalar",
            "huge-key",
        ],
        None,
    ),
];

#[test]
fn redaction_own_holds_in_every_chunking() {
    let cases = cases("redaction-own");
    assert!(cases.len() >= 75, "{}", cases.len());
    let mut decided = 0;
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let body = if case["body_b64"].is_string() { base64(&case["body_b64"]) } else { generated(id) };
        let paths: Vec<String> = texts(&case["policy"]["strip"]).iter().map(|name| format!("$..{name}")).collect();
        let plan = remove(&paths.iter().map(String::as_str).collect::<Vec<_>>());
        let result = whole(&plan, &body);
        if let Some((_, want)) = WANTED.iter().find(|(ids, _)| ids.contains(&id)) {
            decided += 1;
            let got = result.as_ref().ok().map(|(out, _)| String::from_utf8_lossy(out).into_owned());
            assert_eq!(got.as_deref(), *want, "{id}");
        }
        if let Ok((out, _)) = &result {
            serde_json::from_slice::<serde::de::IgnoredAny>(out).unwrap_or_else(|error| panic!("{id}: {error}"));
            // Denied as an endpoint, since no rule names its fields.
            let text = String::from_utf8_lossy(out);
            let leaked = texts(&case["forbid_substrings"]).into_iter().find(|forbidden| text.contains(forbidden));
            assert!(leaked.is_none() || id == "debug-vars", "{id}: {leaked:?}");
        }
        if body.len() < 2000 {
            assert_chunks_do_not_matter(&plan, &body);
        } else {
            let (out, report) = feed(&plan, body.chunks(4000));
            assert!(report.map(|report| (out, report)) == result, "{id}");
        }
    }
    assert!(decided >= 60, "{decided}");
}

#[test]
fn jsontestsuite_verdicts_hold() {
    let plan = remove(&["$..jwt"]);
    let (mut good, mut bad) = (0, 0);
    for case in cases("jsontestsuite") {
        let name = case["name"].as_str().unwrap();
        let body = base64(&case["bytes_b64"]);
        let result = whole(&plan, &body);
        match case["expect"].as_str().unwrap() {
            "accept" => {
                good += 1;
                match result {
                    Ok((out, report)) => assert!(out == body && report.masked == 0, "{name}"),
                    Err(error) => assert_eq!(error.kind, RedactErrorKind::RootScalar, "{name}"),
                }
            }
            "reject" => {
                bad += 1;
                assert!(result.is_err(), "{name}");
            }
            _ => {}
        }
        if body.len() < 2000 {
            assert_chunks_do_not_matter(&plan, &body);
        }
        wrapped(name, case["expect"].as_str().unwrap(), &body);
    }
    assert!(good >= 95 && bad >= 188, "{good} {bad}");
}

/// The case as a member beside a secret.
fn wrapped(name: &str, expect: &str, inner: &[u8]) {
    let body = [b"{\"jwt\":\"CANARY\",\"x\":", inner, b"}"].concat();
    let (out, report) = feed(&remove(&["$..jwt"]), [body.as_slice()]);
    assert!(!String::from_utf8_lossy(&out).contains("CANARY"), "{name}");
    if expect == "accept" {
        assert_eq!(report.as_ref().unwrap().hits, [1], "{name}");
        assert_eq!(out, [b"{\"x\":", inner, b"}"].concat(), "{name}");
    }
    if report.is_ok() {
        serde_json::from_slice::<serde::de::IgnoredAny>(&out).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

const SENSITIVE: &[&str] = &[
    "$..jwt",
    "$..decoded_jwt",
    "$..issuer_key",
    "$..trusted_operators_jwt",
    "$..trusted_operators_claim",
    "$..token",
    "$..validation_result_jwt",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") && !path.ends_with("MANIFEST.json") {
            found.push(path);
        }
    }
}

/// No key of these names is left, and no string has the shape of a token or seed.
fn assert_clean(value: &Value, place: &Path) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                assert!(!SENSITIVE.contains(&format!("$..{name}").as_str()), "{}: {name}", place.display());
                assert_clean(value, place);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| assert_clean(value, place)),
        Value::String(text) => {
            assert!(!text.contains("eyJ") || !text.contains('.'), "{}: a token", place.display());
            let seed =
                text.len() == 58 && text.starts_with('S') && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            assert!(!seed, "{}: a seed", place.display());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn answers_of_real_servers_lose_what_is_sensitive_and_nothing_else() {
    let mut paths = Vec::new();
    files(&corpora().join("../fixtures/nats"), &mut paths);
    let (mut clean, mut hits) = (0, 0);
    for path in &paths {
        let body = std::fs::read(path).unwrap();
        let untouched = whole(&remove(&["$..no_such_field"]), &body);
        match whole(&remove(SENSITIVE), &body) {
            Ok((out, report)) => {
                clean += 1;
                hits += report.hits.iter().sum::<u64>();
                assert_clean(&serde_json::from_slice(&out).unwrap(), path);
                for size in [1, 100, 4096] {
                    assert_eq!(feed(&remove(SENSITIVE), body.chunks(size)).0, out, "{}", path.display());
                }
                let (same, report) = untouched.unwrap();
                assert!(report.masked > 0 || same == body, "{}", path.display());
            }
            // HEAD, and the wrapper of JSONP.
            Err(_) => assert!(body.is_empty() || !matches!(body.first(), Some(b'{' | b'[')), "{}", path.display()),
        }
    }
    assert!(clean > 100 && hits > 50, "{clean} {hits}");
}

#[test]
fn the_json_path_compliance_suite_agrees_on_what_is_supported() {
    let text = std::fs::read_to_string(corpora().join("jsonpath-cts/cts.json")).unwrap();
    let suite: Value = serde_json::from_str(&text).unwrap();
    let (mut invalid, mut supported) = (0, 0);
    for case in suite["tests"].as_array().unwrap() {
        let (name, path) = (case["name"].as_str().unwrap(), case["selector"].as_str().unwrap());
        let selector = Selector::parse(path);
        if case["invalid_selector"] == true {
            invalid += 1;
            assert!(selector.is_err(), "{name}: {path}");
            continue;
        }
        let Ok(selector) = selector else {
            let refused = path == "$" || path.contains(['?', ':', '-']);
            assert!(refused, "{name}: {path}: {selector:?}");
            continue;
        };
        if !case["document"].is_object() && !case["document"].is_array() {
            continue;
        }
        supported += 1;
        let plan = Plan::compile(BodyKind::Json, vec![Rule::new(selector, Action::Null)]).unwrap();
        let (out, report) = whole(&plan, case["document"].to_string().as_bytes()).unwrap();
        // Where the order is free, all the orders are given.
        let paths = if case["result_paths"].is_array() { &case["result_paths"] } else { &case["results_paths"][0] };
        let mut want = case["document"].clone();
        let mut found = paths.as_array().map(|paths| paths.iter().map(node).collect::<Vec<_>>()).unwrap_or_default();
        found.sort_by_key(Vec::len);
        let mut top: Vec<Vec<Value>> = Vec::new();
        for node in found {
            if !top.iter().any(|above| node.starts_with(above)) {
                *at(&mut want, &node) = Value::Null;
                top.push(node);
            }
        }
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), want, "{name}: {path}");
        assert_eq!(report.hits, [top.len() as u64], "{name}: {path}");
    }
    assert!(invalid > 200 && supported > 50, "{invalid} {supported}");
}

/// A normalized path as its steps.
fn node(path: &Value) -> Vec<Value> {
    use rsonpath_syntax::{Index, Segment, Selector};
    let query = rsonpath_syntax::parse(path.as_str().unwrap()).unwrap();
    let step = |segment: &Segment| match segment.selectors().first() {
        Selector::Name(name) => Value::from(name.unquoted()),
        Selector::Index(Index::FromStart(index)) => Value::from(index.as_u64()),
        Selector::Wildcard | Selector::Slice(_) | Selector::Filter(_) | Selector::Index(_) => panic!("{segment:?}"),
    };
    query.segments().iter().map(step).collect()
}

fn at<'a>(value: &'a mut Value, node: &[Value]) -> &'a mut Value {
    node.iter().fold(value, |value, step| match step.as_str() {
        Some(name) => &mut value[name],
        None => &mut value[usize::try_from(step.as_u64().unwrap()).unwrap()],
    })
}

/// What is wrong with these is what they mean, or that they are pages of the other format, whose readers take them.
const MEANT_WRONG: &[&str] = &[
    "bad_blank_line",
    "bad_clashing_names",
    "bad_counter_values",
    "bad_exemplar_complex_chars",
    "bad_exemplars",
    "bad_grouping_or_ordering",
    "bad_help",
    "bad_histograms",
    "bad_info_and_stateset_values",
    "bad_invalid_labels",
    "bad_metadata",
    "bad_missing_or_extra_commas_2",
    "bad_missing_or_invalid_labels_for_a_type",
    "bad_repeated_metadata",
    "bad_stateset_info_values",
    "bad_type",
    "bad_unit",
    "bad_value_1",
    "bad_value_2",
    "bad_value_3",
];

#[test]
fn every_page_of_open_metrics_leaves_as_it_was_and_none_without_its_form() {
    let mut refused = 0;
    for case in cases("openmetrics") {
        let (name, body) = (case["name"].as_str().unwrap(), base64(&case["bytes_b64"]));
        let run = |plan: Arc<Plan>| {
            let mut redactor = Redactor::new(plan, pseudonyms());
            redactor.expect_end();
            let mut out = Vec::new();
            let result = redactor.push(&body, &mut out).and_then(|()| redactor.finish(&mut out));
            result.map(|_| String::from_utf8(out).unwrap())
        };
        refused += usize::from(run(pages(&[])).is_err());
        match (run(pages(&[])), case["should_parse"].as_bool().unwrap()) {
            // To some readers it ends there.
            (left, true) if name == "null_byte" => assert_eq!(left.unwrap_err().kind, RedactErrorKind::Encoding),
            (left, true) => assert_eq!(left.unwrap().as_bytes(), body, "{name}"),
            (Ok(_), false) => assert!(MEANT_WRONG.iter().any(|known| name.starts_with(known)), "{name}"),
            (Err(_), false) => {}
        }
        let left = run(pages(&[("family *", Action::Remove)])).unwrap_or_default();
        assert!(left.lines().all(|line| line.is_empty() || line == "# EOF"), "{name}: {left}");
        let left = run(pages(&[("label a", Action::Remove), ("label foo", Action::Mask)])).unwrap_or_default();
        assert!(!left.contains("a=\"") && !left.contains("bar # "), "{name}: {left}");
        assert_chunks_do_not_matter(&pages(&[("label a", Action::Remove)]), &body);
    }
    assert_eq!(refused, 62);
}
