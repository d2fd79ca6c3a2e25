//! All kernels are one engine: whatever the processor, the same bytes leave, and the same errors are found.

use proptest::prelude::*;

use super::differential::{compiled, config, rules};
use super::*;

/// Bytes that look like those of large bodies, from a seed (splitmix64).
struct Writer {
    seed: u64,
    out: Vec<u8>,
    /// What stands before each member: nothing, or a line end and so many spaces a level.
    indent: Option<usize>,
    depth: usize,
}

const NAMES: &[&str] = &[
    "jwt",
    "JWT",
    "jw",
    "jwts",
    "a",
    "b",
    "sk",
    "name",
    "in_msgs",
    "subscriptions_list_detail",
    "0",
    "",
    "J",
    "zA",
    "a name",
    r"j\u0057t",
    "j\u{ad}wt",
    "é",
    "x\u{7f}y",
    "eyJhbGci.QQ.QQ",
    "account_details",
    "jetstream",
    "s\u{212a}",
];
const TEXTS: &[&str] = &[
    "",
    "x",
    "orders.created",
    r"acme.\u003e",
    r"\\",
    r#"\""#,
    r"tab\tnew\n",
    "10.0.0.1",
    "100µs",
    "é😀",
    r"\ud83d\ude00",
    r"\ud800",
    "nats://user:pw@host",
    "a@b",
    "eyJhbGci.QUFB.c2ln",
    r"\u0065yJa.b.c",
    r"u\u0040h",
    "eyJ",
    "ey",
    "yJ",
    "{[,:]}",
    "\u{7f}",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "SUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "ASUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAZ2",
    r"SUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\u0041A",
];
const PLAIN: &[&str] = &[
    "0",
    "7",
    "42",
    "-1",
    "1.5",
    "-0.25e+10",
    "1E5",
    "18446744073709551615",
    "true",
    "false",
    "null",
    "{}",
    "[]",
    "00",
    "01",
    "-",
    "1.",
    ".5",
    "truex",
    "nul",
    "12a",
    "1 2",
    "{ }",
    "[\n]",
    "+1",
    "0x1",
    "-01",
    "1e",
    "tru e",
];
/// As printed, and otherwise.
const SPACES: &[&str] = &["", "", "", "", "", "", "", " ", "  ", "\n", "\t", "\r\n", "\n      "];
const NOISE: &[u8] = b"{}[],:\"\"\\\\ \n0-.eEtfnu@J\x00\x1f\x7f\xff\xc3\xe2";

impl Writer {
    fn roll(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.seed;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % below as u64).unwrap()
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Mostly one of the first.
    fn pick(&mut self, of: &[&'static str], first: usize) -> &'static str {
        let below = if self.roll(12) > 0 { first.min(of.len()) } else { of.len() };
        of[self.roll(below)]
    }

    /// White space that is not printed so, now and then.
    fn space(&mut self) {
        if self.roll(40) == 0 {
            let space = SPACES[self.roll(SPACES.len())];
            self.put(space);
        }
    }

    fn line(&mut self) {
        if let Some(indent) = self.indent {
            self.put("\n");
            self.out.extend(std::iter::repeat_n(b' ', indent * self.depth));
        }
    }

    fn text(&mut self, of: &[&'static str], first: usize) {
        let text = self.pick(of, first);
        let long = if self.roll(30) == 0 { self.roll(300) } else { 0 };
        self.put("\"");
        self.put(text);
        let letter = b"xA7"[self.roll(3)];
        self.out.extend(std::iter::repeat_n(letter, long));
        self.put("\"");
    }

    fn name(&mut self) {
        self.text(NAMES, 14);
        self.space();
        self.put(if self.indent.is_some() { ": " } else { ":" });
    }

    fn value(&mut self) {
        self.space();
        match self.roll(10) {
            0 if self.depth < 6 => self.container('{', '}'),
            1 if self.depth < 6 => self.container('[', ']'),
            2..=5 => self.text(TEXTS, 8),
            _ => {
                let plain = self.pick(PLAIN, 13);
                self.put(plain);
            }
        }
        self.space();
    }

    fn container(&mut self, open: char, close: char) {
        self.out.push(open as u8);
        self.depth += 1;
        let count = self.roll(if self.depth < 3 { 40 } else { 6 });
        for number in 0..count {
            if number > 0 {
                self.put(",");
            }
            self.line();
            self.space();
            if open == '{' {
                self.name();
            }
            self.value();
        }
        self.depth -= 1;
        if count > 0 {
            self.line();
        }
        self.out.push(close as u8);
    }

    /// Breaks a few bytes, of half the bodies.
    fn spoil(&mut self) {
        for _ in 0..[0, 0, 0, 1, 1, 3][self.roll(6)] {
            let at = self.roll(self.out.len().max(1));
            let noise = NOISE[self.roll(NOISE.len())];
            match self.roll(3) {
                0 if !self.out.is_empty() => self.out[at] = noise,
                0 | 1 => self.out.insert(at, noise),
                _ => drop(self.out.drain(at..(at + 1).min(self.out.len()))),
            }
        }
    }
}

fn body(seed: u64) -> Vec<u8> {
    let mut writer = Writer { seed, out: Vec::new(), indent: None, depth: 0 };
    writer.indent = [None, Some(2), Some(2), Some(3), Some(0)][writer.roll(5)];
    let (open, close) = if writer.roll(3) > 0 { ('{', '}') } else { ('[', ']') };
    writer.container(open, close);
    writer.spoil();
    writer.out
}

/// Where a body is cut.
fn cuts(body: &[u8], seed: u64) -> Vec<Vec<&[u8]>> {
    let mut writer = Writer { seed, out: Vec::new(), indent: None, depth: 0 };
    let mut all = vec![vec![body], body.chunks(1 + writer.roll(7)).collect(), body.chunks(64).collect()];
    for largest in [150, 400, 6000] {
        let (mut rest, mut cut) = (body, Vec::new());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at((1 + writer.roll(largest)).min(rest.len()));
            cut.push(chunk);
            rest = after;
        }
        all.push(cut);
    }
    all
}

fn feed_with(plan: &Arc<Plan>, kernel: Kernel, chunks: &[&[u8]]) -> (Vec<u8>, Result<Report, RedactError>) {
    feed_to(Redactor::new(Arc::clone(plan), pseudonyms()).with_kernel(kernel), chunks.iter().copied())
}

fn assert_kernels_agree(plan: &Arc<Plan>, body: &[u8], seed: u64) {
    let words = Kernel::all().next().unwrap();
    let (want, verdict) = feed_with(plan, words, &[body]);
    for kernel in Kernel::all() {
        for chunks in cuts(body, seed) {
            let (out, report) = feed_with(plan, kernel, &chunks);
            let shown = String::from_utf8_lossy(body);
            assert_eq!(report, verdict, "{kernel:?} in {} chunks: {shown}", chunks.len());
            let alike = if report.is_ok() { out == want } else { out.starts_with(&want) || want.starts_with(&out) };
            assert!(alike, "{kernel:?} in {} chunks, seed {seed}: {shown}", chunks.len());
        }
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn large_bodies_leave_every_kernel_and_every_chunking_alike(seed in any::<u64>(), rules in rules()) {
        assert_kernels_agree(&compiled(&rules), &body(seed), seed);
    }

    #[test]
    fn what_leaves_a_large_body_is_what_the_reference_says(seed in any::<u64>(), rules in rules()) {
        let body = body(seed);
        let plan = compiled(&rules);
        let want = reference::redact(&body, &rules);
        for kernel in Kernel::all() {
            let (out, report) = feed_with(&plan, kernel, &[&body]);
            let got = report.ok().map(|report| (out, report.hits, report.masked));
            prop_assert!(got == want, "{:?}, seed {}: {}", kernel, seed, String::from_utf8_lossy(&body));
        }
    }
}

#[test]
fn a_fault_is_found_at_the_same_place_wherever_it_lies_in_a_block() {
    let plan = remove(&["$..jwt"]);
    for fault in [
        "\"a\" 1",
        "\"a\"::1",
        "\"a\":01",
        "\"a\":truex",
        "\"a\":0false",
        "\"a\":1null",
        "\"a\":1 2",
        "\"a\":,",
        "1",
        "\"a\":\"\u{1}\"",
        "\"a\":[1}",
        "\"a\"",
        ",",
        "\"a\":\"\\x\"",
        "\"a\":]",
        "\"a\":{,}",
        "\"a\":[1,]",
        "\"a\":  }",
    ] {
        for before in 0..140 {
            let body =
                format!("{{\"p\":\"{}\",{fault},\"jwt\":\"x\",\"q\":[{}]}}", "x".repeat(before), "1,".repeat(80) + "1");
            assert_kernels_agree(&plan, body.as_bytes(), before as u64);
        }
    }
}

#[test]
fn a_secret_is_seen_wherever_it_lies_in_a_block() {
    let seed = format!("SU{}", "A2".repeat(28));
    for (secret, masked) in
        [("eyJhbGci.QUFB.c2ln", "[redacted]"), ("a://u:p@h", "a://[redacted]@h"), (seed.as_str(), "[redacted]")]
    {
        for before in 0..200 {
            let filler = "y".repeat(before);
            let body = |secret: &str| {
                format!("{{\"a\":\"{filler}\",\"b\":{{\"c\":\" {secret}\",\"{secret}\":1}},\"d\":[1,2,\"-{secret}\"]}}")
            };
            for kernel in Kernel::all() {
                let (out, report) = feed_with(&remove(&["$..jwt"]), kernel, &[body(secret).as_bytes()]);
                assert_eq!(String::from_utf8(out).unwrap(), body(masked), "{kernel:?} {before}");
                assert_eq!(report.unwrap().masked, 3);
            }
        }
    }
}
