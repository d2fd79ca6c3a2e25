#!/bin/sh
# Runs the fuzz targets one after the other, or minimises what they found into tests/fuzz/corpus/.
#
#   run.sh fuzz [TARGET ...]         for $FUZZ_SECONDS each, 600 unless set
#   run.sh minimise [TARGET ...]
#
# Inputs, builds and the pure modules are below target/; what breaks a target is written to tests/fuzz/artifacts/.
set -eu
cd "$(dirname "$0")/../.."
what="${1:?run.sh fuzz|minimise [TARGET ...]}"
shift
[ $# -gt 0 ] || set -- target query policy catalog redact

sh tests/mutants/assemble.sh target/pure
for target in "$@"; do
    inputs="target/fuzz/corpus/$target"
    python3 tests/fuzz/corpus.py unpack "$target" "$inputs"
    length=300
    more=""
    case "$target" in
    policy | catalog)
        length=12000
        more="-dict=tests/fuzz/words/$target.txt policies/examples"
        ;;
    esac
    # The coverage needs flags that stable compilers keep back; the language used is stable.
    fuzz() {
        RUSTC_BOOTSTRAP=1 cargo fuzz "$@" -max_len="$length" -timeout=25
    }
    [ "$target" != redact ] || length=3000
    case "$what" in
    fuzz)
        # shellcheck disable=SC2086  # words
        fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none "$target" "$inputs" \
            -- $more -max_total_time="${FUZZ_SECONDS:-600}"
        ;;
    minimise)
        # Long files are near copies of the shipped ones, which other tests read.
        find "$inputs" -type f -size +1k -delete
        fuzz cmin --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none "$target" "$inputs" \
            -- -use_counters=0
        python3 tests/fuzz/corpus.py pack "$target" "$inputs"
        ;;
    esac
done
