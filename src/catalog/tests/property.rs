//! What holds for every request, not only for those that somebody thought of.

use std::sync::Arc;

use crate::redact::is_secret_shaped;
use proptest::prelude::*;

use super::super::{Arguments, Catalog, EndpointId, Kind, Resource, Value};
use super::nats;

/// A value that the argument takes.
fn value(kind: &Kind) -> BoxedStrategy<Value> {
    let words = |words: &[Arc<str>]| prop::sample::select(words.to_vec()).prop_map(Value::Text).boxed();
    match kind {
        Kind::Boolean { words: none } if none.is_empty() => any::<bool>().prop_map(Value::Boolean).boxed(),
        Kind::Boolean { words: some } => prop_oneof![any::<bool>().prop_map(Value::Boolean), words(some)].boxed(),
        Kind::Integer { min, max } => prop_oneof![*min..=*max, Just(*min), Just(*max)].prop_map(Value::Integer).boxed(),
        Kind::Word { words: some } => words(some),
        Kind::Text { max_bytes } => {
            let text = proptest::string::string_regex(&format!("[ -~]{{1,{max_bytes}}}")).unwrap();
            text.prop_filter("no credential", |text| !is_secret_shaped(text))
                .prop_map(|text| Value::Text(text.into()))
                .boxed()
        }
    }
}

/// A request in canonical form: arguments in order, none equal to its default.
fn resource() -> impl Strategy<Value = Resource> {
    let endpoints = nats().endpoints.len();
    (0..endpoints).prop_flat_map(|index| {
        let catalog = nats();
        let endpoint = &catalog.endpoints[index];
        let each: Vec<_> = endpoint.arguments.iter().map(|argument| prop::option::of(value(&argument.kind))).collect();
        each.prop_map(move |values| {
            let arguments = &nats().endpoints[index].arguments;
            let given = values.into_iter().enumerate().filter_map(|(at, value)| Some((at, value?)));
            let arguments: Arguments = given.filter(|(at, value)| !arguments[*at].is_default(value)).collect();
            Resource::new(EndpointId(index), arguments)
        })
    })
}

/// One way among several to write a known target wrongly, or nearly.
fn near_miss() -> impl Strategy<Value = String> {
    let paths: Vec<String> = nats().paths.keys().cloned().collect();
    let noise = prop::sample::select(vec![
        "/",
        "//",
        "/./",
        "/../",
        "%2f",
        "%2F",
        "%61",
        "\\",
        ";",
        ";x=1",
        "#",
        "?",
        "??",
        "&",
        "=",
        ".",
        "..",
        "%00",
        " ",
        "\t",
        "\u{e9}",
        "z",
        "Z",
        "*",
        "+",
        ":",
        "@",
        "http://h",
        "%",
        "/varz",
        "/accountz",
        "auth=1",
    ]);
    (prop::sample::select(paths), any::<prop::sample::Index>(), noise, 0..4_usize).prop_map(|(path, at, noise, how)| {
        let cut = at.index(path.len() + 1);
        let (head, tail) = path.split_at(cut);
        match how {
            0 => format!("{head}{noise}{tail}"),
            1 => format!("{noise}{path}"),
            2 => format!("{path}{noise}"),
            _ => format!("{head}{}", tail.to_uppercase()),
        }
    })
}

/// The path of `target` is one of the endpoint's own, up to one more slash in front.
fn names(catalog: &Catalog, target: &[u8], resource: &Resource) -> bool {
    let raw = target.split(|byte| *byte == b'?').next().unwrap();
    let endpoint = catalog.endpoint(resource.endpoint());
    let mut known = std::iter::once(&endpoint.path).chain(&endpoint.aliases);
    known.any(|path| raw == path.as_bytes() || raw == format!("/{path}").as_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_rendered_is_understood_as_the_same(resource in resource()) {
        let target = nats().render(&resource);
        prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
        // The longest texts together can pass the longest target; the upstream would take it, a client cannot ask it.
        prop_assume!(target.len() <= super::super::MAX_TARGET);
        prop_assert_eq!(nats().resolve(b"GET", target.as_bytes()), Ok(resource));
    }

    #[test]
    fn canonical_form_is_a_fixed_point(path in "/(connz|subsz|jsz|healthz)", pairs in prop::collection::vec(
        ("auth|subs|limit|offset|state|sort|user|acc|streams|details", "|1|0|true|f|5|all|ANY|detail|a%20b|a\\+b|cid"), 0..4)) {
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let target = format!("{path}?{}", query.join("&"));
        if let Ok(resource) = nats().resolve(b"GET", target.as_bytes()) {
            let once = nats().render(&resource);
            let again = nats().resolve(b"HEAD", once.as_bytes()).unwrap();
            prop_assert_eq!(&again, &resource);
            prop_assert_eq!(nats().render(&again), once);
        }
    }

    #[test]
    fn nothing_beside_the_table_is_understood(target in near_miss()) {
        if let Ok(resource) = nats().resolve(b"GET", target.as_bytes()) {
            prop_assert!(names(&nats(), target.as_bytes(), &resource), "{target}");
        }
    }

    #[test]
    fn any_bytes_are_answered_without_panic(method in prop::collection::vec(any::<u8>(), 0..6),
                                            target in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(resource) = nats().resolve(&method, &target) {
            prop_assert!(names(&nats(), &target, &resource));
        }
        let mut rooted = b"/connz?".to_vec();
        rooted.extend(&target);
        if let Ok(resource) = nats().resolve(b"GET", &rooted) {
            prop_assert_eq!(nats().resolve(b"GET", nats().render(&resource).as_bytes()), Ok(resource));
        }
    }
}

/// What Go's `net/url` and `strconv.ParseBool` make of `auth` in a query: on, off, or an error from the upstream.
fn go_reads_auth(query: &str) -> Option<bool> {
    let first = query.split('&').filter(|pair| !pair.contains(';')).find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((unescape(name)?, unescape(value)?)).filter(|(name, _)| name == "auth")
    });
    match first.map(|(_, value)| value).unwrap_or_default().as_str() {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut meant = Vec::new();
    while let Some(byte) = bytes.next() {
        meant.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = [bytes.next()?, bytes.next()?];
                pair.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(meant).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_upstream_in_go_reads_the_same_out_of_the_query_and_out_of_what_is_rendered(
        parts in prop::collection::vec(prop::sample::select(vec![
            "auth", "%61uth", "AUTH", "limit", "=", "=", "1", "0", "true", "t", "%31", "%", "%zz", ";", "&", "&", "+",
        ]), 0..8)
    ) {
        let query = parts.concat();
        if let Ok(resource) = nats().resolve(b"GET", format!("/connz?{query}").as_bytes()) {
            let ours = nats().render(&resource);
            let rendered = ours.split_once('?').map_or("", |(_, query)| query);
            prop_assert_eq!(go_reads_auth(&query), go_reads_auth(rendered));
        }
    }
}
