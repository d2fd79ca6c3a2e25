//! The cases beside a learned policy.

use std::fmt::Write as _;

use super::draft::{Draft, LISTED};
use super::proven::Who;
use super::quote;

/// How many requests of one role for one endpoint become cases.
const OF_ENDPOINT: usize = 5;

/// One case for what each role asked for, one for each of its callers, and some for what was refused.
pub(super) fn write(draft: &Draft<'_>, refused: &[&(Who, String)]) -> String {
    let mut text = "# What was seen when the policy beside this was learned. `monward check` runs these.\n".to_owned();
    let mut count = 0;
    let mut case = |who: &Who, request: &str, expect: &str| {
        count += 1;
        let (name, request) = (quote(&format!("{count}: {request}")), quote(&format!("GET {request}")));
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "- name: {name}\n  who: {}\n  request: {request}\n  expect: {expect}", who.case());
    };
    for (role, endpoints) in draft.by_role() {
        let endpoints: Vec<_> = endpoints.collect();
        for (position, (who, asked)) in role.callers.iter().enumerate() {
            let most = if position == 0 { OF_ENDPOINT } else { 1 };
            for endpoint in &endpoints {
                let forms = asked.get(endpoint).into_iter().flat_map(|asked| asked.forms.keys());
                forms.take(most).for_each(|form| case(who, form, "allow"));
            }
        }
    }
    for (who, request) in refused.iter().take(LISTED) {
        // What the catalogue does not take any more is refused before any rule is asked.
        case(who, request, "deny");
    }
    if count == 0 {
        text.push_str("[]\n");
    }
    text
}
