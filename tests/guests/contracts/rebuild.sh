#!/bin/sh
# Rebuilds the contracts in wasm/ from their sources, byte for byte.
#
#   rebuild.sh            builds and writes wasm/*.wasm
#   rebuild.sh --check    builds and compares; fails where one byte differs
#
# The bytes depend on the pinned toolchain (rust-toolchain.toml), on the sources here and on core/sdk and core/calldata, on nothing else:
# neither on the directory nor on the caller's flags. Cargo puts the directory of what is outside the workspace into the names of functions;
# so the build is done on copies that always lie in the same place.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
target=wasm32-unknown-unknown

cd "$here"
if [ ! -d "$(rustc --print target-libdir --target $target)" ]; then
    echo "error: the contracts cannot be rebuilt: the toolchain has no $target; add it with: rustup target add $target" >&2
    exit 1
fi

place=/tmp/subvm-contracts
rm -rf "$place"
mkdir -m 700 "$place"
trap 'rm -rf "$place"' EXIT
(cd "$root" && tar -cf - --exclude wasm Cargo.toml rust-toolchain.toml core/calldata core/sdk tests/guests/contracts) | tar -xf - -C "$place"
# The workspace of core/sdk has but what is built here.
sed -i 's|^members = .*|members = ["core/calldata", "core/sdk", "core/sdk/macros"]|' "$place/Cargo.toml"

unset RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS RUSTC_WRAPPER
cd "$place/tests/guests/contracts"
# A small stack: each page of memory that a module declares is paid for. What `subvm new` writes does the same.
CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$place=/subvm$(printf '\037')-Clink-arg=-zstack-size=32768" \
    cargo build --quiet --release --locked --target $target --target-dir "$root/target/contracts"

cd "$here"
for wasm in "$root/target/contracts/$target/release"/*.wasm; do
    name=$(basename "$wasm")
    case "${1-}" in
    --check) cmp "$wasm" "wasm/$name" && echo "$name is what its source gives" ;;
    "") mkdir -p wasm && cp "$wasm" "wasm/$name" && chmod 644 "wasm/$name" ;;
    *) echo "usage: rebuild.sh [--check]" >&2 && exit 2 ;;
    esac
done
