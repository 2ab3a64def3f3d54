# https://just.systems: `just` lists these.

_default:
    @just --list --unsorted

# The main job: a contract asks the web, a leader proposes, validators vote; `just demo --tamper` changes a byte
demo *args:
    cargo run --release --locked -p subvm-host-std --example oracle -- {{ args }}

# All tests
test *args:
    cargo test --workspace --locked {{ args }}

# The whole check, as before anything lands
ci:
    .ci/run

# The tests on other processors, emulated: `just emulated aarch64 golden`
emulated *args:
    .ci/emulated {{ args }}

# Fuzz one target for some seconds: `just fuzz descriptors 600`
fuzz target time="60":
    FUZZ_ROUNDS=1 FUZZ_ENGINE=1 fuzz/run-all.sh {{ time }} {{ target }}

# Fuzz all targets in turn, for ever, so many seconds each; file what goes wrong under fuzz/regressions
fuzz-all time="600":
    FUZZ_ENGINE=1 fuzz/run-all.sh {{ time }}

# Say which lines of core/ the fuzz corpora reach, per file, or with --lines each that they do not
fuzz-coverage *args:
    fuzz/coverage.sh {{ args }}

# Look for programs that cost more than they pay, for so many seconds; `just attack 600 7` begins elsewhere
attack seconds="600" seed="1":
    cargo run --release --locked -p subvm-attack -- search {{ seconds }} {{ seed }}

# Measure every program that is known to do so; `just attacks --table` writes the table of docs/benchmarks.md
attacks *args:
    .ci/attacks --slack=1 {{ args }}

# All benchmarks
bench *args:
    cargo bench --locked -p subvm-benches {{ args }}

# Measure everything in docs/benchmarks.md and write its tables and pictures anew: on a machine with nothing else to do
tables *args:
    cargo run --release --locked --manifest-path benches/peers/Cargo.toml -- {{ args }}

# Count the instructions of hot calls; `just instructions --record` writes them down
instructions *args:
    cargo run --profile release-lines --locked -p subvm-instructions -- {{ args }}

# Rebuild what is compiled for tests and examples from its sources; `just guests --check` compares instead
guests *args:
    tests/guests/rebuild.sh {{ args }}
    tests/guests/contracts/rebuild.sh {{ args }}
    host-std/examples/oracle/rebuild.sh {{ args }}
