//! Names and hashes in a file. Every hash here was made by the `argon2` command of Debian, for a key that opens nothing.

use super::super::{Method, StaticKeys, TokenFault};
use crate::types::{Secret, UnixTime};

/// Of `correct-horse-battery-staple`, by the very line that the documentation shows.
const DOCUMENTED: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$czNpaVhiVEg1dVRtamlmdXpkOGtVdz09$DE11bxyX/pdGBjv2bHFNo+B2mRddSTR1EgyVQIopq0g";
const FIRST: &str =
    "$argon2id$v=19$m=8192,t=1,p=1$MU1FcU9WODZwOGtJRkM0OURqYndDZz09$PsBbKMeF4QbIFxQhF90oH48Qqg3Z02FqHKf1bOa7w0s";
const SECOND: &str =
    "$argon2id$v=19$m=8192,t=1,p=1$OXp0QXVTTnpXQXFrVEQremtGbUdHZz09$75e61bv7s5K4IURrylS78lzUUXMxEGQqca7DDiB4etg";
const UNICODE: &str =
    "$argon2id$v=19$m=8192,t=1,p=1$clVKcWtIa2kwbW42Nm1ScldoaklRUT09$ByCn760xo2Qqpxsccw3tw4L3vMvCvokkJrKTPJAjL70";
/// Four lanes and 64 bytes.
const LARGE: &str = "$argon2id$v=19$m=16384,t=2,p=4$YnZCTXBxQkR0NzhEdEt2YnpFWVU3Zz09$MKhHe14wuYD0QYOONT5Jb4YzRPSXA3Cp62svPD45U7dhSnqsjtaVWYoUwG8s+/af+M+Xby7+HERI76nzcFi2Aw";

const REST: &str = "MDEyMzQ1Njc4OWFiY2RlZg$pUfBFZUBNyqj+CXQ4LcxguYdwbsaMaCPBXrkNxUMFWA";

const HINT: &str =
    "make it with `printf %s \"$KEY\" | argon2 \"$(openssl rand -base64 16)\" -id -k 19456 -t 2 -p 1 -e`";

fn parse(text: &str) -> Result<StaticKeys, Vec<String>> {
    StaticKeys::parse("keys", "k.yaml", text).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn faults(text: &str) -> Vec<String> {
    parse(text).err().unwrap_or_default()
}

fn subject(keys: &StaticKeys, user: &str, key: &str) -> Result<String, TokenFault> {
    keys.check(user, &Secret::new(key.to_owned())).map(|principal| principal.subject().to_owned())
}

#[test]
fn a_hash_that_debian_makes_by_the_documented_line_opens_for_its_key_alone() {
    let keys = parse(&format!("version: 1\nkeys:\n  grafana: \"{DOCUMENTED}\"\n")).unwrap();
    assert_eq!(subject(&keys, "grafana", "correct-horse-battery-staple"), Ok("grafana".to_owned()));
    for wrong in [
        "",
        "correct-horse-battery-stapl",
        "correct-horse-battery-staple\n",
        "Correct-horse-battery-staple",
        DOCUMENTED,
    ] {
        assert_eq!(subject(&keys, "grafana", wrong), Err(TokenFault::Key), "{wrong:?}");
    }
}

#[test]
fn a_name_opens_with_its_own_key_and_while_it_is_replaced_with_both() {
    let text = format!(
        "version: 1\nkeys:\n  one: [\"{FIRST}\"]\n  both:\n    - \"{FIRST}\"\n    - \"{SECOND}\"\n  jürgen: \"{UNICODE}\"\n  large: \"{LARGE}\"\n"
    );
    let keys = parse(&text).unwrap();
    assert_eq!(keys.len(), 4);
    for (user, key, right) in [
        ("one", "first-key", true),
        ("one", "second-key", false),
        ("both", "first-key", true),
        ("both", "second-key", true),
        ("both", "other", false),
        ("jürgen", "ünïcode:kéy", true),
        ("jürgen", "unicode:key", false),
        ("large", "other", true),
        ("large", "first-key", false),
        ("One", "first-key", false),
        ("one ", "first-key", false),
    ] {
        let wanted = if right { Ok(user.to_owned()) } else { Err(TokenFault::Key) };
        assert_eq!(subject(&keys, user, key), wanted, "{user} {key}");
    }
}

#[test]
fn a_name_that_is_not_there_never_opens_not_even_with_the_key_of_the_one_that_stands_in() {
    let keys = parse(&format!("version: 1\nkeys:\n  grafana: \"{FIRST}\"\n")).unwrap();
    for user in ["", "nobody", "grafan", "grafana\0", "GRAFANA"] {
        assert_eq!(subject(&keys, user, "first-key"), Err(TokenFault::Key), "{user:?}");
    }
}

#[test]
fn what_a_key_proves_has_no_claims_and_no_end() {
    let keys = parse(&format!("version: 1\nkeys:\n  grafana: \"{FIRST}\"\n")).unwrap();
    let principal = keys.check("grafana", &Secret::new("first-key".to_owned())).unwrap();
    assert_eq!((principal.issuer(), principal.subject(), principal.method()), ("keys", "grafana", Method::StaticKey));
    assert_eq!(principal.claims(), &crate::authn::ClaimTree::default());
    assert_eq!(principal.expires(), UnixTime::from_secs(u64::MAX));
    assert_eq!(principal.proofs().count(), 1);
}

fn refused(hash: &str, message: &str) {
    let text = format!("version: 1\nkeys:\n  a: \"{hash}\"\n");
    assert_eq!(faults(&text), [format!("k.yaml:3:6: {message}; {HINT}")], "{hash}");
}

#[test]
fn what_is_no_strong_hash_of_argon2id_is_refused_with_the_line_that_makes_one() {
    let kind = "is not a hash of argon2id, the only kind that is accepted";
    for (hash, message) in [
        ("", "is not a hash of a key"),
        ("a plain key", "is not a hash of a key"),
        ("$plain", kind),
        ("$argon2i$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$HWzYskmEkk4zWBBJLqhHmtFo0IHJJ4lX55rJyb1sQTA", kind),
        ("$2y$05$fjOZYLAc1JAdlEIT9KHK4.wW2fWKySoypfE2bfOj7oW2zDlC2OnGq", "is not a hash of a key"),
        (
            "$argon2id$v=16$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$byvUfMITGzVZFDp8rcBrVnlvb+WBe/bHM5EvIZ+ofDE",
            "expected version 19 of argon2 (`v=19`)",
        ),
        (
            "$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHQ$QmEhtv+FAeQBT7iaHQcFAZx3W2JSFrCbJEI0aOyjXcE",
            "the salt is shorter than 16 bytes",
        ),
        (
            "$argon2id$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$c19YgtMvJww5dt2/lSyNOw",
            "the hash is shorter than 32 bytes",
        ),
        ("$argon2id$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg", "the hash is shorter than 32 bytes"),
        ("$argon2id$v=19$m=8192,t=1,p=1", "the salt is shorter than 16 bytes"),
    ] {
        refused(hash, message);
    }
    for spoilt in [format!("{FIRST}="), format!("{FIRST}$x"), format!(" {FIRST}"), format!("{FIRST} ")] {
        refused(&spoilt, "is not a hash of a key");
    }
}

#[test]
fn parameters_are_in_range_in_order_and_complete() {
    let order = "expected the parameters `m`, `t` and `p`, in this order and no others";
    for (parameters, message) in [
        ("$v=19$m=4096,t=3,p=1", "`m=4096` is out of range: 8192 to 65536"),
        ("$v=19$m=8191,t=3,p=1", "`m=8191` is out of range: 8192 to 65536"),
        ("$v=19$m=65537,t=3,p=1", "`m=65537` is out of range: 8192 to 65536"),
        ("$v=19$m=4294967295,t=1,p=1", "`m=4294967295` is out of range: 8192 to 65536"),
        ("$v=19$m=8192,t=0,p=1", "`t=0` is out of range: 1 to 10"),
        ("$v=19$m=8192,t=11,p=1", "`t=11` is out of range: 1 to 10"),
        ("$v=19$m=8192,t=1,p=0", "`p=0` is out of range: 1 to 4"),
        ("$v=19$m=8192,t=1,p=5", "`p=5` is out of range: 1 to 4"),
        ("$v=19$m=8192,t=1", order),
        ("$v=19$t=1,m=8192,p=1", order),
        ("$v=19$m=8192,m=8192,t=1,p=1", order),
        ("$v=19$m=8192,t=1,p=1,data=AAAA", order),
        ("$v=19$m=08192,t=1,p=1", order),
        ("$v=19$m=99999999999,t=1,p=1", order),
        ("$v=19", order),
        ("$m=8192,t=1,p=1", "expected version 19 of argon2 (`v=19`)"),
    ] {
        refused(&format!("$argon2id{parameters}${REST}"), message);
    }
    for parameters in ["m=8192,t=1,p=1", "m=65536,t=10,p=4"] {
        let text = format!("version: 1\nkeys:\n  a: \"$argon2id$v=19${parameters}${REST}\"\n");
        assert_eq!(faults(&text), Vec::<String>::new(), "{parameters}");
    }
}

#[test]
fn all_faults_of_a_file_come_at_once_and_show_no_secret() {
    let text = format!(
        "version: 2\nkyes: 1\nkeys:\n  \"\": \"{FIRST}\"\n  \"a:b\": \"{FIRST}\"\n  \"a\\tb\": \"{FIRST}\"\n  none: []\n  three: [\"{FIRST}\", \"{FIRST}\", \"{FIRST}\"]\n  deep: {{ a: b }}\n  {}: \"{FIRST}\"\n  mixed:\n    - \"{FIRST}\"\n    - hunter2\n",
        "x".repeat(257)
    );
    let name = "a name has 1 to 256 bytes, no colon and no control character: HTTP Basic cannot carry it otherwise";
    let count = "hashes, expected one, or two while a key is replaced";
    let found = faults(&text);
    assert_eq!(
        found,
        [
            "k.yaml:1:10: unknown version; known is `1`".to_owned(),
            "k.yaml:2:1: unknown key `kyes`; did you mean `keys`?".to_owned(),
            format!("k.yaml:4:3: {name}"),
            format!("k.yaml:5:3: {name}"),
            format!("k.yaml:6:3: {name}"),
            format!("k.yaml:7:9: has 0 {count}"),
            format!("k.yaml:8:10: has 3 {count}"),
            "k.yaml:9:9: expected text, found a mapping".to_owned(),
            format!("k.yaml:10:3: {name}"),
            format!("k.yaml:13:7: is not a hash of a key; {HINT}"),
        ]
    );
    assert!(found.iter().all(|fault| !fault.contains("hunter2") && !fault.contains("PsBbKMeF4Q")));
}

#[test]
fn a_file_has_some_names_but_not_too_many() {
    let file = |count: usize| {
        let lines: Vec<String> = (0..count).map(|number| format!("  u{number}: \"{FIRST}\"\n")).collect();
        format!("version: 1\nkeys:\n{}", lines.concat())
    };
    assert_eq!(parse(&file(1000)).map(|keys| keys.len()), Ok(1000));
    assert_eq!(faults(&file(1001)), ["k.yaml:3:3: has 1001 names, expected 1 to 1000"]);
    assert_eq!(faults("version: 1\nkeys: {}\n"), ["k.yaml:2:7: has 0 names, expected 1 to 1000"]);
    assert_eq!(faults("version: 1\n"), ["k.yaml:1:1: `keys` is missing here"]);
    assert_eq!(faults("[]"), ["k.yaml:1:1: expected a mapping, found a list"]);
    assert_eq!(
        faults(&format!("version: 1\nkeys:\n  a: \"{FIRST}\"\n  a: \"{SECOND}\"\n")),
        ["k.yaml:4:3: `a` stands here a second time (first on line 3)"]
    );
}

#[test]
fn nothing_of_the_file_is_printed() {
    let keys = parse(&format!("version: 1\nkeys:\n  grafana: \"{FIRST}\"\n")).unwrap();
    assert_eq!(format!("{keys:?}"), "StaticKeys { users: 1, .. }");
}
