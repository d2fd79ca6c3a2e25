//! Certificates as OpenSSL makes them: by the very commands of `certs/README.md`, and with an authority in between.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::answers::{denial, success};
use crate::support::gateway::{Gateway, Setup};
use crate::support::mtls::{BOTH, Kept, MINE, POLICY, World, all_denied, all_serve};
use crate::support::pki::{Authority, Identity};
use crate::support::upstream::Upstream;

/// The code blocks in this language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("certs/README.md")).unwrap();
    let fence = format!("\n```{language}\n");
    text.split(&fence).skip(1).map(|part| part.split_once("\n```").unwrap().0.to_owned() + "\n").collect()
}

/// A folder in which commands are run, in one shell each.
struct Folder(TempDir);

impl Folder {
    fn run(&self, commands: &str) {
        let output = Command::new("sh").args(["-euc", commands]).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "{commands}{}", String::from_utf8_lossy(&output.stderr));
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn identity(&self, name: &str) -> Identity {
        Identity { certificate: self.read(&format!("{name}.pem")), key: self.read(&format!("{name}.key")) }
    }

    /// Hands the authorities and lists over to monward, the lists before the authorities if they are to `grow`.
    fn hand_over(&self, world: &World, order: [&str; 2]) {
        for name in order {
            if self.read(name) != std::fs::read_to_string(world.gateway.path(name)).unwrap() {
                world.noticed("ok", || world.gateway.rewrite(name, &self.read(name)));
            }
        }
    }

    /// A gateway that trusts whom this folder says.
    fn world(&self, change: impl FnOnce(Setup) -> Setup) -> World {
        let upstream = Upstream::nats();
        let setup = Setup::before(&upstream).policy(POLICY);
        let setup = setup.file("clients.pem", self.read("clients.pem")).file("clients.crl", self.read("clients.crl"));
        let gateway = change(setup).start();
        World { upstream, gateway, clients: Authority::new("nobody") }
    }
}

/// What the folder of `certs/` says, block by block.
struct Recipe {
    folder: Folder,
    functions: String,
    steps: std::vec::IntoIter<String>,
}

impl Recipe {
    /// After the first block, which makes a server.
    fn new() -> Self {
        let folder = Folder(TempDir::new().unwrap());
        let mut steps = blocks("sh").into_iter();
        folder.run(&steps.next().unwrap());
        let functions = steps.next().unwrap();
        Self { folder, functions, steps }
    }

    /// Runs the next block, which must be the one that says `words`.
    fn next(&mut self, words: &str) {
        let step = self.steps.next().unwrap();
        assert!(step.contains(words), "{words:?} is not in {step}");
        self.run(&step);
    }

    /// Runs commands with the functions at hand.
    fn run(&self, commands: &str) {
        self.folder.run(&(self.functions.clone() + commands));
    }
}

/// The authorities grow after their lists, and shrink before them.
const GROW: [&str; 2] = ["clients.crl", "clients.pem"];
const SHRINK: [&str; 2] = ["clients.pem", "clients.crl"];

#[test]
fn the_recipe_for_a_server_works() {
    let recipe = Recipe::new();
    let (server, upstream) = (recipe.folder.identity("server"), Upstream::nats());
    let gateway =
        Setup::before(&upstream).file("server.pem", server.certificate).file("server.key", server.key).start();
    let port = gateway.listeners[0].port();
    let said = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-CAfile", "ca.pem", "-verify_return_error"])
        .args(["-servername", "localhost", "-verify_hostname", "localhost"])
        .current_dir(recipe.folder.0.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
}

#[test]
fn h07_h08_the_recipe_for_a_scraper_works_from_its_begin_to_another_authority() {
    let mut recipe = Recipe::new();
    recipe.next("authority clients-1");
    let listener = blocks("yaml").remove(0);
    let world = recipe.folder.world(|mut setup| {
        setup.listener = listener;
        setup
    });
    let first = world.showing(&recipe.folder.identity("prometheus"));
    world.serves(&first, None, "the first scraper");
    world.shuts_out(&world.anonymous(), "certificate_missing", "no certificate");

    recipe.next("list clients-1");
    recipe.folder.hand_over(&world, GROW);
    world.serves(&first, None, "the list was renewed");
    recipe.next("client clients-1 prometheus-2");
    let second = world.showing(&recipe.folder.identity("prometheus-2"));
    world.serves(&second, None, "the scraper was renewed");

    let mut open = BOTH.map(|via| Kept::open(&first, via));
    all_serve(&mut open, None, "before");
    recipe.next("revoke clients-1 prometheus");
    recipe.folder.hand_over(&world, GROW);
    all_denied(&world, &mut open, None, "certificate_revoked");
    world.shuts_out(&first, "certificate_revoked", "revoked");
    world.serves(&second, None, "not revoked");

    recipe.next("authority clients-2");
    recipe.folder.hand_over(&world, GROW);
    let third = world.showing(&recipe.folder.identity("prometheus-3"));
    world.serves(&second, None, "the old authority, while there are both");
    world.serves(&third, None, "the new authority, while there are both");
    world.shuts_out(&first, "certificate_revoked", "still revoked");
    recipe.next("cat clients-2.pem");
    recipe.folder.hand_over(&world, SHRINK);
    world.shuts_out(&second, "certificate_unknown_issuer", "the old authority is gone");
    world.serves(&third, None, "the new authority, alone");
    assert_eq!(recipe.steps.next(), None, "every block was run");
}

/// A root, an authority below it that signs a client, and the lists of both.
const CHAIN: &str = r#"
umask 077
key() { openssl genpkey -algorithm "$@"; }
sign() { # ISSUER NAME EXTENSIONS
  printf '%s\n' "$3" > extensions
  openssl req -new -key "$2.key" -subj "/O=example.org/CN=$2" -out request
  openssl x509 -req -in request -CA "$1.pem" -CAkey "$1.key" -days 30 -sha384 -extfile extensions -out "$2.pem"
}
list() {
  openssl ca -config "$1.cnf" -cert "$1.pem" -keyfile "$1.key" -gencrl -crldays 30 -out "$1.crl"
}
prepare() {
  printf '%s\n' '[ca]' 'default_ca = list' '[list]' "database = $1.index" "crlnumber = $1.number" 'default_md = sha256' \
    'crl_extensions = more' '[more]' 'authorityKeyIdentifier = keyid' > "$1.cnf"
  : > "$1.index"; echo 01 > "$1.number"; list "$1"
}
lists() { cat root.crl between.crl > clients.crl; }
"#;

const MAKE_CHAIN: &str = r#"
key RSA -pkeyopt rsa_keygen_bits:3072 -out root.key
openssl req -x509 -key root.key -subj /O=example.org/CN=root -days 30 -out root.pem \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
key EC -pkeyopt ec_paramgen_curve:P-384 -out between.key
sign root between 'basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign'
leaf='basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = URI:spiffe://example.org/ns/monitoring/sa/prometheus'
key ED25519 -out one.key; sign between one "$leaf"
key RSA -pkeyopt rsa_keygen_bits:2048 -out two.key; sign between two "$leaf"
cat between.pem >> one.pem; cat between.pem >> two.pem
cp root.pem clients.pem
prepare root; prepare between; lists
"#;

const REVOKE_ONE: &str = "
openssl ca -config between.cnf -cert between.pem -keyfile between.key -revoke one.pem
list between; lists
";

const REVOKE_BETWEEN: &str = "
openssl ca -config root.cnf -cert root.pem -keyfile root.key -revoke between.pem
list root; lists
";

#[test]
fn h07_a_chain_of_openssl_with_lists_is_like_any_other() {
    let folder = Folder(TempDir::new().unwrap());
    folder.run(&[CHAIN, MAKE_CHAIN].concat());
    let world = folder.world(|mut setup| {
        setup.listener =
            "    client_auth: required\n    client_ca_file: clients.pem\n    crl_files: [clients.crl]\n".to_owned();
        setup
    });
    let [one, two] = ["one", "two"].map(|name| world.showing(&folder.identity(name)));
    world.serves(&one, None, "one");
    world.serves(&two, None, "two");
    let alone = Identity { certificate: first(&folder.read("one.pem")), ..folder.identity("one") };
    world.shuts_out(&world.showing(&alone), "certificate_unknown_issuer", "without the link in between");
    let mut open = BOTH.map(|via| (Kept::open(&one, via), Kept::open(&two, via)));
    for (one, two) in &mut open {
        success(&one.ask(None), "one, before");
        success(&two.ask(None), "two, before");
    }
    folder.run(&[CHAIN, REVOKE_ONE].concat());
    folder.hand_over(&world, GROW);
    world.shuts_out(&one, "certificate_revoked", "one was revoked");
    world.serves(&two, None, "two was not");
    for (one, two) in &mut open {
        let answer = one.ask(None);
        denial(&answer, &[401], "one was revoked");
        assert_eq!(world.record(&answer)["reason"], "certificate_revoked");
        success(&two.ask(None), "two was not");
    }
    folder.run(&[CHAIN, REVOKE_BETWEEN].concat());
    folder.hand_over(&world, GROW);
    world.shuts_out(&two, "certificate_revoked", "the authority in between was revoked");
    for (_, two) in &mut open {
        denial(&two.ask(None), &[401], "the authority in between was revoked");
    }
    assert_subject(&world.gateway);
}

/// The first certificate of a file.
fn first(pem: &str) -> String {
    let end = "-----END CERTIFICATE-----\n";
    pem.split_once(end).unwrap().0.to_owned() + end
}

/// The records name the client by its URI.
fn assert_subject(gateway: &Gateway) {
    assert_eq!(gateway.audited(200)["principal"]["subject"], MINE);
}
