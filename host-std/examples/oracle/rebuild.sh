#!/bin/sh
# Rebuilds oracle.wasm from contract/, byte for byte.
#
#   rebuild.sh            builds and writes oracle.wasm
#   rebuild.sh --check    builds and compares; fails where one byte differs
#
# The bytes depend on the pinned toolchain (rust-toolchain.toml) and on contract/, on nothing else: neither on the
# directory nor on the caller's flags.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
target=wasm32-unknown-unknown
wasm=$here/oracle.wasm

cd "$here/contract"
if [ ! -d "$(rustc --print target-libdir --target $target)" ]; then
    echo "error: $wasm cannot be rebuilt: the toolchain has no $target; add it with: rustup target add $target" >&2
    exit 1
fi

unset RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS RUSTC_WRAPPER
CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$here/contract=/contract" \
    cargo build --quiet --release --locked --target $target --target-dir "$root/target/oracle"
built=$root/target/oracle/$target/release/oracle.wasm

case "${1-}" in
--check) cmp "$built" "$wasm" && echo "oracle.wasm is what contract/ gives" ;;
"") cp "$built" "$wasm" && chmod 644 "$wasm" ;;
*) echo "usage: rebuild.sh [--check]" >&2 && exit 2 ;;
esac
