use super::*;

const CAP: usize = 16 * 1024;

fn fault(text: &str) -> Option<HeadFault> {
    read(text.as_bytes(), CAP, 0).err()
}

#[test]
fn a_plain_request_is_read_with_its_parts() {
    let text = b"GET /varz?a=1 HTTP/1.1\r\nHost: mon.test:8443\r\nAuthorization: Bearer x\r\naccept: text/html\r\nConnection: keep-alive, Close\r\n\r\nrest";
    let head = read(text, CAP, 0).unwrap().unwrap();
    let part = |range: &Range<usize>| std::str::from_utf8(&text[range.clone()]).unwrap();
    assert_eq!(part(&head.method), "GET");
    assert_eq!(part(&head.target), "/varz?a=1");
    assert_eq!(part(&head.host), "mon.test:8443");
    assert_eq!(head.authorization.iter().map(part).collect::<Vec<_>>(), ["Bearer x"]);
    assert_eq!(part(&head.accept.unwrap()), "text/html");
    assert!(head.close);
    assert_eq!(&text[head.body.end..], b"rest");
}

#[test]
fn a_head_is_the_same_however_it_arrives() {
    let text = b"GET /varz HTTP/1.1\r\nHost: a\r\n\r\n";
    for end in 0..text.len() {
        assert_eq!(read(&text[..end], CAP, 0), Ok(None), "{end}");
    }
    assert!(read(text, CAP, 0).unwrap().is_some());
}

#[test]
fn what_is_not_exactly_a_bodiless_http_1_1_request_is_refused() {
    use HeadFault::{Body, Expect, Host, Syntax, TooLarge, Version};
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(64));
    for (name, text, wanted) in [
        ("bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", Syntax),
        ("a bare line feed in the middle", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", Syntax),
        ("a bare carriage return in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", Syntax),
        ("a NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", Syntax),
        ("a folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", Syntax),
        ("white space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", Syntax),
        ("white space before a colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", Syntax),
        ("a field without a colon", "GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", Syntax),
        ("a field without a name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", Syntax),
        ("a name outside ASCII", "GET / HTTP/1.1\r\nHost: a\r\nXÿ: a\r\n\r\n", Syntax),
        ("an empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
        ("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
        ("a tab between the parts", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
        ("a space in the target", "GET /a /b HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
        ("no target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
        ("a method with quotes", "G=\"x\" / HTTP/1.1\r\nHost: a\r\n\r\n", Syntax),
        ("HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", Version),
        ("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", Version),
        ("HTTP/2.0 in words", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", Version),
        ("no host", "GET / HTTP/1.1\r\nX: y\r\n\r\n", Host),
        ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", Host),
        ("an empty host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", Host),
        ("user-info in the host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", Host),
        ("a transfer coding", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", Body),
        ("a transfer coding of no effect", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", Body),
        ("a length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", Body),
        ("an empty length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", Body),
        ("a length with a sign", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n", Body),
        ("two lengths", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", Body),
        ("an expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", Expect),
        ("more than 64 fields", &many, TooLarge),
    ] {
        assert_eq!(fault(text), Some(wanted), "{name}");
    }
}

#[test]
fn faults_show_before_the_head_is_complete() {
    assert_eq!(fault("GET / HTTP/1.1\n"), Some(HeadFault::Syntax));
    assert_eq!(fault("\x16\x03\x01"), Some(HeadFault::Syntax));
}

#[test]
fn a_length_of_zero_is_no_body() {
    assert_eq!(fault("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), None);
}

#[test]
fn a_body_is_short_and_its_length_one_number() {
    let text =
        |method: &str, length: &str| format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    let body = |text: &str, longest| read(text.as_bytes(), CAP, longest).map(|head| head.unwrap().body.len());
    for (method, length, longest, wanted) in [
        ("POST", "0", 0, Ok(0)),
        ("POST", "1", 0, Err(HeadFault::Body)),
        ("POST", "5", 5, Ok(5)),
        ("POST", "6", 5, Err(HeadFault::Body)),
        ("POST", "05", 5, Err(HeadFault::Body)),
        ("POST", "00", 5, Err(HeadFault::Body)),
        ("POST", "+5", 5, Err(HeadFault::Body)),
        ("POST", "-0", 5, Err(HeadFault::Body)),
        ("POST", "5,5", 5, Err(HeadFault::Body)),
        ("POST", "5 5", 5, Err(HeadFault::Body)),
        ("POST", "0x5", 5, Err(HeadFault::Body)),
        ("POST", "", 5, Err(HeadFault::Body)),
        ("POST", "18446744073709551621", 5, Err(HeadFault::Body)),
        ("GET", "5", 5, Err(HeadFault::Body)),
        ("post", "5", 5, Err(HeadFault::Body)),
        ("PUT", "5", 5, Err(HeadFault::Body)),
        ("GET", "0", 5, Ok(0)),
    ] {
        assert_eq!(body(&text(method, length), longest), wanted, "{method} {length} {longest}");
    }
    assert_eq!(body("POST / HTTP/1.1\r\nHost: a\r\n\r\n", 5), Ok(0));
    let coded = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(body(coded, 5), Err(HeadFault::Body));
    let twice = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(body(twice, 5), Err(HeadFault::Body));
    let whole = text("POST", "5");
    assert_eq!(read(whole.as_bytes(), CAP, 5).unwrap().unwrap().body, whole.len()..whole.len() + 5);
}

#[test]
fn heads_and_targets_are_bounded() {
    assert_eq!(
        fault(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000))),
        Some(HeadFault::TargetTooLong)
    );
    assert_eq!(fault(&format!("GET /{}", "a".repeat(CAP))), Some(HeadFault::TargetTooLong));
    assert_eq!(fault(&format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(CAP))), Some(HeadFault::TooLarge));
    let exact = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(CAP - 32));
    assert_eq!((exact.len(), fault(&exact)), (CAP, None));
}

#[test]
fn a_second_authorization_is_kept_so_that_it_can_be_refused() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\nAuthorization: c\r\n\r\n";
    assert_eq!(read(text, CAP, 0).unwrap().unwrap().authorization.len(), 2);
}

#[test]
fn the_assertions_of_front_doors_are_kept_and_no_other_field_is() {
    let kept = |fields: &str| {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = read(text.as_bytes(), CAP, 0).unwrap().unwrap();
        let kept = head.assertions.iter().map(|(door, at)| (*door, text[at.clone()].to_owned()));
        (kept.collect::<Vec<_>>(), head.assertions.capacity())
    };
    for door in Door::ALL {
        let field = door.field();
        for name in [field.to_owned(), field.to_uppercase()] {
            assert_eq!(kept(&format!("{name}:  x.y.z \r\n")).0, [(door, "x.y.z".to_owned())], "{name}");
        }
        for name in [format!("{field}x"), format!("x{field}"), field.replace('-', "_"), field.replacen('-', ".", 1)] {
            assert_eq!(
                kept(&format!("{name}: x.y.z\r\n")),
                (Vec::new(), 0),
                "{name}: nothing is kept, nor room for it"
            );
        }
    }
    let (several, _) = kept("X-Amzn-Oidc-Data: 1\r\nCf-Access-Jwt-Assertion: 2\r\nx-amzn-oidc-data: 1\r\n");
    let wanted = [(Door::AwsAlb, "1"), (Door::CloudflareAccess, "2"), (Door::AwsAlb, "1")];
    assert_eq!(several, wanted.map(|(door, value)| (door, value.to_owned())), "in their order, even the same twice");
}

#[test]
fn f14_a_head_that_passed_here_before_is_a_loop() {
    let with = |lines: &str| read(format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes(), CAP, 0);
    let own = crate::proxy::via::ours();
    for lines in ["Via: OWN\r\n", "vIa: 1.0 a, OWN\r\n", "Via: 1.0 a\r\nVia: OWN\r\n"] {
        assert_eq!(with(&lines.replace("OWN", own)), Err(HeadFault::Loop), "{lines}");
    }
    for lines in ["Via: 1.1 other\r\n", "Via: 1.1 monward-00000000\r\n", "X-Via: OWN\r\n", "Via: \r\n"] {
        assert!(with(&lines.replace("OWN", own)).is_ok(), "{lines}");
    }
}
