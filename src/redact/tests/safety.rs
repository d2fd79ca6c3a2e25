//! The safety net: secrets by their shape, wherever they stand.

use super::*;

const HEADER: &str = "eyJhbGciOiJlZDI1NTE5LW5rZXkiLCJ0eXAiOiJKV1QifQ";
const CLAIMS: &str = "eyJqdGkiOiJDQU5BUlkifQ";
const SEED: &str = "SUACANARYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |all, c| all + &format!("\\u{:04x}", u32::from(c)))
}

fn cases() -> Vec<(&'static str, String, &'static str)> {
    let token = format!("{HEADER}.{CLAIMS}.c2ln-_");
    vec![
        ("a token alone", token.clone(), "[redacted]"),
        ("a token in a sentence", format!("bad token {token} tail"), "bad token [redacted] tail"),
        ("a token glued to a word", format!("x{token}, y"), "x[redacted], y"),
        ("a token with an empty signature", format!("{HEADER}.{CLAIMS}."), "[redacted]"),
        ("a token cut before its signature", format!("a {HEADER}.{CLAIMS} b"), "a [redacted] b"),
        ("an encrypted token with empty parts", format!("{HEADER}..iv.text.tag"), "[redacted]"),
        ("two tokens", format!("{token} {token}"), "[redacted] [redacted]"),
        ("a token behind a false start", format!("eyJ eyJx.y {token}"), "eyJ eyJx.y [redacted]"),
        ("no token: one dot", "eyJhbGciOi.x".to_owned(), "eyJhbGciOi.x"),
        ("no token: no dot", "eyJhbGciOi".to_owned(), "eyJhbGciOi"),
        ("a seed", SEED.to_owned(), "[redacted]"),
        ("a seed in a sentence", format!("seed={SEED}; x"), "seed=[redacted]; x"),
        ("a seed glued to letters of its alphabet", format!("AAA{SEED}ZZ"), "AAA[redacted]"),
        ("two seeds in one run", format!("{SEED}{SEED}"), "[redacted]"),
        ("a false seed start before a seed", format!("SUSUS{SEED}"), "[redacted]"),
        ("an account seed", SEED.replacen("SU", "SA", 1), "[redacted]"),
        ("a curve seed", SEED.replacen("SU", "SX", 1), "[redacted]"),
        ("a private key prefix", SEED.replacen("SU", "SP", 1), "[redacted]"),
        ("no seed: a public key", SEED[2..].to_owned(), &SEED[2..]),
        ("no seed: one letter short", SEED[..57].to_owned(), &SEED[..57]),
        ("user and password", "nats://user:CANARY@10.0.0.1:4222".to_owned(), "nats://[redacted]@10.0.0.1:4222"),
        ("a token as user", "nats://CANARY@h".to_owned(), "nats://[redacted]@h"),
        ("no scheme", "see //u:CANARY@h/x".to_owned(), "see //[redacted]@h/x"),
        ("an at sign in the password", "a://u:p@CANARY@h".to_owned(), "a://[redacted]@h"),
        ("two of a list", "a://u:p@h,b://u:p@h".to_owned(), "a://[redacted]@h,b://[redacted]@h"),
        ("three slashes", "file:///u:CANARY@h".to_owned(), "file:///[redacted]@h"),
        ("no user-info: a path", "http://h/x@y?z@w#@".to_owned(), "http://h/x@y?z@w#@"),
        ("no user-info: no slashes", "user@example.org".to_owned(), "user@example.org"),
        ("no user-info: nobody", "http://@h".to_owned(), "http://@h"),
        ("no user-info: a sentence", "// ask bob@example.org".to_owned(), "// ask bob@example.org"),
        ("a token as password", format!("a://u:{token}@h"), "a://[redacted]@h"),
        ("a seed and then a token", format!("{SEED}{token}"), "[redacted][redacted]"),
    ]
}

#[test]
fn secrets_are_masked_in_values_and_names_however_they_are_spelled() {
    for (sentence, text, want) in cases() {
        let some_escaped = text.replace('e', "\\u0065").replace('/', "\\/").replace('S', "\\u0053");
        for spelling in [text.clone(), escaped(&text), some_escaped] {
            let changed = want != text;
            let body = format!(r#"{{"k":["{spelling}"],"{spelling}":1,"{spelling}":{{}}}}"#);
            let (out, report) = whole(&remove(&["$..jwt"]), body.as_bytes()).unwrap();
            let out = String::from_utf8(out).unwrap();
            let value: serde_json::Value = serde_json::from_str(&out).unwrap();
            assert_eq!(value["k"][0], want, "{sentence}");
            assert!(value.get(want).is_some(), "{sentence}: {out}");
            assert_eq!(report.masked > 0, changed, "{sentence}");
            assert!(changed || out == body, "{sentence}: what is no secret stays to the letter");
            assert!(!changed || !out.contains("CANARY"), "{sentence}: {out}");
            assert!(!out.contains(CLAIMS), "{sentence}: {out}");
        }
        let body = format!(r#"[{{"{text}":"{}"}}]"#, escaped(&text));
        assert_chunks_do_not_matter(&remove(&[]), body.as_bytes());
    }
}

#[test]
fn secrets_are_masked_in_plain_text() {
    for (sentence, text, want) in cases() {
        assert_eq!(redacted(&text_plan(), &text), want, "{sentence}");
        assert_eq!(redacted(&text_plan(), &format!("a\n{text}\r\n\tb ")), format!("a\n{want}\r\n\tb "), "{sentence}");
        assert_chunks_do_not_matter(&text_plan(), text.as_bytes());
    }
    assert_eq!(redacted(&text_plan(), ""), "");
    assert_eq!(failure(&text_plan(), b"a b\0c"), (RedactErrorKind::Encoding, 2));
    assert_eq!(failure(&text_plan(), b"a \xffb"), (RedactErrorKind::Encoding, 2));
    let long = "x".repeat(64 * 1024);
    assert_eq!(redacted(&text_plan(), &format!("{long} {long}")), format!("{long} {long}"));
    for tail in ["x", "x ", "eyJ\na", "\u{e9} b"] {
        for size in [1000, 1 << 20] {
            let body = format!("a {long}{tail}");
            let error = feed(&text_plan(), body.as_bytes().chunks(size)).1.unwrap_err();
            assert_eq!((error.kind, error.offset), (RedactErrorKind::TooLong, 2), "{tail} by {size}");
        }
    }
    let error = Redactor::new(text_plan(), pseudonyms()).push(format!("{long}x").as_bytes(), &mut Vec::new());
    assert_eq!(error.map_err(|error| error.kind), Err(RedactErrorKind::TooLong), "not only at the end");
}

#[test]
fn the_spelling_around_a_secret_stays() {
    let body = format!(r#"{{"e":"\u0041\n {HEADER}.{CLAIMS}.c \ud83d\ude00\ud800\/"}}"#);
    assert_eq!(redacted(&remove(&[]), &body), r#"{"e":"\u0041\n [redacted] \ud83d\ude00\ud800\/"}"#);
    let body = r#"{"e":"\u0065yJ\u002ea\u002E\u0062 /\/u\ud83d\ude00:p\u0040h"}"#;
    assert_eq!(redacted(&remove(&[]), body), r#"{"e":"[redacted] /\/[redacted]\u0040h"}"#);
}

#[test]
fn a_name_with_a_secret_still_obeys_the_rules() {
    let name = format!("{HEADER}.{CLAIMS}.c2ln");
    let body = format!(r#"{{"{name}":1,"a":2}}"#);
    let path = format!("$['{name}']");
    assert_eq!(redacted(&remove(&[&path]), &body), r#"{"a":2}"#);
    assert_eq!(redacted(&plan(&[(&path, Action::Null)]), &body), r#"{"[redacted]":null,"a":2}"#);
}

#[test]
fn a_string_too_long_to_look_through_is_masked_as_a_whole() {
    let limit = 64 * 1024;
    for (length, masked) in [(limit - 2, false), (limit - 1, true), (limit, true), (20_000_000, true)] {
        let body = format!(r#"{{"a":"{}","b":1}}"#, "x".repeat(length));
        let (out, report) = whole(&remove(&["$..jwt"]), body.as_bytes()).unwrap();
        assert_eq!(report.masked, u64::from(masked), "{length}");
        let want = if masked { r#"{"a":"[redacted]","b":1}"# } else { body.as_str() };
        assert_eq!(out, want.as_bytes(), "{length}");
        for size in [1000, 65_536] {
            assert_eq!(feed(&remove(&["$..jwt"]), body.as_bytes().chunks(size)).0, out, "{length} by {size}");
        }
    }
    let body = format!(r#"{{"jwt":"{}","b":1}}"#, "x".repeat(200_000));
    let (out, report) = whole(&remove(&["$..jwt"]), body.as_bytes()).unwrap();
    assert_eq!((out.as_slice(), report.masked), (br#"{"b":1}"#.as_slice(), 0), "what goes anyway has no limit");
}

#[test]
fn a_hostile_string_costs_no_more_than_a_long_one() {
    let almost = "SUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0";
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for unit in ["eyJ", "SU", "S", "//", "///a", "//a@", "@", "eyJ.", almost, "\\u0065yJ", "\\ud800", "\u{e9}"] {
            let text = format!(r#""{}""#, unit.repeat(65_000 / unit.len()));
            let body = format!("[{text}]");
            let (left, _) = whole(&remove(&[]), body.as_bytes()).unwrap();
            assert_eq!(feed(&remove(&[]), body.as_bytes().chunks(1)).0, left, "{unit}");
            whole(&remove(&[]), format!("[{}{text}]", format!("{text},").repeat(15)).as_bytes()).unwrap();
        }
        let words = format!("{} ", "eyJ".repeat(21_000)).repeat(2);
        assert_eq!(feed(&text_plan(), words.as_bytes().chunks(1)).0, words.as_bytes());
        done.send(()).unwrap();
    });
    waiting.recv_timeout(std::time::Duration::from_mins(1)).expect("linear, not quadratic");
}

#[test]
fn a_secret_is_seen_wherever_it_lies_in_a_large_body() {
    let token = "eyJhbGci.QUFB.c2ln";
    for before in (32_700..32_800).step_by(3) {
        let filler = format!("[\"{}\",", "x".repeat(before));
        for shift in 0..8 {
            let body = format!("{filler}\"{}{token}\",\"a://u:p@h\",\"{SEED}\"]", "y".repeat(shift));
            let want = format!("{filler}\"{}[redacted]\",\"a://[redacted]@h\",\"[redacted]\"]", "y".repeat(shift));
            assert_eq!(redacted(&remove(&[]), &body), want, "{before} {shift}");
        }
    }
}
