//! The method and target of a request: from the wire to a [`Resource`] and back.

use super::fault::{Malformation, TargetFault};
use super::model::{Catalog, EndpointId, Resource};
use super::query;

/// The longest request target, in bytes.
pub const MAX_TARGET: usize = 8192;

impl Catalog {
    /// Understands the `target` of a request without a body as it stood on the wire, or says why not.
    ///
    /// Only origin-form. One empty segment may stand in front of a known path (`//varz`), because exporters whose base
    /// address ends in a slash ask so. HEAD means what GET means. A `?` with nothing behind it is no query.
    ///
    /// # Errors
    /// The first of: method is no token, target too long or malformed, path unknown, method not allowed, query wrong.
    /// A malformed query on an unknown path is therefore an unknown path: who guesses paths learns nothing more.
    pub fn resolve(&self, method: &[u8], target: &[u8]) -> Result<Resource, TargetFault> {
        self.resolve_with(method, target, &[])
    }

    /// As [`Catalog::resolve`], of a request with `body`: nothing, or with POST exactly what monward itself would send.
    ///
    /// The body tells nothing that the path has not told, and is not kept.
    ///
    /// # Errors
    /// As [`Catalog::resolve`]; a wrong body comes before a wrong query.
    pub fn resolve_with(&self, method: &[u8], target: &[u8], body: &[u8]) -> Result<Resource, TargetFault> {
        if !is_token(method) {
            return Err(TargetFault::Malformed(Malformation::Method));
        }
        let target = visible(target)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let id = self.locate(path)?;
        let endpoint = self.endpoint(id);
        if !endpoint.methods.have(method) {
            return Err(TargetFault::Method { allow: endpoint.methods.allow() });
        }
        if !body.is_empty() && (method != b"POST" || body != endpoint.ask.body()) {
            return Err(TargetFault::Body);
        }
        let (arguments, callback) = if query.is_empty() { (Vec::new(), None) } else { query::parse(endpoint, query)? };
        Ok(Resource { endpoint: id, arguments, callback })
    }

    /// The one target that means `resource`: canonical path, arguments in the catalogue's order, defaults left out.
    ///
    /// Equal meaning gives equal bytes, whatever the client spelled.
    #[must_use]
    pub fn render(&self, resource: &Resource) -> String {
        let endpoint = self.endpoint(resource.endpoint);
        let mut target = String::with_capacity(endpoint.path.len() + 32 * resource.arguments.len());
        target.push_str(&endpoint.path);
        query::render(endpoint, &resource.arguments, &mut target);
        target
    }

    // INVARIANT: the table holds canonical paths only (`Catalog::parse` sees to it), so a hit needs no further check
    // and the shape of a miss matters only for its answer.
    fn locate(&self, path: &str) -> Result<EndpointId, TargetFault> {
        let single = path.strip_prefix('/').filter(|rest| rest.starts_with('/')).unwrap_or(path);
        if let Some(id) = self.paths.get(single) {
            return Ok(*id);
        }
        Err(shape(path).map_or(TargetFault::UnknownEndpoint, TargetFault::Malformed))
    }
}

fn visible(target: &[u8]) -> Result<&str, TargetFault> {
    if target.len() > MAX_TARGET {
        return Err(TargetFault::TooLong);
    }
    let fault = match target.first() {
        Some(b'/') if !target.iter().all(u8::is_ascii_graphic) => Malformation::Character,
        Some(b'/') if target.contains(&b'#') => Malformation::Fragment,
        Some(b'/') => return str::from_utf8(target).map_err(|_| TargetFault::Malformed(Malformation::Character)),
        Some(_) | None => Malformation::Form,
    };
    Err(TargetFault::Malformed(fault))
}

/// What makes an unknown path more than unknown.
fn shape(path: &str) -> Option<Malformation> {
    let has = |character: char| path.contains(character);
    if has('%') {
        return Some(Malformation::Escape);
    }
    if has('\\') {
        return Some(Malformation::Backslash);
    }
    if has(';') {
        return Some(Malformation::Semicolon);
    }
    if path.contains("//") {
        return Some(Malformation::EmptySegment);
    }
    path.split('/').any(|segment| matches!(segment, "." | "..")).then_some(Malformation::DotSegment)
}

fn is_token(method: &[u8]) -> bool {
    let punctuation = b"!#$%&'*+-.^_`|~";
    !method.is_empty() && method.iter().all(|byte| byte.is_ascii_alphanumeric() || punctuation.contains(byte))
}
