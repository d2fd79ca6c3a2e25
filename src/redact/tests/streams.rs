//! Grammar, limits, chunks, errors.

use super::*;

use RedactErrorKind::{
    ByteOrderMark, Depth, Empty, Encoding, LoneSurrogate, RootScalar, Syntax, TooLong, Trailing, Truncated,
};

/// Sentence, body, what is wrong and where.
const BAD: &[(&str, &[u8], RedactErrorKind, u64)] = &[
    ("nothing", b"", Empty, 0),
    ("white space only", b" \n", Empty, 2),
    ("a byte order mark", b"\xef\xbb\xbf{}", ByteOrderMark, 0),
    ("UTF-16", b"\xff\xfe{\0}\0", Syntax, 0),
    ("a string at the root", b"\"CANARY\"", RootScalar, 0),
    ("a number at the root", b" 12", RootScalar, 1),
    ("null at the root", b"null", RootScalar, 0),
    ("two values", b"{}\n{}", Trailing, 3),
    ("a comma behind", b"[],", Trailing, 2),
    ("NUL behind", b"[]\0", Trailing, 2),
    ("an open object", b"{\"a\":1", Truncated, 6),
    ("an open string", b"[\"CANARY", Truncated, 8),
    ("an open escape", b"[\"a\\u00", Truncated, 7),
    ("an open word", b"[tru", Truncated, 4),
    ("an open number", b"[12", Truncated, 3),
    ("an open removed value", b"{\"jwt\":\"CANA", Truncated, 12),
    ("a bracket of the other kind", b"[1}", Syntax, 2),
    ("a bracket of the other kind, deep", b"{\"jwt\":[1}}", Syntax, 9),
    ("a bracket too many", b"[]]", Trailing, 2),
    ("a closing bracket first", b"]", Syntax, 0),
    ("a comma first", b"[,1]", Syntax, 1),
    ("a comma last in an array", b"[1,]", Syntax, 3),
    ("a comma last in an object", b"{\"jwt\":1,}", Syntax, 9),
    ("two commas", b"[1,,2]", Syntax, 3),
    ("no comma", b"[1 2]", Syntax, 3),
    ("no colon", b"{\"a\" 1}", Syntax, 5),
    ("no value", b"{\"a\":}", Syntax, 5),
    ("no name", b"{1:2}", Syntax, 1),
    ("single quotes", b"{'a':1}", Syntax, 1),
    ("a comment", b"[1/*x*/]", Syntax, 2),
    ("NaN", b"[NaN]", Syntax, 1),
    ("a word misspelt", b"[trve]", Syntax, 1),
    ("a word too long", b"[truex]", Syntax, 5),
    ("a leading zero", b"[01]", Syntax, 1),
    ("a plus", b"[+1]", Syntax, 1),
    ("a minus alone", b"[-]", Syntax, 1),
    ("a fraction without digits", b"[1.]", Syntax, 1),
    ("an exponent without digits", b"[1e+]", Syntax, 1),
    ("a fraction alone", b"[.5]", Syntax, 1),
    ("a control in a string", b"[\"x\ny\"]", Syntax, 3),
    ("a control in a removed string", b"{\"jwt\":\"x\0y\"}", Syntax, 9),
    ("a control in a name", b"{\"x\ty\":1}", Syntax, 3),
    ("an unknown escape", b"[\"ab\\x41\"]", Syntax, 4),
    ("a bad hex digit", b"[\"\\u00g0\"]", Syntax, 2),
    ("bytes that are not UTF-8", b"[\"a\xff\"]", Encoding, 3),
    ("an overlong form", b"[\"\xc0\xaf\"]", Encoding, 2),
    ("a surrogate in UTF-8", b"[\"\xed\xa0\x80\"]", Encoding, 2),
    ("a character cut short", b"[\"\xe2\x82\"]", Encoding, 2),
    ("a character cut by an escape", b"[\"\xe2\x82\\n\"]", Encoding, 2),
    ("bad UTF-8 in a removed value", b"{\"jwt\":[\"\xff\"]}", Encoding, 9),
    ("bad UTF-8 in a name", b"{\"\xffjwt\":1}", Encoding, 2),
    ("UTF-8 outside strings", b"[\xc3\xa9]", Syntax, 1),
    ("a vertical tab", b"[\x0b]", Syntax, 1),
    ("a no-break space", b"[\xc2\xa0]", Syntax, 1),
    ("half a pair in a name", b"{\"\\ud800jwt\":1}", LoneSurrogate, 1),
    ("the other half in a name", b"{\"jwt\\udc00\":1}", LoneSurrogate, 1),
];

#[test]
fn a_bad_body_is_refused_with_kind_and_place() {
    for (sentence, body, kind, offset) in BAD.iter().copied() {
        let plan = remove(&["$..jwt"]);
        assert_eq!(failure(&plan, body), (kind, offset), "{sentence}");
        assert_chunks_do_not_matter(&plan, body);
        assert_chunks_do_not_matter(&remove(&["$..[0]", "$[*].x"]), body);
    }
}

#[test]
fn depth_is_bounded_by_512() {
    let nested = |depth: usize, left: &str, right: &str| left.repeat(depth) + "1" + &right.repeat(depth);
    for (left, right) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"jwt":"#, "}")] {
        whole(&remove(&["$..jwt"]), nested(512, left, right).as_bytes()).unwrap();
        let (kind, offset) = failure(&remove(&["$..jwt"]), nested(513, left, right).as_bytes());
        assert_eq!((kind, offset), (Depth, 512 * left.len() as u64));
        assert_eq!(failure(&remove(&["$..jwt"]), nested(100_000, left, right).as_bytes()).0, Depth);
    }
}

#[test]
fn what_is_held_back_is_bounded() {
    let long = 70_000;
    for (sentence, body, offset) in [
        ("a long name", format!(r#"{{"a":1,"{}":2}}"#, "k".repeat(long)), 6),
        ("a long name in a removed value", format!(r#"{{"jwt":{{"{}":2}}}}"#, "k".repeat(long)), 8),
        ("white space before a name", format!("{{{}\"a\":2}}", " ".repeat(long)), 1),
        ("white space after a comma", format!("{{\"a\":2,{}\"b\":2}}", " ".repeat(long)), 6),
        ("white space before a syntax error", format!("{{{}x", " ".repeat(long)), 1),
        ("white space and name together", format!("{{{}\"{}\":2}}", "\n".repeat(40_000), "k".repeat(40_000)), 1),
        ("a long number", format!("[{}]", "1".repeat(long)), 1),
        ("a long number with no end", format!("[{}", "1".repeat(long)), 1),
    ] {
        let plan = remove(&["$..jwt"]);
        assert_eq!(failure(&plan, body.as_bytes()), (TooLong, offset), "{sentence}");
        for size in [1, 7, 1000, 65_536] {
            let error = feed(&plan, body.as_bytes().chunks(size)).1.unwrap_err();
            assert_eq!((error.kind, error.offset), (TooLong, offset), "{sentence} by {size}");
        }
    }
    let body = format!("{{\"a\"{0}:{0}[{0}1{0},{0}2{0}]{0},\"b\":0}}{0}", " ".repeat(long));
    assert_eq!(redacted(&remove(&["$..jwt"]), &body), body, "white space that is not held back has no limit");
}

#[test]
fn limits_fall_at_the_same_byte_for_every_chunking() {
    let limit = 64 * 1024;
    for extra in 0..6 {
        let space = |count: usize| " ".repeat(count);
        for body in [
            format!("{{{}}}", space(limit - 3 + extra)),
            format!("{{{}\"a\":1}}", space(limit - 5 + extra)),
            format!("{{\"{}\":1}}", "k".repeat(limit - 5 + extra)),
            format!("{{\"{}\\u0041\":1}}", "k".repeat(limit - 10 + extra)),
            format!("[\"{}\\u0041\u{e9}\"]", "k".repeat(limit - 13 + extra)),
            format!("[\"{}", "k".repeat(limit - 4 + extra)),
            format!("[{}]", "1".repeat(4096 - 3 + extra)),
            format!("[{}", "1".repeat(4096 - 3 + extra)),
        ] {
            let expected = whole(&remove(&["$..x"]), body.as_bytes());
            for size in [1, 1000, body.len() - 1, body.len() - 2, limit] {
                let (out, report) = feed(&remove(&["$..x"]), body.as_bytes().chunks(size));
                assert!(report.map(|report| (out, report)) == expected, "{extra} by {size}: {}", &body[..10]);
            }
        }
    }
}

#[test]
fn memory_does_not_grow_with_the_body() {
    let plan = remove(&["$..jwt", "$.list[0]"]);
    let mut redactor = Redactor::new(Arc::clone(&plan), pseudonyms());
    let mut out = Vec::new();
    redactor.push(b"{\"list\":[", &mut out).unwrap();
    for _ in 0..100_000 {
        redactor.push(b"{\"jwt\":\"CANARY\",\"a\":[\"text\"],\"b\":1.5}, ", &mut out).unwrap();
        out.clear();
    }
    redactor.push(b"{\"jwt\":\"", &mut out).unwrap();
    for _ in 0..1000 {
        redactor.push(&[b'x'; 10_000], &mut out).unwrap();
    }
    assert!(redactor.carry.capacity() < 70_000, "{}", redactor.carry.capacity());
    redactor.push(b"\"}]}", &mut out).unwrap();
    assert_eq!(out, b"{}]}");
    assert_eq!(redactor.finish(&mut out).unwrap().hits, [100_000, 1], "the first goes with its parent");
}

#[test]
fn an_error_stays_and_says_nothing_of_the_body() {
    let plan = remove(&["$..jwt"]);
    let mut redactor = Redactor::new(Arc::clone(&plan), pseudonyms());
    let mut out = Vec::new();
    let error = redactor.push(b"{\"a\":\"CANARY\" CANARY", &mut out).unwrap_err();
    let length = out.len();
    assert_eq!(redactor.push(b"}", &mut out), Err(error));
    assert_eq!(redactor.push(b"", &mut out), Err(error));
    let shown = format!("{error} {error:?} {redactor:?} {plan:?}");
    assert!(!shown.contains("CANARY"), "{shown}");
    assert_eq!(redactor.finish(&mut out), Err(error));
    assert_eq!(out.len(), length, "nothing leaves after an error");
    assert_eq!(error.to_string(), "not well-formed at byte 14");

    let mut redactor = Redactor::new(plan, pseudonyms());
    redactor.push(b"{\"a\":\"CANARY", &mut out).unwrap();
    assert!(!format!("{redactor:?}").contains("CANARY"));
}

#[test]
fn what_left_before_an_error_is_the_redaction_of_a_beginning() {
    let good = br#"{"a":[1,{"jwt":"CANARY","b":"x"}],"jwt":["CANARY"],"c":{"d":null}}"#;
    let plan = remove(&["$..jwt"]);
    let (full, _) = whole(&plan, good).unwrap();
    for cut in 0..good.len() {
        for tail in [&b""[..], b"\x01", b"\"", b"]", b"}"] {
            let body = [&good[..cut], tail].concat();
            let (out, report) = feed(&plan, [body.as_slice()]);
            if report.is_err() {
                assert!(full.starts_with(&out) || tail == b"\"" || tail == b"]" || tail == b"}", "cut at {cut}");
            }
            assert!(!String::from_utf8_lossy(&out).contains("CANARY"), "cut at {cut}");
        }
    }
}
