# `just` lists what there is to do.

_list:
    @just --list --unsorted

# Everything that must pass before a change lands: what the server runs
ci:
    .ci/run

# All tests, or those of a name, on both databases
test *ARGS:
    VIADUCT_TEST_POSTGRES="$(scripts/postgres start)" cargo test {{ ARGS }}

# Format and lint
lint:
    cargo fmt
    cargo clippy --all-targets -- -D warnings

# Check the invented council's definitions, and run their cases
check:
    cargo run --quiet -- check .
    cargo run --quiet -- test .

# Licences, bans and sources of what is built in (needs cargo-deny)
deny:
    cargo deny check bans licenses sources

# Start the tests' PostgreSQL and print its address
postgres:
    scripts/postgres start

# Stop the tests' PostgreSQL and forget what was in it
postgres-stop:
    scripts/postgres stop

# Two nights beside the least work that could pass
bench *ARGS:
    benches/nightly/run {{ ARGS }}

# Look for inputs that break a parser: every target for ten minutes, or `just fuzz xml 60`
fuzz *ARGS:
    fuzz/run {{ ARGS }}
