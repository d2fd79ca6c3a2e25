//! The formats of pages of metrics: which are asked for, which one came, and how the client gets it.
//!
//! Only text is ever asked for and taken, since nothing else can be redacted: no protocol buffers, and no names that are
//! spelled in a way which the rules do not know (`escaping=values`, `escaping=dots`). What the client wants chooses among
//! fixed fields; nothing that it spelled goes upstream.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The largest page that is compressed, in bytes: a larger one would keep a thread for too long.
const LARGEST: usize = 8 << 20;
/// The smallest page that is compressed, in bytes.
const SMALLEST: usize = 1024;

/// What a client takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    open_metrics: bool,
    utf8: bool,
    gzip: bool,
}

/// The format of a page that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// The text format, version 0.0.4.
    Text,
    /// The text format, version 1.0.0.
    Text1 { utf8: bool },
    /// `OpenMetrics`, version 0.0.1.
    OpenMetrics0,
    /// `OpenMetrics`, version 1.0.0.
    OpenMetrics1 { utf8: bool },
}

impl Wants {
    /// Reads `Accept` and `Accept-Encoding`.
    pub(super) fn of(accept: Option<&[u8]>, accept_encoding: Option<&[u8]>) -> Self {
        let types = || accept.unwrap_or_default().split(|byte| *byte == b',').filter_map(part);
        let open_metrics = |(name, _): &(&[u8], _)| name.eq_ignore_ascii_case(b"application/openmetrics-text");
        let utf8 = |(_, parameters): (_, &[u8])| value_of(parameters, b"escaping") == Some(b"allow-utf-8");
        let mut codings = accept_encoding.unwrap_or_default().split(|byte| *byte == b',').filter_map(part);
        Self {
            open_metrics: types().any(|part| open_metrics(&part)),
            utf8: types().any(utf8),
            gzip: codings.any(|(name, _)| name.eq_ignore_ascii_case(b"gzip")),
        }
    }

    /// The `Accept` that goes upstream.
    pub(super) const fn accept(self) -> &'static str {
        match (self.open_metrics, self.utf8) {
            (true, true) => {
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3"
            }
            (true, false) => {
                "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,\
                 text/plain;version=0.0.4;q=0.3"
            }
            (false, true) => "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3",
            (false, false) => "text/plain;version=0.0.4",
        }
    }

    /// `page` compressed, where the client takes that and it is worth it.
    pub(super) fn compressed(self, page: &[u8]) -> Option<Vec<u8>> {
        if !self.gzip || !(SMALLEST..=LARGEST).contains(&page.len()) {
            return None;
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 8), Compression::fast());
        encoder.write_all(page).ok()?;
        encoder.finish().ok()
    }
}

impl Format {
    /// Reads a `Content-Type`; without one it is the oldest. `None`: nothing that can be redacted.
    pub(super) fn of(content_type: Option<&[u8]>) -> Option<Self> {
        let Some(value) = content_type else { return Some(Self::Text) };
        let (media, parameters) = value.split_at(value.iter().position(|byte| *byte == b';').unwrap_or(value.len()));
        let media = media.trim_ascii();
        if value_of(parameters, b"charset").is_some_and(|charset| !charset.eq_ignore_ascii_case(b"utf-8")) {
            return None;
        }
        let utf8 = match value_of(parameters, b"escaping") {
            None | Some(b"underscores") => false,
            Some(b"allow-utf-8") => true,
            Some(_) => return None,
        };
        let version = value_of(parameters, b"version");
        if media.eq_ignore_ascii_case(b"text/plain") {
            return match version {
                None | Some(b"0.0.4") => Some(Self::Text),
                Some(b"1.0.0") => Some(Self::Text1 { utf8 }),
                Some(_) => None,
            };
        }
        match version.filter(|_| media.eq_ignore_ascii_case(b"application/openmetrics-text"))? {
            b"0.0.1" => Some(Self::OpenMetrics0),
            b"1.0.0" => Some(Self::OpenMetrics1 { utf8 }),
            _ => None,
        }
    }

    /// Whether a page without `# EOF` was cut off.
    pub(super) const fn says_its_end(self) -> bool {
        matches!(self, Self::OpenMetrics0 | Self::OpenMetrics1 { .. })
    }

    /// The `Content-Type` for the client.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::Text1 { utf8: false } => "text/plain; version=1.0.0; charset=utf-8",
            Self::Text1 { utf8: true } => "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            Self::OpenMetrics0 => "application/openmetrics-text; version=0.0.1; charset=utf-8",
            Self::OpenMetrics1 { utf8: false } => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::OpenMetrics1 { utf8: true } => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
        }
    }
}

/// Name and parameters of one part of such a field, unless its weight is zero ([RFC 9110
/// §12.4.2](https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2)).
fn part(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, parameters) = text.split_at(text.iter().position(|byte| *byte == b';').unwrap_or(text.len()));
    let weight = value_of(parameters, b"q");
    let refused = weight.is_some_and(|weight| weight.iter().all(|byte| matches!(byte, b'0' | b'.')));
    (!refused).then_some((name.trim_ascii(), parameters))
}

/// The value of a parameter, without quotes.
fn value_of<'a>(parameters: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    parameters.split(|byte| *byte == b';').find_map(|parameter| {
        let (name, value) = parameter.split_at(parameter.iter().position(|byte| *byte == b'=')?);
        let value = value.strip_prefix(b"=")?.trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
        name.trim_ascii().eq_ignore_ascii_case(wanted).then_some(bare)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn only_text_is_asked_for_whatever_the_client_wants() {
        const OPEN: &str = "application/openmetrics-text;version=1.0.0";
        const UTF8: &str = ";escaping=allow-utf-8";
        let prometheus = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
                          application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                          application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (sentence, accept, open_metrics, utf8) in [
            ("nothing", None, false, false),
            ("anything", Some("*/*"), false, false),
            ("Prometheus 3 with native histograms", Some(prometheus), true, true),
            ("OpenMetrics of old", Some("application/openmetrics-text; version=0.0.1,*/*;q=0.1"), true, false),
            ("text with UTF-8", Some("text/plain;version=1.0.0;escaping=allow-utf-8"), false, true),
            ("OpenMetrics at no price", Some("application/openmetrics-text;q=0,text/plain"), false, false),
            ("protocol buffers alone", Some("application/vnd.google.protobuf"), false, false),
            ("a request within a field", Some("text/plain\r\nX: application/openmetrics-text"), false, false),
        ] {
            let wants = Wants::of(accept.map(str::as_bytes), None);
            let asked = wants.accept();
            assert_eq!((asked.contains(OPEN), asked.contains(UTF8)), (open_metrics, utf8), "{sentence}: {asked}");
            assert!(
                !asked.contains("protobuf")
                    && !asked.contains('*')
                    && asked.ends_with("0.0.4;q=0.3") | (asked.len() < 30)
            );
        }
    }

    #[test]
    fn only_text_is_taken_and_it_is_called_what_it_is() {
        const OPEN: &str = "application/openmetrics-text";
        for (content_type, wanted) in [
            (None, Some("text/plain; version=0.0.4; charset=utf-8")),
            (Some("text/plain"), Some("text/plain; version=0.0.4; charset=utf-8")),
            (Some("Text/Plain; Version=0.0.4; charset=\"UTF-8\""), Some("text/plain; version=0.0.4; charset=utf-8")),
            (
                Some("text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
                Some("text/plain; version=0.0.4; charset=utf-8"),
            ),
            (Some("text/plain; version=1.0.0"), Some("text/plain; version=1.0.0; charset=utf-8")),
            (
                Some("text/plain; version=1.0.0; escaping=allow-utf-8"),
                Some("text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"),
            ),
            (
                Some("application/openmetrics-text; version=0.0.1; charset=utf-8"),
                Some("application/openmetrics-text; version=0.0.1; charset=utf-8"),
            ),
            (
                Some("application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"),
                Some("application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"),
            ),
            (Some("application/openmetrics-text"), None),
            (Some("application/openmetrics-text; version=2.0.0"), None),
            (Some("text/plain; version=0.0.1"), None),
            (Some("text/plain; version=1.0.0; escaping=values"), None),
            (Some("text/plain; version=1.0.0; escaping=dots"), None),
            (Some("text/plain; charset=utf-16"), None),
            (Some("text/html"), None),
            (Some("application/json"), None),
            (Some("application/vnd.google.protobuf; encoding=delimited"), None),
            (Some(""), None),
        ] {
            let format = Format::of(content_type.map(str::as_bytes));
            assert_eq!(format.map(Format::content_type), wanted, "{content_type:?}");
            assert_eq!(format.is_some_and(Format::says_its_end), wanted.is_some_and(|wanted| wanted.starts_with(OPEN)));
        }
    }

    #[test]
    fn a_page_is_compressed_for_those_who_want_that() {
        let page = "a{x=\"1\"} 1\n".repeat(200);
        for (accept, wanted) in [
            (None, false),
            (Some("gzip"), true),
            (Some("deflate, GZIP;q=0.5"), true),
            (Some("gzip;q=0"), false),
            (Some("*"), false),
            (Some("br"), false),
        ] {
            let wants = Wants::of(None, accept.map(str::as_bytes));
            let compressed = wants.compressed(page.as_bytes());
            assert_eq!(compressed.is_some(), wanted, "{accept:?}");
            assert_eq!(wants.compressed(&page.as_bytes()[..SMALLEST - 1]), None);
            assert_eq!(wants.compressed(&vec![b'\n'; LARGEST + 1]), None);
            let mut back = String::new();
            if let Some(compressed) = compressed {
                flate2::read::GzDecoder::new(compressed.as_slice()).read_to_string(&mut back).unwrap();
                assert_eq!(back, page);
            }
        }
    }
}
