//! The only requests monward sends: a GET without a body, and a POST with a small one that is known whole.

use super::FetchError;

/// Appends a whole `GET` head to `out`: target, `Host`, `Accept-Encoding: identity`, then `fields`.
///
/// # Errors
/// [`FetchError::Request`], leaving `out` as it was, when a part could break out of its line.
pub fn write_get(out: &mut Vec<u8>, authority: &str, target: &str, fields: &[(&str, &str)]) -> Result<(), FetchError> {
    write_head(out, ("GET", target), authority, fields)
}

/// Appends a whole `POST` to `out`: a head like that of [`write_get`], `Content-Length`, then `body`.
///
/// # Errors
/// As [`write_get`].
pub fn write_post(
    out: &mut Vec<u8>,
    authority: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Result<(), FetchError> {
    let length = body.len().to_string();
    let fields = [fields, &[("Content-Length", length.as_str())]].concat();
    write_head(out, ("POST", target), authority, &fields)?;
    out.extend_from_slice(body);
    Ok(())
}

fn write_head(
    out: &mut Vec<u8>,
    (method, target): (&str, &str),
    authority: &str,
    fields: &[(&str, &str)],
) -> Result<(), FetchError> {
    let visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let printable = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let token = |text: &str| visible(text) && !text.contains(':');
    let sound = visible(authority)
        && visible(target)
        && target.starts_with('/')
        && fields.iter().all(|(name, value)| token(name) && printable(value));
    if !sound {
        return Err(FetchError::Request);
    }
    let mut push = |parts: &[&str]| parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    push(&[method, " ", target, " HTTP/1.1\r\nHost: ", authority, "\r\nAccept-Encoding: identity\r\n"]);
    for (name, value) in fields {
        push(&[name, ": ", value, "\r\n"]);
    }
    push(&["\r\n"]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_written_whole() {
        let mut out = Vec::new();
        write_get(&mut out, "nats:8222", "/connz?limit=1", &[("Via", "1.1 monward")]).unwrap();
        let expected =
            "GET /connz?limit=1 HTTP/1.1\r\nHost: nats:8222\r\nAccept-Encoding: identity\r\nVia: 1.1 monward\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_body_follows_the_head_that_says_its_length() {
        let mut out = Vec::new();
        write_post(&mut out, "idp", "/introspect", &[("Accept", "*/*")], b"token=\r\n\0").unwrap();
        let expected = "POST /introspect HTTP/1.1\r\nHost: idp\r\nAccept-Encoding: identity\r\nAccept: */*\r\n\
                        Content-Length: 9\r\n\r\ntoken=\r\n\0";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn nothing_can_break_out_of_its_line() {
        let rows: [(&str, &str, &str, &str, &str); 9] = [
            ("space in the target", "a", "/x y", "n", "v"),
            ("line end in the target", "a", "/x\r\nY: z", "n", "v"),
            ("no target", "a", "", "n", "v"),
            ("absolute target", "a", "http://b/", "n", "v"),
            ("line end in the authority", "a\r\nb", "/", "n", "v"),
            ("line end in a value", "a", "/", "n", "v\nw"),
            ("NUL in a value", "a", "/", "n", "v\0"),
            ("colon in a name", "a", "/", "n:m", "v"),
            ("empty name", "a", "/", "", "v"),
        ];
        for (row, authority, target, name, value) in rows {
            let mut out = Vec::new();
            let result = write_get(&mut out, authority, target, &[(name, value)]);
            assert_eq!((result, out.len()), (Err(FetchError::Request), 0), "{row}");
            let result = write_post(&mut out, authority, target, &[(name, value)], b"body");
            assert_eq!((result, out.len()), (Err(FetchError::Request), 0), "POST: {row}");
        }
    }
}
