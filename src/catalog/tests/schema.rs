//! The JSON Schema of catalogues: what is shipped fits it, and what the reader refuses for its shape does not.

use serde_json::{Map, Value as Json, json};

use super::super::Catalog;
use super::super::catalogs::SHIPPED;
use crate::document::{self, Node, Value};

const SCHEMA: &str = include_str!("../../../policies/catalogs/catalog.schema.json");
const EXAMPLE: &str = include_str!("../../../policies/examples/greenhouse.catalog.yaml");

/// A file as a YAML reader of the core schema sees it.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), json(&entry.node))).collect(),
        Value::Scalar { text, quoted: true } => Json::String(text.clone()),
        Value::Scalar { text, quoted: false } => match serde_json::from_str(text) {
            Ok(value @ (Json::Null | Json::Bool(_) | Json::Number(_))) => value,
            Ok(_) | Err(_) => Json::String(text.clone()),
        },
    }
}

fn fits(text: &str) -> bool {
    let schema: Json = serde_json::from_str(SCHEMA).unwrap();
    valid(&schema, &schema, &json(&document::parse("x.yaml", text).unwrap()))
}

/// The keywords that the schema uses, as [JSON Schema](https://json-schema.org/draft/2020-12) defines them. Any other
/// keyword is an error here: nothing in the schema goes unchecked.
fn valid(root: &Json, schema: &Json, value: &Json) -> bool {
    let Some(schema) = schema.as_object() else { return schema == &Json::Bool(true) };
    let number = |limit: &Json| limit.as_i64().unwrap();
    let count = |limit: &Json| usize::try_from(number(limit)).unwrap();
    schema.iter().all(|(keyword, wanted)| match keyword.as_str() {
        "$schema" | "$comment" | "$defs" | "title" | "description" | "properties" => true,
        "$ref" => valid(root, root.pointer(wanted.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(), value),
        "type" => match wanted.as_array() {
            Some(types) => types.iter().any(|wanted| is(wanted.as_str().unwrap(), value)),
            None => is(wanted.as_str().unwrap(), value),
        },
        "const" => wanted == value,
        "enum" => wanted.as_array().unwrap().contains(value),
        "oneOf" => wanted.as_array().unwrap().iter().filter(|one| valid(root, one, value)).count() == 1,
        "required" => value.as_object().is_none_or(|members| {
            wanted.as_array().unwrap().iter().all(|name| members.contains_key(name.as_str().unwrap()))
        }),
        "additionalProperties" => value.as_object().is_none_or(|members| {
            let none = Map::new();
            let known = schema.get("properties").map_or(&none, |known| known.as_object().unwrap());
            members.iter().all(|(name, value)| valid(root, known.get(name).unwrap_or(wanted), value))
        }),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| valid(root, wanted, item))),
        "minItems" => value.as_array().is_none_or(|items| items.len() >= count(wanted)),
        "maxItems" => value.as_array().is_none_or(|items| items.len() <= count(wanted)),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() >= count(wanted)),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() <= count(wanted)),
        "minimum" => value.as_i64().is_none_or(|value| value >= number(wanted)),
        "maximum" => value.as_i64().is_none_or(|value| value <= number(wanted)),
        other => panic!("the schema uses `{other}`, which is not checked here"),
    })
}

fn is(kind: &str, value: &Json) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        other => panic!("the schema uses the type `{other}`, which is not checked here"),
    }
}

#[test]
fn every_shipped_catalogue_and_the_examples_fit() {
    let readme = include_str!("../../../policies/catalogs/README.md");
    let documented = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    for (file, text) in SHIPPED.into_iter().chain([("the worked example", EXAMPLE), ("README.md", documented)]) {
        assert!(fits(text), "{file}");
        assert!(Catalog::parse(file, text).is_ok(), "{file}");
    }
}

/// What is replaced in the example, by what.
const WRONG: &[(&str, &str)] = &[
    ("version: 1", "version: 2"),
    ("version: 1", "version: \"1\""),
    ("version: 1\n", ""),
    ("catalog: greenhouse\n", ""),
    ("catalog: greenhouse", "catalogue: greenhouse"),
    ("catalog: greenhouse", "catalog: [greenhouse]"),
    ("topology: mask", "topology: hide"),
    ("topology: mask", "topologie: mask"),
    ("everywhere:\n  credential: [$..token]", "everywhere:\n  credential: $..token"),
    ("everywhere:\n  credential", "everywhere:\n  credentials"),
    ("path: /climate", "paths: /climate"),
    ("aliases: [/v1/climate]", "aliases: /v1/climate"),
    ("    cost: cheap\n", ""),
    ("cost: cheap", "cost: free"),
    ("body: text", "body: html"),
    ("type: integer,", ""),
    ("type: integer", "type: number"),
    ("min: 1, ", ""),
    ("min: 1", "min: one"),
    ("max: 99", "max: 99, words: [a]"),
    ("words: [celsius, kelvin], ", ""),
    ("synonyms: { c: celsius, k: kelvin }", "synonyms: [c, k]"),
    ("explicit: true", "explicit: 1"),
    ("cost: 20", "cost: 1"),
    ("cost: 20", "cost: 1001"),
    ("methods: [GET, HEAD, POST]", "methods: POST"),
    ("methods: [GET, HEAD, POST]", "methods: []"),
    ("methods: [GET, HEAD, POST]", "methods: [PUT]"),
    ("method: POST, body", "body"),
    ("method: POST, body", "method: PUT, body"),
    ("method: POST, body", "method: GET, body"),
    (", content_type: application/json", ""),
    ("header: X-Greenhouse-Key, ", ""),
    ("secret: key", "secret: key, hmac_sha256: key"),
    ("secret: key", "secret: [key]"),
    (", secret: key", ""),
    ("out_of_reach: [identity]", "out_of_reach: [identities]"),
    ("out_of_reach: [identity]", "out_of_reach: identity"),
    ("names: \"$.by_gardener[*]\", ", ""),
    ("names: \"$.by_gardener[*]\"", "names: \"$.by_gardener[*]\", texts: $.a"),
    ("names: \"$.by_gardener[*]\"", "names: [$.a]"),
    ("[\"{} (*)\"]", "\"{} (*)\""),
    (", other: keep", ", other: whole"),
    ("{ label: gardener }", "gardener"),
    ("{ label: gardener }", "{ labels: gardener }"),
    ("{ label: gardener }", "{}"),
    ("{ label: gardener }", "{ label: \"\" }"),
    ("families: [greenhouse_wiring]", "families: greenhouse_wiring"),
    ("families: [greenhouse_wiring]", "families: []"),
    ("families: [greenhouse_wiring]", "families: [\"\"]"),
    ("- $.houses[*].number", "- [$.houses]"),
];

#[test]
fn what_the_reader_refuses_for_its_shape_does_not_fit() {
    for (old, new) in WRONG {
        assert!(EXAMPLE.contains(old), "{old}");
        let text = EXAMPLE.replacen(old, new, 1);
        assert!(Catalog::parse("x.yaml", &text).is_err(), "the reader takes {new:?} for {old:?}");
        assert!(!fits(&text), "the schema takes {new:?} for {old:?}");
    }
}

#[test]
fn the_schema_names_every_key_that_the_reader_takes() {
    let schema: Json = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], json!("https://json-schema.org/draft/2020-12/schema"));
    let mut keys: Vec<&str> =
        schema["$defs"]["endpoint"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let text = EXAMPLE.replace("path: /metrics", "path: /metrics\n    nothing: 1");
    let faults = Catalog::parse("x.yaml", &text).unwrap_err();
    let said = faults.iter().find_map(|fault| fault.message.split_once("known are ")).unwrap().1;
    let mut known: Vec<&str> = said.split(", ").map(|word| word.trim_matches('`')).collect();
    known.sort_unstable();
    assert_eq!(known, keys);
}
