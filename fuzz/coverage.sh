#!/usr/bin/env bash
# Says which lines of core/ the corpora and regressions reach, by replaying them on stable: per file, or with --lines each line not reached.
# Needs `rustup component add llvm-tools`. FUZZ_FOUND=DIRECTORY measures with what fuzzing gathered there too.
set -euo pipefail
if [ -n "${FUZZ_FOUND:-}" ]; then export FUZZ_FOUND="$(realpath -m -- "$FUZZ_FOUND")"; fi
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-fuzz/coverage}
tools=$(dirname "$(find "$(rustc --print sysroot)" -name llvm-profdata | head -1)")
if ! [ -x "$tools/llvm-cov" ]; then
  echo "SKIPPED: no llvm-tools for this toolchain: rustup component add llvm-tools" >&2
  exit 0
fi
profiles=$(mktemp -d)
trap 'rm -rf "$profiles"' EXIT

# The targets that need no engine: what those that do reach is the engine's and lowering's.
tests=(cargo test --quiet --locked -p subvm-tests --no-default-features --test fuzz_replay)
export RUSTFLAGS="-C instrument-coverage"
export LLVM_PROFILE_FILE="$profiles/%p-%m.profraw"
binary=$("${tests[@]}" --no-run --message-format=json | sed -n 's/.*"executable":"\([^"]*fuzz_replay[^"]*\)".*/\1/p')
(cd tests && "$binary" --quiet >&2)
"$tools/llvm-profdata" merge -sparse "$profiles"/*.profraw -o "$profiles/merged"

case ${1:-} in
  --lines) "$tools/llvm-cov" show "$binary" -instr-profile="$profiles/merged" --sources core/src core/calldata/src | grep -E '^(/|.*\| +0\|)' ;;
  *) "$tools/llvm-cov" report "$binary" -instr-profile="$profiles/merged" --sources core/src core/calldata/src ;;
esac
