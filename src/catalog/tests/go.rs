//! Never does the upstream see an endpoint or argument other than the one decided on: Go's own answers for thousands of
//! paths and queries, crossed, against what monward makes of them. `tests/go/README.md` says where they come from.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Argument, Catalog, Endpoint, Kind, Resource, Value};
use super::nats;

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
        found.extend(part[2..].as_bytes());
    }
    found
}

/// What Go's `url.Query()` holds.
type Query = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

/// As `net/http` and [`url.ParseQuery`](https://pkg.go.dev/net/url#ParseQuery) read it; `None` is a 400.
fn parse_query(raw: &[u8]) -> Option<Query> {
    if raw.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
        return None;
    }
    let mut query = Query::new();
    for pair in raw.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty() && !pair.contains(&b';')) {
        let cut = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = cut.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        if let (Some(name), Some(value)) = (unescape(name), unescape(value)) {
            query.entry(name).or_default().push(value);
        }
    }
    Some(query)
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut meant = Vec::new();
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        meant.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).unwrap()
            }
            other => *other,
        });
    }
    Some(meant)
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

/// As `strconv.ParseBool` reads it.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// As `strconv.Atoi` reads it.
fn atoi(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// As `strconv.ParseUint` reads it.
fn parse_uint(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// What NATS takes out of `query` for `argument`: nothing for what changes nothing, an error for what it refuses.
fn meaning(argument: &Argument, query: &Query) -> Result<Option<Value>, String> {
    let given = query.get(argument.name.as_bytes()).and_then(|values| values.first());
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(None) };
    let text = String::from_utf8(given.clone()).map_err(|error| error.to_string())?;
    let lower = text.to_lowercase();
    let value = match &argument.kind {
        Kind::Boolean { words } => match parse_bool(&text) {
            Some(flag) => Some(Value::Boolean(flag)),
            None => words.contains(&lower).then_some(Value::Text(lower)),
        },
        Kind::Integer { .. } if argument.name == "cid" => parse_uint(&text).map(|number| Value::Integer(number.into())),
        Kind::Integer { .. } => atoi(&text).map(|number| Value::Integer(number.into())),
        Kind::Word { .. } if argument.name == "state" && lower == "any" => Some(Value::Text("all".to_owned())),
        Kind::Word { words } => words.contains(&lower).then_some(Value::Text(lower)),
        Kind::Text { .. } => Some(Value::Text(text.clone())),
    };
    let value = value.ok_or_else(|| format!("{}={text}", argument.name))?;
    Ok((!argument.is_default(&value)).then_some(value))
}

type Meaning = Vec<Result<Option<Value>, String>>;

fn meanings(endpoint: &Endpoint, query: &Query) -> Meaning {
    endpoint.arguments.iter().map(|argument| meaning(argument, query)).collect()
}

/// What monward decides on.
fn decided(endpoint: &Endpoint, resource: &Resource) -> Meaning {
    let given = |at: usize| resource.arguments().iter().find(|(index, _)| *index == at);
    (0..endpoint.arguments.len()).map(|at| Ok(given(at).map(|(_, value)| value.clone()))).collect()
}

fn split(target: &[u8]) -> (&[u8], &[u8]) {
    let cut = target.iter().position(|byte| *byte == b'?');
    cut.map_or((target, &b""[..]), |at| (&target[..at], &target[at + 1..]))
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
        let raw = parse_query(raw_query).unwrap_or_else(|| panic!("{what}: a 400 of Go"));
        let pairs = raw_query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).count();
        assert_eq!(raw.len(), pairs, "{what}");
        let known = |name: &Vec<u8>| endpoint.arguments.iter().any(|argument| argument.name.as_bytes() == name);
        assert!(raw.keys().all(known), "{what}");
        let decided = decided(endpoint, resource);
        assert_eq!(meanings(endpoint, &raw), decided, "{what}: as the client spelled it");
        let sent = parse_query(rendered_query).unwrap();
        assert_eq!(meanings(endpoint, &sent), decided, "{what}: as it goes upstream, {rendered}");

        // One spelling for one meaning.
        assert_eq!(self.catalog.resolve(b"GET", rendered.as_bytes()).as_ref(), Ok(resource), "{what}");
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
        known.iter().for_each(|path| crossing.ask(path, Some(query)));
        other.iter().skip(at % 400).step_by(400).for_each(|path| crossing.ask(path, Some(query)));
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
