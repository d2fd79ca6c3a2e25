//! Tests of the module as a whole; test keys are made anew in each run.

mod attempts;
mod answer;
mod cache;
mod certificates;
mod corpora;
mod credential;
mod door;
mod keyring;
mod keys;
mod kinds;
mod mint;
mod name_patterns;
mod revocations;
mod static_keys;
mod named_keys;
mod token;
