//! A record as one line of ASCII JSON.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use super::Record;

/// Appends `record` and a line feed to `out`.
///
/// # Errors
/// What `out` says; a `Vec<u8>` never fails.
pub fn write_line(record: &Record<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Ascii(CompactFormatter));
    record.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// `value` as one line of ASCII JSON: as records are written.
///
/// # Errors
/// When it is nothing that JSON can say.
pub fn ascii_json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut out = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Ascii(CompactFormatter)))?;
    // INVARIANT: only ASCII was written.
    Ok(String::from_utf8(out).unwrap_or_default())
}

/// Escapes everything outside printable ASCII, so that no terminal, log shipper or line splitter can be fooled.
struct Ascii(CompactFormatter);

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().fold(true, |all, byte| all & (b' '..=b'~').contains(&byte)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut plain = 0;
        for (at, character) in fragment.char_indices().filter(|(_, c)| !matches!(c, ' '..='~')) {
            writer.write_all(fragment.as_bytes().get(plain..at).unwrap_or_default())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + character.len_utf8();
        }
        writer.write_all(fragment.as_bytes().get(plain..).unwrap_or_default())
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::super::{Decision, Redaction, Shadow, Who};
    use super::*;

    fn record(subject: &str) -> Record<'_> {
        Record {
            time: "2026-01-02T03:04:05.678Z",
            request_id: "0123456789abcdef0123456789abcdef",
            listener: "0.0.0.0:8443",
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            protocol: "HTTP/2",
            via: None,
            principal: Some(Who { issuer: "corp", subject, method: "bearer_jwt", also: Vec::new() }),
            roles: Some(vec!["scraper"]),
            upstream: Some("nats"),
            tenant: None,
            endpoint: Some("varz"),
            request: Some("/varz"),
            decision: Decision::Permit,
            rule: Some("scrape"),
            reason: "rule",
            shadow: Some(Shadow { decision: Decision::Deny, rule: "tighter" }),
            status: 200,
            upstream_status: Some(200),
            redactions: vec![Redaction { selector: "$..jwt".into(), count: 2 }],
            masked: 0,
            bytes: 17,
            cut: false,
            duration_us: 420,
            upstream_us: Some(300),
        }
    }

    fn line(subject: &str) -> String {
        let mut out = Vec::new();
        write_line(&record(subject), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_is_one_line_with_who_what_and_why() {
        assert_eq!(
            line("alice"),
            concat!(
                r#"{"time":"2026-01-02T03:04:05.678Z","request_id":"0123456789abcdef0123456789abcdef","#,
                r#""listener":"0.0.0.0:8443","source":"127.0.0.1","protocol":"HTTP/2","#,
                r#""principal":{"issuer":"corp","subject":"alice","method":"bearer_jwt"},"#,
                r#""roles":["scraper"],"upstream":"nats","endpoint":"varz","request":"/varz","#,
                r#""decision":"permit","rule":"scrape","reason":"rule","#,
                r#""shadow":{"decision":"deny","rule":"tighter"},"#,
                r#""status":200,"upstream_status":200,"redactions":[{"selector":"$..jwt","count":2}],"#,
                r#""bytes":17,"duration_us":420,"upstream_us":300}"#,
                "\n"
            )
        );
    }

    #[test]
    fn j02_escapes_line_breaks_and_foreign_letters_stay_one_ascii_line() {
        let subject = "a\u{1b}[31m\r\n\u{2028}\u{7f}\u{85}é\u{1f600}\"\\";
        let line = line(subject);
        assert!(line.is_ascii() && line.matches('\n').count() == 1 && line.ends_with("}\n"), "{line}");
        assert!(line.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{line}");
        let back: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(back["principal"]["subject"], subject);
    }
}
