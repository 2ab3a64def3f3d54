#!/bin/bash -eu
# Builds every target with its corpus, its regressions and its dictionary, as OSS-Fuzz wants them.
cd "$SRC/subvm/fuzz"
# Our own assertions stay on (Cargo.toml); with the engine's, an input would take longer than a fuzzer waits.
cargo fuzz build -O --features engine

for stub in fuzz_targets/*.rs; do
  target=$(basename "$stub" .rs)
  cp "target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
  find "corpus/$target" "regressions/$target" -type f 2>/dev/null | zip -jq@ "$OUT/${target}_seed_corpus.zip"
  if [ -f "dictionaries/$target" ]; then cp "dictionaries/$target" "$OUT/$target.dict"; fi
done
