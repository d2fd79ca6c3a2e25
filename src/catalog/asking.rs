//! How an endpoint is asked: by clients, and by monward itself.

/// The methods with which clients may ask. HEAD means what GET means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Methods {
    /// GET and HEAD.
    Get,
    /// POST.
    Post,
    /// GET, HEAD and POST.
    GetAndPost,
}

impl Methods {
    /// As the `Allow` field names them.
    #[must_use]
    pub const fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD",
            Self::Post => "POST",
            Self::GetAndPost => "GET, HEAD, POST",
        }
    }

    /// Whether `method` is one of them; case counts.
    pub(super) fn have(self, method: &[u8]) -> bool {
        match method {
            b"GET" | b"HEAD" => self != Self::Post,
            b"POST" => self != Self::Get,
            _ => false,
        }
    }
}

/// What monward itself asks the upstream with, whichever way the client asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A GET without a body.
    Get,
    /// A POST, always with this body.
    Post {
        /// The body.
        body: String,
        /// Its media type.
        content_type: String,
    },
}

/// A field with a secret that monward adds to its request; the client's own of that name goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inject {
    /// The field's name.
    pub header: String,
    /// The name under which an upstream in `monward.yaml` gives the secret.
    pub secret: String,
    /// What of the secret is sent.
    pub form: Form,
}

/// What of a secret is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The secret itself.
    Plain,
    /// The HMAC-SHA256 of the body of [`Ask`], in lower-case hexadecimal digits.
    HmacSha256,
}

impl Ask {
    /// The body that goes upstream; the only one that a client may send.
    #[must_use]
    pub const fn body(&self) -> &[u8] {
        match self {
            Self::Get => &[],
            Self::Post { body, .. } => body.as_bytes(),
        }
    }
}
