//! What holds for every catalogue, not only for those inside the binary.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::{Arguments, Catalog, EndpointId, Kind, MAX_TARGET, Resource, Value};
use crate::document::spoiled::spoiled;
use crate::redact::is_secret_shaped;

/// The lines of one argument behind its name.
fn argument() -> impl Strategy<Value = String> {
    let explicit = prop::sample::select(vec!["", ", explicit: true", ", explicit: false"]);
    let words = prop::sample::subsequence(vec!["up", "down", "a-b", "x_1", "on", "detail"], 1..=6);
    let boolean = (prop::option::of(words.clone()), prop::option::of(any::<bool>())).prop_map(|(words, default)| {
        let words = words.map_or_else(String::new, |words| format!(", words: [{}]", words.join(", ")));
        let default = default.map_or_else(String::new, |default| format!(", default: {default}"));
        format!("type: boolean{words}{default}")
    });
    let integer = (any::<i64>(), any::<i64>(), prop::option::of(any::<prop::sample::Index>())).prop_map(
        |(one, other, default)| {
            let (min, max) = (one.min(other), one.max(other));
            let default = default.map_or_else(String::new, |at| {
                let default = if at.index(2) == 0 { min } else { max };
                format!(", default: {default}")
            });
            format!("type: integer, min: {min}, max: {max}{default}")
        },
    );
    let word = (words, any::<bool>(), any::<bool>()).prop_map(|(words, has_default, has_synonym)| {
        let default = if has_default { format!(", default: {}", words[0]) } else { String::new() };
        let synonym = if has_synonym { format!(", synonyms: {{ other: {} }}", words[0]) } else { String::new() };
        format!("type: word, words: [{}]{default}{synonym}", words.join(", "))
    });
    let text = (1..=4096_u32).prop_map(|max| format!("type: text, max_bytes: {max}"));
    (prop_oneof![boolean, integer, word, text], explicit).prop_map(|(kind, explicit)| format!("{{ {kind}{explicit} }}"))
}

/// A right file: any endpoints, paths and arguments that the format has.
fn file() -> impl Strategy<Value = String> {
    let paths = prop::collection::btree_set("(/[A-Za-z0-9_~][A-Za-z0-9._~-]{0,8}){1,3}", 2..9);
    let arguments = prop::collection::btree_map("[A-Za-z0-9._-]{1,12}", argument(), 0..6);
    (paths, prop::collection::vec(arguments, 8)).prop_map(|(paths, arguments)| {
        let mut text = "version: 1\ncatalog: generated\nendpoints:\n".to_owned();
        let paths: Vec<String> = paths.into_iter().collect();
        for (number, (pair, arguments)) in paths.chunks(2).zip(arguments).enumerate() {
            let aliases: Vec<String> = pair[1..].iter().map(|path| format!("\"{path}\"")).collect();
            let head = format!("path: \"{}\", aliases: [{}], body: json, cost: cheap", pair[0], aliases.join(", "));
            write!(text, "  e{number}: {{ {head}, arguments: {{ ").unwrap();
            let arguments = arguments.iter().filter(|(name, _)| *name != "callback");
            let arguments: Vec<String> = arguments.map(|(name, line)| format!("\"{name}\": {line}")).collect();
            writeln!(text, "{} }} }}", arguments.join(", ")).unwrap();
        }
        text
    })
}

/// A value of `kind`, chosen by `seed`.
fn value(kind: &Kind, seed: u64) -> Option<Value> {
    let pick = |words: &[Arc<str>]| Value::Text(Arc::clone(&words[usize::try_from(seed).unwrap_or(0) % words.len()]));
    Some(match kind {
        Kind::Boolean { words } if !words.is_empty() && seed.is_multiple_of(3) => pick(words),
        Kind::Boolean { .. } => Value::Boolean(seed.is_multiple_of(2)),
        Kind::Integer { min, max } => Value::Integer(min + i128::from(seed) % (max - min + 1)),
        Kind::Word { words } => pick(words),
        Kind::Text { max_bytes } => {
            let length = 1 + usize::try_from(seed % 200).unwrap_or(0) % max_bytes;
            let text: String = (0..length).map(|at| char::from(b' ' + ((seed >> (at % 57)) % 95) as u8)).collect();
            // No argument takes a credential.
            Some(text).filter(|text| !is_secret_shaped(text)).map(|text| Value::Text(text.into()))?
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_of_every_catalogue_is_understood_as_it_was_meant(
        text in file(), seeds in prop::collection::vec(prop::option::of(any::<u64>()), 6),
    ) {
        let catalog = Catalog::parse("c.yaml", &text).unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"));
        for (index, endpoint) in catalog.endpoints.iter().enumerate() {
            let given = endpoint.arguments.iter().zip(&seeds).enumerate();
            let given = given.filter_map(|(at, (argument, seed))| Some((at, value(&argument.kind, (*seed)?)?)));
            let arguments: Arguments = given.filter(|(at, value)| !endpoint.arguments[*at].is_default(value)).collect();
            let resource = Resource::new(EndpointId(index), arguments);
            let target = catalog.render(&resource);
            if target.len() > MAX_TARGET { continue }
            let query = target.strip_prefix(endpoint.path.as_str()).unwrap();
            let spellings = std::iter::once(&endpoint.path).chain(&endpoint.aliases).flat_map(|path| [path.clone(), format!("/{path}")]);
            for path in spellings {
                let understood = catalog.resolve(b"GET", format!("{path}{query}").as_bytes());
                prop_assert_eq!(understood.as_ref(), Ok(&resource), "{}{}\n{}", path, query, text);
            }
        }
    }

    #[test]
    fn a_spoiled_catalogue_is_read_or_refused_with_places(
        text in prop_oneof![
            spoiled(include_str!("../../../policies/catalogs/nats.yaml")),
            spoiled(include_str!("../../../policies/catalogs/prometheus.yaml")),
        ],
    ) {
        match Catalog::parse("c.yaml", &text) {
            Ok(catalog) => for endpoint in &catalog.endpoints {
                let id = catalog.find(&endpoint.name);
                let understood = catalog.resolve(b"GET", endpoint.path.as_bytes());
                prop_assert_eq!(understood.ok().map(|resource| resource.endpoint()), id, "{}", endpoint.name);
            },
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }
}
