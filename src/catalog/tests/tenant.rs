//! The section `tenant` of a catalogue file: what a good one becomes and how a wrong one is refused.

use super::super::{Catalog, Value};

const GOOD: &str = "\
version: 1
catalog: demo
endpoints:
  rooms:
    path: /rooms
    body: json
    cost: cheap
    arguments:
      deep: { type: boolean, words: [full] }
      who: { type: text, max_bytes: 9 }
      limit: { type: integer, min: 1, max: 9, default: 3 }
    tenant:
      argument: who
      force: { limit: 9, deep: full }
      keep: [$.now]
      own:
        $.rooms[*]: owner
      named:
        $.queues: \"[{tenant}] *\"
      drop:
        - $.rooms[*].guests
";

/// The faults of [`GOOD`] with `old` replaced by `new`.
fn faults(old: &str, new: &str) -> Vec<String> {
    assert!(GOOD.contains(old), "{old}");
    let read = Catalog::parse("demo.yaml", &GOOD.replace(old, new));
    read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_section_becomes_what_it_says() {
    let catalog = Catalog::parse("demo.yaml", GOOD).unwrap();
    let tenancy = catalog.endpoints[0].tenant.as_ref().unwrap();
    assert_eq!(tenancy.argument, Some(1));
    assert_eq!(tenancy.force, [(0, Value::Text("full".into())), (2, Value::Integer(9))]);
    let body =
        br#"{"now":1,"n":2,"rooms":[{"owner":"B"},{"owner":"A","guests":["B"]}],"queues":{"[A] x":1,"[B] x":2}}"#;
    let left = tenancy.fence.apply("A", body).unwrap();
    assert_eq!(left, br#"{"now":1,"rooms":[{"owner":"A"}],"queues":{"[A] x":1}}"#);
    let short = "    tenant: { own: { $: owner } }\n";
    let text = GOOD.split("    tenant:").next().unwrap().to_owned() + short;
    let catalog = Catalog::parse("demo.yaml", &text).unwrap();
    let tenancy = catalog.endpoints[0].tenant.as_ref().unwrap();
    assert_eq!((tenancy.argument, tenancy.force.as_slice()), (None, &[][..]));
}

#[test]
fn each_fault_has_its_place_and_says_what_to_do() {
    let own = "      own:\n        $.rooms[*]: owner\n";
    let named = "      named:\n        $.queues: \"[{tenant}] *\"\n";
    for (old, new, message) in [
        ("body: json", "body: text", "13:7: a text cannot be cut down to one tenant; leave `tenant` out"),
        ("argument: who", "argument: whom", "13:17: unknown argument `whom`; did you mean `who`?"),
        ("argument: who", "argument: deep", "13:17: a tenant's name is a text, and `deep` does not take one"),
        ("argument: who", "arguments: who", "13:7: unknown key `arguments`; did you mean `argument`?"),
        ("{ limit: 9,", "{ limits: 9,", "14:16: unknown argument `limits`; did you mean `limit`?"),
        ("{ limit: 9,", "{ limit: 99,", "14:23: must be a whole number from 1 to 9"),
        ("{ limit: 9,", "{ who: x,", "14:16: this argument takes the tenant's name; it cannot have another value"),
        ("[$.now]", "[$..now]", "15:14: selector `$..now`: write the way down step by step, without `..`"),
        ("[$.now]", "[$]", "15:14: selector `$`: selects the whole body"),
        ("[$.now]", "$.now", "15:13: expected a list"),
        (
            "$.rooms[*]: owner",
            "$.rooms[0]: owner",
            "17:9: selector `$.rooms[0]`: the place of an element does not say whose it is; write `[*]`",
        ),
        (
            "$.rooms[*]: owner",
            "$.rooms[*]: \"\"",
            "17:9: selector `$.rooms[*]`: the member that says whose it is has no name",
        ),
        ("$.rooms[*]: owner", "rooms: owner", "17:9: selector `rooms`: not a JSON path"),
        (
            "$.queues:",
            "$.rooms.queues: x\n        $.queues:",
            "19:9: selector `$.rooms.queues`: the form of a name has",
        ),
        ("$.queues:", "$.rooms[*]:", "13:7: two paths of `own` and `named` find the same object; write one"),
        (
            "{tenant}",
            "tenant",
            "19:9: selector `$.queues`: the form of a name has `{tenant}` once, and something between",
        ),
        ("$.rooms[*].guests", "$.rooms[1:2]", "21:11: selector `$.rooms[1:2]`: slices are not supported"),
        (
            &format!("{own}{named}"),
            "",
            "13:7: nothing would be the tenant's; say in `own` or `named` what belongs to whom",
        ),
    ] {
        let found = faults(old, new);
        let is_found = found.iter().any(|fault| fault.starts_with(&format!("demo.yaml:{message}")));
        assert!(is_found, "{new}: {message}\n{found:#?}");
    }
}

#[test]
fn all_faults_come_at_once() {
    let text =
        GOOD.replace("argument: who", "argument: whom").replace("limit: 9", "limit: 99").replace("[$.now]", "[$]");
    let faults = Catalog::parse("demo.yaml", &text).unwrap_err();
    let lines: Vec<usize> = faults.iter().filter_map(|fault| Some(fault.place?.line)).collect();
    assert_eq!(lines, [13, 14, 15], "{faults:#?}");
}
