//! C: path, query and method. Whatever a request spells, the decision falls on what goes upstream.

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble, bench, bench_with_policy};
use crate::support::client::request;
use crate::support::gateway::{POLICY, Setup};
use crate::support::h2client;
use crate::support::tokens::Issuer;
use crate::support::upstream::Upstream;

const NO: &[u16] = &[400, 403, 404];

fn viewer() -> String {
    Issuer::shared().token("viewer")
}

fn admin() -> String {
    Issuer::shared().token("admin")
}

/// The target that went upstream for `target`.
fn forwarded(bench: &Bench, target: &str, token: &str) -> String {
    success(&bench.client.get(target, Some(token)), target);
    bench.upstream.requests().last().unwrap().target().to_owned()
}

#[test]
fn c01_double_slash_is_judged_as_the_endpoint_behind_it() {
    let bench = bench();
    bench.targets_refused(&["//accountz", "///accountz", "////varz"], NO);
    assert_eq!(forwarded(&bench, "//varz", &viewer()), "/varz");
}

#[test]
fn c02_dot_segment() {
    bench().targets_refused(&["/./accountz", "/./varz", "/.", "/varz/.", "/accountz/."], NO);
}

#[test]
fn c03_dot_dot_segment() {
    bench().targets_refused(&["/varz/../accountz", "/../accountz", "/varz/..", "/accountz/../varz"], NO);
}

#[test]
fn c04_encoded_slash_after_dots() {
    let targets = ["/varz/..%2faccountz", "/varz/%2e%2e/accountz", "/.%2e/accountz", "/..%2Fvarz", "/accountz/..%00/"];
    bench().targets_refused(&targets, NO);
}

#[test]
fn c05_percent_encoded_letters() {
    bench().targets_refused(&["/%61ccountz", "/%76arz", "/v%61rz", "/acc%C3%B6untz", "/%ef%bc%8faccountz"], NO);
}

#[test]
fn c06_encoded_slash_at_the_end() {
    bench().targets_refused(&["/accountz%2f", "/varz%2f", "/varz%2F", "/debug%2fvars"], NO);
}

#[test]
fn c07_backslash_raw_and_encoded() {
    bench().targets_refused(
        &["/%5caccountz", "/\\accountz", "/varz\\..\\accountz", "\\varz", "/varz%5C..%5caccountz"],
        NO,
    );
}

#[test]
fn c08_double_encoding() {
    bench().targets_refused(&["/%2561ccountz", "/%252e%252e/accountz", "/%2576arz"], NO);
}

#[test]
fn c09_encoded_nul() {
    bench().targets_refused(&["/accountz%00", "/varz%00", "/varz%00/../accountz", "/varz%0a", "/varz%0d%0aX:1"], NO);
}

#[test]
fn c10_path_parameters() {
    bench().targets_refused(&["/accountz;x=1", "/varz;/../accountz", "/varz;x", "/varz/..;/accountz"], NO);
}

#[test]
fn c11_encoded_question_mark_and_hash() {
    bench().targets_refused(&["/accountz%3facc=A", "/varz%23/../accountz", "/varz%3F", "/varz%23"], NO);
}

#[test]
fn c12_case_spaces_and_trailing_bytes() {
    bench()
        .targets_refused(&["/ACCOUNTZ", "/Varz", "/accountz%20", "/accountz/", "/varz/", "/varz.", "/varz.json"], NO);
}

#[test]
fn c13_question_mark_never_hides_the_path() {
    let bench = bench();
    bench.targets_refused(&["/varz?/accountz", "/accountz?/varz", "/accountz?", "/accountz??"], &[400, 403]);
    assert_eq!(forwarded(&bench, "/varz?", &viewer()), "/varz");
}

#[test]
fn c14_fragment_in_the_target() {
    bench().targets_refused(&["/varz#", "/varz#x", "/accountz#/varz", "/varz?x#y", "#/varz"], &[400]);
}

#[test]
fn c15_lower_and_upper_case_escapes_are_equal() {
    let bench = bench();
    for (lower, upper) in [("/%6darz", "/%6Darz"), ("/varz%2f", "/varz%2F"), ("/connz?acc=%2a", "/connz?acc=%2A")] {
        let status = |target| bench.status(target, Some(&viewer()));
        assert_eq!(status(lower), status(upper), "{lower} {upper}");
    }
}

#[test]
fn c16_the_decision_is_on_the_target_that_goes_upstream() {
    let bench = bench();
    for (asked, sent) in [
        ("/varz", "/varz"),
        ("//varz", "/varz"),
        ("/varz?", "/varz"),
        ("/connz?state=OPEN", "/connz"),
        ("/connz?offset=5&limit=10", "/connz?limit=10&offset=5"),
        ("/connz?auth=&limit=1%30", "/connz?limit=10"),
        ("/connz?limit=10&offset=5", "/connz?limit=10&offset=5"),
    ] {
        let got = forwarded(&bench, asked, &viewer());
        let sorted = |target: &str| {
            let mut parts: Vec<String> = target.split(['?', '&']).map(str::to_owned).collect();
            parts[1..].sort();
            // An upper bound of the rule may fill in a default.
            parts.retain(|part| part != "limit=256");
            parts
        };
        assert_eq!(sorted(&got), sorted(sent), "{asked}");
    }
}

#[test]
fn c17_unknown_query_names() {
    let bench = bench();
    let targets =
        ["/varz?x=1", "/varz?callback=a", "/connz?AUTH=0", "/healthz?x", "/connz?auth[]=1", "/varz?=", "/varz?&"];
    bench.targets_refused(&targets, &[400]);
    assert_eq!(bench.status("/accountz?x=1", Some(&admin())), 400);
}

#[test]
fn c18_every_spelling_of_auth() {
    let on = ["1", "t", "T", "true", "True", "TRUE", "%31", "%74rue", "yes", "2", "+1", "%2B1"];
    let targets: Vec<String> = on
        .iter()
        .map(|value| format!("/connz?auth={value}"))
        .chain(["/connz?%61uth=1", "/connz?auth%3d1", "/connz?acc=%zz&auth=1", "/connz?x;y&auth=1"].map(str::to_owned))
        .chain(["/connz?auth=1;", "/connz?limit=1&auth=1"].map(str::to_owned))
        .collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    bench().targets_refused(&targets, &[400, 403]);
}

#[test]
fn c19_duplicate_names() {
    let targets =
        ["/connz?limit=1&limit=2", "/connz?limit=1&limit=1", "/connz?auth=0&auth=1", "/connz?limit=1&%6cimit=2"];
    bench().targets_refused(&targets, &[400]);
}

#[test]
fn c20_numbers_out_of_range_or_not_decimal() {
    let wrong = ["-1", "0x10", "1e3", "1.0", "1_0", " 1", "%201", "+5", "9223372036854775808", "99999999999999999999"];
    let mut targets: Vec<String> = wrong.iter().map(|value| format!("/connz?offset={value}")).collect();
    targets.extend(wrong.iter().map(|value| format!("/connz?limit={value}")));
    targets.push("/connz?cid=18446744073709551616".to_owned());
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    bench().targets_refused(&targets, &[400]);
}

#[test]
fn c21_methods() {
    let bench = bench();
    let methods = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE", "PROPFIND", "PRI", "FOO"];
    for method in methods {
        let answer = bench.client.request(method, "/varz", Some(&viewer()), "");
        denial(&answer, &[405], method);
        assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{method}");
    }
    let requests =
        ["get /varz", "Get /varz", "GET%20 /varz", "CONNECT mon.test:443", "CONNECT /varz", "OPTIONS *", "* /varz"]
            .map(|line| format!("{line} HTTP/1.1\r\nHost: mon.test\r\n{{A}}\r\n"));
    bench.all_refused(&requests, &[400, 405]);
}

#[test]
fn c22_host_case_port_and_trailing_dot() {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream);
    setup.listener = "    hosts: [mon.test]\n".to_owned();
    let gateway = setup.start();
    let bench = assemble(upstream, gateway);
    let ask = |host: &str, token: Option<String>| {
        let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let text = format!("GET /varz HTTP/1.1\r\nHost: {host}\r\n{authorization}Connection: close\r\n\r\n");
        bench.client.exchange(text.as_bytes()).status()
    };
    for host in ["other.test", "mon.test.evil", "evilmon.test", "mon.test@evil", "127.0.0.1", "[::1]"] {
        assert!([400, 421].contains(&ask(host, Some(viewer()))), "{host}");
        assert!([400, 401].contains(&ask(host, None)), "{host}: no oracle for the anonymous");
    }
    bench.upstream.assert_untouched("other hosts");
    for host in ["mon.test", "MON.test", "mon.test.", "mon.test:8443", "Mon.Test.:443"] {
        assert_eq!(ask(host, Some(viewer())), 200, "{host}");
        assert_eq!(ask(host, None), 401, "{host}");
    }
}

#[test]
fn c23_no_rule_is_a_prefix_rule() {
    let bench = bench();
    bench.targets_refused(&["/connzzz", "/connz/x", "/connz/varz", "/varzx", "/varz/1", "/var"], &[404]);
}

#[test]
fn c24_names_in_a_policy_are_literals() {
    let policy = POLICY.replace("roles: [viewer]", "roles: ['view.r', 'v*', '(viewer)', 'viewer+', '.*']");
    let bench = bench_with_policy(&policy);
    for role in ["viewer", "view", "v", "vv", "viewerr", ""] {
        assert_eq!(bench.status("/varz", Some(&Issuer::shared().token(role))), 403, "{role}");
    }
    bench.upstream.assert_untouched("nobody has a role");
    for role in ["view.r", "v*", "(viewer)", "viewer+", ".*"] {
        assert_eq!(bench.status("/varz", Some(&Issuer::shared().token(role))), 200, "{role}");
    }
}

#[test]
fn c25_an_alias_is_its_endpoint_and_the_rest_is_denied() {
    let bench = bench();
    let denied = [
        "/subsz",
        "/subscriptionsz",
        "/debug/vars",
        "/stacksz",
        "/ipqueuesz",
        "/raftz",
        "/",
        "/routez",
        "/gatewayz",
        "/leafz",
        "/accountz",
        "/accstatz",
        "/jsz",
    ];
    bench.targets_refused(&denied, &[403]);
    let policy = POLICY.replace("endpoints: [varz, healthz]", "endpoints: [varz, healthz, subsz]");
    let bench = bench_with_policy(&policy);
    assert_eq!(forwarded(&bench, "/subsz", &viewer()), "/subsz");
    assert_eq!(forwarded(&bench, "/subscriptionsz", &viewer()), "/subsz");
}

#[test]
fn c26_only_origin_form() {
    let bench = bench();
    let targets =
        ["accountz", "%20/varz", "*", "?x", "varz", "//host/p", "http:/varz", "file:///etc/passwd", "mailto:a@b"];
    bench.targets_refused(&targets, &[400, 404]);
    bench.targets_refused(&["http://evil/accountz", "http://mon.test/accountz"], &[400, 403, 404, 421]);
    let answer = bench.client.exchange(request("GET", "http://mon.test/varz", Some(&viewer()), "").as_bytes());
    assert!([200, 400].contains(&answer.status()));
    for seen in bench.upstream.requests() {
        assert_eq!(seen.target(), "/varz");
    }
}

#[test]
fn c27_target_of_8193_bytes() {
    let bench = bench();
    let long = format!("/varz?{}", "a".repeat(8193 - 6));
    bench.targets_refused(&[&long], &[414]);
    let longer = format!("/varz?{}", "a".repeat(15_000));
    bench.targets_refused(&[&longer], &[414, 431]);
}

#[test]
fn c28_no_rule_is_403_and_the_anonymous_learn_nothing() {
    let bench = bench_with_policy(&POLICY.replace("allow: [viewer, admin]", "allow: [admin]"));
    bench.targets_refused(&["/varz", "/healthz", "/connz", "/accountz"], &[403]);
    for target in ["/varz", "/accountz", "/nothing", "/varz?x=1", "/%61", "/connz?limit=x"] {
        for token in [None, Some("not.a.token")] {
            let answer = bench.client.get(target, token);
            denial(&answer, &[401], target);
        }
        let answer = bench.client.request("POST", target, None, "");
        denial(&answer, &[401], target);
    }
    bench.upstream.assert_untouched("the anonymous");
}

#[test]
fn c_the_same_over_h2() {
    let bench = bench();
    let targets = [
        "//accountz",
        "///varz",
        "/./accountz",
        "/varz/../accountz",
        "/varz/..%2faccountz",
        "/%61ccountz",
        "/accountz%2f",
        "/%5caccountz",
        "/%2561ccountz",
        "/accountz%00",
        "/accountz;x=1",
        "/accountz%3f",
        "/ACCOUNTZ",
        "/varz/",
        "/varz.",
        "/varz?/accountz",
        "/accountz?/varz",
        "/varz?x=1",
        "/connz?auth=1",
        "/connz?auth=%31",
        "/connz?%61uth=1",
        "/connz?limit=1&limit=2",
        "/connz?limit=-1",
        "/connz?offset=9223372036854775808",
        "/connz?x;y",
        "/debug/vars",
        "/stacksz",
        "/",
        "/accountz",
        "/metrics",
        "/-/ready",
    ];
    for target in targets {
        let answer = h2client::get(&bench.client, target, Some(&viewer()));
        denial(&answer, NO, target);
        denial(&h2client::get(&bench.client, target, None), &[401], target);
        let same = bench.client.get(target, Some(&viewer()));
        assert_eq!(same.status, answer.status, "{target}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "FOO", "get"] {
        let answer = h2client::request(&bench.client, method, "/varz", Some(&viewer()), &[]).unwrap();
        denial(&answer, &[400, 405], method);
    }
    let long = format!("/varz?{}", "a".repeat(8193 - 6));
    denial(&h2client::get(&bench.client, &long, Some(&viewer())), &[414, 431], "too long");
    bench.upstream.assert_untouched("refused over h2");
    // A field that HTTP/2 forbids, or that frames a body.
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("te", "gzip"),
        ("content-length", "5"),
        ("expect", "100-continue"),
        ("host", "evil.test"),
        ("upgrade", "h2c"),
    ] {
        match h2client::request(&bench.client, "GET", "/varz", Some(&viewer()), &[(name, value)]) {
            Err(_) => {}
            Ok(answer) if answer.status == 200 => {
                let seen = bench.upstream.requests().pop().unwrap();
                assert!(!seen.head.contains(value) || name == "connection", "{name}: {}", seen.head);
            }
            Ok(answer) => denial(&answer, &[400, 413, 417, 421], name),
        }
    }
    assert!(bench.upstream.requests().iter().all(|seen| seen.line() == "GET /varz HTTP/1.1"));
    success(&h2client::get(&bench.client, "//varz", Some(&viewer())), "over h2");
}
