# Two commands: `make demo` and `make test`. Both install what they lack, or say exactly what to install.

CARGO ?= cargo
ARGS ?=
# Most tests wait for a server more than they compute.
THREADS ?= 6
# Outside target/, so that `cargo clean` and a fresh clone do not throw it away.
TOOLS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/monward/tools
TARGET := $(or $(CARGO_TARGET_DIR),target)
MONWARD := $(TARGET)/debug/monward

.PHONY: sets demo test build-tools test-tools fmt clippy unit deny policies advisories bench bench-decision bench-redact go-tables fuzz mutants

# A guided tour on loopback: own certificates, own issuer, own upstream. `make demo ARGS=--exit` ends after the tour.
demo: build-tools
	$(CARGO) build --release --locked
	$(TARGET)/release/monward demo $(ARGS)

# Everything that must hold before a change lands.
test:
	@$(MAKE) --no-print-directory test-tools
	@$(MAKE) --no-print-directory fmt
	@$(MAKE) --no-print-directory clippy
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory deny
	@$(MAKE) --no-print-directory policies

build-tools:
	@sh tests/tools/install.sh build

test-tools:
	@TOOLS="$(TOOLS)" sh tests/tools/install.sh test

fmt:
	$(CARGO) fmt --check

clippy:
	$(CARGO) clippy --all-targets --locked -- -D warnings

# The third-party cases are read from the folder that MONWARD_CORPORA names; their tests fail when it is unset.
unit:
	MONWARD_TOOLS="$(TOOLS)" RUST_TEST_THREADS=$(THREADS) $(CARGO) test --locked

deny:
	"$(TOOLS)/bin/cargo-deny" --locked check bans licenses sources

# The cases beside the shipped policies, and the worked example of a catalogue of one's own. Doubts are faults here.
policies:
	$(CARGO) build --locked
	$(MONWARD) check --strict policies/*.yaml
	$(MONWARD) check --strict --catalog policies/examples/greenhouse.catalog.yaml policies/examples/*.yaml

# Writes policies/SETS.md anew, from the catalogues.
sets:
	MONWARD_WRITE_SETS=1 $(CARGO) test --locked --lib -- the_table_of_sets_is_what_the_catalogues_say

# Apart from `make test`: the advisory database is fetched from the network.
advisories: test-tools
	"$(TOOLS)/bin/cargo-deny" --locked check advisories

# The side-by-side benchmark lives outside this repository.
bench:
	@test -n "$(MONWARD_BENCH)" || { echo "make bench: set MONWARD_BENCH to the folder of the side-by-side benchmark (the one that holds its 'run')" >&2; exit 2; }
	@test -x "$(MONWARD_BENCH)/run" || { echo "make bench: $(MONWARD_BENCH)/run is missing or cannot be executed" >&2; exit 2; }
	$(CARGO) build --release --locked
	MONWARD="$(abspath $(TARGET))/release/monward" "$(MONWARD_BENCH)/run" $(or $(ARGS),W1)

# Asks Go anew what it makes of request targets (tests/go/README.md). `make test` needs the tables alone, not Go.
go-tables:
	@sh tests/tools/install.sh go
	GO111MODULE=off go run tests/go/oracle.go

# The time of a decision; its allocations are counted by `make test`, too.
bench-decision:
	$(CARGO) bench --locked --bench decision

# The time of redaction beside memcpy and other tools; `ONLY=connz ROUNDS=30 make bench-redact` for less of it, or more.
bench-redact:
	$(CARGO) bench --locked --bench redact

# Ten minutes for each target; `make fuzz FUZZ_SECONDS=60 TARGETS=query` for less (tests/fuzz/README.md).
fuzz:
	@TOOLS="$(TOOLS)" sh tests/tools/install.sh fuzz
	PATH="$(TOOLS)/bin:$$PATH" FUZZ_SECONDS="$(FUZZ_SECONDS)" sh tests/fuzz/run.sh fuzz $(TARGETS)

# Whether a test fails for each small change to the pure modules (tests/mutants/README.md).
mutants:
	@TOOLS="$(TOOLS)" sh tests/tools/install.sh mutants
	PATH="$(TOOLS)/bin:$$PATH" sh tests/mutants/run.sh $(MODULES)
