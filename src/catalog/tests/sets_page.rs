//! `policies/SETS.md`: what each shipped set takes out of each endpoint, as the catalogues say it.

use std::fmt::Write as _;

use crate::authz::action_word;
use crate::catalog::{Catalog, Catalogs, Endpoint, EndpointId, RedactionSet, Sensitive, Tag};
use crate::redact::{BodyKind, Rule};

const SETS: &str = include_str!("../../../policies/SETS.md");

const HEAD: &str = "# What the shipped sets take out

Made of the catalogues by `make sets`; a test fails when it is not what they say. [README.md](README.md#redactions) says how to
use a set, [catalogs](catalogs/README.md#tags) what the tags mean. `names` are names of members, `texts` parts of texts; of pages of
metrics it is labels and families that are named. Beside all that, and under `redact: none` as well, texts that look like a
secret (JWTs, NKEY seeds, passwords in URLs) are masked.
";

/// The page, as it ought to be.
fn page() -> String {
    let catalogs = Catalogs::builtin();
    let mut page = HEAD.to_owned();
    for name in catalogs.names() {
        let catalog = catalogs.find(name).unwrap();
        if !catalog.redactions.is_empty() {
            part(&catalog, &mut page);
        }
    }
    page
}

fn part(catalog: &Catalog, page: &mut String) {
    let sets: Vec<String> = catalog.redactions.iter().map(|set| format!("`{}`", set.name)).collect();
    write!(page, "\n## `{}`\n\n| endpoint | tag | fields | {} |\n", catalog.name, sets.join(" | ")).unwrap();
    writeln!(page, "|---|---|---|{}", "---|".repeat(sets.len())).unwrap();
    rows("every one that answers JSON", &fields(&catalog.everywhere), catalog, page);
    for (index, endpoint) in catalog.endpoints.iter().enumerate() {
        let name = format!("`{}`", endpoint.name);
        let series = endpoint.series.iter().map(|(series, tag)| (*tag, series.as_str().to_owned()));
        let all: Vec<_> = fields(&endpoint.sensitive).into_iter().chain(series).collect();
        rows(&name, &all, catalog, page);
        refused(&name, EndpointId(index), endpoint, catalog, page);
    }
}

/// One row for each tag.
fn rows(place: &str, fields: &[(Tag, String)], catalog: &Catalog, page: &mut String) {
    for (label, tag) in Tag::ALL {
        let of_tag = fields.iter().filter(|(of, _)| *of == tag);
        let named: Vec<String> = of_tag.map(|(_, about)| format!("`{about}`")).collect();
        if named.is_empty() {
            continue;
        }
        let act = |set: &RedactionSet| set.action(tag).map_or("stays", action_word);
        let actions: Vec<&str> = catalog.redactions.iter().map(act).collect();
        writeln!(page, "| {place} | {label} | {} | {} |", named.join(", "), actions.join(" | ")).unwrap();
    }
}

fn fields(sensitive: &[Sensitive]) -> Vec<(Tag, String)> {
    sensitive.iter().map(|field| (field.tag, about(field))).collect()
}

fn about(field: &Sensitive) -> String {
    let rule = Rule { part: field.part.clone(), ..Rule::new(field.selector.clone(), crate::redact::Action::Mask) };
    rule.about().into_owned()
}

/// A row where some set cannot be used.
fn refused(place: &str, id: EndpointId, endpoint: &Endpoint, catalog: &Catalog, page: &mut String) {
    let text = endpoint.body == BodyKind::Text;
    let cannot = |set: &RedactionSet| text || catalog.unkept(&set.name, id).is_some_and(|tags| !tags.is_empty());
    if !catalog.redactions.iter().any(cannot) {
        return;
    }
    let tags: Vec<&str> = endpoint.out_of_reach.iter().map(|tag| tag.label()).collect();
    let why = if text { "plain text" } else { "out of reach" };
    let cells: Vec<&str> =
        catalog.redactions.iter().map(|set| if cannot(set) { "cannot be used" } else { "can be used" }).collect();
    writeln!(page, "| {place} | {} | {why} | {} |", tags.join(", "), cells.join(" | ")).unwrap();
}

#[test]
fn the_table_of_sets_is_what_the_catalogues_say() {
    let page = page();
    if std::env::var_os("MONWARD_WRITE_SETS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/SETS.md"), &page).unwrap();
        return;
    }
    assert_eq!(page, SETS, "the catalogues have changed; run `make sets`");
}

/// Whether a row of the table says of `endpoint` and the tag that the field is meant.
fn is_told(endpoint: &Endpoint, field: &Sensitive) -> bool {
    let (start, about) = (format!("| `{}` | {} |", endpoint.name, field.tag.label()), format!("`{}`", about(field)));
    SETS.lines().any(|line| line.starts_with(&start) && line.contains(&about))
}

#[test]
fn every_sensitive_field_of_every_endpoint_is_in_the_table() {
    for name in Catalogs::builtin().names() {
        let catalog = Catalogs::builtin().find(name).unwrap();
        for endpoint in catalog.endpoints.iter().filter(|_| !catalog.redactions.is_empty()) {
            let untold: Vec<String> =
                endpoint.sensitive.iter().filter(|field| !is_told(endpoint, field)).map(about).collect();
            assert_eq!(untold, Vec::<String>::new(), "{name}: {}", endpoint.name);
        }
    }
}
