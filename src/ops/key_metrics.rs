//! What monward counts of the life of issuers' keys.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// An issuer and how something ended there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KeyResultLabels {
    /// The issuer's configured name.
    pub issuer: String,
    /// One of a closed list of words.
    pub result: &'static str,
}

/// A fetch that was asked for in vain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DeniedLabels {
    /// The issuer's configured name.
    pub issuer: String,
    /// Whose budget was spent: `issuer` or `overall`.
    pub budget: &'static str,
}

/// The figures of all issuers' keys.
#[derive(Debug, Default)]
pub struct KeyMetrics {
    /// Fetches: `ok`, `unchanged`, `gone`, or the word for what failed.
    pub refreshes: Family<KeyResultLabels, Counter>,
    /// Unknown keys that caused no fetch because a budget was spent.
    pub denied: Family<DeniedLabels, Counter>,
    /// Keys looked for on disk at a start: `ok`, `none`, or the word for why they were not taken.
    pub restored: Family<KeyResultLabels, Counter>,
    /// Keys written to disk: `ok` or `failed`.
    pub kept: Family<KeyResultLabels, Counter>,
}

impl KeyMetrics {
    pub(super) fn register(&self, to: &mut Registry) {
        to.register("jwks_refresh", "Fetches of an issuer's keys by how they ended", self.refreshes.clone());
        let help = "Unknown keys that caused no fetch because a budget was spent";
        to.register("jwks_refresh_denied", help, self.denied.clone());
        let help = "Key sets of an earlier run looked for on disk at a start";
        to.register("jwks_restored", help, self.restored.clone());
        to.register("jwks_kept", "Key sets written to disk", self.kept.clone());
    }
}
