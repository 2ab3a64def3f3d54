#!/usr/bin/env bash
# Fuzzes all targets in turn, for ever, SECONDS (default 600) each. What is gathered is kept and minimised in $FUZZ_FOUND (default found/ here),
# what goes wrong is made small and filed under regressions/, where `cargo test` replays it: a name that says more is yours to give.
#
#   run-all.sh [SECONDS] [TARGET...]     FUZZ_ROUNDS=1 stops after one round; FUZZ_ENGINE=1 takes the targets that need the engine too
set -euo pipefail
found=$(realpath -m -- "${FUZZ_FOUND:-$(dirname "$0")/found}")
cd "$(dirname "$0")"
# shellcheck source=toolchain.sh
. ./toolchain.sh

seconds=${1:-600}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || read -ra targets <<<"$(echo $plain ${FUZZ_ENGINE:+$engine})"
failed=0

# What target $1 says of input $2: file and line of the panic, and its first line, in which numbers are often the input's and left out. Nothing where
# the input holds, or where it does not end or is too much for the memory.
said() {
  # shellcheck disable=SC2046
  fuzz run "$1" "$2" -- -artifact_prefix="$scratch/" $(limits "$1") 2>&1 |
    sed -n '/panicked at/{s|.*/||;s/:[0-9]*:$//;h;n;s/[0-9]\{1,\}/N/g;H;g;s/\n/ /p;q}' || true
}

# Whether target $1 holds on stable, over all that is filed for it.
holds_on_stable() {
  local options=(-p subvm-tests --no-default-features)
  case " $engine " in *" $1 "*) options=(--workspace) ;; esac
  (cd .. && cargo test --quiet "${options[@]}" --test fuzz_replay -- --exact "$1") >/dev/null 2>&1
}

# Files the input $2 of target $1 under what the panic says. A filed one that still says the same is the same finding; one that was mended is not.
file() {
  local target=$1 input=$2 what small name place
  what=$(said "$target" "$input")
  # shellcheck disable=SC2046
  fuzz tmin "$target" "$input" --runs 2000 -- -artifact_prefix="$scratch/" $(limits "$target") -max_total_time=60 >/dev/null 2>&1 || true
  # The last is the smallest; if it says another thing, it is another finding, and does not stand for this one.
  small=$(ls -t "$scratch"/minimized-* 2>/dev/null | head -1 || true)
  if [ -n "$small" ] && [ "$(said "$target" "$small")" = "$what" ]; then input=$small; fi
  name=$(tr -c 'a-zA-Z0-9\n' '_' <<<"${what:-$(basename "$2")}" | tr -s _ | cut -c1-60 | sed 's/^_//; s/_$//')
  place="regressions/$target/$name"
  while [ -e "$place" ]; do
    if [ "$(said "$target" "$place")" = "$what" ]; then
      echo "KNOWN: $place: $what" >&2
      return
    fi
    place=${place}_again
  done
  mkdir -p "regressions/$target"
  cp "$input" "$place"
  echo "FOUND: $place: $what" >&2
  if holds_on_stable "$target"; then echo "note: it does not fail on stable; mind the flags of this nightly, and its limits" >&2; fi
}

# Drops what was gathered for target $1 and adds nothing. Whatever ends it, no input goes before those that stand for it are there.
minimise() {
  local target=$1 kept=$found/$1 status=0 input before merged
  before=("$kept"/*)
  [ -e "${before[0]}" ] || return 0
  rm -rf "$scratch/merged"
  mkdir "$scratch/merged"
  # shellcheck disable=SC2046
  fuzz run "$target" "$scratch/merged" "$kept" -- -merge=1 -artifact_prefix="$artifacts/" $(limits "$target") >"$found/$target.merge.log" 2>&1 || status=$?
  merged=("$scratch/merged"/*)
  # libFuzzer calls it a success too where it could not start itself anew: it quotes no path, so one with a space is such a place.
  if [ "$status" -ne 0 ] || ! [ -e "${merged[0]}" ]; then
    echo "note: what was gathered for $target could not be minimised: $found/$target.merge.log" >&2
    return
  fi
  for input in "${merged[@]}"; do
    [ -e "$kept/${input##*/}" ] || cp "$input" "$kept/"
  done
  for input in "${before[@]}"; do
    [ -e "$scratch/merged/${input##*/}" ] || rm -f "$input"
  done
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for target in "${targets[@]}"; do fuzz build "$target"; done

round=0
while [ "$round" -lt "${FUZZ_ROUNDS:-1000000000}" ]; do
  round=$((round + 1))
  for target in "${targets[@]}"; do
    artifacts="$found/artifacts/$target"
    mkdir -p "$found/$target" "$artifacts" "corpus/$target"
    echo "--- round $round: $target, $(find "$found/$target" -type f | wc -l) inputs gathered, $failed failures"
    status=0
    # shellcheck disable=SC2046
    fuzz run "$target" "$found/$target" "corpus/$target" -- -max_total_time="$seconds" -artifact_prefix="$artifacts/" -verbosity=0 $(limits "$target") >"$found/$target.log" 2>&1 || status=$?
    minimise "$target"
    for input in "$artifacts"/{crash,timeout,oom}-*; do
      [ -e "$input" ] || continue
      failed=$((failed + 1))
      status=0
      file "$target" "$input"
      rm -f "$input" "$scratch"/*-*
    done
    if [ "$status" -ne 0 ]; then
      tail -20 "$found/$target.log" >&2
      exit "$status"
    fi
  done
done
[ "$failed" -eq 0 ]
