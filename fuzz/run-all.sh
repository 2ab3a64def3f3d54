#!/usr/bin/env bash
# Fuzzes all targets in turn, for ever, SECONDS (default 600) each. What is gathered is kept and minimised in $FUZZ_FOUND (default found/),
# what goes wrong is made small and filed under regressions/, where `cargo test` replays it: a name that says more is yours to give.
#
#   run-all.sh [SECONDS] [TARGET...]     FUZZ_ROUNDS=1 stops after one round; FUZZ_ENGINE=1 takes the targets that need the engine too
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=toolchain.sh
. ./toolchain.sh

seconds=${1:-600}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || read -ra targets <<<"$(echo $plain ${FUZZ_ENGINE:+$engine})"
found=${FUZZ_FOUND:-found}
seen=0

# Files the input $2 of target $1 under what the panic says; one that says what a filed one says is the same finding.
file() {
  local target=$1 input=$2 said name
  fuzz tmin "$target" "$input" --runs 2000 -- -max_total_time=60 >/dev/null 2>&1 || true
  input=$(ls -t "$found/artifacts/$target"/minimized-* 2>/dev/null | head -1 || true)
  [ -n "$input" ] || input=$2
  # The file and line of the panic, and its first line.
  said=$(fuzz run "$target" "$input" 2>&1 | sed -n '/panicked at/{s|.*/||;s/:[0-9]*:$//;N;s/\n/ /p;q}' || true)
  name=$(tr -c 'a-zA-Z0-9\n' '_' <<<"${said:-$(basename "$input")}" | tr -s _ | cut -c1-60 | sed 's/^_//; s/_$//')
  if [ -e "regressions/$target/$name" ]; then return; fi
  mkdir -p "regressions/$target"
  cp "$input" "regressions/$target/$name"
  seen=$((seen + 1))
  echo "FOUND: regressions/$target/$name: $said" >&2
  if (cd .. && cargo test --quiet -p subvm-tests ${FUZZ_ENGINE:---no-default-features} --test fuzz_replay "$target") >/dev/null 2>&1; then
    echo "note: it does not fail on stable; mind the flags of this nightly" >&2
  fi
}

for target in "${targets[@]}"; do fuzz build "$target"; done

round=0
while [ "$round" -lt "${FUZZ_ROUNDS:-1000000000}" ]; do
  round=$((round + 1))
  for target in "${targets[@]}"; do
    echo "--- round $round: $target, $(ls "$found/$target" 2>/dev/null | wc -l) inputs gathered, $seen findings"
    artifacts="$found/artifacts/$target"
    mkdir -p "$found/$target" "$artifacts" "corpus/$target"
    status=0
    # shellcheck disable=SC2046
    fuzz run "$target" "$found/$target" "corpus/$target" -- -max_total_time="$seconds" -artifact_prefix="$artifacts/" -verbosity=0 $(limits "$target") >"$found/$target.log" 2>&1 || status=$?
    for input in "$artifacts"/{crash,timeout,oom}-*; do
      if [ -e "$input" ]; then
        file "$target" "$input"
        rm -f "$artifacts"/*
        status=0
      fi
    done
    if [ "$status" -ne 0 ]; then
      tail -20 "$found/$target.log" >&2
      exit "$status"
    fi
    fuzz cmin "$target" "$found/$target" >/dev/null 2>&1 || true
  done
done
[ "$seen" -eq 0 ]
