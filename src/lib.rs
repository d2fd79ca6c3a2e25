//! monward is an identity-aware reverse proxy for monitoring endpoints.

pub mod types;
pub mod document;
pub mod redact;
pub mod authn;
pub mod catalog;
pub mod authz;
pub mod quota;
pub mod gate;
pub mod audit;
pub mod config;
pub mod ops;
pub mod tls;
pub mod upstream;
pub mod oidc;
pub mod proxy;
pub mod server;
pub mod demo;
pub mod cli;
