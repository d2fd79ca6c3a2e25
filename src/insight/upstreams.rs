//! Whose records count: a policy is one upstream's.

use std::collections::BTreeSet;

use super::recorded::Recorded;

/// Keeps the records of several upstreams apart.
#[derive(Debug)]
pub struct Upstreams<'a> {
    wanted: Option<&'a str>,
    seen: BTreeSet<String>,
}

impl<'a> Upstreams<'a> {
    /// Only records of the upstream `wanted` count; `None`: all of them, which must be of one.
    #[must_use]
    pub const fn new(wanted: Option<&'a str>) -> Self {
        Self { wanted, seen: BTreeSet::new() }
    }

    /// Whether `record` counts. One that does not name its upstream counts for every one.
    pub fn counts(&mut self, record: &Recorded) -> bool {
        let Some(upstream) = &record.upstream else { return true };
        if !self.seen.contains(upstream) {
            self.seen.insert(upstream.clone());
        }
        self.wanted.is_none_or(|wanted| wanted == upstream)
    }

    /// Called after the last record.
    ///
    /// # Errors
    /// When there were records of several upstreams and none was chosen, or none of the chosen one: what to do, in words.
    pub fn finish(self) -> Result<(), String> {
        let names: Vec<&str> = self.seen.iter().map(String::as_str).collect();
        match self.wanted {
            None if names.len() > 1 => Err(format!(
                "these are records of several upstreams; choose with --upstream one of {}",
                crate::document::quoted(&names)
            )),
            Some(wanted) if !names.is_empty() && !names.contains(&wanted) => {
                Err(crate::document::unknown("upstream", wanted, &names))
            }
            None | Some(_) => Ok(()),
        }
    }
}
