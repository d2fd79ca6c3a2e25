//! Just enough of HTTP/1.1 to read what comes over a raw socket; strict, so that a sloppy answer fails a test.

use super::server::Stream;

/// One answer, as it stood on the wire.
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Status line and header, as received.
    pub head: String,
    /// Whether the message ended as its framing said.
    pub complete: bool,
}

impl Response {
    /// All values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that stands once or not at all.
    pub fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} stands {} times in {}", all.len(), self.head);
        all.first().copied()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Everything, for searching.
    pub fn everything(&self) -> String {
        format!("{}{}", self.head, self.text())
    }
}

/// Where the head of a message ends, blank line included.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// Bytes as text, one character per byte.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Text of characters below 256 as bytes.
pub fn from_latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect()
}

/// Reads one request head from `stream`, keeping what came after it in `buffer`. `None` when the peer went away.
pub fn read_request(stream: &mut dyn Stream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut block = [0; 16 * 1024];
    loop {
        if let Some(end) = head_end(buffer) {
            let rest = buffer.split_off(end);
            return Some(std::mem::replace(buffer, rest));
        }
        match stream.read(&mut block) {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&block[..count]),
        }
    }
}

/// The value of a header line in a head.
pub fn value(head: &str, name: &str) -> Option<String> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

/// Reads the body behind `head`, as long as its `Content-Length` says. `None` when the peer went away.
pub fn read_body(stream: &mut dyn Stream, buffer: &mut Vec<u8>, head: &str) -> Option<String> {
    let length = value(head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut block = [0; 4096];
    while buffer.len() < length {
        match stream.read(&mut block) {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&block[..count]),
        }
    }
    let rest = buffer.split_off(length);
    String::from_utf8(std::mem::replace(buffer, rest)).ok()
}

/// Takes the first answer off `bytes`. `None` when it has not all arrived; `closed` says that nothing more will.
pub fn take_response(bytes: &mut Vec<u8>, without_body: bool, closed: bool) -> Option<Response> {
    let end = head_end(bytes)?;
    let mut response = parse_head(&latin1(&bytes[..end]));
    let rest = &bytes[end..];
    let bodyless = without_body || response.status < 200 || response.status == 204 || response.status == 304;
    let (body, used, complete) = if bodyless {
        (Vec::new(), 0, true)
    } else if let Some(coding) = response.header("transfer-encoding") {
        assert_eq!(coding, "chunked", "a transfer coding nobody asked for");
        assert!(response.header("content-length").is_none(), "both framings: {}", response.head);
        match dechunk(rest) {
            Some((body, used)) => (body, used, true),
            None if closed => (rest.to_vec(), rest.len(), false),
            None => return None,
        }
    } else if let Some(length) = response.header("content-length") {
        let length: usize = length.parse().unwrap();
        if rest.len() >= length {
            (rest[..length].to_vec(), length, true)
        } else if closed {
            (rest.to_vec(), rest.len(), false)
        } else {
            return None;
        }
    } else if closed {
        (rest.to_vec(), rest.len(), true)
    } else {
        return None;
    };
    response.body = body;
    response.complete = complete;
    bytes.drain(..end + used);
    Some(response)
}

fn parse_head(head: &str) -> Response {
    let mut lines = head.trim_end_matches("\r\n").split("\r\n");
    let status = lines.next().unwrap();
    let code = status.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no colon in {line:?}"));
            (name.to_owned(), value.trim().to_owned())
        })
        .collect();
    let status = code.unwrap_or_else(|| panic!("not a status line: {status:?}"));
    Response { status, headers, head: head.to_owned(), ..Response::default() }
}

/// A chunked body and how many bytes it took; trailers must be absent.
fn dechunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|pair| pair == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + line]).ok()?, 16).expect("a chunk size");
        at += line + 2;
        let chunk = bytes.get(at..at + size)?;
        let ending = bytes.get(at + size..at + size + 2)?;
        assert_eq!(ending, b"\r\n", "a chunk without its end, or a trailer");
        body.extend_from_slice(chunk);
        at += size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}
