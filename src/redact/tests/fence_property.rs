//! Whatever an answer looks like, nothing of anybody else's leaves, and what leaves is spelled as it was.

use proptest::prelude::*;
use serde_json::Value;

use super::super::fence::{Fence, FenceRule};

/// Marks whatever must not leave.
const CANARY: &str = "CANARY";

fn fence() -> Fence {
    let rules = [
        FenceRule::keep("$['now','limit']"),
        FenceRule::own("$.list[*]", "who"),
        FenceRule::own("$.more.list[*]", "name"),
        FenceRule::named("$.queues", "[{tenant}] *"),
        FenceRule::named("$.groups", "{tenant}"),
        FenceRule::drop("$.list[*]['secret','token']"),
        FenceRule::drop("$.list[*].subs[*].boss"),
        FenceRule::drop("$.groups[*][*].boss"),
    ];
    Fence::new(rules.into_iter().map(Result::unwrap).collect()).unwrap()
}

/// Space between tokens.
fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", " ", "\n  ", "\t", "\r\n"])
}

/// Values as text; `word` stands in every string, and in every number as digits.
fn json(word: &'static str) -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        prop::sample::select(vec!["0", "-1.50", "1E+2", "18446744073709551615"]).prop_map(str::to_owned),
        "[a-z]{0,3}".prop_map(move |more| format!("\"{word}{more}\\u003e\\/\u{e9}\"")),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        let array = (prop::collection::vec(inner.clone(), 0..4), space())
            .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(&format!("{space},"))));
        let name = prop::sample::select(vec!["a", "who", "name", "list", "secret", "\\u0077ho", "Who", "boss"]);
        let object = (prop::collection::vec((name, inner), 0..4), space()).prop_map(|(members, space)| {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\"{space}:{value}")).collect();
            format!("{{{space}{}{space}}}", members.join(&format!(",{space}")))
        });
        prop_oneof![array, object]
    })
}

/// Somebody else, however near.
fn stranger() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["B", "AB", "a", "A ", "", "A\\u0000", "B\\u0041", "A\\ud800", "[A", "A] x"])
}

fn tenant() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["A", "\\u0041"])
}

/// An object of which `who` is a member somewhere; `more` is what else it has.
fn object(who: &str, owner: &str, more: &[(String, String)], place: usize, space: &str) -> String {
    let mut members: Vec<_> = more.iter().map(|(name, value)| format!("{space}\"{name}\":{space}{value}")).collect();
    members.insert(place.min(members.len()), format!("{space}\"{who}\"{space}: \"{owner}\""));
    format!("{{{}{space}}}", members.join(","))
}

fn members(word: &'static str) -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::btree_map("[b-d]{1,3}", json(word), 0..4).prop_map(|all| all.into_iter().collect())
}

/// One element: its text, and whether it is the tenant's own with nothing to drop in it.
fn element(who: &'static str) -> impl Strategy<Value = (String, bool)> {
    let own = (tenant(), members("own"), 0_usize..4, space())
        .prop_map(move |(owner, more, place, space)| (object(who, owner, &more, place, space), true));
    let dropped =
        (tenant(), members("own"), json(CANARY), prop::sample::select(vec!["secret", "Token", "S\\u0065CRET"]))
            .prop_map(move |(owner, mut more, canary, name)| {
                more.push((name.to_owned(), canary));
                (object(who, owner, &more, 0, ""), false)
            });
    let foreign = (stranger(), members(CANARY), 0_usize..4, space())
        .prop_map(move |(owner, more, place, space)| (object(who, owner, &more, place, space), false));
    let nobody = members(CANARY).prop_map(|more| {
        let members: Vec<_> = more.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        (format!("{{{}}}", members.join(",")), false)
    });
    if who == "who" {
        prop_oneof![own, dropped, foreign, nobody].boxed()
    } else {
        prop_oneof![own, foreign, nobody].boxed()
    }
}

fn list(who: &'static str) -> impl Strategy<Value = (String, Vec<String>)> {
    (prop::collection::vec(element(who), 0..6), space()).prop_map(|(elements, space)| {
        let texts: Vec<&str> = elements.iter().map(|(text, _)| text.as_str()).collect();
        let own = elements.iter().filter(|(_, own)| *own).map(|(text, _)| text.clone()).collect();
        (format!("[{space}{}{space}]", texts.join(&format!("{space},{space}"))), own)
    })
}

/// Members named after owners.
fn queues() -> impl Strategy<Value = (String, Vec<String>)> {
    let own = prop::option::of(json("own"));
    let strangers = prop::collection::btree_map(
        stranger().prop_filter("a name", |name| !name.contains("\\ud800")),
        json(CANARY),
        0..5,
    );
    (own, strangers, space()).prop_map(|(own, strangers, space)| {
        let mut all: Vec<_> = strangers.iter().map(|(name, value)| format!("\"[{name}] q\":{value}")).collect();
        let member = own.map(|value| format!("\"[A] q\"{space}:{value}"));
        all.insert(all.len() / 2, member.clone().unwrap_or_else(|| format!("\"{CANARY}\":1")));
        (format!("{{{}}}", all.join(&format!(",{space}"))), member.into_iter().collect())
    })
}

/// A whole answer, and the texts in it that must leave as they are, in their order.
fn document() -> impl Strategy<Value = (String, [Vec<String>; 3])> {
    let parts = (list("who"), list("name"), queues(), json(CANARY), space(), any::<prop::sample::Index>());
    parts.prop_map(|(list, more, queues, canary, space, turn)| {
        let mut parts = [
            format!("\"now\":{space}\"own\""),
            format!("\"list\":{}", list.0),
            format!("\"more\"{space}:{{\"list\":{},\"{CANARY}\":{canary}}}", more.0),
            format!("\"queues\":{}", queues.0),
            format!("\"groups\":{{\"{CANARY}\":{canary},\"A\":{{\"g\":{{\"boss\":{canary}}}}}}}"),
            format!("\"total\":{canary}"),
            format!("\"lists\":{}", list.0.replace("own", CANARY)),
        ];
        let turn = turn.index(parts.len());
        parts.rotate_left(turn);
        (format!("{{{space}{}{space}}}", parts.join(&format!(",{space}"))), [list.1, more.1, queues.1])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nothing_of_anybody_elses_leaves_and_all_that_is_the_tenants_does((text, own) in document()) {
        let left = fence().apply("A", text.as_bytes());
        let left = String::from_utf8(left.map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?).unwrap();
        prop_assert!(!left.contains(CANARY), "{}\n{}", text, left);
        prop_assert!(serde_json::from_str::<Value>(&left).is_ok(), "{}\n{}", text, left);
        for parts in own {
            let mut rest = left.as_str();
            for part in parts {
                let found = rest.split_once(part.as_str());
                prop_assert!(found.is_some(), "{}\n{}\nmisses {}", text, left, part);
                rest = found.map_or("", |(_, after)| after);
            }
        }
        let again = fence().apply("A", left.as_bytes()).unwrap();
        prop_assert_eq!(String::from_utf8(again).unwrap(), left);
    }

    #[test]
    fn a_document_that_is_cut_is_an_error((text, _) in document(), at in any::<prop::sample::Index>()) {
        let at = at.index(text.len());
        prop_assert!(fence().apply("A", &text.as_bytes()[..at]).is_err());
    }

    #[test]
    fn no_body_makes_it_panic_and_what_it_makes_is_json(
        (text, _) in document(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (at, byte) in places {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(left) = fence().apply("A", &bytes) {
            let again = fence().apply("A", &left);
            prop_assert_eq!(again, Ok(left));
        }
    }
}
