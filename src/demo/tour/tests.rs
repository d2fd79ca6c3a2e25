use super::*;

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Reply { status, headers, body: body.as_bytes().to_vec() }
}

#[test]
fn a_denial_has_the_status_is_text_and_is_not_stored() {
    let text = ("content-type", "text/plain; charset=utf-8");
    let fresh = ("cache-control", "no-store");
    let good = reply(403, &[text, fresh], "no");
    assert_eq!(denied(&good, 403), Ok(()));
    assert_eq!(denied(&good, 401), Err("expected 401".to_owned()));
    denied(&reply(403, &[("content-type", "application/json"), fresh], "{}"), 403).unwrap_err();
    denied(&reply(403, &[text], "no"), 403).unwrap_err();
    denied(&reply(403, &[text, fresh], "your token eyJh.eyJp.sig"), 403).unwrap_err();
}

#[test]
fn a_redacted_answer_lacks_what_the_upstream_said_and_nothing_else_is_wrong() {
    let said = br#"{"id":"x","jwt":"eyJh.eyJp.sig","n":1,"key":"k"}"#;
    let check = |status, body: &str| redacted(said, &reply(status, &[], body), &["jwt"], "id");
    assert_eq!(check(200, r#"{"id":"x"}"#).unwrap(), "without jwt and 2 more fields");
    assert_eq!(check(200, r#"{"id":"x","n":2,"jwt":null,"key":"k"}"#).unwrap(), "without jwt");
    let rows = [
        (403, r#"{"id":"x"}"#, "expected 200"),
        (200, "no json", "the answer is not JSON"),
        (200, r#"{"n":1}"#, "`id` is missing"),
        (200, r#"{"id":"x","jwt":"eyJh.eyJp.sig"}"#, "a JWT left"),
        (200, r#"{"id":"x","jwt":"other"}"#, "`jwt` was not withheld"),
    ];
    for (status, body, wrong) in rows {
        assert_eq!(check(status, body), Err(wrong.to_owned()));
    }
}

#[test]
fn what_the_upstream_never_said_is_not_a_success() {
    let answer = reply(200, &[], r#"{"id":"x"}"#);
    assert_eq!(redacted(br#"{"id":"x"}"#, &answer, &["jwt"], "id"), Err("`jwt` was not withheld".to_owned()));
}
