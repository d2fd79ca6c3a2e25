//! G: what leaves of pages of metrics. Whatever the upstream calls its page and however it cuts it, no label that a
//! rule takes out gets out, and a real Prometheus reads what is left.

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::g_redaction::{Ask, Framing, WAYS, ask, steps};
use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble};
use crate::support::gateway::Setup;
use crate::support::http::Response;
use crate::support::prometheus::{Prometheus, job, trusting};
use crate::support::tokens::Issuer;
use crate::support::upstream::{Upstream, with_length};
use crate::support::{eventually, h2client, upstream::Step};

const POLICY: &str = r#"
version: 1
catalog: prometheus
redactions:
  own:
    extends: standard
    labels: { remove: [gone], truncate_ip: [{ label: from, families: ["app_*"] }] }
    families: { remove: ["secret_*"] }
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
  admin:
    - token: { issuer: corp, claims: { roles: [admin] } }
rules:
  - { id: look, endpoints: [metrics], allow: [viewer], redact: own }
  - { id: all, endpoints: [metrics], allow: [admin], redact: none }
"#;

const TEXT: &str = "Content-Type: text/plain; version=0.0.4\r\n";
const OPEN: &str = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";

/// What a Prometheus sends that reads native histograms.
const PROMETHEUS: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
        application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

fn pages() -> Bench {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).policy(POLICY).start();
    assemble(upstream, gateway)
}

/// Sends `page` through in every way. `wanted` leaves, or nothing of it; "CANARY" comes out nowhere.
fn through(bench: &Bench, headers: &'static str, page: &[u8], wanted: Option<&str>) {
    for (framing, way) in WAYS {
        let sent = page.to_vec();
        bench.upstream.script(move |_| steps(framing, "200 OK", headers, &sent));
        let answer = ask(bench, "/metrics", way);
        let what = format!("{framing:?} {way:?} {headers:?} {}", String::from_utf8_lossy(page));
        let is_head = matches!(way, Ask::Head | Ask::HeadHttp2);
        match wanted {
            None => denial(&answer, &[502], &what),
            Some(wanted) => {
                success(&answer, &what);
                let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
                assert_eq!(length, Some(wanted.len()), "{what}");
                assert_eq!(answer.text(), if is_head { "" } else { wanted }, "{what}");
            }
        }
        assert!(!answer.everything().contains("CANARY"), "{what}: {}", answer.everything());
    }
    let written = [bench.gateway.audit_text(), bench.gateway.stderr(), bench.gateway.metrics()].concat();
    assert!(!written.contains("CANARY"));
}

#[test]
fn g01_g02_g13_labels_in_every_spelling_are_taken_out() {
    let bench = pages();
    for (page, wanted) in [
        ("a{gone=\"CANARY\",x=\"1\"} 1\n", "a{x=\"1\"} 1\n"),
        ("a{gone=\"CANARY\",x=\"1\",gone=\"CANARY2\"} 1\n", "a{x=\"1\"} 1\n"),
        ("a{\"gone\"=\"CANARY\"} 1\n", "a{} 1\n"),
        ("{\"a\" , \"gone\" = \"CANARY\\\",x=\\\"\" , x=\"1\"} 1\n", "{\"a\"  , x=\"1\"} 1\n"),
        ("a 1 # {gone=\"CANARY\",x=\"1\"} 1\n", "a 1 # {x=\"1\"} 1\n"),
        ("# HELP secret_a CANARY\n# TYPE secret_a gauge\nsecret_a{x=\"CANARY\"} 1\nb 1\n", "b 1\n"),
        ("app_a{from=\"10.9.8.7:1\"} 1\n", "app_a{from=\"10.9.8.0:1\"} 1\n"),
        ("app_a{from=\"CANARY\"} 1\n", "app_a{from=\"[redacted]\"} 1\n"),
        ("# CANARY\na 1\n", "a 1\n"),
    ] {
        through(&bench, TEXT, page.as_bytes(), Some(wanted));
    }
}

#[test]
fn a_client_that_takes_names_in_utf8_gets_no_label_or_family_that_others_do_not_get() {
    const UTF8: &str = "text/plain;version=1.0.0;escaping=allow-utf-8";
    const NAMES: &str = "Content-Type: text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8\r\n";
    let bench = pages();
    let token = Issuer::shared().token("viewer");
    // As client libraries do, it spells names as the client can read them.
    bench.upstream.script(|seen| {
        let utf8 = seen.headers().iter().any(|(name, value)| name == "accept" && value.contains("allow-utf-8"));
        let (headers, page) = if utf8 {
            (
                NAMES,
                "{\"up\",\"api.key\"=\"CANARY\",\"api-key\"=\"CANARY\",x=\"1\"} 1 # {\"api.key\"=\"CANARY\"} 1\n\
                 # HELP \"secret.a\" CANARY\n{\"secret.a\",x=\"CANARY\"} 1\n",
            )
        } else {
            (
                TEXT,
                "up{api_key=\"CANARY\",x=\"1\"} 1 # {api_key=\"CANARY\"} 1\n\
                 # HELP secret_a CANARY\nsecret_a{x=\"CANARY\"} 1\n",
            )
        };
        steps(Framing::Length, "200 OK", headers, page.as_bytes())
    });
    for (accept, wanted) in [(UTF8, "{\"up\",x=\"1\"} 1 # {} 1\n"), ("text/plain", "up{x=\"1\"} 1 # {} 1\n")] {
        let h1 = bench.client.request("GET", "/metrics", Some(&token), &format!("Accept: {accept}\r\n"));
        let h2 = h2client::request(&bench.client, "GET", "/metrics", Some(&token), &[("accept", accept)]).unwrap();
        for answer in [h1, h2] {
            success(&answer, accept);
            assert_eq!(answer.text(), wanted, "{accept}");
        }
    }
}

#[test]
fn g05_g08_g28_what_is_no_page_does_not_leave() {
    let bench = pages();
    let cases: [&[u8]; 9] = [
        b"\xef\xbb\xbfa{gone=\"CANARY\"} 1\n",
        b"a{x=\"\xff\"} 1\na{gone=\"CANARY\"} 1\n",
        b"a{x=\"CANARY\n\"} 1\n",
        b"a 1\0\na{gone=\"CANARY\"} 1\n",
        b"{\"gone\":\"CANARY\"}",
        b"{\"gone\":\"CANARY\"}\n",
        b"<html>CANARY</html>\n",
        b"a{gone=\"CANARY\"} 1",
        b"a 1\n# EOF\nCANARY 1\n",
    ];
    for page in cases {
        through(&bench, TEXT, page, None);
    }
    through(&bench, OPEN, b"a{gone=\"CANARY\"} 1\n", None);
    through(&bench, OPEN, b"a{gone=\"CANARY\"} 1\n# EOF\n", Some("a{} 1\n# EOF\n"));
    bench.upstream.script(|_| {
        let whole = with_length("200 OK", TEXT, &b"a{gone=\"CANARY\"} 1\n".repeat(9));
        vec![Step::Send(whole[..whole.len() - 20].to_vec()), Step::Close]
    });
    denial(&ask(&bench, "/metrics", Ask::Http1), &[502], "cut off");
}

#[test]
fn g10_g11_only_text_that_is_not_encoded_is_taken() {
    let bench = pages();
    let page = b"a{gone=\"CANARY\"} 1\n";
    for (headers, good) in [
        ("", true),
        ("Content-Type: text/plain\r\n", true),
        ("Content-Type: text/plain; version=1.0.0; escaping=allow-utf-8\r\n", true),
        ("Content-Type: text/html\r\n", false),
        ("Content-Type: application/json\r\n", false),
        (
            "Content-Type: application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n",
            false,
        ),
        ("Content-Type: text/plain; version=1.0.0; escaping=values\r\n", false),
        ("Content-Type: text/plain; charset=utf-16\r\n", false),
        ("Content-Type: text/plain\r\nContent-Type: text/html\r\n", false),
        ("Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", false),
        ("Content-Type: text/plain\r\nContent-Encoding: identity\r\n", true),
    ] {
        through(&bench, headers, page, good.then_some("a{} 1\n"));
    }
}

#[test]
fn g12_secrets_are_masked_also_where_nothing_is_taken_out() {
    let bench = pages();
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJDQU5BUlkiOjF9.c2lnbmF0dXJl";
    let page = format!(
        "# HELP a {token}\na{{url=\"http://u:pw@h/\",x=\"{token}\"}} 1\na{{x=\"SUACANARY{}\"}} 1\n",
        "A".repeat(49)
    );
    bench.upstream.script(move |_| steps(Framing::Chunks(1), "200 OK", TEXT, page.as_bytes()));
    let answer = bench.client.get("/metrics", Some(&Issuer::shared().token("admin")));
    success(&answer, "admin");
    assert_eq!(
        answer.text(),
        "# HELP a [redacted]\na{url=\"http://[redacted]@h/\",x=\"[redacted]\"} 1\na{x=\"[redacted]\"} 1\n"
    );
}

#[test]
fn what_is_asked_for_is_text_whatever_the_client_wants_and_is_called_what_came() {
    let bench = pages();
    let token = Issuer::shared().token("viewer");
    for (accept, open_metrics) in [
        (None, false),
        (Some("text/html"), false),
        (Some(PROMETHEUS), true),
        (Some("application/vnd.google.protobuf"), false),
    ] {
        bench.upstream.script(|seen| {
            let open = seen.headers().iter().any(|(name, value)| name == "accept" && value.contains("openmetrics"));
            let headers = if open { OPEN } else { TEXT };
            steps(Framing::Length, "200 OK", headers, b"a{gone=\"1\"} 1\n# EOF\n")
        });
        let extra = accept.map(|accept| format!("Accept: {accept}\r\n")).unwrap_or_default();
        let h1 = bench.client.request("GET", "/metrics", Some(&token), &extra);
        let fields: Vec<(&str, &str)> = accept.map(|accept| ("accept", accept)).into_iter().collect();
        let h2 = h2client::request(&bench.client, "GET", "/metrics", Some(&token), &fields).unwrap();
        for answer in [h1, h2] {
            success(&answer, &extra);
            assert_eq!(answer.text(), "a{} 1\n# EOF\n");
            let kind = if open_metrics {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            } else {
                "text/plain; version=0.0.4; charset=utf-8"
            };
            assert_eq!(answer.header("content-type"), Some(kind), "{accept:?}");
            assert_eq!(answer.header("vary"), Some("accept, accept-encoding"));
        }
    }
    for seen in bench.upstream.requests() {
        let asked: Vec<String> =
            seen.headers().into_iter().filter(|(name, _)| name.starts_with("accept")).map(|(_, value)| value).collect();
        assert!(
            asked.iter().all(|value| !value.contains("protobuf") && !value.contains('*') && !value.contains("html")),
            "{asked:?}"
        );
        assert!(asked.contains(&"identity".to_owned()), "{asked:?}");
    }
}

#[test]
fn a_page_is_compressed_for_whoever_asks_for_that() {
    let bench = pages();
    let page = "a{gone=\"CANARY\",x=\"1\"} 1\n".repeat(500);
    let left = format!("a{{x=\"1\"}} 1\n{}", "a{x=\"1\"} 1\n".repeat(499));
    bench.upstream.script(move |_| steps(Framing::Length, "200 OK", TEXT, page.as_bytes()));
    let token = Issuer::shared().token("viewer");
    let unzipped = |answer: &Response| {
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        let mut text = String::new();
        GzDecoder::new(answer.body.as_slice()).read_to_string(&mut text).unwrap();
        text
    };
    let accept = "Accept-Encoding: gzip\r\n";
    let h1 = bench.client.request("GET", "/metrics", Some(&token), accept);
    success(&h1, "HTTP/1.1");
    assert_eq!(unzipped(&h1), left);
    let h2 = h2client::request(&bench.client, "GET", "/metrics", Some(&token), &[("accept-encoding", "gzip")]).unwrap();
    success(&h2, "HTTP/2");
    assert_eq!(unzipped(&h2), left);
    let head = bench.client.request("HEAD", "/metrics", Some(&token), accept);
    success(&head, "HEAD");
    assert_eq!(head.header("content-length"), Some(h1.body.len().to_string().as_str()));
    for extra in [
        "",
        "Accept-Encoding: br\r\n",
        "Accept-Encoding: gzip;q=0\r\n",
        "Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n",
    ] {
        let plain = bench.client.request("GET", "/metrics", Some(&token), extra);
        success(&plain, extra);
        assert_eq!((plain.header("content-encoding"), plain.text().as_str()), (None, left.as_str()), "{extra}");
    }
    let record = bench.gateway.audited(200);
    assert_eq!(record["redactions"][0]["selector"], "label gone", "{record}");
    assert_eq!(record["redactions"][0]["count"], 500, "{record}");
}

/// As for [`POLICY`], but of what Prometheus shows of itself: series lose labels that tell them apart.
const OF_PROMETHEUS: &str = r#"
version: 1
catalog: prometheus
redactions:
  own:
    extends: standard
    labels: { remove: [handler, slice], pseudonym: [config] }
    families: { remove: ["go_*"] }
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
  admin:
    - token: { issuer: corp, claims: { roles: [admin] } }
rules:
  - { id: look, endpoints: [metrics], allow: [viewer], redact: own }
  - { id: all, endpoints: [metrics], allow: [admin], redact: none }
"#;

#[test]
fn a_real_prometheus_reads_what_is_left_of_a_real_page() {
    let exporter = Prometheus::exporter();
    let gateway = Setup::new(exporter.address).policy(OF_PROMETHEUS).start();
    let bearer = |role: &str| format!("    authorization: {{ credentials: {} }}\n", Issuer::shared().token(role));
    let jobs = [
        job("whole", &gateway, "/metrics", &[trusting(), bearer("admin")]),
        job("less", &gateway, "/metrics", &[trusting(), bearer("viewer")]),
    ];
    let prometheus = Prometheus::start(&jobs, &[]);
    prometheus.assert_up("whole");
    prometheus.assert_up("less");
    let build = prometheus.labels("prometheus_build_info", "less");
    assert!(build["version"].is_null() && build["goversion"].is_null() && !build["goos"].is_null(), "{build}");
    assert!(!prometheus.labels("prometheus_build_info", "whole")["version"].is_null());

    // Each series is still one, whatever it lost: of handlers, and of histograms as a whole.
    let count = |query: &str, job: &str| prometheus.sample(&format!("count by (job) ({query})"), job);
    for query in ["prometheus_http_requests_total", "prometheus_http_request_duration_seconds_bucket"] {
        eventually(query, || {
            let [whole, less] = ["whole", "less"].map(|job| count(query, job));
            (whole > 1.0 && (whole - less).abs() < f64::EPSILON).then_some(())
        });
    }
    assert!(prometheus.sample("count by (job) (go_info)", "whole") > 0.5);
    assert_eq!(prometheus.found("go_info", "less"), 0);
    let quantile = "histogram_quantile(0.5, prometheus_http_request_duration_seconds_bucket{redacted=\"\"})";
    assert!(prometheus.sample(quantile, "less") > 0.0);
    let own = prometheus.page();
    for lost in ["sample_duplicate_timestamp_total", "sample_out_of_order_total", "exceeded_sample_limit_total"] {
        assert!(own.contains(&format!("\nprometheus_target_scrapes_{lost} 0\n")), "{lost}");
    }
}
