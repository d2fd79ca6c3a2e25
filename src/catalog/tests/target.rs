//! Paths, methods and queries, by the ids of the security list.

use std::fs;
use std::path::Path;

use super::super::{Catalog, MAX_TARGET, Malformation, TargetFault, Value};
use super::{nats, resolve, upstream};

/// Each target and the fault that it must meet.
fn assert_malformed(id: &str, rows: &[(&str, Malformation)]) {
    for (target, expected) in rows {
        assert_eq!(resolve(target), Err(TargetFault::Malformed(*expected)), "{id} {target:?}");
    }
}

fn assert_upstream(rows: &[(&str, &str)]) {
    for (target, expected) in rows {
        assert_eq!(upstream(target), *expected, "{target:?}");
    }
}

#[test]
fn every_canonical_path_and_alias_is_an_endpoint() {
    for (target, name) in [
        ("/", "root"),
        ("/varz", "varz"),
        ("/connz", "connz"),
        ("/routez", "routez"),
        ("/gatewayz", "gatewayz"),
        ("/leafz", "leafz"),
        ("/subsz", "subsz"),
        ("/subscriptionsz", "subsz"),
        ("/stacksz", "stacksz"),
        ("/accountz", "accountz"),
        ("/accstatz", "accstatz"),
        ("/jsz", "jsz"),
        ("/healthz", "healthz"),
        ("/ipqueuesz", "ipqueuesz"),
        ("/raftz", "raftz"),
        ("/debug/vars", "debug-vars"),
    ] {
        let resource = resolve(target).unwrap();
        assert_eq!(nats().endpoint(resource.endpoint()).name, name);
        assert_eq!(resource.arguments(), []);
    }
}

#[test]
fn c01_one_empty_segment_means_the_path_behind_it_and_two_mean_nothing() {
    // The Helm chart's exporter asks so. The decision falls on what goes upstream, which has one slash.
    assert_upstream(&[("//accountz", "/accountz"), ("//varz", "/varz"), ("//subscriptionsz?subs=1", "/subsz?subs=1")]);
    let empty = Malformation::EmptySegment;
    assert_malformed("C01", &[("///accountz", empty), ("////varz", empty), ("//nope", empty), ("//varz/", empty)]);
    assert_malformed("C01", &[("/debug//vars", empty), ("/varz//", empty), ("/a//varz", empty)]);
}

#[test]
fn c02_c03_dot_segments_are_not_resolved() {
    let dots = Malformation::DotSegment;
    for target in ["/./accountz", "/varz/../accountz", "/..", "/.", "/accountz/.", "/accountz/..", "/debug/./vars"] {
        assert_malformed("C02 C03", &[(target, dots)]);
    }
}

#[test]
fn c04_to_c09_and_c11_nothing_in_a_path_is_decoded() {
    for target in [
        "/varz/..%2faccountz",
        "/varz/%2e%2e/accountz",
        "/%61ccountz",
        "/accountz%2f",
        "/accountz%2F",
        "/%5caccountz",
        "/%2561ccountz",
        "/accountz%00",
        "/accountz%3facc=A",
        "/varz%23/../accountz",
        "/accountz%20",
        "/%",
        "//%61ccountz",
        "/v%61rz?auth=1",
    ] {
        assert_malformed("C04-C11", &[(target, Malformation::Escape)]);
    }
    assert_malformed(
        "C07",
        &[("/\\accountz", Malformation::Backslash), ("/varz\\..\\accountz", Malformation::Backslash)],
    );
}

#[test]
fn c10_path_parameters_are_refused() {
    for target in ["/accountz;x=1", "/varz;/../accountz", "/varz;", "/;/varz"] {
        assert_malformed("C10", &[(target, Malformation::Semicolon)]);
    }
}

#[test]
fn c12_case_and_trailing_characters_are_another_path() {
    for target in ["/ACCOUNTZ", "/Varz", "/accountz/", "/varz/", "/accountz.", "/varz.json", "/varz&x=1", "/varz,"] {
        assert_eq!(resolve(target), Err(TargetFault::UnknownEndpoint), "C12 {target}");
    }
}

#[test]
fn c13_the_path_ends_at_the_first_question_mark() {
    assert_upstream(&[
        ("/varz?/accountz", "unknown_argument"),
        ("/accountz?/varz", "unknown_argument"),
        ("/varz??", "unknown_argument"),
        ("/varz?", "/varz"),
        ("//varz?", "/varz"),
        ("/?", "/"),
    ]);
}

#[test]
fn c14_a_fragment_is_refused_wherever_it_stands() {
    for target in ["/accountz#x", "/varz?#", "/varz?auth=1#", "/#", "/connz?user=a#b"] {
        assert_malformed("C14", &[(target, Malformation::Fragment)]);
    }
}

#[test]
fn c15_upper_and_lower_case_escapes_decide_alike() {
    assert_upstream(&[
        ("/connz?user=a%2fb", "/connz?user=a%2Fb"),
        ("/connz?user=a%2Fb", "/connz?user=a%2Fb"),
        ("/connz?user=a/b", "/connz?user=a%2Fb"),
    ]);
    assert_eq!(resolve("/%2Faccountz"), resolve("/%2faccountz"));
}

#[test]
fn c16_the_decision_falls_on_the_path_that_goes_upstream() {
    assert_eq!(resolve("//subscriptionsz"), resolve("/subsz"));
    assert_eq!(upstream("//subscriptionsz"), "/subsz");
}

#[test]
fn c17_unknown_names_are_refused_and_shown_only_when_they_look_like_names() {
    for (target, shown) in [
        ("/connz?filter_subject=x", "filter_subject"),
        ("/varz?auth=1", "auth"),
        ("/connz?AUTH=1", "…"),
        ("/connz?auth[]=1", "…"),
        ("/connz?eyJhbGciOiJub25lIn0.e30.=", "…"),
        ("/connz?token", "…"),
        ("/connz?hunter=two", "hunter"),
    ] {
        assert_eq!(resolve(target), Err(TargetFault::UnknownArgument { argument: shown.to_owned() }), "C17 {target}");
    }
}

#[test]
fn c18_every_spelling_of_true_is_one_value_and_encoded_names_are_refused() {
    let auth = Ok(vec![Value::Boolean(true)]);
    for spelling in ["1", "t", "T", "TRUE", "true", "True", "%31", "%74rue"] {
        let found = resolve(&format!("/connz?auth={spelling}"));
        let values = found.map(|resource| resource.arguments().iter().map(|(_, value)| value.clone()).collect());
        assert_eq!(values, auth, "C18 {spelling}");
    }
    for spelling in ["tRUE", "yes", "on", "2", "01", "1+", "+1", "%201", "detail"] {
        assert_eq!(upstream(&format!("/connz?auth={spelling}")), "argument_value", "C18 {spelling}");
    }
    for name in ["%61uth", "a+uth", "auth%3d1", "aut%68", "%"] {
        assert_malformed("C18", &[(&format!("/connz?{name}=1"), Malformation::EncodedName)]);
    }
}

#[test]
fn c19_a_name_twice_is_refused_even_when_one_is_empty() {
    for target in ["/connz?auth=0&auth=1", "/connz?auth=&auth=1", "/connz?auth&auth", "/connz?limit=1&subs=1&limit=1"] {
        assert_eq!(upstream(target), "duplicate_argument", "C19 {target}");
    }
}

#[test]
fn c20_numbers_have_one_spelling_and_a_range() {
    for value in [
        "0",
        "-1",
        "+5",
        "%2B5",
        "5+",
        "05",
        "00",
        "1e3",
        "0x10",
        "1_0",
        "1.0",
        "65537",
        "9223372036854775807",
        "99999999999999999999999999999999999999999999",
        "-",
        "--1",
        "٣",
    ] {
        let refused = upstream(&format!("/connz?limit={value}"));
        assert!(["argument_value", "target_malformed"].contains(&refused.as_str()), "C20 {value}: {refused}");
    }
    assert_upstream(&[
        ("/connz?limit=1", "/connz?limit=1"),
        ("/connz?limit=65536", "/connz?limit=65536"),
        ("/connz?offset=9223372036854775807", "argument_value"),
        ("/connz?offset=-0", "argument_value"),
        ("/connz?offset=10", "/connz?offset=10"),
        ("/connz?cid=18446744073709551616", "argument_value"),
        ("/connz?sort=ops", "argument_value"),
        ("/jsz?limit=-1", "argument_value"),
        ("/subsz?subs=detail", "argument_value"),
    ]);
}

#[test]
fn c21_only_get_and_head_on_known_paths_and_only_tokens_at_all() {
    for method in
        ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE", "PRI", "get", "GET%20", "CONNECT", "HEAd"]
    {
        assert_eq!(
            nats().resolve(method.as_bytes(), b"/varz?x=%zz"),
            Err(TargetFault::Method { allow: "GET, HEAD" }),
            "C21 {method}"
        );
        assert_eq!(nats().resolve(method.as_bytes(), b"/nope"), Err(TargetFault::UnknownEndpoint), "C21 {method}");
    }
    for method in ["", "GET ", "G\"ET", "GET\0", "GÉT", "G(T", "GET,HEAD", "GET/1"] {
        assert_eq!(
            nats().resolve(method.as_bytes(), b"/varz"),
            Err(TargetFault::Malformed(Malformation::Method)),
            "C21 {method:?}"
        );
    }
    let form = Err(TargetFault::Malformed(Malformation::Form));
    assert_eq!(nats().resolve(b"OPTIONS", b"*"), form);
    assert_eq!(nats().resolve(b"CONNECT", b"127.0.0.1:4222"), form);
    assert_eq!(nats().resolve(b"HEAD", b"/jsz?limit=5"), nats().resolve(b"GET", b"/jsz?limit=5"));
}

#[test]
fn c23_a_path_is_the_whole_path() {
    for target in ["/connzzz", "/connz/x", "/conn", "/debug", "/debug/", "/debug/vars/", "/debug/pprof/", "/metrics"] {
        assert_eq!(resolve(target), Err(TargetFault::UnknownEndpoint), "C23 {target}");
    }
}

#[test]
fn c24_the_characters_of_patterns_are_characters() {
    for target in ["/.arz", "/var.", "/*", "/varz*", "/(varz)", "/varz+", "/v?rz", "/varz|/accountz", "/^varz$"] {
        assert!(resolve(target).is_err(), "C24 {target}");
    }
}

#[test]
fn c25_an_alias_is_the_same_endpoint() {
    assert_eq!(resolve("/subscriptionsz?limit=3"), resolve("/subsz?limit=3"));
    assert_eq!(upstream("/subscriptionsz"), "/subsz");
}

#[test]
fn c26_only_origin_form_is_understood() {
    for target in ["accountz", "", "*", "?x", "http://mon.test/varz", "file:///etc/passwd", "mon.test:443", "\\varz"] {
        assert_malformed("C26", &[(target, Malformation::Form)]);
    }
    assert_malformed("C26", &[("%20/varz", Malformation::Form), ("//host/p", Malformation::EmptySegment)]);
    for target in [
        " /varz",
        "/varz /accountz",
        "/v\u{e1}rz",
        "/varz\t",
        "/varz\0",
        "/varz\u{7f}",
        "/varz?user=a b",
        "/\u{ff0f}varz",
    ] {
        assert!(matches!(resolve(target), Err(TargetFault::Malformed(_))), "C26 {target:?}");
    }
    let broken = nats().resolve(b"GET", b"/varz\xff");
    assert_eq!(broken, Err(TargetFault::Malformed(Malformation::Character)));
}

#[test]
fn c27_the_longest_target_is_8192_bytes() {
    let exactly = format!("/{}", "a".repeat(MAX_TARGET - 1));
    assert_eq!(resolve(&exactly), Err(TargetFault::UnknownEndpoint));
    assert_eq!(resolve(&format!("{exactly}a")), Err(TargetFault::TooLong));
    assert_eq!(resolve(&format!("{}a", "\0".repeat(MAX_TARGET))), Err(TargetFault::TooLong));
}

#[test]
fn c28_the_path_is_judged_before_method_and_query() {
    assert_eq!(nats().resolve(b"POST", b"/nope?x=%zz"), Err(TargetFault::UnknownEndpoint));
    assert_eq!(upstream("/nope?callback=x"), "unknown_endpoint");
}

#[test]
fn g18_a_callback_is_the_name_of_a_function_and_never_goes_upstream() {
    for target in [
        "/varz?callback=",
        "/varz?callback",
        "/varz?callback=alert(1)//",
        "/varz?callback=a&callback=a",
        "/stacksz?callback=a",
    ] {
        assert_eq!(resolve(target), Err(TargetFault::Callback), "G18 {target}");
    }
    let asked = nats().resolve(b"GET", b"/connz?limit=1&callback=x").unwrap();
    assert!(asked.callback().is_some(), "a policy decides");
    assert_eq!(upstream("/connz?callback=x&limit=1"), "/connz?limit=1", "it never goes upstream");
    assert_eq!(upstream("/varz?Callback=x"), "unknown_argument");
}

#[test]
fn what_a_query_could_mean_in_two_ways_is_refused() {
    for target in ["/connz?auth=1;", "/connz?x;y&auth=1", "/connz?;", "/connz?user=a;b"] {
        assert_malformed("query", &[(target, Malformation::Semicolon)]);
    }
    for target in
        ["/connz?&", "/connz?limit=1&", "/connz?&limit=1", "/connz?limit=1&&offset=2", "/connz?=1", "/connz?="]
    {
        assert_malformed("query", &[(target, Malformation::EmptyPair)]);
    }
    for target in ["/connz?user=%", "/connz?user=%1", "/connz?user=%zz", "/connz?user=a%2", "/connz?user=%%31"] {
        assert_malformed("query", &[(target, Malformation::BrokenEscape)]);
    }
    for target in ["/connz?user=%00", "/connz?user=a%0a", "/connz?user=%7f", "/connz?user=%c3%a9", "/connz?user=%ff"] {
        assert_malformed("query", &[(target, Malformation::UnprintableValue)]);
    }
}

#[test]
fn equal_meaning_gives_equal_bytes() {
    assert_upstream(&[
        ("/connz?subs=1&auth=true", "/connz?auth=1&subs=1"),
        ("/connz?subs=DeTaIl", "/connz?subs=detail"),
        ("/connz?auth=0", "/connz"),
        ("/connz?auth=&subs", "/connz"),
        ("/connz?limit=1024&offset=0&state=OPEN&sort=cid", "/connz"),
        ("/connz?limit=", "/connz"),
        ("/connz?state=any", "/connz?state=all"),
        ("/connz?state=ANY", "/connz?state=all"),
        ("/connz?state=Closed", "/connz?state=closed"),
        ("/connz?user=a+b", "/connz?user=a%20b"),
        ("/connz?user=a%20b", "/connz?user=a%20b"),
        ("/connz?acc=$G", "/connz?acc=%24G"),
        ("/connz?user=a%3Bb%26auth%3D1", "/connz?user=a%3Bb%26auth%3D1"),
        ("/connz?user=a=b", "/connz?user=a%3Db"),
        ("/subsz?test=acme.%3E&subs=t", "/subsz?subs=1&test=acme.%3E"),
        ("/jsz?raft=true&config=true&consumers=true", "/jsz?consumers=1&config=1&raft=1"),
        ("/healthz?js-server-only=true", "/healthz?js-server-only=1"),
        ("/accstatz?unused=1", "/accstatz?unused=1"),
    ]);
}

#[test]
fn free_text_has_a_longest_length() {
    assert_eq!(upstream(&format!("/accountz?acc={}", "A".repeat(256))).len(), 270);
    assert_eq!(upstream(&format!("/accountz?acc={}", "A".repeat(257))), "argument_value");
}

#[test]
fn faults_never_repeat_what_was_sent() {
    let secret = "eyJhbGciOiJub25lIn0";
    for target in [
        format!("/connz?user={secret}%zz"),
        format!("/connz?limit={secret}"),
        format!("/connz?{secret}"),
        format!("/connz?{secret}=1"),
        format!("/{secret}"),
        format!("/connz?subs={secret}"),
        format!("/connz?state={secret}"),
    ] {
        let fault = resolve(&target).unwrap_err();
        let shown = format!("{fault} {fault:?} {} {}", fault.label(), fault.sentence());
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn every_fault_has_a_text_a_label_and_a_sentence() {
    for (target, text) in [
        ("/nope", "no endpoint of the catalogue has this path"),
        ("/connz?limit=0", "the value of `limit` must be a whole number from 1 to 65536"),
        ("/connz?subs=x", "the value of `subs` must be a boolean (`1` or `0`) or one of `detail`"),
        ("/connz?auth=x", "the value of `auth` must be a boolean (`1` or `0`)"),
        ("/connz?state=x", "the value of `state` must be one of `open`, `closed`, `all`"),
        ("/connz?auth=1&auth=1", "`auth` stands in the query more than once"),
        ("/varz?pretty=1", "`pretty` is not an argument of this endpoint"),
        ("/varz?callback=1", "`callback` must be the name of a function, once, and for JSON"),
        ("/%76arz", "the path has a percent sign"),
    ] {
        let fault = resolve(target).unwrap_err();
        assert_eq!(fault.to_string(), text, "{target}");
        assert!(fault.sentence().ends_with('.') && !fault.sentence().contains('`'));
        assert!(fault.label().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    }
    let text = resolve(&format!("/accountz?acc={}", "A".repeat(257))).unwrap_err().to_string();
    assert_eq!(text, "the value of `acc` must be 1 to 256 printable ASCII characters, and no credential");
    assert!(TargetFault::TooLong.to_string().contains(&MAX_TARGET.to_string()));
}

/// Of each case that is about paths: a fault, or the endpoint that its path names.
#[test]
fn the_path_cases_of_the_corpus_never_reach_another_endpoint() {
    let folder = std::env::var("MONWARD_CORPORA").expect("set MONWARD_CORPORA to the folder of the third-party cases");
    let text = fs::read_to_string(Path::new(&folder).join("raw-http-own/cases.ndjson")).unwrap();
    let mut seen = 0;
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let (class, raw) = (case["cls"].as_str().unwrap(), case["raw_latin1"].as_str().unwrap());
        let line: Vec<u8> = raw.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect();
        let line = line.split(|byte| *byte == b'\r').next().unwrap();
        let Some((method, target)) = request_line(line) else { continue };
        let found = nats().resolve(method, target);
        if !["path", "method", "host"].contains(&class) {
            continue;
        }
        seen += usize::from(class == "path");
        let Ok(resource) = found else { continue };
        let path = target.split(|byte| *byte == b'?').next().unwrap();
        assert_named(&nats(), std::str::from_utf8(path).unwrap(), &nats().endpoint(resource.endpoint()).path);
        assert!(matches!(method, b"GET" | b"HEAD"), "{line:?}");
        let served = ["/varz", "//accountz", "/debug/vars", "/accountz"];
        assert!(served.iter().any(|path| path.as_bytes() == target), "{}", String::from_utf8_lossy(target));
    }
    assert_eq!(seen, 35);
}

/// Method and target of a request line, split at its first and last space as a lenient front would.
fn request_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = line.iter().position(|byte| *byte == b' ')?;
    let last = line.iter().rposition(|byte| *byte == b' ')?;
    Some((&line[..first], line.get(first + 1..last).unwrap_or_default()))
}

fn assert_named(catalog: &Catalog, raw: &str, canonical: &str) {
    let endpoint = catalog.endpoints.iter().find(|endpoint| endpoint.path == canonical).unwrap();
    let known = std::iter::once(&endpoint.path).chain(&endpoint.aliases);
    assert!(known.into_iter().any(|path| raw == path || raw == format!("/{path}")), "{raw} became {canonical}");
}
