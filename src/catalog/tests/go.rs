//! Never does the upstream see an endpoint or argument other than the one decided on: Go's own answers for thousands of
//! paths and queries, crossed, against what monward makes of them. `tests/go/README.md` says where they come from.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Catalog, Resource};
use super::nats;
use crate::catalog;

#[path = "../../../tests/go/model.rs"]
mod model;

use model::{Query, atoi, decided, meanings, parse_bool, parse_query, parse_uint, split};

const PATHS: &str = include_str!("../../../tests/go/paths.txt");
const QUERIES: &str = include_str!("../../../tests/go/queries.txt");
const VALUES: &str = include_str!("../../../tests/go/values.txt");

/// The columns of each line, the first one without its escapes.
fn lines(table: &'static str) -> Vec<(Vec<u8>, Vec<&'static str>)> {
    let line = |line: &'static str| {
        let mut columns = line.split('\t');
        (bytes(columns.next().unwrap()), columns.collect())
    };
    table.lines().map(line).collect()
}

/// `\xNN` is a byte, everything else itself.
fn bytes(spelling: &str) -> Vec<u8> {
    let mut parts = spelling.split("\\x");
    let mut found = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        found.push(u8::from_str_radix(&part[..2], 16).unwrap());
        found.extend(&part.as_bytes()[2..]);
    }
    found
}

/// As Go's `Values.Encode` writes it.
fn encode(query: &Query) -> String {
    let escape = |text: &[u8]| {
        let one = |byte: &u8| match byte {
            b' ' => "+".to_owned(),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(*byte).to_string(),
            other => format!("%{other:02X}"),
        };
        text.iter().map(one).collect::<String>()
    };
    let pairs = query.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    pairs.map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

/// The tables of Go, and what was seen of monward.
struct Crossing {
    catalog: std::sync::Arc<Catalog>,
    /// Which handler runs for which path.
    handlers: BTreeMap<Vec<u8>, &'static str>,
    asked: usize,
    accepted: usize,
    /// The one target of each meaning.
    canonical: BTreeMap<String, String>,
}

impl Crossing {
    /// Asks for `path` with `query`; a `path` may end in a query of its own.
    fn ask(&mut self, path: &[u8], query: Option<&[u8]>) {
        let mut target = path.to_vec();
        if let Some(query) = query {
            target.push(b'?');
            target.extend(query);
        }
        self.asked += 1;
        if let Ok(resource) = self.catalog.resolve(b"GET", &target) {
            self.accepted += 1;
            self.agrees(path, &target, &resource);
        }
    }

    fn agrees(&mut self, path: &[u8], target: &[u8], resource: &Resource) {
        let what = String::from_utf8_lossy(target);
        let endpoint = self.catalog.endpoint(resource.endpoint());
        let rendered = self.catalog.render(resource);
        let (rendered_path, rendered_query) = split(rendered.as_bytes());

        // The endpoint. A redirect leads to its place with the same query; monward sends what is there right away.
        let handler = self.handlers[path];
        let handler = handler.strip_prefix('>').unwrap_or(handler);
        let mut own = std::iter::once(&endpoint.path).chain(&endpoint.aliases);
        assert!(own.any(|path| path == handler), "{what}: Go runs {handler}, monward decides on {}", endpoint.name);
        assert_eq!(rendered_path, endpoint.path.as_bytes(), "{what}");
        assert_eq!(self.handlers[rendered_path], endpoint.path, "{what}");

        // The arguments, each said once, none of them dropped or unknown.
        let raw_query = split(target).1;
        let mut raw = parse_query(raw_query).unwrap_or_else(|| panic!("{what}: a 400 of Go"));
        let pairs = raw_query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).count();
        assert_eq!(raw.len(), pairs, "{what}");
        // Those that know it write it before the body. It never goes upstream.
        assert_eq!(raw.remove(&b"callback"[..]).is_some(), resource.callback().is_some(), "{what}");
        let known = |name: &Vec<u8>| endpoint.arguments.iter().any(|argument| argument.name.as_bytes() == name);
        assert!(raw.keys().all(known), "{what}");
        let decided = decided(endpoint, resource);
        assert_eq!(meanings(endpoint, &raw), decided, "{what}: as the client spelled it");
        let sent = parse_query(rendered_query).unwrap();
        assert_eq!(meanings(endpoint, &sent), decided, "{what}: as it goes upstream, {rendered}");

        // One spelling for one meaning.
        let plain = Resource::new(resource.endpoint(), resource.arguments().to_vec());
        assert_eq!(self.catalog.resolve(b"GET", rendered.as_bytes()), Ok(plain), "{what}");
        let one = self.canonical.entry(format!("{} {decided:?}", endpoint.name)).or_insert_with(|| rendered.clone());
        assert_eq!(*one, rendered, "{what}");
    }
}

#[test]
fn go_runs_the_handler_and_reads_the_arguments_that_were_decided_on() {
    let paths = lines(PATHS);
    let queries = lines(QUERIES);
    let handlers = paths.iter().map(|(path, answer)| (path.clone(), answer[0])).collect();
    let mut crossing = Crossing { catalog: nats(), handlers, asked: 0, accepted: 0, canonical: BTreeMap::new() };
    let (mut known, mut other) = (Vec::new(), Vec::new());
    for (path, _) in &paths {
        crossing.ask(path, None);
        let is_known = nats().resolve(b"GET", path).is_ok();
        if is_known { known.push(path) } else { other.push(path) }
    }
    // All queries on every spelling of a path that monward knows, and some on all others.
    for (at, (query, _)) in queries.iter().enumerate() {
        for path in known.iter().chain(other.iter().skip(at % 400).step_by(400)) {
            crossing.ask(path, Some(query));
        }
    }
    assert!(crossing.asked >= 100_000, "{}", crossing.asked);
    assert!(crossing.accepted >= 4_000, "{}", crossing.accepted);
    assert!(crossing.canonical.len() >= 600, "{}", crossing.canonical.len());
}

#[test]
fn go_answers_for_the_paths_of_the_catalogue_and_no_others() {
    let handlers: BTreeSet<&str> =
        lines(PATHS).into_iter().map(|(_, answer)| answer[0]).filter(|answer| answer.starts_with('/')).collect();
    let catalog = nats();
    assert_eq!(handlers, catalog.paths.keys().map(String::as_str).collect());
}

#[test]
fn the_reading_of_queries_in_these_tests_is_that_of_go() {
    for (query, answer) in lines(QUERIES) {
        let read = parse_query(&query).map_or_else(|| "400".to_owned(), |query| encode(&query));
        assert_eq!(read, answer[0], "{}", String::from_utf8_lossy(&query));
    }
    let shown = |read: Option<String>| read.unwrap_or_else(|| "-".to_owned());
    for (value, answer) in lines(VALUES) {
        let Ok(text) = String::from_utf8(value) else { continue };
        let read = [
            shown(parse_bool(&text).map(|read| read.to_string())),
            shown(atoi(&text).map(|read| read.to_string())),
            shown(parse_uint(&text).map(|read| read.to_string())),
        ];
        assert_eq!(read.as_slice(), answer, "{text:?}");
    }
}
