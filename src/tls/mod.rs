//! TLS: what a listener shows its clients and believes of them, and towards the servers that monward calls.
//!
//! Input: files named by the configuration. Output: a rustls configuration that verifies chain, name and
//! validity, always; there is no switch to turn that off.

pub mod client;
pub mod client_auth;
mod pem_file;
pub mod server;

#[cfg(test)]
pub(crate) mod pki;
