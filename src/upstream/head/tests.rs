use super::*;

fn read(bytes: &[u8]) -> Result<Option<(u16, Meaning)>, FetchError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    Ok(match parse(bytes, &mut fields)? {
        Parsed::Interim => None,
        Parsed::Final(head, meaning) => Some((head.status, meaning)),
    })
}

fn head(lines: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n").into_bytes()
}

#[test]
fn the_length_of_a_head_is_found_however_it_arrives() {
    let wire = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n";
    let mut seen = 0;
    for end in 1..25 {
        assert_eq!(length(&wire[..end], seen), Ok(None), "{end} bytes");
        seen = end;
    }
    assert_eq!(length(&wire[..25], seen), Ok(Some(25)));
    assert_eq!(length(wire, 0), Ok(Some(25)));
    assert_eq!(length(wire, 24), Ok(Some(25)));
}

#[test]
fn what_cannot_become_http_1_is_refused_at_the_first_byte_that_differs() {
    for start in ["X", "http/1.1", "HTTP/2", "\r\nHTTP/1.1", " HTTP/1.1", "SSH-2.0-x", "ICY 200"] {
        assert_eq!(length(start.as_bytes(), 0), Err(FetchError::Framing("not HTTP/1")), "{start}");
    }
}

#[test]
fn each_framing_is_read_for_what_it_is() {
    let rows: [(&str, &[u8], u16, Framing, bool); 10] = [
        ("length", &head("Content-Length: 12\r\n"), 200, Framing::Length(12), true),
        ("tabs around", &head("Content-Length:\t12\t\r\n"), 200, Framing::Length(12), true),
        ("close", &head("Content-Length: 1\r\nConnection: x, Close\r\n"), 200, Framing::Length(1), false),
        (
            "close in a second field",
            &head("Content-Length: 1\r\nConnection: x\r\nconnection: close\r\n"),
            200,
            Framing::Length(1),
            false,
        ),
        ("chunked", &head("transfer-encoding: Chunked\r\n"), 200, Framing::Chunked, true),
        (
            "HTTP/1.0 with a length",
            b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n",
            200,
            Framing::Length(3),
            false,
        ),
        ("204", b"HTTP/1.1 204 No Content\r\n\r\n", 204, Framing::Empty, false),
        ("304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 304, Framing::Empty, false),
        ("no reason", b"HTTP/1.1 301\r\nContent-Length: 0\r\n\r\n", 301, Framing::Length(0), true),
        ("reason with Latin-1", b"HTTP/1.1 500 Ori\xebnt\r\nContent-Length: 0\r\n\r\n", 500, Framing::Length(0), true),
    ];
    for (row, bytes, status, framing, keep) in rows {
        assert_eq!(read(bytes), Ok(Some((status, Meaning { framing, keep, encoded: false }))), "{row}");
    }
}

#[test]
fn interim_answers_are_told_apart() {
    assert_eq!(read(b"HTTP/1.1 100 Continue\r\n\r\n"), Ok(None));
    assert_eq!(read(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), Ok(None));
}

#[test]
fn a_content_coding_is_seen() {
    for (lines, encoded) in [
        ("Content-Encoding: gzip\r\n", true),
        ("content-encoding: identity\r\n", false),
        ("Content-Encoding: identity\r\nContent-Encoding: br\r\n", true),
        ("Content-Encoding:\r\n", true),
    ] {
        let bytes = head(&format!("Content-Length: 1\r\n{lines}"));
        assert_eq!(read(&bytes).unwrap().unwrap().1.encoded, encoded, "{lines}");
    }
}

#[test]
fn heads_that_two_readers_could_read_differently_are_refused() {
    let many = "A: b\r\n".repeat(MAX_FIELDS);
    let rows: [(&str, Vec<u8>); 33] = [
        ("two lengths", head("Content-Length: 1\r\nContent-Length: 2\r\n")),
        ("the same length twice", head("Content-Length: 1\r\nContent-Length: 1\r\n")),
        ("list of lengths", head("Content-Length: 1, 1\r\n")),
        ("length and chunked", head("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")),
        ("plus sign", head("Content-Length: +1\r\n")),
        ("minus sign", head("Content-Length: -1\r\n")),
        ("hexadecimal length", head("Content-Length: 0x1\r\n")),
        ("space in the length", head("Content-Length: 1 0\r\n")),
        ("empty length", head("Content-Length:\r\n")),
        ("length beyond 64 bits", head("Content-Length: 99999999999999999999\r\n")),
        ("two codings", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
        ("coding before chunked", head("Transfer-Encoding: gzip, chunked\r\n")),
        ("coding behind chunked", head("Transfer-Encoding: chunked, gzip\r\n")),
        ("identity", head("Transfer-Encoding: identity\r\n")),
        ("chunkedchunked", head("Transfer-Encoding: chunkedchunked\r\n")),
        ("chunked with a parameter", head("Transfer-Encoding: chunked;a=b\r\n")),
        ("chunked in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()),
        ("until close", head("Content-Type: text/plain\r\n")),
        ("until close, said so", head("Connection: close\r\n")),
        ("until close in HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\n".to_vec()),
        (
            "chunked on 204 and a length",
            b"HTTP/1.1 204 No\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        ),
        ("folded line", head("A: b\r\n c\r\nContent-Length: 1\r\n")),
        ("folded first line", b"HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 1\r\n\r\n".to_vec()),
        ("space before the colon", head("Content-Length : 1\r\n")),
        ("LF alone", b"HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\n".to_vec()),
        ("LF alone between fields", head("A: b\nContent-Length: 1\r\n")),
        ("CR alone", head("A: b\rContent-Length: 1\r\n")),
        ("NUL in a value", head("A: b\0c\r\nContent-Length: 1\r\n")),
        ("no colon", head("A\r\nContent-Length: 1\r\n")),
        ("space in a name", head("en-US Content-Type: a\r\nContent-Length: 1\r\n")),
        ("two content types", head("Content-Type: a\r\nContent-Type: b\r\nContent-Length: 1\r\n")),
        ("more than a hundred fields", head(&format!("Content-Length: 1\r\n{many}"))),
        ("switched protocols", b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n".to_vec()),
    ];
    for (row, bytes) in rows {
        assert!(matches!(read(&bytes), Err(FetchError::Framing(_))), "{row}: {:?}", read(&bytes));
    }
}

#[test]
fn status_lines_out_of_shape_are_refused() {
    for line in [
        "HTTP/1.1 099 x",
        "HTTP/1.1 600 x",
        "HTTP/1.1 999 x",
        "HTTP/1.1 20 x",
        "HTTP/1.1 2000 x",
        "HTTP/1.1 +20 x",
        "HTTP/1.1  200 x",
        "HTTP/1.1\t200 x",
        "HTTP/1.2 200 x",
        "HTTP/1.01 200 x",
        "HTTP/1.1 200\0",
        "HTTP/1.1200 x",
    ] {
        let bytes = format!("{line}\r\nContent-Length: 0\r\n\r\n");
        assert!(matches!(read(bytes.as_bytes()), Err(FetchError::Framing(_))), "{line}");
    }
}

#[test]
fn the_sink_can_ask_for_any_field_by_name() {
    let bytes = head("Content-Length: 1\r\nCache-Control: max-age=5\r\ncache-control: public\r\nContent-Type: a/b\r\n");
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let Parsed::Final(head, _) = parse(&bytes, &mut fields).unwrap() else { panic!("interim") };
    assert_eq!(head.values("CACHE-control").collect::<Vec<_>>(), [&b"max-age=5"[..], b"public"]);
    assert_eq!((head.content_type, head.content_length), (Some(&b"a/b"[..]), Some(1)));
    assert_eq!(head.values("etag").count(), 0);
}
