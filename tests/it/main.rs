//! The whole of monward from outside: the real program, real TLS, real sockets, real `nats-server`.
//!
//! One file per family of attacks; each test carries the id of what it proves (`c05_percent_encoded_letters`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the helpers of the tests are tests: they fail by panicking, and they read the clock to keep deadlines"
)]
#![allow(
    clippy::too_many_lines,
    clippy::excessive_nesting,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::large_stack_arrays,
    reason = "a table of cases reads best in one piece, and nobody measures how fast a test builds its strings"
)]
#![allow(unreachable_pub, reason = "a test binary exports nothing; `pub` says what the helpers offer each other")]
#![allow(clippy::must_use_candidate, clippy::missing_panics_doc, reason = "nobody but these tests calls the helpers")]

mod support;

mod a_corpora;
mod a_tokens;
mod arguments;
mod asking;
mod b_keys;
mod b_keys_life;
mod basic;
mod bodies;
mod c_target;
mod catalogs;
mod centrifugo;
mod combined;
mod commands;
mod conditions;
mod d_framing;
mod d_requests;
mod demo;
mod doctor;
mod drift;
mod e_h2;
mod exchange;
mod f_headers;
mod fence;
mod files;
mod forward_auth;
mod front_doors;
mod fuzz;
mod g_corpora;
mod g_pages;
mod g_redaction;
mod h_certificates;
mod h_corpora;
mod h_tls;
mod harness;
mod hygiene;
mod hygiene_paths;
mod i_limits;
mod injected;
mod insight;
mod invariants;
mod j_logs;
mod jsonp;
mod k_config;
mod k_files;
mod k_life;
mod kubernetes;
mod nats;
mod nats_catalog;
mod outage;
mod pseudonyms;
mod real_certificates;
mod real_introspection;
mod real_openssl;
mod real_prometheus;
mod readers;
mod redact;
mod regression;
mod revocation;
mod routes;
mod shadow;
mod shipped;
mod tenants;
mod tidy;
mod tls;
