#!/bin/sh
# Tries every small change to some pure modules, and lists those that no test of these modules notices.
#
#   run.sh [MODULE ...]      catalog, authz and gate unless named
#
# $MONWARD_CORPORA must name the folder of the third-party cases, as for `make test`. $SHARD takes a part of the
# changes: 0/8 is every eighth of them, from the first.
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- catalog authz gate

sh tests/mutants/assemble.sh target/mutants "$@"
cd target/mutants
files=""
for module in "$@"; do
    files="$files --file src/$module.rs --file src/$module/**"
done
set -f
# A module is used by those below it: a change counts as noticed if a test of any named module fails. The first one that
# fails is enough; stable compilers keep the flag for that back.
# shellcheck disable=SC2046,SC2086  # words, not patterns
RUSTC_BOOTSTRAP=1 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$PWD/target" \
    cargo mutants --dir . --in-place --timeout 60 --output . ${SHARD:+--shard $SHARD --sharding round-robin} $files \
    -- --lib -- -Zunstable-options --fail-fast $(printf '%s:: ' "$@")
