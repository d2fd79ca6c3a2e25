//! WHERE a request goes: by its host, and by the beginning of its path as it stood on the wire.
//!
//! The most specific route wins, whatever their order: one with the host before one without, a longer prefix before a
//! shorter one. A prefix is compared byte for byte, never decoded, folded or cleaned, and only at the end of a segment.
//! What is left of the target behind it is all that the catalogue sees: the decision falls on what goes upstream.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use governor::clock::Clock;

use super::Denial;
use crate::authz::Policy;
use crate::quota::Limiter;

/// Which upstream: its index in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamId(pub usize);

/// What guards one upstream. All routes that lead there share it, of whichever listener: one policy, one budget.
#[derive(Debug)]
pub struct Guard<C: Clock> {
    /// Which upstream.
    pub upstream: UpstreamId,
    /// Says who may ask what.
    pub policy: Policy,
    /// Says how often.
    pub limiter: Arc<Limiter<C>>,
}

/// One way to an upstream.
#[derive(Debug)]
pub struct Route<C: Clock> {
    /// The host name it is for, in lower case and without a dot at the end; `None` is any.
    pub host: Option<String>,
    /// The beginning of its paths: canonical, without a slash at the end; empty is any.
    pub prefix: String,
    /// What guards its upstream.
    pub guard: Arc<Guard<C>>,
}

/// All ways from one listener.
#[derive(Debug)]
pub struct Routes<C: Clock> {
    /// The host names that are answered for, spelled as in [`Route::host`]; empty is any.
    hosts: Vec<String>,
    /// The most specific first.
    ways: Vec<Route<C>>,
    /// Where they lead, each once.
    upstreams: Vec<UpstreamId>,
}

/// The route of one request.
#[derive(Debug)]
pub struct Found<'a, C: Clock> {
    /// What guards its upstream.
    pub guard: &'a Guard<C>,
    /// The target without the route's prefix.
    pub target: Cow<'a, [u8]>,
    /// The prefix.
    pub prefix: &'a str,
}

impl<C: Clock> Routes<C> {
    /// Ways that differ from each other, for `hosts`.
    #[must_use]
    pub fn new(hosts: Vec<String>, mut ways: Vec<Route<C>>) -> Self {
        ways.sort_by_key(|route| (route.host.is_none(), Reverse(route.prefix.len())));
        let mut upstreams: Vec<UpstreamId> = ways.iter().map(|route| route.guard.upstream).collect();
        upstreams.sort_unstable();
        upstreams.dedup();
        Self { hosts, ways, upstreams }
    }

    /// The upstreams that they lead to, each once.
    #[must_use]
    pub fn upstreams(&self) -> &[UpstreamId] {
        &self.upstreams
    }

    /// The longest body that a client may send to any of them, in bytes.
    #[must_use]
    pub fn longest_body(&self) -> usize {
        self.ways.iter().map(|route| route.guard.policy.catalog().longest_body()).max().unwrap_or_default()
    }

    /// The way of a request with this `Host` and this target.
    ///
    /// # Errors
    /// [`Denial::Host`] where none is for the host, [`Denial::Path`] where none of those is for the path.
    pub fn find<'a>(&'a self, host: &[u8], target: &'a [u8]) -> Result<Found<'a, C>, Denial> {
        let name = name_of(host);
        let is = |ours: &String| name.is_some_and(|name| ours.eq_ignore_ascii_case(name));
        if !self.hosts.is_empty() && !self.hosts.iter().any(is) {
            return Err(Denial::Host);
        }
        let mut here = self.ways.iter().filter(|route| route.host.as_ref().is_none_or(is)).peekable();
        if here.peek().is_none() {
            return Err(Denial::Host);
        }
        here.find_map(|route| route.leads(target)).ok_or(Denial::Path)
    }
}

impl<C: Clock> Route<C> {
    fn leads<'a>(&'a self, target: &'a [u8]) -> Option<Found<'a, C>> {
        let rest = target.strip_prefix(self.prefix.as_bytes())?;
        let target = match rest.first() {
            _ if self.prefix.is_empty() => Cow::Borrowed(rest),
            Some(b'/') => Cow::Borrowed(rest),
            None => Cow::Borrowed(&b"/"[..]),
            Some(b'?') => Cow::Owned([b"/", rest].concat()),
            Some(_) => return None,
        };
        Some(Found { guard: &self.guard, target, prefix: &self.prefix })
    }
}

/// A host without its port and trailing dot; its case is the comparison's affair (RFC 9110 §7.2, RFC 3986 §3.2.2).
fn name_of(host: &[u8]) -> Option<&str> {
    let host = std::str::from_utf8(host).ok()?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        Some(_) | None => host,
    };
    Some(name.strip_suffix('.').unwrap_or(name))
}
