#!/bin/sh
# Assembles a crate of pure modules alone, as they stand: it builds in seconds, so that thousands of mutants can be
# tried. README.md beside this file says how.
#
#   assemble.sh FOLDER [MODULE ...]    these modules and those that they name; all pure ones unless named
#
# What was in FOLDER before is replaced, but for its target/.
set -eu
root="$(cd "$(dirname "$0")/../.." && pwd)"
folder="${1:?assemble.sh FOLDER [MODULE ...]}"
shift

mkdir -p "$folder"
folder="$(cd "$folder" && pwd)"
rm -rf "$folder/src" "$folder/policies" "$folder/tests"
mkdir -p "$folder/src" "$folder/tests"
cp -R "$root/policies" "$folder/policies"
cp -R "$root/tests/go" "$root/tests/fixtures" "$folder/tests/"

# The pure modules are those of the first table of lib.rs; `audit` is the last one.
pure="$(sed -n '/^pub mod audit;/q; s/^pub mod \(.*\);/\1/p' "$root/src/lib.rs" | tr '\n' ' ')audit"
wanted=" ${*:-$pure} "
# Each names only modules above it, so one pass from the bottom finds them all.
for module in $(printf '%s\n' $pure | tac); do
    case "$wanted" in
    *" $module "*) ;;
    *) continue ;;
    esac
    for path in "$root/src/$module" "$root/src/$module.rs"; do
        [ ! -e "$path" ] || cp -R "$path" "$folder/src/"
    done
    wanted="$wanted$(grep -rohE '\bcrate::[a-z_]+' "$folder/src" | sed 's/crate:://' | sort -u | tr '\n' ' ')"
done
for module in $pure; do
    case "$wanted" in
    *" $module "*) printf 'pub mod %s;\n' "$module" ;;
    esac
done > "$folder/src/lib.rs"

# The package without targets and lints, and with the dependencies that these modules name.
cp "$root/Cargo.lock" "$folder/Cargo.lock"
section=""
while IFS= read -r line; do
    case "$line" in
    \[*) section="$line" ;;
    esac
    case "$section" in
    \[dependencies\] | \[dev-dependencies\])
        name="$(printf '%s' "$line" | sed -n 's/^\([a-z0-9_-]*\) = .*/\1/p' | tr - _)"
        [ -z "$name" ] || grep -rqE "\\b$name::" "$folder/src" || continue
        ;;
    \[package\] | \[profile.dev*) ;;
    *) continue ;;
    esac
    printf '%s\n' "$line"
done < "$root/Cargo.toml" > "$folder/Cargo.toml"
# No parent may take it for a member.
printf '\n[workspace]\n' >> "$folder/Cargo.toml"
