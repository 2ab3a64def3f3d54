# https://just.systems: `just` lists these.

_default:
    @just --list --unsorted

# The main job: a contract asks the web, a leader proposes, validators vote; `just demo --tamper` changes an octet
demo *args:
    cargo run --release --locked -p subvm-host-std --example oracle -- {{ args }}

# All tests
test *args:
    cargo test --workspace --locked {{ args }}

# The whole check, as before anything lands
ci:
    .ci/run

# Fuzz one target for some seconds: `just fuzz descriptors 600`. The target lowering needs the engine, and is given it
fuzz target time="60":
    cd fuzz && cargo +nightly fuzz run {{ if target == "lowering" { "--features engine" } else { "" } }} {{ target }} --sanitizer none -- -max_total_time={{ time }} -rss_limit_mb=2048 -timeout=10

# Fuzz every target that needs no engine, for so many seconds each
fuzz-all time="60":
    FUZZ_SECONDS={{ time }} .ci/fuzz-smoke

# All benchmarks
bench *args:
    cargo bench --locked -p subvm-benches {{ args }}

# Measure everything in docs/benchmarks.md and write its tables and pictures anew: on a machine with nothing else to do
tables *args:
    cargo run --release --locked --manifest-path benches/peers/Cargo.toml -- {{ args }}

# Count the instructions of hot calls; `just instructions --record` writes them down
instructions *args:
    cargo run --release --locked -p subvm-instructions -- {{ args }}

# Rebuild what is compiled for tests and examples from its sources; `just guests --check` compares instead
guests *args:
    tests/guests/rebuild.sh {{ args }}
    host-std/examples/oracle/rebuild.sh {{ args }}
