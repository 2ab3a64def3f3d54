# To be sourced in fuzz/: makes `fuzz` run cargo-fuzz on the nightly that rust-toolchain.toml names, or on another that is there.
# Says SKIPPED and ends the script with success where there is none.

pinned=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
nightly=
for candidate in "$pinned" nightly; do
  if rustup run "$candidate" cargo --version >/dev/null 2>&1; then
    nightly=$candidate
    break
  fi
done
if [ -z "$nightly" ] && rustup toolchain install "$pinned" --profile minimal --no-self-update >/dev/null 2>&1; then nightly=$pinned; fi
if [ -z "$nightly" ]; then
  echo "SKIPPED: no nightly toolchain for fuzzing, and $pinned could not be installed" >&2
  exit 0
fi
[ "$nightly" = "$pinned" ] || echo "note: fuzzing on $nightly, since $pinned is not installed" >&2
# Without its lock file, whose rustix no longer compiles on nightly.
if ! cargo +"$nightly" fuzz --version >/dev/null 2>&1 && ! cargo +"$nightly" install cargo-fuzz --version 0.13.2 --quiet; then
  echo "SKIPPED: cargo-fuzz could not be installed" >&2
  exit 0
fi

# The targets whose `required-features` in Cargo.toml name the engine (`yes`), or do not (`no`).
targets() {
  awk -v wanted="$1" '
    function tell() { if (bin && needs == wanted) print name }
    /^\[/ { tell(); bin = $0 == "[[bin]]"; needs = "no" }
    bin && /^name = / { split($0, quoted, "\""); name = quoted[2] }
    bin && /^required-features = .*"engine"/ { needs = "yes" }
    END { tell() }
  ' Cargo.toml
}
plain=$(targets no)
engine=$(targets yes | tr '\n' ' ')

# `fuzz run|tmin|cmin|build TARGET ...`. Without a sanitizer, unless FUZZ_SANITIZER names one for the targets that need the engine: the
# others run no unsafe code. The engine's own assertions are off (-O), or it would take most of the time.
fuzz() {
  local command=$1 target=$2 options=(--sanitizer none)
  shift 2
  case " $engine " in *" $target "*) options=(-O --features engine --sanitizer "${FUZZ_SANITIZER:-none}") ;; esac
  cargo +"$nightly" fuzz "$command" "${options[@]}" "$target" "$@"
}

# What each input may take, and the target's dictionary.
limits() {
  echo -rss_limit_mb=2048 -timeout=10
  if [ -f "dictionaries/$1" ]; then echo "-dict=dictionaries/$1"; fi
}
