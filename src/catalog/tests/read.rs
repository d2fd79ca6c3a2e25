//! Catalogue files: what a good one becomes and how a wrong one is refused.

use super::super::{Catalog, Kind, Value};
use crate::redact::Action::{Mask, Pseudonym, Remove, TruncateIp};
use crate::redact::{Forms, Other, Part, Rule};

const GOOD: &str = "\
version: 1
catalog: demo
redactions:
  standard: { credential: remove, name: mask, host: \"null\", identity: pseudonym }
everywhere:
  credential: [$..jwt]
endpoints:
  stats:
    path: /stats
    aliases: [/old/stats]
    body: json
    cost: normal
    arguments:
      deep: { type: boolean, words: [full], default: true, explicit: true }
      limit: { type: integer, min: -5, max: 10, default: 3 }
      state: { type: word, words: [up, down], synonyms: { ok: up } }
      who: { type: text, max_bytes: 4 }
    sensitive:
      name: [$.name]
    inside:
      identity:
        - { names: \"$[*]\", forms: [\"[ACC:{}] *\"] }
        - { texts: $..sid, forms: [\"R {} *\"], other: keep }
    out_of_reach: [subject]
  page: { path: /, body: text, cost: cheap, out_of_reach: [host] }
";

fn catalog() -> Catalog {
    Catalog::parse("demo.yaml", GOOD).unwrap()
}

/// The faults of [`GOOD`] with `old` replaced by `new`.
fn faults(old: &str, new: &str) -> Vec<String> {
    assert!(GOOD.contains(old), "{old}");
    let read = Catalog::parse("demo.yaml", &GOOD.replace(old, new));
    read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn upstream(target: &str) -> Option<String> {
    let catalog = catalog();
    catalog.resolve(b"GET", target.as_bytes()).ok().map(|resource| catalog.render(&resource))
}

#[test]
fn a_good_file_becomes_what_it_says() {
    let catalog = catalog();
    assert_eq!(catalog.name, "demo");
    let stats = catalog.endpoint(catalog.find("stats").unwrap());
    assert_eq!((stats.path.as_str(), stats.aliases.as_slice()), ("/stats", &["/old/stats".to_owned()][..]));
    assert_eq!(stats.arguments[0].default, Some(Value::Boolean(true)));
    assert_eq!(stats.arguments[1].kind, Kind::Integer { min: -5, max: 10 });
    assert_eq!(stats.arguments[3].default, None);
    let rules = catalog.rules("standard", catalog.find("stats").unwrap()).unwrap();
    assert_eq!(rules.iter().map(Rule::about).collect::<Vec<_>>(), ["$..jwt", "$.name", "names $[*]", "texts $..sid"]);
    assert_eq!(rules[2].part, Part::Name(Forms::parse(&["[ACC:{}] *"], Other::Whole).unwrap()));
    assert_eq!(rules[3].part, Part::Text(Forms::parse(&["R {} *"], Other::Keep).unwrap()));
    assert_eq!(rules.iter().map(|rule| rule.action).collect::<Vec<_>>(), [Remove, Mask, Pseudonym, Pseudonym]);
    assert!(catalog.find("nope").is_none());
}

#[test]
fn arguments_follow_the_file() {
    for (target, expected) in [
        ("/old/stats?who=x&state=OK", "/stats?state=up&who=x"),
        ("/stats?deep=0", "/stats?deep=0"),
        ("/stats?deep=1&limit=3", "/stats"),
        ("/stats?deep=Full", "/stats?deep=full"),
        ("/stats?limit=-5", "/stats?limit=-5"),
        ("/stats?limit=0", "/stats?limit=0"),
    ] {
        assert_eq!(upstream(target).as_deref(), Some(expected), "{target}");
    }
    for target in ["/stats?limit=-6", "/stats?limit=-0", "/stats?limit=11", "/stats?who=12345", "/stats?state=o"] {
        assert_eq!(upstream(target), None, "{target}");
    }
}

/// What is replaced in [`GOOD`], by what, and the fault.
const WRONG: &[(&str, &str, &str)] = &[
    ("version: 1", "version: 2", "1:10: this version of the format is not known; write `version: 1`"),
    ("version: 1", "version: \"1\"", "1:10: expected a whole number"),
    ("version: 1\n", "", "1:1: `version` is missing here"),
    ("catalog: demo", "catalog: De mo", "2:10: a name has lower-case letters, digits, `_` and `-`"),
    ("catalog: demo", "catalogue: demo", "1:1: `catalog` is missing here"),
    ("  stats:", "  Stats:", "8:3: a name has lower-case letters, digits, `_` and `-`"),
    (
        "path: /stats",
        "path: /stats//",
        "9:11: `/stats//` is not canonical: write `/`, or `/a/b` of unreserved characters",
    ),
    ("[/old/stats]", "[/stats]", "10:15: `/stats` is a path already (line 9)"),
    ("{ path: /,", "{ path: /old/stats,", "25:17: `/old/stats` is a path already (line 10)"),
    ("body: json", "body: jsn", "11:11: unknown body `jsn`; did you mean `json`?"),
    ("cost: normal", "cost: huge", "12:11: unknown cost `huge`; known are `cheap`, `normal`, `expensive`, `ruinous`"),
    ("    cost: normal\n", "", "9:5: `cost` is missing here"),
    ("      deep:", "      callback:", "14:7: `callback` cannot be an argument: it puts a text before the body"),
    ("      deep:", "      de%ep:", "14:7: the name of an argument has letters, digits, `_`, `-` and `.`"),
    ("type: boolean, ", "", "14:7: `type` is missing here"),
    ("type: boolean", "type: bool", "14:21: unknown type `bool`; known are `boolean`, `integer`, `word`, `text`"),
    ("words: [full]", "words: [Full]", "14:37: expected different words of lower-case letters, digits, `_` and `-`"),
    (
        "words: [up, down]",
        "words: [up, up]",
        "16:35: expected different words of lower-case letters, digits, `_` and `-`",
    ),
    ("default: true", "default: yes", "14:54: the default must be a boolean (`1` or `0`) or one of `full`"),
    ("explicit: true", "explicit: yes", "14:70: expected `true` or `false`"),
    ("min: -5", "min: 50", "15:14: `min` is 50 and `max` only 10"),
    ("min: -5, ", "", "15:14: `min` is missing here"),
    ("default: 3", "default: 30", "15:58: the default must be a whole number from -5 to 10"),
    ("{ ok: up }", "{ ok: upp }", "16:63: must be one of `up`, `down`"),
    ("{ ok: up }", "{ down: up }", "16:59: a synonym must be a lower-case word that is not yet a value"),
    ("words: [up, down], ", "", "16:14: `words` is missing here"),
    ("max_bytes: 4", "max_bytes: 0", "17:12: `max_bytes` must be from 1 to 4096"),
    (
        "max_bytes: 4",
        "max_bytes: 4, min: 1",
        "17:40: unknown key `min`; known are `type`, `max_bytes`, `default`, `explicit`, `cost`",
    ),
    ("      name: [$.name]", "      nam: [$.name]", "19:7: unknown tag `nam`; did you mean `name`?"),
    ("[subject]", "[subjects]", "24:20: unknown tag `subjects`; did you mean `subject`?"),
    (
        "credential: remove",
        "credential: delete",
        "4:27: unknown action `delete`; known are `remove`, `null`, `mask`, `pseudonym`, `truncate_ip`",
    ),
    (
        "out_of_reach: [subject]",
        "fields: [$.a, $..b]",
        "24:19: selector `$..b`: a known field has one name or `[*]` at each step, from the root down",
    ),
    ("out_of_reach: [host]", "fields: [$.a]", "25:53: only the fields of JSON are watched"),
    (
        "out_of_reach: [host]",
        "sensitive: { host: [$.a] }",
        "25:56: a text has no fields; say what it tells in `out_of_reach`",
    ),
    (
        "out_of_reach: [host]",
        "inside: { host: [{ names: $.a }] }",
        "25:53: a text has no fields; say what it tells in `out_of_reach`",
    ),
    (
        "{ names: \"$[*]\", forms",
        "{ forms",
        "22:11: write either `names` or `texts`, with the selector of whose names or of which texts",
    ),
    (
        "names: \"$[*]\"",
        "names: \"$[*]\", texts: $.a",
        "22:11: write either `names` or `texts`, with the selector of whose names or of which texts",
    ),
    ("names: \"$[*]\"", "name: \"$[*]\"", "22:13: unknown key `name`; did you mean `names`?"),
    ("names: \"$[*]\"", "names: \"[*]\"", "22:20: selector `[*]`: not a JSON path"),
    ("[\"[ACC:{}] *\"]", "[\"[ACC:{}{}\"]", "22:35: form `[ACC:{}{}`: something must stand between"),
    ("[\"[ACC:{}] *\"]", "\"[ACC:{}] *\"", "22:35: expected a list, found a single value"),
    ("other: keep", "other: kept", "23:54: unknown word `kept`; did you mean `keep`?"),
    ("[\"R {} *\"], other", "[\"R *\"], other", "23:35: `other: keep` needs a form with `{}`"),
    ("      identity:\n", "      identty:\n", "21:7: unknown tag `identty`; did you mean `identity`?"),
    (
        "out_of_reach: [host] }",
        "sensitive: { host: [$.a] } }\n  figures: { path: /m, body: exposition, cost: cheap, sensitive: { host: [$.a] } }",
        "26:75: a page of metrics has no fields; write `{ label: NAME }` or `{ families: [NAME] }`",
    ),
];

#[test]
fn each_fault_has_its_place_and_says_what_to_do() {
    let mut wrong = Vec::new();
    for (old, new, message) in WRONG {
        let found = faults(old, new);
        if !found.iter().any(|fault| fault.starts_with(&format!("demo.yaml:{message}"))) {
            wrong.push(format!("{new}: {message}\n   {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_faults_come_at_once_in_order() {
    let text = GOOD.replace("cost: normal", "cots: normal").replace("min: -5", "min: x").replace("[host]", "[hots]");
    let faults = Catalog::parse("demo.yaml", &text).unwrap_err();
    let lines: Vec<usize> = faults.iter().filter_map(|fault| Some(fault.place?.line)).collect();
    assert_eq!(lines, [9, 12, 15, 25], "{faults:#?}");
}

#[test]
fn words_mean_the_same_in_any_case_in_the_file_as_in_a_request() {
    let catalog = Catalog::parse("demo.yaml", &GOOD.replace("{ ok: up }", "{ ok: UP }")).unwrap();
    for (value, meant) in [("up", "up"), ("UP", "up"), ("Down", "down"), ("ok", "up"), ("oK", "up")] {
        let resource = catalog.resolve(b"GET", format!("/stats?state={value}").as_bytes()).unwrap();
        assert_eq!(catalog.render(&resource), format!("/stats?state={meant}"), "{value}");
    }
    for value in ["u", "upp", "o", "okk", "up%20", "%C4%B0p"] {
        let target = format!("/stats?state={value}");
        assert!(catalog.resolve(b"GET", target.as_bytes()).is_err(), "{value}");
    }
}

#[test]
fn paths_that_could_be_spelled_in_two_ways_are_refused() {
    for path in [
        "stats", "\"\"", "//", "/a//b", "/./a", "/a/..", "/a//", "/a/../", "/a%62", "/a b", "/ä", "/a?b", "/a;b",
        "/a#b", "/a\\b",
    ] {
        let found = faults("path: /stats", &format!("path: '{}'", path.trim_matches('"')));
        assert!(found.iter().any(|fault| fault.contains("is not canonical")), "{path}: {found:?}");
    }
}

#[test]
fn an_argument_costs_what_the_file_says() {
    let costly = GOOD
        .replace("default: true, explicit: true", "default: true, cost: 20")
        .replace("default: 3 }", "default: 3, cost: 7 }")
        .replace("synonyms: { ok: up } }", "synonyms: { ok: up }, cost: 40 }");
    let catalog = Catalog::parse("demo.yaml", &costly).unwrap();
    for (target, cost) in [
        ("/stats", 1),
        ("/", 1),
        ("/stats?deep=0", 20),
        ("/stats?deep=1", 1),
        ("/stats?deep=full", 20),
        ("/stats?limit=3", 1),
        ("/stats?limit=4", 7),
        ("/stats?who=x", 1),
        ("/stats?deep=0&limit=4", 140),
        ("/stats?state=up&deep=0", 800),
        ("/stats?state=up&deep=0&limit=4", 1000),
    ] {
        let resource = catalog.resolve(b"GET", target.as_bytes()).unwrap();
        assert_eq!(catalog.cost(&resource).get(), cost, "{target}");
    }
    for cost in ["1", "0", "-2", "1001", "4294967298"] {
        let found = faults("max_bytes: 4", &format!("max_bytes: 4, cost: {cost}"));
        assert_eq!(found, [format!("demo.yaml:17:46: {cost} is out of range: 2 to 1000, or leave it out")]);
    }
    assert_eq!(faults("max_bytes: 4", "max_bytes: 4, cost: many"), ["demo.yaml:17:46: expected a whole number"]);
}

#[test]
fn a_slash_at_the_end_makes_another_path() {
    let found = faults("[/old/stats]", "[/old/stats/]");
    assert!(found.is_empty(), "{found:?}");
    let catalog = Catalog::parse("demo.yaml", &GOOD.replace("[/old/stats]", "[/old/stats/]")).unwrap();
    for (target, known) in [
        ("/old/stats/", true),
        ("//old/stats/", true),
        ("/old/stats", false),
        ("/old/stats//", false),
        ("/stats/", false),
    ] {
        assert_eq!(catalog.resolve(b"GET", target.as_bytes()).is_ok(), known, "{target}");
    }
}

#[test]
fn an_endpoint_has_at_most_64_arguments() {
    // Beside the four that it has.
    let with = |more: usize| {
        let more = (0..more).map(|at| format!("      a{at}: {{ type: boolean }}\n")).collect::<Vec<_>>().concat();
        faults("    arguments:\n", &format!("    arguments:\n{more}"))
    };
    assert_eq!(with(60), Vec::<String>::new());
    assert_eq!(with(61), ["demo.yaml:14:7: an endpoint has at most 64 arguments"]);
}

#[test]
fn a_name_has_at_most_128_characters() {
    for (old, before) in
        [("catalog: demo", "catalog: "), ("      deep:", "      "), ("  stats:", "  "), ("path: /stats", "path: /")]
    {
        let behind = if old.ends_with(':') { ":" } else { "" };
        let length = if old.starts_with("path") { 127 } else { 128 };
        let named = |length: usize| faults(old, &format!("{before}{}{behind}", "n".repeat(length))).len();
        assert_eq!((named(length), named(length + 1), named(length + 2)), (0, 1, 1), "{old}");
    }
}

#[test]
fn a_number_may_have_one_value_only() {
    assert_eq!(faults("min: -5, max: 10, default: 3", "min: 3, max: 3, default: 3"), Vec::<String>::new());
}

#[test]
fn the_example_of_the_readme_is_a_catalogue() {
    let text = include_str!("../../../policies/catalogs/README.md");
    let example = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let catalog = Catalog::parse("README.md", example).unwrap();
    assert!(catalog.resolve(b"GET", b"/old/stats?who=x&limit=5").is_ok());
}

/// A catalogue of one page of metrics with these sensitive labels.
fn figures(sensitive: &str) -> Result<Catalog, Vec<String>> {
    let text = format!(
        "version: 1\ncatalog: demo\nredactions: {{ lean: {{ identity: pseudonym, host: truncate_ip, name: remove }} }}\n\
         endpoints:\n  figures: {{ path: /metrics, body: exposition, cost: cheap, sensitive: {{ {sensitive} }} }}\n"
    );
    Catalog::parse("demo.yaml", &text).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn a_page_of_metrics_has_sensitive_labels_and_families() {
    let catalog = figures(
        "identity: [{ label: account }, { label: user, families: [\"nats_*\", b] }], topology: [{ label: peer }], \
         host: [{ label: ip }], name: [{ families: [secret_*, other] }]",
    );
    let catalog = catalog.unwrap();
    let figures = catalog.find("figures").unwrap();
    assert_eq!(catalog.rules("lean", figures).unwrap().len(), 0);
    assert!(catalog.series_rules("nope", figures).is_none());
    let rules = catalog.series_rules("lean", figures).unwrap();
    let rules: Vec<_> = rules.iter().map(|rule| (rule.action, rule.series.as_str())).collect();
    let wanted = [
        (Pseudonym, "label account"),
        (Pseudonym, "label user in nats_*, b"),
        (TruncateIp, "label ip"),
        (Remove, "family secret_*"),
        (Remove, "family other"),
    ];
    assert_eq!(rules, wanted);
}

#[test]
fn a_wrong_label_or_family_has_its_place() {
    for (sensitive, message) in [
        ("host: [{ label: le }]", "5:90: the label `le` belongs to the value of its metric; remove the family instead"),
        ("host: [{ label: a, families: [] }]", "5:103: this list is empty; name a family, with `*` for anything"),
        ("host: [{}]", "5:81: `label` or `families` is missing here"),
        ("host: [{ labels: a }]", "5:83: unknown key `labels`; did you mean `label`?"),
        ("host: [[a]]", "5:81: a page of metrics has no fields"),
        ("host: [] }, inside: { host: [{ names: $.a }]", "5:94: a page of metrics has no members; name its labels"),
        ("hots: [{ label: a }]", "5:74: unknown tag `hots`; did you mean `host`?"),
    ] {
        let found = figures(sensitive).unwrap_err();
        assert!(found.iter().any(|fault| fault.starts_with(&format!("demo.yaml:{message}"))), "{sensitive}: {found:?}");
    }
    let tenant = figures("}, tenant: { own: { \"$.a[*]\": b }").unwrap_err();
    assert!(tenant[0].contains("a text cannot be cut down to one tenant"), "{tenant:?}");
}
