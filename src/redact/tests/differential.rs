//! The engine against the reference, on bodies that nobody wrote.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::reference::{About, Path, Pick};
use super::*;
use Action::{Keep, Mask, Null, Pseudonym, Remove, TruncateIp};

/// Names in the rules and in the bodies, and other spellings of them.
const NAMES: &[&str] = &["jwt", "a", "b", "sk", "", "0"];
const SPELLED: &[&str] = &[
    "jwt",
    "JWT",
    r"\u006awt",
    r"j\u0057T",
    "jwt ",
    r"\u0000jwt",
    r"j\u200dwt",
    "j\u{ad}wt",
    "jwtx",
    "a",
    "A",
    r"\u0061",
    "b",
    "sk",
    "\u{17f}k",
    r"\u017f\u212A",
    "s\u{212a}",
    "",
    "0",
    "é",
    r#"x\"y"#,
    r"\ud83d\ude00",
    "eyJx.y.z",
    r"\ud800",
];
const STRINGS: &[&str] = &[
    "",
    "plain",
    "a longer plain text with spaces and, commas: ] } { [",
    r#"esc \u003e \\ \/ \n \" \u00e9"#,
    "é😀µ",
    r"\ud83d\ude00 \ud83d x",
    "eyJhbGci.eyJqdGki.c2ln",
    r"x \u0065yJhbGci\u002eeyJ.z y",
    "eyJ.eyJ",
    "eyJa.b",
    "SUACANARYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AASUSNAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2zz",
    r"\u0053UAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\u0041AA0",
    "nats://user:pw@host:4222",
    r"x:\/\/u\ud800\u0040h@i/p@q",
    "a//b //c@",
    "jwt",
    "10.1.2.3",
    r"10\u002e1.2.3:4222",
    "2001:db8:7:1::5",
    "[2001:db8:7:1::5]:1",
    "::ffff:10.1.2.3",
];
/// Parts of the texts and names above.
const FORMS: &[&[&str]] = &[
    &[],
    &["{}"],
    &["{}.*", "*://{}"],
    &["a {} *", "*: {}"],
    &["*a{}", "j{}t", "é"],
    &["x:{}@*", "*//{}@*"],
    &["{}.{}.{}", "10.{}.2.*"],
    &["{}w*", "s{}"],
    &["[{}]:*", "*:{}:*"],
];
const PLAIN: &[&str] =
    &["0", "-0", "1.10", "1E5", "-12.5e-7", "18446744073709551616", "1e999", "true", "false", "null"];
const SPACES: &[&str] = &["", "", "", " ", "\n  ", "\t\r\n", "            "];

fn body() -> impl Strategy<Value = String> {
    let text = select(STRINGS).prop_map(|text| format!("\"{text}\""));
    let leaf = prop_oneof![text, select(PLAIN).prop_map(str::to_owned)];
    let value = leaf.prop_recursive(5, 60, 6, |inner| prop_oneof![object(inner.clone()), array(inner)]);
    (select(SPACES), prop_oneof![object(value.clone()), array(value)], select(SPACES))
        .prop_map(|(before, value, after)| format!("{before}{value}{after}"))
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let space = || select(SPACES);
    let member = (space(), select(SPELLED), space(), space(), value, space())
        .prop_map(|(s1, name, s2, s3, value, s4)| format!("{s1}\"{name}\"{s2}:{s3}{value}{s4}"));
    vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn array(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let element = (select(SPACES), value, select(SPACES)).prop_map(|(s1, value, s2)| format!("{s1}{value}{s2}"));
    vec(element, 0..6).prop_map(|elements| format!("[{}]", elements.join(",")))
}

pub(super) fn rules() -> impl Strategy<Value = Vec<Path>> {
    let pick = prop_oneof![
        4 => select(NAMES).prop_map(Pick::Name),
        1 => Just(Pick::Any),
        1 => (0..3usize).prop_map(Pick::Index),
    ];
    let segments = vec((any::<bool>(), vec(pick, 1..3)), 1..4);
    let action = select(&[Remove, Remove, Remove, Null, Mask, Pseudonym, TruncateIp, Keep][..]);
    let other = select(&[Other::Whole, Other::Keep][..]);
    let about = (0..5_u8, select(FORMS), other).prop_map(|(kind, forms, other)| {
        let other = if forms.iter().any(|form| form.contains("{}")) { other } else { Other::Whole };
        match kind {
            0 => About::Name(forms, other),
            1 => About::Text(forms, other),
            _ => About::Value,
        }
    });
    let path = (segments, action, about).prop_map(|(segments, action, about)| {
        let about = if action == Keep { About::Value } else { about };
        Path { segments, action, about }
    });
    vec(path, 0..5)
}

#[derive(Clone, Debug)]
pub(super) enum Mutation {
    Put(usize, u8),
    Insert(usize, u8),
    Delete(usize, usize),
    Repeat(usize, usize),
}

pub(super) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let byte =
        || prop_oneof![3 => select(&b"{}[],:\"\\ \n0-.eEtfnu=#_\x00\x1f\x7f\xff\xc3\xe2\xef"[..]), 1 => any::<u8>()];
    let place = || any::<usize>();
    vec(
        prop_oneof![
            (place(), byte()).prop_map(|(at, byte)| Mutation::Put(at, byte)),
            (place(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
            (place(), 1..8usize).prop_map(|(at, count)| Mutation::Delete(at, count)),
            (place(), 1..8usize).prop_map(|(at, count)| Mutation::Repeat(at, count)),
        ],
        0..3,
    )
}

pub(super) fn mutate(body: &str, mutations: &[Mutation]) -> Vec<u8> {
    let mut body = body.as_bytes().to_vec();
    for mutation in mutations {
        let length = body.len().max(1);
        match mutation {
            Mutation::Put(at, byte) => {
                if let Some(slot) = body.get_mut(at % length) {
                    *slot = *byte;
                }
            }
            Mutation::Insert(at, byte) => body.insert((at % length).min(body.len()), *byte),
            Mutation::Delete(at, count) => {
                let at = (at % length).min(body.len());
                body.drain(at..body.len().min(at + count));
            }
            Mutation::Repeat(at, count) => {
                let at = (at % length).min(body.len());
                let piece = body[at..body.len().min(at + count)].to_vec();
                body.splice(at..at, piece);
            }
        }
    }
    body
}

pub(super) fn compiled(rules: &[Path]) -> Arc<Plan> {
    let rule = |path: &Path| {
        let part = match path.about {
            About::Value => Part::Value,
            About::Name(forms, other) => Part::Name(Forms::parse(forms, other).unwrap()),
            About::Text(forms, other) => Part::Text(Forms::parse(forms, other).unwrap()),
        };
        Rule { part, ..Rule::new(Selector::parse(&path.written()).unwrap(), path.action) }
    };
    Plan::compile(BodyKind::Json, rules.iter().map(rule).collect()).unwrap()
}

/// A few thousand in the normal run; a million with
/// `PROPTEST_CASES=1000000 cargo test --release --lib -- redact::tests::differential`.
pub(super) fn config(cases: u32) -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    ProptestConfig { cases: config.cases.max(cases), ..config }
}

proptest! {
    #![proptest_config(config(6000))]

    #[test]
    fn verdict_and_output_are_those_of_the_reference(
        body in body(), rules in rules(), mutations in mutations(), size in 1..40usize,
    ) {
        let body = mutate(&body, &mutations);
        let plan = compiled(&rules);
        let result = whole(&plan, &body);
        let got = result.clone().ok().map(|(out, report)| (out, report.hits, report.masked));
        let want = reference::redact(&body, &rules);
        let shown = |result: &Option<(Vec<u8>, Vec<u64>, u64)>| {
            result.as_ref().map(|(out, hits, masked)| format!("{hits:?} {masked} {}", String::from_utf8_lossy(out)))
        };
        let paths = rules.iter().map(|path| (path.written(), path.action, path.about)).collect::<Vec<_>>();
        prop_assert_eq!(shown(&got), shown(&want), "{} {:?}", String::from_utf8_lossy(&body), paths);
        if let Some((out, _, _)) = &got {
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(out).is_ok());
        }
        for size in [1, size] {
            let (out, report) = feed(&plan, body.chunks(size));
            prop_assert_eq!(report.map(|report| (out, report)), result.clone(), "chunks of {}", size);
        }
    }

    #[test]
    fn a_planted_secret_never_leaves_even_from_a_broken_body(tokens in vec(select(TOKENS), 0..40), size in 1..60usize) {
        let body = format!("{{{}", tokens.concat());
        let plan = remove(&["$..jwt", "$.a[1]"]);
        for size in [body.len().max(1), size, 1] {
            let (out, _) = feed(&plan, body.as_bytes().chunks(size));
            prop_assert!(!String::from_utf8_lossy(&out).contains("CANARY"), "{}", body);
        }
    }
}

/// Pieces of bodies; what is planted stands under its name in each.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "{",
    "}",
    ",",
    ",",
    ",",
    "\"a\":",
    "\"b\":",
    "\"a\"",
    "1",
    "true",
    "{}",
    "[]",
    "nul",
    "\"a\":[",
    "\"jwt\":\"CANARY\"",
    "\"\\u006aWT\" : \"CANARY\"",
    "\"jwt\":[\"CANARY\",{\"x\":\"CANARY\"}]",
    "\"jwt\":{\"CANARY\":\"CANARY\"}",
    "\"jwt\":{\"a\":[\"CANARY\"],\"jwt\":\"CANARY\"}",
    "\"jwt\":[[\"CANARY\"",
];
