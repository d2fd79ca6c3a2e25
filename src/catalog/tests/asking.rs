//! Methods and bodies: what clients may ask with, and what monward asks with.

use super::super::{Ask, Catalog, Form, Inject, Methods, TargetFault};

const GOOD: &str = "\
version: 1
catalog: demo
endpoints:
  plain: { path: /plain, body: json, cost: cheap }
  info:
    path: /info
    methods: [POST]
    ask: { method: POST, body: '{\"a\":1}', content_type: application/json }
    body: json
    cost: cheap
    arguments: { n: { type: integer, min: 0, max: 9 } }
  both:
    path: /both
    methods: [POST, HEAD, GET]
    ask: { method: POST, body: '{}', content_type: application/json }
    body: json
    cost: cheap
  quiet: { path: /quiet, ask: { method: POST, body: a-long-one, content_type: text/plain }, body: text, cost: cheap }
  loud: { path: /loud, methods: [POST], ask: { method: GET }, body: text, cost: cheap }
";

fn catalog() -> Catalog {
    Catalog::parse("demo.yaml", GOOD).unwrap()
}

#[test]
fn a_method_and_a_body_are_those_of_the_endpoint_or_refused() {
    let catalog = catalog();
    let method = |allow| Some(TargetFault::Method { allow });
    for (row, method, target, body, wanted) in [
        ("GET unless the file says otherwise", "GET", "/plain", "", None),
        ("no POST unless the file says so", "POST", "/plain", "", method("GET, HEAD")),
        ("no method comes before no body", "POST", "/plain", "{}", method("GET, HEAD")),
        ("POST without a body", "POST", "/info", "", None),
        ("POST with the body of the file", "POST", "/info", "{\"a\":1}", None),
        ("the same for another program", "POST", "/info", "{\"a\": 1}", Some(TargetFault::Body)),
        ("the body of another endpoint", "POST", "/info", "{}", Some(TargetFault::Body)),
        ("a beginning of it", "POST", "/info", "{\"a\":1", Some(TargetFault::Body)),
        ("more than it", "POST", "/info", "{\"a\":1}\n", Some(TargetFault::Body)),
        ("GET where only POST is", "GET", "/info", "", method("POST")),
        ("HEAD where only POST is", "HEAD", "/info", "", method("POST")),
        ("a method in small letters", "post", "/info", "", method("POST")),
        ("GET where both are", "GET", "/both", "", None),
        ("HEAD where both are", "HEAD", "/both", "", None),
        ("POST where both are", "POST", "/both", "{}", None),
        ("GET with the very body", "GET", "/both", "{}", Some(TargetFault::Body)),
        ("PUT where both are", "PUT", "/both", "", method("GET, HEAD, POST")),
        ("POST where only monward posts", "POST", "/quiet", "", method("GET, HEAD")),
        ("POST where monward only gets", "POST", "/loud", "", None),
        ("a body that goes nowhere", "POST", "/loud", "x", Some(TargetFault::Body)),
        ("a wrong body before a wrong query", "POST", "/info?n=x", "x", Some(TargetFault::Body)),
    ] {
        let found = catalog.resolve_with(method.as_bytes(), target.as_bytes(), body.as_bytes());
        assert_eq!(found.err(), wanted, "{row}");
        assert_eq!(
            catalog.resolve(method.as_bytes(), target.as_bytes()).is_ok() || !body.is_empty(),
            wanted.is_none() || !body.is_empty(),
            "{row}"
        );
    }
    let posted = catalog.resolve_with(b"POST", b"/info?n=5", b"{\"a\":1}").unwrap();
    assert_eq!(catalog.render(&posted), "/info?n=5", "the query is rebuilt as for any other");
}

#[test]
fn the_longest_body_is_of_those_that_clients_may_send() {
    assert_eq!(catalog().longest_body(), "{\"a\":1}".len(), "`quiet` takes none, though monward sends one");
    for shipped in ["nats", "prometheus"] {
        assert_eq!(Catalog::builtin(shipped).unwrap().longest_body(), 0, "{shipped}");
    }
}

#[test]
fn a_file_says_how_monward_asks() {
    let catalog = catalog();
    let endpoint = |name: &str| catalog.endpoint(catalog.find(name).unwrap());
    assert_eq!((endpoint("plain").methods, &endpoint("plain").ask), (Methods::Get, &Ask::Get));
    assert_eq!((endpoint("loud").methods, &endpoint("loud").ask), (Methods::Post, &Ask::Get));
    let ask = Ask::Post { body: "{}".to_owned(), content_type: "application/json".to_owned() };
    assert_eq!((endpoint("both").methods, &endpoint("both").ask), (Methods::GetAndPost, &ask));
}

#[test]
fn a_file_says_which_secret_is_added() {
    let with = |line: &str| {
        let text = GOOD.replace("    arguments: { n:", &format!("    inject: {line}\n    arguments: {{ n:"));
        Catalog::parse("demo.yaml", &text).map(|catalog| catalog.endpoint(catalog.find("info").unwrap()).inject.clone())
    };
    let inject = |form| {
        let (header, secret) = ("X-API-Key".to_owned(), "api_key".to_owned());
        Ok(Some(Inject { header, secret, form }))
    };
    assert_eq!(with("{ header: X-API-Key, secret: api_key }"), inject(Form::Plain));
    assert_eq!(with("{ header: X-API-Key, hmac_sha256: api_key }"), inject(Form::HmacSha256));
    assert!(with("{ header: Authorization, secret: token }").is_ok(), "the upstream's own; never the client's");
    let either = "11:13: expected either `secret` or `hmac_sha256`, with the name of a secret";
    for (line, message) in [
        ("{ header: X-Key }", either),
        ("{ header: X-Key, secret: a, hmac_sha256: a }", either),
        ("{ secret: a }", "11:13: `header` is missing here"),
        ("{ header: X-Key, secret: A B }", "11:38: a name has lower-case letters, digits, `_` and `-`"),
        ("{ header: 'X Key', secret: a }", "11:23: the name of a header field has letters, digits, `-` and `_`"),
        ("{ header: '', secret: a }", "11:23: the name of a header field has letters, digits, `-` and `_`"),
        ("{ header: Host, secret: a }", "11:23: `Host` is a field that monward writes itself; a secret needs another"),
        (
            "{ header: transfer-ENCODING, secret: a }",
            "11:23: `transfer-ENCODING` is a field that monward writes itself; a secret needs another",
        ),
        ("{ header: X-Key, secrets: a }", "11:30: unknown key `secrets`; did you mean `secret`?"),
    ] {
        let found: Vec<String> = with(line).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(found.contains(&format!("demo.yaml:{message}")), "{line}: {found:?}");
    }
    let unsigned = GOOD.replace("path: /plain,", "path: /plain, inject: { header: X-Sign, hmac_sha256: key },");
    let found = Catalog::parse("demo.yaml", &unsigned).unwrap_err();
    assert!(found[0].message.starts_with("this signs the body of `ask`, and there is none"), "{found:?}");
}

#[test]
fn each_fault_has_its_place_and_says_what_to_do() {
    let long = format!("body: '{}'", "x".repeat(4097));
    for (old, new, message) in [
        ("methods: [POST]", "methods: POST", "7:14: expected a list, found a single value; write `[POST]`"),
        ("methods: [POST]", "methods: []", "7:14: expected `[GET, HEAD]`, `[POST]` or `[GET, HEAD, POST]`"),
        ("methods: [POST]", "methods: [GET]", "7:14: expected `[GET, HEAD]`, `[POST]` or `[GET, HEAD, POST]`"),
        ("methods: [POST]", "methods: [POST, POST]", "7:14: expected `[GET, HEAD]`, `[POST]` or `[GET, HEAD, POST]`"),
        ("methods: [POST]", "methods: [PUT]", "7:14: expected `[GET, HEAD]`, `[POST]` or `[GET, HEAD, POST]`"),
        ("{ method: GET }", "{ method: PUT }", "19:56: unknown method `PUT`; did you mean `POST`?"),
        ("{ method: GET }", "{}", "19:46: `method` is missing here"),
        (
            "{ method: GET }",
            "{ method: GET, body: x }",
            "19:67: a GET has no body; write `method: POST`, or leave it out",
        ),
        ("{ method: GET }", "{ method: POST, body: x }", "19:46: `content_type` is missing here"),
        ("{ method: GET }", "{ method: POST, content_type: a/b }", "19:46: `body` is missing here"),
        ("{ method: GET }", "{ methods: GET }", "19:48: unknown key `methods`; did you mean `method`?"),
        ("text/plain", "plain", "18:79: expected a media type, such as `application/json`"),
        ("text/plain", "\"text/plain\\r\\nX: y\"", "18:79: expected a media type, such as `application/json`"),
        ("body: a-long-one", &long, "18:53: a body has at most 4096 bytes"),
    ] {
        assert!(GOOD.contains(old), "{old}");
        let faults = Catalog::parse("demo.yaml", &GOOD.replace(old, new)).unwrap_err();
        let found: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(found.contains(&format!("demo.yaml:{message}")), "{new}: {found:?}");
    }
}
