//! Bodies with the shapes of what NATS answers, the same ones in each run.

use std::fmt::Display;

/// How a body is laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As `json.MarshalIndent(body, "", "  ")` of Go does.
    Pretty,
    /// As `json.Marshal` does.
    Minified,
}

/// Numbers from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % below
    }

    fn letters(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(alphabet[self.roll(alphabet.len() as u64) as usize])).collect()
    }

    /// A public NKEY: `kind` and 55 of base32.
    fn key(&mut self, kind: char) -> String {
        format!("{kind}{}", self.letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 55))
    }

    /// A JWT whose claims are `length` letters.
    fn token(&mut self, length: usize) -> String {
        const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (claims, signature) = (self.letters(BASE64, length), self.letters(BASE64, 86));
        format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJ{claims}.{signature}")
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }

    fn time(&mut self) -> String {
        let (hour, minute, second) = (self.roll(24), self.roll(60), self.roll(60));
        format!("2026-11-20T{hour:02}:{minute:02}:{second:02}.{:09}Z", self.roll(1_000_000_000))
    }
}

/// Writes JSON member by member.
struct Writer {
    out: String,
    layout: Layout,
    depth: usize,
    dice: Dice,
}

impl Writer {
    fn new(layout: Layout) -> Self {
        let mut writer = Self { out: String::new(), layout, depth: 1, dice: Dice(7) };
        writer.out.push('{');
        writer
    }

    fn item(&mut self) {
        if !self.out.ends_with(['{', '[']) {
            self.out.push(',');
        }
        self.line();
    }

    fn line(&mut self) {
        if self.layout == Layout::Pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.depth));
        }
    }

    fn open(&mut self, name: &str, bracket: char) {
        self.item();
        if !name.is_empty() {
            self.name(name);
        }
        self.out.push(bracket);
        self.depth += 1;
    }

    fn close(&mut self, bracket: char) {
        self.depth -= 1;
        if !self.out.ends_with(['{', '[']) {
            self.line();
        }
        self.out.push(bracket);
    }

    fn name(&mut self, name: &str) {
        self.out.extend(["\"", name, if self.layout == Layout::Pretty { "\": " } else { "\":" }]);
    }

    /// A number or a word.
    fn plain(&mut self, name: &str, value: impl Display) {
        self.item();
        self.name(name);
        self.out.push_str(&value.to_string());
    }

    fn text(&mut self, name: &str, value: impl Display) {
        self.plain(name, format_args!("\"{value}\""));
    }

    fn element(&mut self, value: &str) {
        self.item();
        self.out.extend(["\"", value, "\""]);
    }

    fn finish(mut self) -> Vec<u8> {
        self.close('}');
        self.out.into_bytes()
    }
}

const WORDS: &[&str] = &["orders", "events", "metrics", "payments", "audit", "eu-west", "telemetry", "edge"];
const TAILS: &[&str] = &["*", r"\u003e", "created", "deleted", "REQ", "state", "orders.42"];

/// `/connz?auth=1&subs=detail` with so many connections; 11,500 are 47 MB when they are pretty.
pub fn connz(connections: usize, layout: Layout) -> Vec<u8> {
    let mut body = Writer::new(layout);
    let id = body.dice.key('N');
    body.text("server_id", id);
    body.plain("num_connections", connections);
    body.plain("limit", 1024);
    body.open("connections", '[');
    for cid in 0..connections {
        connection(&mut body, cid);
    }
    body.close(']');
    body.finish()
}

fn connection(body: &mut Writer, cid: usize) {
    body.open("", '{');
    body.plain("cid", cid);
    body.text("kind", "Client");
    body.text("type", "nats");
    let ip = format!("10.{}.{}.{}", body.dice.roll(256), body.dice.roll(256), body.dice.roll(256));
    body.text("ip", ip);
    for name in ["port", "pending_bytes", "in_msgs", "out_msgs", "in_bytes", "out_bytes", "subscriptions"] {
        let figure = body.dice.roll(100_000);
        body.plain(name, figure);
    }
    for name in ["start", "last_activity"] {
        let time = body.dice.time();
        body.text(name, time);
    }
    let rtt = body.dice.roll(1000);
    body.text("rtt", format_args!("{rtt}µs"));
    body.text("uptime", "2m24s");
    let pod = body.dice.letters(b"bcdfghjklmnpqrstvwxz2456789", 10);
    body.text("name", format_args!("orders-svc v1.2 (pod orders-{pod})"));
    body.text("lang", "go");
    body.text("version", "1.47.0");
    for (name, kind) in [("authorized_user", 'U'), ("account", 'A')] {
        let key = body.dice.key(kind);
        body.text(name, key);
    }
    body.open("subscriptions_list_detail", '[');
    for sid in 0..14 {
        body.open("", '{');
        let subject = format!("acme.{}.{}", body.dice.pick(WORDS), body.dice.pick(TAILS));
        body.text("subject", subject);
        body.text("sid", sid);
        let messages = body.dice.roll(5000);
        body.plain("msgs", messages);
        body.plain("cid", cid);
        body.close('}');
    }
    body.close(']');
    credentials(body);
    body.close('}');
}

/// What `auth=1` adds to a connection.
fn credentials(body: &mut Writer) {
    let (token, issuer) = (body.dice.token(680), body.dice.key('A'));
    body.text("jwt", token);
    body.text("issuer_key", issuer);
    body.text("name_tag", "Acme Corp");
    body.open("tls_peer_certs", '[');
    body.open("", '{');
    body.text("subject", "CN=client,O=Acme Corp,C=DE");
    for (name, length) in [("subject_pk_sha256", 64), ("cert_sha256", 64)] {
        let digest = body.dice.letters(b"0123456789abcdef", length);
        body.text(name, digest);
    }
    body.close('}');
    body.close(']');
}

/// What `/accountz?acc=` says of an account, of so many accounts.
pub fn accountz(accounts: usize) -> Vec<u8> {
    let mut body = Writer::new(Layout::Pretty);
    body.open("accounts", '[');
    for _ in 0..accounts {
        body.open("", '{');
        let (name, length) = (body.dice.key('A'), 1000 + body.dice.roll(5000) as usize);
        body.text("account_name", &name);
        body.plain("expired", false);
        body.plain("client_connections", 4);
        let token = body.dice.token(length);
        body.text("jwt", token);
        body.open("imports", '[');
        for _ in 0..40 {
            body.open("", '{');
            let word = body.dice.pick(WORDS);
            body.text("subject", format_args!("$SYS.REQ.ACCOUNT.{name}.{word}"));
            body.text("to", format_args!(r"$JS.API.{word}.\u003e"));
            body.text("type", "service");
            body.plain("invalid", false);
            body.plain("share", true);
            body.close('}');
        }
        body.close(']');
        body.close('}');
    }
    body.close(']');
    body.finish()
}

/// `/jsz?accounts=1&streams=1&consumers=1&config=1` with so many streams of one account.
pub fn jsz(streams: usize) -> Vec<u8> {
    let mut body = Writer::new(Layout::Pretty);
    body.open("account_details", '[');
    body.open("", '{');
    body.text("name", "Acme Corp");
    body.plain("reserved_memory", u64::MAX);
    body.open("stream_detail", '[');
    for stream in 0..streams {
        body.open("", '{');
        body.text("name", format_args!("ACMEJS_{stream}"));
        body.open("config", '{');
        body.open("subjects", '[');
        body.element(r"acmejs.2.\u003e");
        body.close(']');
        body.text("retention", "limits");
        body.plain("max_consumers", -1);
        for name in ["allow_direct", "sealed", "deny_delete", "deny_purge"] {
            body.plain(name, false);
        }
        body.open("consumer_limits", '{');
        body.close('}');
        body.close('}');
        body.open("consumer_detail", '[');
        (0..6).for_each(|_| consumer(&mut body));
        body.close(']');
        body.close('}');
    }
    for bracket in [']', '}', ']'] {
        body.close(bracket);
    }
    body.finish()
}

fn consumer(body: &mut Writer) {
    body.open("", '{');
    body.text("stream_name", "ACMEJS_2");
    let created = body.dice.time();
    body.text("created", created);
    body.open("config", '{');
    body.text("durable_name", "c0");
    body.text("ack_policy", "explicit");
    body.plain("ack_wait", 30_000_000_000_u64);
    body.plain("max_deliver", -1);
    body.close('}');
    for name in ["delivered", "ack_floor"] {
        body.open(name, '{');
        let (consumer, stream) = (body.dice.roll(1 << 40), body.dice.roll(1 << 50));
        body.plain("consumer_seq", consumer);
        body.plain("stream_seq", stream);
        body.close('}');
    }
    for name in ["num_ack_pending", "num_redelivered", "num_waiting", "num_pending"] {
        let figure = body.dice.roll(100);
        body.plain(name, figure);
    }
    body.close('}');
}

/// A `/varz` of about 1.5 KB.
pub fn varz() -> Vec<u8> {
    let mut body = Writer::new(Layout::Pretty);
    let id = body.dice.key('N');
    body.text("server_id", id);
    body.text("server_name", "nats-east-1");
    body.text("version", "2.15.1");
    body.text("go", "go1.27.2");
    body.text("host", "127.0.0.1");
    body.open("connect_urls", '[');
    body.element("127.0.0.1:14221");
    body.element("127.0.0.1:14222");
    body.close(']');
    for name in [
        "port",
        "max_connections",
        "ping_interval",
        "ping_max",
        "https_port",
        "max_control_line",
        "max_payload",
        "max_pending",
        "mem",
        "cores",
        "gomaxprocs",
        "connections",
        "total_connections",
        "routes",
        "remotes",
        "leafnodes",
        "in_msgs",
        "out_msgs",
        "in_bytes",
        "out_bytes",
        "slow_consumers",
        "subscriptions",
    ] {
        let figure = body.dice.roll(10_000_000);
        body.plain(name, figure);
    }
    body.plain("cpu", 0.5);
    body.plain("auth_required", true);
    for part in ["cluster", "gateway", "leaf", "mqtt"] {
        body.open(part, '{');
        body.text("name", "east");
        body.text("addr", "127.0.0.1");
        body.plain("auth_timeout", 2);
        body.plain("tls_timeout", 2);
        body.close('}');
    }
    body.finish()
}

/// Nothing but small objects.
pub fn dense(objects: usize) -> Vec<u8> {
    format!("[{}]", vec![r#"{"a":1,"b":[],"c":{"d":true}}"#; objects].join(",")).into_bytes()
}

/// Nothing but escapes.
pub fn escapes(strings: usize) -> Vec<u8> {
    format!("[{}]", vec![r#""\\\"\n\u003e\\\\\u0026x\"\\""#; strings].join(",")).into_bytes()
}
