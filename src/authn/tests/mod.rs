//! Tests of the module as a whole; test keys are made anew in each run.

mod cache;
mod corpora;
mod credential;
mod keyring;
mod keys;
mod mint;
mod token;
